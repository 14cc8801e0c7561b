package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"assay/auth/message"
	"assay/testdata/corpus"
	"assay/testdata/load"
	"assay/testdata/milterclient"
)

// A tally counts what became of the messages.
type tally struct {
	ordinary, odd, aborted, broken atomic.Int64
}

// A count is a tally at some time.
type count struct {
	ordinary int // messages with the answer that they must get
	odd      int // likewise of those that aren't ordinary
	aborted  int // begun, and aborted by the client
	broken   int // sessions that broke off, or were no milter protocol
}

func (t *tally) snapshot() count {
	return count{int(t.ordinary.Load()), int(t.odd.Load()), int(t.aborted.Load()), int(t.broken.Load())}
}

func (c count) all() int { return c.ordinary + c.odd + c.aborted + c.broken }

// oddShare is how many of a hundred messages aren't ordinary.
const oddShare = 30

// send sends all messages. The error is for the first wrong answers.
func (w *world) send(ctx context.Context, o options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	odd := o.messages * oddShare / 100
	workers := max(o.connections/4, 1)
	var left atomic.Int64
	left.Store(int64(odd))
	var running sync.WaitGroup
	errs := make(chan error, workers)
	for i := range workers {
		running.Go(func() {
			s := &oddSender{world: w, r: rand.New(rand.NewPCG(o.seed, uint64(i)))}
			if err := s.run(ctx, &left); err != nil {
				errs <- err
				cancel()
			}
		})
	}
	err := w.sendOrdinary(ctx, o.messages-odd, o.connections-workers)
	if err != nil {
		cancel()
	}
	running.Wait()
	select {
	case oddErr := <-errs:
		return oddErr // the other one may be because of it
	default:
		return err
	}
}

// sendOrdinary sends the samples with the load generator.
func (w *world) sendOrdinary(ctx context.Context, n, connections int) error {
	samples := make([]corpus.Sample, len(w.samples))
	for i, at := range rand.New(rand.NewPCG(1, 1)).Perm(len(samples)) {
		samples[i] = w.samples[at]
	}
	result, err := load.Run(ctx, load.Options{
		Milters: []string{"inet:" + w.daemon.address}, Samples: samples, Connections: connections, Count: n,
		Check:    w.check,
		Progress: func(r load.Result) { w.tally.ordinary.Store(int64(r.Messages)) }, Every: watchInterval / 4,
	})
	if err != nil {
		return err
	}
	w.tally.ordinary.Store(int64(result.Messages))
	if result.Failed == 0 && ctx.Err() != nil {
		return nil // it was told to end
	}
	return result.Err()
}

// check tells what is wrong with an answer to ordinary mail. What is not in the cache while DNS is out
// is not known.
func (w *world) check(s *corpus.Sample, edits []milterclient.Edit) error {
	err := load.HasResults(s.Want, edits)
	if err != nil && w.unsettled.Load() > 0 && strings.Contains(err.Error(), "temperror") {
		return nil
	}
	return err
}

// An oddSender sends what isn't ordinary, one session after the other.
type oddSender struct {
	*world
	r *rand.Rand
}

// run sends until nothing is left.
func (s *oddSender) run(ctx context.Context, left *atomic.Int64) error {
	total := 0
	for _, o := range s.odd {
		total += o.weight
	}
	for left.Add(-1) >= 0 && ctx.Err() == nil {
		n := s.r.IntN(total)
		for _, o := range s.odd {
			if n -= o.weight; n < 0 {
				if err := o.play(s); err != nil {
					return fmt.Errorf("%s: %w", o.name, err)
				}
				break
			}
		}
	}
	return nil
}

// client is any of a network.
func (s *oddSender) client() netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + s.r.IntN(250))})
}

// open begins a session.
func (s *oddSender) open() (*milterclient.Conn, error) {
	conn, err := milterclient.Dial("tcp", s.daemon.address, milterclient.Options{})
	if err != nil {
		return nil, err
	}
	if _, err := conn.Connect(milterclient.Client{Addr: s.client(), Helo: "mail.odd.example"}); err != nil {
		_ = conn.Drop()
		return nil, err
	}
	return conn, nil
}

// answered sends a message that must come to its end, with one of these in what is stamped; or
// temperror, while DNS is out.
func (s *oddSender) answered(m milterclient.Message, want ...string) error {
	conn, err := s.open()
	if err != nil {
		return err
	}
	defer conn.Close()
	result, err := conn.Send(m)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range result.Edits {
		text.WriteString(e.Value + "\n")
	}
	if s.unsettled.Load() > 0 {
		want = append(want, "temperror")
	}
	for _, w := range want {
		if result.Stage == "end" && strings.Contains(text.String(), w) {
			s.tally.odd.Add(1)
			return nil
		}
	}
	return fmt.Errorf("answered %s at %s, stamped %.500q; want one of %q", result.Reply, result.Stage, text.String(), want)
}

// breakOff writes bytes and hangs up.
func (s *oddSender) breakOff(data []byte) error {
	conn, err := net.Dial("tcp", s.daemon.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _ = conn.Write(data) // the daemon may hang up first
	s.tally.broken.Add(1)
	return nil
}

func fields(list ...string) message.Header {
	var header message.Header
	for _, text := range list {
		name, value, _ := strings.Cut(text, ":")
		header = append(header, message.NewField(name, value))
	}
	return header
}
