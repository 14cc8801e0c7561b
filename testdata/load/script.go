package load

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"net"
	"time"

	"assay/auth/message"
	"assay/testdata/corpus"
	"assay/testdata/milterclient"
)

// Commands of the MTA.
const (
	cmdBody   = 'B'
	cmdMacro  = 'D'
	cmdEnd    = 'E'
	cmdHeader = 'L'
	cmdEOH    = 'N'
	cmdOffer  = 'O'
	cmdQuit   = 'Q'
	cmdRcpt   = 'R'
	cmdData   = 'T'
)

// A step is what is written at once, without waiting for anything.
type step struct {
	data    []byte
	command byte // the last one in it
	waits   bool // for a reply; in front of the header one step does not, see divide
}

// envelope tells whether the step is before the header of a message.
func (s *step) envelope() bool {
	switch s.command {
	case cmdHeader, cmdEOH, cmdBody, cmdEnd:
		return false
	}
	return true
}

// A script is all that an MTA writes in a session, after it has negotiated.
type script struct {
	first []step // until the end of the first message
	next  []step // of each further message
	quit  []byte
}

// record writes down what milterclient says to a milter that negotiates like this.
func record(negotiation []byte, s *corpus.Sample, header message.Header, again bool) (*script, error) {
	r := &recorder{negotiation: negotiation, answer: packet(milterclient.Continue, nil)}
	conn, err := milterclient.New(r, milterclient.Options{})
	if err != nil {
		return nil, err
	}
	r.steps = nil // the offer
	if _, err := conn.Connect(milterclient.Client{Name: s.Host, Addr: s.Client, Helo: s.Host}); err != nil {
		return nil, err
	}
	m := milterclient.Message{From: s.From, Rcpts: []string{s.To}, Header: header, Body: s.Body, Macros: map[string]string{"i": s.ID}}
	if _, err := conn.Send(m); err != nil {
		return nil, err
	}
	script := &script{first: divide(r.steps)}
	if again {
		r.steps = nil
		if _, err := conn.Send(m); err != nil {
			return nil, err
		}
		script.next = divide(r.steps)
	}
	r.written = nil
	if err := conn.Close(); err != nil {
		return nil, err
	}
	script.quit = r.written
	return script, nil
}

// divide makes steps of what was written between replies. Where the milter replies to
// nothing, Postfix writes all the same after the recipients: another of its processes goes on
// there.
func divide(written [][]byte) []step {
	var steps []step
	for _, data := range written {
		cut, last := 0, byte(0)
		for at, p := range packets(data) {
			stage := p[0]
			if stage == cmdMacro {
				stage = p[1]
			}
			if (last == cmdRcpt || last == cmdData) && stage != cmdRcpt && stage != cmdData {
				cut = at
			}
			last = stage
		}
		if cut > 0 {
			steps = append(steps, step{data: data[:cut], command: cmdRcpt})
		}
		steps = append(steps, step{data: data[cut:], command: last, waits: true})
	}
	return steps
}

// packets yields where each packet begins, and what follows its length.
func packets(data []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for at := 0; at < len(data); {
			end := at + 4 + int(binary.BigEndian.Uint32(data[at:]))
			if !yield(at, data[at+4:end]) {
				return
			}
			at = end
		}
	}
}

// offer is what the MTA opens the negotiation with.
func offer() ([]byte, error) {
	r := &recorder{}
	_, err := milterclient.New(r, milterclient.Options{})
	if len(r.steps) != 1 {
		return nil, fmt.Errorf("load: no offer was made: %w", err)
	}
	return r.steps[0], nil
}

// decode reads the packets of a milter at the end of a message.
func decode(negotiation, answer []byte) (*milterclient.Result, error) {
	conn, err := milterclient.New(&recorder{negotiation: negotiation, answer: answer}, milterclient.Options{})
	if err != nil {
		return nil, err
	}
	return conn.Send(milterclient.Message{})
}

func packet(code byte, data []byte) []byte {
	p := binary.BigEndian.AppendUint32(make([]byte, 0, 5+len(data)), uint32(1+len(data)))
	return append(append(p, code), data...)
}

// A recorder is the connection to a milter that goes on with everything. It keeps what was
// written before each read.
type recorder struct {
	negotiation []byte // packet that answers the offer
	answer      []byte // packets that answer the end of the message
	written     []byte // since the last read
	steps       [][]byte
	reply       []byte // what is left of a reply
}

func (r *recorder) Write(p []byte) (int, error) {
	r.written = append(r.written, p...)
	return len(p), nil
}

func (r *recorder) Read(p []byte) (int, error) {
	if len(r.reply) == 0 {
		if len(r.written) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		r.reply = r.respond()
		r.steps = append(r.steps, r.written)
		r.written = nil
	}
	n := copy(p, r.reply)
	r.reply = r.reply[n:]
	if n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return n, nil
}

// respond is the reply to what was written last.
func (r *recorder) respond() []byte {
	var last byte
	for _, p := range packets(r.written) {
		last = p[0]
	}
	switch last {
	case cmdOffer:
		return r.negotiation
	case cmdEnd:
		return r.answer
	}
	return packet(milterclient.Continue, nil)
}

func (*recorder) Close() error                     { return nil }
func (*recorder) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*recorder) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*recorder) SetDeadline(time.Time) error      { return nil }
func (*recorder) SetReadDeadline(time.Time) error  { return nil }
func (*recorder) SetWriteDeadline(time.Time) error { return nil }
