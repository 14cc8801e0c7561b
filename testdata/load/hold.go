package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"assay/testdata/corpus"
	"assay/testdata/milterclient"
)

// HoldOptions say which sessions are opened, and where they stay.
type HoldOptions struct {
	Milters  []string // as in Options; each session is one at each of them
	Sample   corpus.Sample
	Sessions int

	// Body is how many bytes of a body of text the sessions have sent when they stop, after
	// envelope and header of the sample. Zero: they have said HELO, and have no message.
	Body int
}

// Held are sessions that wait. Close ends them.
type Held struct{ conns []*milterclient.Conn }

// holders is how many sessions are opened at a time.
const holders = 16

// Hold opens sessions that wait until Close. What they have said is on its way to the
// milters, which may still be at work with it.
func Hold(ctx context.Context, o HoldOptions) (*Held, error) {
	text := bytes.Repeat([]byte("Line after line of a long text that ends some day, but not yet.\r\n"), o.Body/65+1)[:o.Body]
	h := &Held{}
	var mu sync.Mutex
	var errs []error
	work := make(chan string)
	var running sync.WaitGroup
	for range holders {
		running.Go(func() {
			for address := range work {
				conn, err := hold(ctx, address, &o.Sample, text)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					h.conns = append(h.conns, conn)
				}
				mu.Unlock()
			}
		})
	}
	for range o.Sessions {
		for _, address := range o.Milters {
			work <- address
		}
	}
	close(work)
	running.Wait()
	if len(errs) > 0 {
		h.Close()
		return nil, fmt.Errorf("load: %d of %d sessions: %w", len(errs), o.Sessions*len(o.Milters), errors.Join(errs[:min(len(errs), maxErrors)]...))
	}
	return h, nil
}

// hold opens one session.
func hold(ctx context.Context, address string, s *corpus.Sample, text []byte) (*milterclient.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	network, place, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	conn, err := milterclient.Dial(network, place, milterclient.Options{})
	if err != nil {
		return nil, err
	}
	_, err = conn.Connect(milterclient.Client{Name: s.Host, Addr: s.Client, Helo: s.Host})
	switch {
	case err != nil:
	case len(text) > 0:
		err = conn.Begin(milterclient.Message{
			From: s.From, Rcpts: []string{s.To}, Header: s.Header, Body: text, Macros: map[string]string{"i": s.ID},
		})
	default:
		err = conn.Abort() // as after RSET; else what the milter need not reply to is not sent
	}
	if err != nil {
		conn.Drop()
		return nil, err
	}
	return conn, nil
}

// Len is how many connections are held.
func (h *Held) Len() int { return len(h.conns) }

// Close drops the connections.
func (h *Held) Close() {
	for _, c := range h.conns {
		c.Drop()
	}
	h.conns = nil
}
