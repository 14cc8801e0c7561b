package dkim

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"assay/auth/dns"
	"assay/auth/message"
)

// A libraryEngine has each signature verified by go-msgauth, in a goroutine of
// its own, which is given only what it handles right.
type libraryEngine struct {
	checks  []*check
	live    []*check // those that may still want the body
	keys    *Keys
	scan    bodyScan
	tooLong bool // too many blank lines: the body was cut off
	closed  bool
}

func (v *Verifier) beginLibrary(ctx context.Context, h message.Header, open []*check) engine {
	e := &libraryEngine{keys: NewKeys(ctx, v.Resolver, v.keyLimits())}
	builder := &headerBuilder{limit: v.headerLimit(h, open), work: maxSimpleWork}
	for _, c := range open {
		var header []byte
		if header, c.final = builder.build(&c.sig); c.final != nil {
			continue
		}
		c.begun, c.feed = true, newFeed(header)
		c.key = e.keys.Ask(c.sig.outcome.Selector, c.sig.outcome.Domain)
		e.checks = append(e.checks, c)
		go c.run()
	}
	e.live = slices.Clone(e.checks)
	return e
}

// run waits for the key, verifies and sets the verdict.
func (c *check) run() {
	defer close(c.feed.done)
	defer func() {
		if p := recover(); p != nil {
			c.feed.panicked = dns.Recovered(p)
		}
	}()
	if key := c.chooseKey(); key != nil {
		c.final = c.feed.verify(key)
	}
}

func (e *libraryEngine) write(p []byte) {
	if !e.scan.write(p) {
		e.tooLong = true
		e.close()
		return
	}
	sent := e.live[:0]
	for _, c := range e.live {
		if c.feed.send(p) {
			sent = append(sent, c)
		}
	}
	e.live = sent
	for _, c := range sent {
		c.feed.wait()
	}
}

func (e *libraryEngine) wantsBody() bool {
	return !e.closed && slices.ContainsFunc(e.live, func(c *check) bool { return c.feed.running() })
}

func (e *libraryEngine) finish() {
	e.close()
	for _, c := range e.checks {
		<-c.feed.done
	}
	defer e.stop()
	e.keys.Wait()
	for _, c := range e.checks {
		if c.feed.panicked != nil {
			panic(c.feed.panicked)
		}
		c.final = e.withBody(c)
	}
}

// withBody is the verdict with the body's part in it.
func (e *libraryEngine) withBody(c *check) *verdict {
	hashed := c.final.result == Pass || c.final.result == Fail
	switch {
	case !hashed:
	case e.tooLong:
		return policy("too many blank lines in body")
	case c.sig.bodyCanon == Relaxed && e.scan.misreadRelaxed():
		return neutral("bare CR in body not supported")
	}
	return c.final
}

func (e *libraryEngine) stop() {
	e.keys.Stop()
	e.close()
	for _, c := range e.checks {
		<-c.feed.done
	}
}

// close ends the body for all signatures.
func (e *libraryEngine) close() {
	if e.closed {
		return
	}
	e.closed = true
	for _, c := range e.checks {
		close(c.feed.pieces)
	}
}

// A feed lets the library verify one signature while the message arrives.
// The library gets a message of its own: a header with just this signature
// and the fields that it covers, and the body as it comes. It reads with
// WriteTo, so that the body is canonicalized from the caller's memory.
//
// One goroutine writes and closes, another one verifies.
type feed struct {
	header []byte        // what is still to be read of the header
	piece  []byte        // what is still to be read of the piece of the body
	pieces chan []byte   // of the body; closed at its end
	ack    chan struct{} // the piece has been read
	done   chan struct{} // closed when nothing reads any more

	panicked *dns.Panic // what the goroutine panicked with
}

func newFeed(header []byte) *feed {
	return &feed{
		header: header,
		pieces: make(chan []byte),
		ack:    make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
}

// send offers a piece of the body; false: it isn't wanted. After true, wait
// must follow before p may change.
func (f *feed) send(p []byte) bool {
	select {
	case f.pieces <- p:
		return true
	case <-f.done:
		return false
	}
}

func (f *feed) wait() {
	select {
	case <-f.ack:
	case <-f.done:
	}
}

func (f *feed) running() bool {
	select {
	case <-f.done:
		return false
	default:
		return true
	}
}

// Read gives the header, and the body too if the library ever wants it so.
func (f *feed) Read(p []byte) (int, error) {
	if len(f.header) > 0 {
		n := copy(p, f.header)
		f.header = f.header[n:]
		return n, nil
	}
	for len(f.piece) == 0 {
		piece, ok := <-f.pieces
		if !ok {
			return 0, io.EOF
		}
		if f.piece = piece; len(piece) == 0 {
			f.ack <- struct{}{}
		}
	}
	n := copy(p, f.piece)
	if f.piece = f.piece[n:]; len(f.piece) == 0 {
		f.piece = nil
		f.ack <- struct{}{}
	}
	return n, nil
}

// WriteTo writes all that is left to w, without a copy in between.
func (f *feed) WriteTo(w io.Writer) (n int64, err error) {
	write := func(p []byte) {
		var m int
		if err == nil && len(p) > 0 {
			m, err = w.Write(p)
			n += int64(m)
		}
	}
	write(f.header)
	f.header = nil
	if len(f.piece) > 0 {
		write(f.piece)
		f.piece = nil
		f.ack <- struct{}{}
	}
	for p := range f.pieces { // to the end, also after an error
		write(p)
		f.ack <- struct{}{}
	}
	return n, err
}

// verify calls the library. The header holds one signature that it is to
// verify, and at most more DKIM-Signature fields below that this one covers:
// so it works in this goroutine alone, where a panic can be recovered.
func (f *feed) verify(key *keyRecord) *verdict {
	results, err := msgauth.VerifyWithOptions(f, &msgauth.VerifyOptions{
		LookupTXT:        func(string) ([]string, error) { return []string{libraryRecord(key)}, nil },
		MaxVerifications: 1,
	})
	switch {
	case len(results) == 1:
		return libraryVerdict(results[0].Err)
	case err == nil:
		return neutral("signature not processed")
	}
	return libraryVerdict(err)
}

// libraryVerdict reads an error of the library, which has no other way to tell
// what went wrong. What it means was checked before, but for these.
func libraryVerdict(err error) *verdict {
	switch {
	case err == nil:
		return pass("signature was verified")
	case strings.HasPrefix(err.Error(), "dkim: body hash did not verify"):
		return fail(badBodyHash)
	case strings.HasPrefix(err.Error(), "dkim: signature did not verify"):
		return fail("signature did not verify")
	case strings.HasPrefix(err.Error(), "dkim: signature has expired"):
		return policy("signature expired")
	}
	return &verdict{Neutral, "signature not processed", fmt.Errorf("dkim: library: %w", err)}
}

// libraryRecord is the one key record that the library is given.
func libraryRecord(k *keyRecord) string { return "v=DKIM1; k=" + k.kind + "; p=" + k.data }
