// Package load puts milters under load as Postfix does, and tells how they bear it.
//
// Each connection plays whole SMTP sessions: it connects, negotiates, and sends connection,
// HELO name, envelope, header and body in Postfix's order, with its macros, and waits for
// replies only where the milter negotiated them. With several milters each message passes all
// of them, stage by stage and in the end one after the other, and the later ones see what the
// earlier ones changed in the header. An answer that lacks what the sample must give is an error.
//
// To be cheap beside what it measures, it has package milterclient play each sample once,
// and then writes the same bytes again. Answers that were seen before are not read again either.
//
// Divergences from the RFC: none; the protocol has no RFC.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"assay/testdata/corpus"
	"assay/testdata/milterclient"
)

// Options say what load is put on what.
type Options struct {
	Milters []string // their addresses as smtpd_milters has them: "inet:HOST:PORT", "unix:PATH"

	Samples []corpus.Sample // sent in turn by all connections together
	First   int             // how many of them were sent before: where the turn begins

	Connections int           // at a time; 0 is 1
	PerSession  int           // how often each session sends its sample; 0 is once, as most SMTP clients have one message
	Count       int           // messages after which it ends; 0 is no such end
	Duration    time.Duration // after which it ends; 0 is no such end
	Timeout     time.Duration // of one step; 0 is 30 s

	// Check tells what is wrong with the changes that all milters together made to the header.
	// It is called by several goroutines, and for an answer that gives all that the sample must
	// give only the first time. Nil is HasResults.
	Check func(s *corpus.Sample, edits []milterclient.Edit) error

	// Progress, if not nil, is told every second how far it is; 0 of Every is a second.
	Progress func(Result)
	Every    time.Duration
}

// A Result is how the milters bore the load.
type Result struct {
	Messages int           // with the right answer
	Failed   int           // without
	Errors   []error       // the first ones of them, at most 10
	Elapsed  time.Duration // so far
	Latency  Histogram     // of the messages with the right answer: from its first packet to the last milter's final reply, and for the first of a session from before the connection
}

// maxErrors bounds the errors of a Result.
const maxErrors = 10

// Rate is the messages a second.
func (r *Result) Rate() float64 { return float64(r.Messages) / r.Elapsed.Seconds() }

// Err is nil when there were messages and every one had the right answer.
func (r *Result) Err() error {
	switch {
	case r.Failed > 0:
		return fmt.Errorf("load: %d of %d messages failed: %w", r.Failed, r.Failed+r.Messages, errors.Join(r.Errors...))
	case r.Messages == 0:
		return errors.New("load: no message was sent")
	}
	return nil
}

// Run puts the load on. It ends with Count, Duration or ctx, whatever is first; a message
// under way is finished unless ctx ends. The error is for what keeps it from beginning: what becomes
// of the messages is in the Result.
func Run(ctx context.Context, o Options) (Result, error) {
	o.Connections, o.PerSession = max(o.Connections, 1), max(o.PerSession, 1)
	o.Timeout, o.Every = cmp.Or(o.Timeout, 30*time.Second), cmp.Or(o.Every, time.Second)
	if o.Check == nil {
		o.Check = func(s *corpus.Sample, edits []milterclient.Edit) error { return HasResults(s.Want, edits) }
	}
	r := &run{o: o, began: time.Now(), stop: make(chan struct{})}
	if err := r.prepare(ctx); err != nil {
		return Result{}, err
	}
	r.began = time.Now()
	var workers, progress sync.WaitGroup
	for range o.Connections {
		workers.Go(func() { r.work(ctx) })
	}
	done := make(chan struct{})
	progress.Go(func() { r.watch(ctx, done) })
	workers.Wait()
	close(done)
	progress.Wait()
	return r.result(), nil
}

// HasResults tells which of these results, such as "spf=pass", the changes to a header lack.
// Not to name a method says the same as none.
func HasResults(want []string, edits []milterclient.Edit) error {
	var text strings.Builder
	for _, e := range edits {
		text.WriteString(strings.ToLower(e.Value) + "\n")
	}
	var missing []string
	for _, w := range want {
		method, isNone := strings.CutSuffix(w, "=none")
		if !says(text.String(), w) && !(isNone && !says(text.String(), method+"=")) {
			missing = append(missing, w)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no %s in %q", strings.Join(missing, ", "), text.String())
	}
	return nil
}

// says tells whether a text has a word, or its beginning: "arc=" is not in "dmarc=none".
func says(text, word string) bool {
	for {
		i := strings.Index(text, word)
		if i < 0 {
			return false
		}
		if i == 0 || !isLetter(text[i-1]) {
			return true
		}
		text = text[i+1:]
	}
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' }

// A run is one Run.
type run struct {
	o        Options
	milters  []*target
	scenes   []*scene // of the samples
	began    time.Time
	stop     chan struct{} // closed when the time is over
	stopOnce sync.Once

	mu   sync.Mutex
	sent int // messages begun
	sum  Result
}

// prepare negotiates with every milter and plays every sample to nobody.
func (r *run) prepare(ctx context.Context) error {
	if len(r.o.Milters) == 0 || len(r.o.Samples) == 0 {
		return errors.New("load: no milters or no samples")
	}
	for _, address := range r.o.Milters {
		t, err := meet(ctx, address, r.o.Timeout)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		r.milters = append(r.milters, t)
	}
	for i := range r.o.Samples {
		s, err := r.newScene(&r.o.Samples[i])
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		r.scenes = append(r.scenes, s)
	}
	return nil
}

// watch tells of the progress and of the end of the time.
func (r *run) watch(ctx context.Context, done <-chan struct{}) {
	tick := time.NewTicker(r.o.Every)
	defer tick.Stop()
	var end <-chan time.Time
	if r.o.Duration > 0 {
		timer := time.NewTimer(r.o.Duration)
		defer timer.Stop()
		end = timer.C
	}
	for {
		select {
		case <-done:
			return
		case <-end:
			r.finish()
		case <-ctx.Done():
			r.finish()
			return
		case <-tick.C:
			if r.o.Progress != nil {
				r.o.Progress(r.result())
			}
		}
	}
}

func (r *run) finish() { r.stopOnce.Do(func() { close(r.stop) }) }

// work plays sessions until the end.
func (r *run) work(ctx context.Context) {
	for {
		first, n := r.take()
		if n == 0 || ctx.Err() != nil {
			return
		}
		r.session(ctx, r.scenes[(r.o.First+first)%len(r.scenes)], n)
	}
}

// take gives the number of the next message, and how many the session is to send.
func (r *run) take() (first, n int) {
	select {
	case <-r.stop:
		return 0, 0
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n = r.o.PerSession
	if r.o.Count > 0 {
		n = min(n, r.o.Count-r.sent)
	}
	first = r.sent / r.o.PerSession
	r.sent += n
	return first, n
}

func (r *run) note(took time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.sum.Messages++
		r.sum.Latency.Add(took)
		return
	}
	r.sum.Failed++
	if len(r.sum.Errors) < maxErrors {
		r.sum.Errors = append(r.sum.Errors, err)
	}
}

// result is the Result so far.
func (r *run) result() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.sum
	sum.Elapsed = time.Since(r.began)
	sum.Errors = append([]error(nil), r.sum.Errors...)
	return sum
}
