package dkim

import (
	"fmt"
	"io"
	"strings"

	msgauth "github.com/emersion/go-msgauth/dkim"
)

// An engine lets the library verify one signature while the message arrives.
// The library gets a message of its own: a header with just this signature
// and the fields that it covers, and the body as it comes. It reads with
// WriteTo, so that the body is canonicalized from the caller's memory.
//
// One goroutine writes and closes, another one verifies.
type engine struct {
	header []byte        // what is still to be read of the header
	piece  []byte        // what is still to be read of the piece of the body
	pieces chan []byte   // of the body; closed at its end
	ack    chan struct{} // the piece has been read
	done   chan struct{} // closed when nothing reads any more
}

func newEngine(header []byte) *engine {
	return &engine{
		header: header,
		pieces: make(chan []byte),
		ack:    make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
}

// send offers a piece of the body; false: it isn't wanted. After true, wait
// must follow before p may change.
func (e *engine) send(p []byte) bool {
	select {
	case e.pieces <- p:
		return true
	case <-e.done:
		return false
	}
}

func (e *engine) wait() {
	select {
	case <-e.ack:
	case <-e.done:
	}
}

func (e *engine) running() bool {
	select {
	case <-e.done:
		return false
	default:
		return true
	}
}

// Read gives the header, and the body too if the library ever wants it so.
func (e *engine) Read(p []byte) (int, error) {
	if len(e.header) > 0 {
		n := copy(p, e.header)
		e.header = e.header[n:]
		return n, nil
	}
	for len(e.piece) == 0 {
		piece, ok := <-e.pieces
		if !ok {
			return 0, io.EOF
		}
		if e.piece = piece; len(piece) == 0 {
			e.ack <- struct{}{}
		}
	}
	n := copy(p, e.piece)
	if e.piece = e.piece[n:]; len(e.piece) == 0 {
		e.piece = nil
		e.ack <- struct{}{}
	}
	return n, nil
}

// WriteTo writes all that is left to w, without a copy in between.
func (e *engine) WriteTo(w io.Writer) (n int64, err error) {
	write := func(p []byte) {
		var m int
		if err == nil && len(p) > 0 {
			m, err = w.Write(p)
			n += int64(m)
		}
	}
	write(e.header)
	e.header = nil
	if len(e.piece) > 0 {
		write(e.piece)
		e.piece = nil
		e.ack <- struct{}{}
	}
	for p := range e.pieces { // to the end, also after an error
		write(p)
		e.ack <- struct{}{}
	}
	return n, err
}

// verify calls the library. The header holds one signature that it is to
// verify, and at most more DKIM-Signature fields below that this one covers:
// so it works in this goroutine alone, where a panic can be recovered.
func (e *engine) verify(key *keyRecord) *verdict {
	results, err := msgauth.VerifyWithOptions(e, &msgauth.VerifyOptions{
		LookupTXT:        func(string) ([]string, error) { return []string{key.String()}, nil },
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

const badBodyHash = "body hash did not verify"
