package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"assay/testdata/milterclient"
)

const (
	maxWrite  = 64 << 10 // as much as Postfix buffers on loopback
	maxReply  = 1 << 20  // of one packet from the milter
	maxAnswer = 1 << 20  // of all packets at the end of a message
)

// A target is one milter.
type target struct {
	address         string // as the options have it
	network, dialed string
	offer           []byte
	negotiation     []byte // its packet, always the same
	timeout         time.Duration
}

// meet finds out how a milter negotiates.
func meet(ctx context.Context, address string, timeout time.Duration) (*target, error) {
	t := &target{address: address, timeout: timeout}
	var err error
	if t.network, t.dialed, err = splitAddress(address); err != nil {
		return nil, err
	}
	if t.offer, err = offer(); err != nil {
		return nil, err
	}
	c, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	t.negotiation = c.reply
	return t, c.write(packet(cmdQuit, nil))
}

// splitAddress takes apart what smtpd_milters has.
func splitAddress(address string) (network, place string, err error) {
	kind, place, _ := strings.Cut(address, ":")
	switch kind {
	case "inet":
		return "tcp", place, nil
	case "unix":
		return "unix", place, nil
	}
	return "", "", fmt.Errorf("the milter %q is neither inet:HOST:PORT nor unix:PATH", address)
}

// A wire is a connection to a milter.
type wire struct {
	target *target
	conn   net.Conn
	r      *bufio.Reader
	reply  []byte      // packets that were read last
	unbind func() bool // from the context that closes it
}

func (w *wire) close() {
	w.unbind()
	w.conn.Close()
}

// dial connects and negotiates.
func (t *target) dial(ctx context.Context) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: t.timeout}).DialContext(ctx, t.network, t.dialed)
	if err != nil {
		return nil, err
	}
	w := &wire{target: t, conn: conn, r: bufio.NewReaderSize(conn, 2048)}
	w.unbind = context.AfterFunc(ctx, func() { conn.Close() })
	if err = w.write(t.offer); err == nil {
		w.reply = w.reply[:0]
		_, err = w.read()
	}
	w.reply = sortMacros(w.reply)
	if err == nil && t.negotiation != nil && !bytes.Equal(t.negotiation, w.reply) {
		err = fmt.Errorf("%s negotiates %x, and before %x", t.address, w.reply, t.negotiation)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// sortMacros brings the lists of macros in a negotiation into one order.
func sortMacros(negotiation []byte) []byte {
	const fixed = 4 + 1 + 12 // length, command, version, actions, protocol
	if len(negotiation) < fixed {
		return negotiation
	}
	var lists [][]byte
	for rest := negotiation[fixed:]; len(rest) > 0; {
		end := len(rest)
		if i := bytes.IndexByte(rest[min(4, len(rest)):], 0); i >= 0 {
			end = 4 + i + 1
		}
		lists = append(lists, rest[:end])
		rest = rest[end:]
	}
	slices.SortFunc(lists, bytes.Compare)
	return slices.Concat(negotiation[:fixed], slices.Concat(lists...))
}

// write writes as Postfix does, a full buffer at a time.
func (w *wire) write(data []byte) error {
	if err := w.conn.SetDeadline(time.Now().Add(w.target.timeout)); err != nil {
		return err
	}
	for len(data) > 0 {
		n := min(len(data), maxWrite)
		if _, err := w.conn.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// read adds one packet to w.reply; that the milter is still at work is no packet.
func (w *wire) read() (code byte, err error) {
	for {
		head, err := w.r.Peek(5)
		if err != nil {
			return 0, err
		}
		size := int(binary.BigEndian.Uint32(head))
		if size == 0 || size > maxReply || len(w.reply)+size > maxAnswer {
			return 0, fmt.Errorf("the milter sends a packet of %d bytes", size)
		}
		code, at := head[4], len(w.reply)
		w.reply = append(w.reply, make([]byte, 4+size)...)
		if _, err := io.ReadFull(w.r, w.reply[at:]); err != nil {
			w.reply = w.reply[:at]
			return 0, err
		}
		if code != 'p' {
			return code, nil
		}
		w.reply = w.reply[:at]
	}
}

// play writes a step and reads what it waits for. skip tells that the milter wants no more of
// the body.
func (w *wire) play(s *step) (skip bool, err error) {
	if err := w.write(s.data); err != nil || !s.waits {
		return false, err
	}
	w.reply = w.reply[:0]
	for {
		code, err := w.read()
		switch {
		case err != nil:
			return false, fmt.Errorf("after %q: %w", s.command, err)
		case s.command == cmdEnd:
			if isFinal(code) {
				return false, nil
			}
		case code == milterclient.Skip && s.command == cmdBody:
			return true, nil
		case code != milterclient.Continue:
			return false, fmt.Errorf("the milter replies %q to %q", w.reply, s.command)
		default:
			return false, nil
		}
	}
}

func isFinal(code byte) bool {
	return bytes.IndexByte([]byte{
		milterclient.Continue, milterclient.Accept, milterclient.Reject,
		milterclient.TempFail, milterclient.Discard, milterclient.ReplyCode,
	}, code) >= 0
}

// session plays one session of n messages.
func (r *run) session(ctx context.Context, s *scene, n int) {
	began := time.Now()
	wires := make([]*wire, 0, len(r.milters))
	defer func() {
		for _, w := range wires {
			w.close()
		}
	}()
	for _, t := range r.milters {
		w, err := t.dial(ctx)
		if err != nil {
			r.fail(ctx, n, fmt.Errorf("%s: %w", s.sample.Kind, err))
			return
		}
		wires = append(wires, w)
	}
	for i := range n {
		if i > 0 {
			began = time.Now()
		}
		if err := s.message(wires, i > 0); err != nil {
			r.fail(ctx, n-i, fmt.Errorf("%s: %w", s.sample.Kind, err))
			return
		}
		r.note(time.Since(began), nil)
	}
	for i, w := range wires {
		_ = w.write(s.parts[i].script.quit) // nothing comes after it
	}
}

// fail notes n messages without an answer; those that were cut off by the end of ctx don't count.
func (r *run) fail(ctx context.Context, n int, err error) {
	if ctx.Err() != nil {
		return
	}
	for range n {
		r.note(0, err)
	}
}

func (s *script) steps(again bool) []step {
	if again {
		return s.next
	}
	return s.first
}

// content plays header and body, up to the answer.
func (w *wire) content(steps []step) error {
	skip := false
	for i := range steps {
		s := &steps[i]
		if skip && s.command == cmdBody {
			continue
		}
		var err error
		if skip, err = w.play(s); err != nil {
			return err
		}
	}
	return nil
}
