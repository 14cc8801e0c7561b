package milter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/emersion/go-milter"
)

const (
	offerTimeout     = 30 * time.Second // for the first packet
	writeTimeout     = time.Minute
	progressInterval = 10 * time.Second
)

var errDraining = errors.New("milter: the server is stopping")

// A conn is the connection to an MTA as the library sees it. It hands out whole,
// well-formed packets only, and whatever ends it looks like io.EOF, at which the
// library says nothing. What a message has any number of, it hands to take instead:
// the library would spend more on it than all that is done with it. Packets to the
// MTA are collected and sent by one write before the next packet is waited for;
// those that the MTA does not expect are dropped, because one stray reply would
// shift all that follow.
//
// Read, Write and Close are the library's, called by one goroutine, and take is called in
// Read. Others may call drain and kill.
type conn struct {
	net.Conn
	log   *slog.Logger
	idle  time.Duration // how long the MTA may be silent, or take for one packet
	in    *input
	take  func(milter.Code, []byte) milter.ActionCode // gives the reply, sent where the MTA waits for one
	ended func()                                      // called once, after the end; may be nil

	unread   []byte // the rest of the packet that the library reads
	began    bool   // the first packet has come
	halfway  bool   // a part of a packet has come
	inUse    offer  // what was negotiated
	command  milter.Code
	address  string // of the client, from the last connect packet
	closeOne sync.Once

	state    sync.Mutex
	busy     bool // a message is under way
	served   bool // a message has been answered
	draining bool
	last     time.Time // when draining: until then a first message may begin

	output    sync.Mutex
	out       []byte
	outBlock  *block      // where out began; nil when out is
	complete  int         // bytes of out that are whole packets
	failed    error       // of a write: nothing else is sent
	reporter  *time.Timer // of progress; nil before the first message
	reporting bool
}

func newConn(raw net.Conn, idle time.Duration, blocks *blocks, log *slog.Logger) *conn {
	return &conn{Conn: raw, idle: idle, in: newInput(raw, blocks), log: log}
}

// offer reads the MTA's SMFIC_OPTNEG, which stays to be read by the library.
func (c *conn) offer() (offer, error) {
	if err := c.next(); err != nil {
		return offer{}, err
	}
	return readOffer(data(c.unread))
}

// Read reads from packets, one after the other. Its only error is io.EOF, and
// only between packets.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		if err := c.next(); err != nil {
			c.explain(err)
			return 0, io.EOF
		}
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	c.in.take(n)
	return n, nil
}

// next waits for a packet that is the library's.
func (c *conn) next() error {
	if err := c.flush(); err != nil {
		return err
	}
	if c.command == milter.CodeEOB { // answered, since the library reads on
		c.setServed()
	}
	for {
		packet, err := c.packet()
		if err != nil {
			return err
		}
		if err := c.observe(packet); err != nil {
			return err
		}
		if !isDirect(code(packet)) {
			c.unread = packet
			return nil
		}
		if err := c.direct(packet); err != nil {
			return err
		}
	}
}

// isDirect tells whether the library has no part in the command.
func isDirect(command milter.Code) bool {
	switch command {
	case milter.CodeMacro, milter.CodeRcpt, milter.CodeHeader, milter.CodeEOH, milter.CodeBody:
		return true
	}
	return false
}

// packet waits for a whole packet; of a piece of the body, for the beginning.
func (c *conn) packet() ([]byte, error) {
	c.halfway = false
	for size := minPacket; ; {
		came := c.in.bytes()
		if len(came) >= lengthSize {
			var err error
			if size, err = packetSize(came); err != nil {
				return nil, err
			}
		}
		switch {
		case len(came) >= size:
			return came[:size], nil
		case len(came) >= minPacket && code(came) == milter.CodeBody:
			return came, nil
		}
		if err := c.fill(size, len(came) > 0); err != nil {
			return nil, err
		}
	}
}

// direct has a packet taken. A piece of the body, which may be large, is taken as it comes.
func (c *conn) direct(packet []byte) error {
	size, err := packetSize(packet)
	if err != nil {
		return err
	}
	command, left := code(packet), size-len(packet)
	reply := c.take(command, data(packet))
	c.in.take(len(packet))
	for left > 0 {
		if err := c.fill(left, true); err != nil {
			return err
		}
		piece := c.in.bytes()
		piece = piece[:min(left, len(piece))]
		reply = c.take(command, piece)
		c.in.take(len(piece))
		left -= len(piece)
	}
	c.reply(command, reply)
	return nil
}

// fill waits for more of what the MTA says; begun tells that a part of a packet has come.
func (c *conn) fill(size int, begun bool) error {
	err := c.flush()
	if err == nil {
		err = c.arm(begun)
	}
	if err == nil {
		err = c.in.fill(size, c.command != milter.CodeEOB)
	}
	if err == io.EOF && begun {
		err = fmt.Errorf("milter: in a packet: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// observe follows the session. It refuses the packets that the library takes
// for the end of the session, with a word on the standard log, and those that it
// would answer out of turn. Of a piece of the body it may have the beginning only.
func (c *conn) observe(packet []byte) (err error) {
	command := code(packet)
	if first := !c.began; first != (command == milter.CodeOptNeg) {
		return errNoOffer
	}
	c.began = true
	switch command {
	case milter.CodeMacro:
		if len(data(packet)) == 0 {
			return fmt.Errorf("%w: macros without a stage", errMalformed)
		}
		return nil // the command that they belong to follows
	case milter.CodeConn:
		c.setBusy(false)
		c.address, err = clientAddress(data(packet))
	case milter.CodeHeader:
		err = checkField(data(packet))
	case milter.CodeMail:
		c.setBusy(true)
	case milter.CodeAbort, milter.CodeHelo:
		c.setBusy(false)
	case codeUnknown: // as DATA, which the library answers and forgets
		packet[lengthSize] = byte(milter.CodeData)
	case milter.CodeQuitNewConn: // the MTA may connect again
		packet[lengthSize] = byte(milter.CodeQuit)
	case milter.CodeOptNeg, milter.CodeRcpt, milter.CodeEOH, milter.CodeBody,
		milter.CodeEOB, milter.CodeData, milter.CodeQuit:
	default:
		return fmt.Errorf("%w: unknown command %q", errMalformed, command)
	}
	c.command = code(packet)
	return err
}

// Write collects packets. It never fails: what happens to them shows when the
// next packet is to be read.
func (c *conn) Write(p []byte) (int, error) {
	c.output.Lock()
	defer c.output.Unlock()
	c.collect(p...)
	for rest := c.out[c.complete:]; len(rest) >= lengthSize; rest = c.out[c.complete:] {
		n := lengthSize + int(binary.BigEndian.Uint32(rest))
		if len(rest) < n {
			break
		}
		if c.inUse.repliesTo(c.command) {
			c.complete += n
			continue
		}
		c.log.Debug("milter: unexpected reply dropped", "command", string(rune(c.command)))
		c.out = slices.Delete(c.out, c.complete, c.complete+n)
	}
	return len(p), nil
}

// reply collects the reply to a command, if the MTA waits for one.
func (c *conn) reply(command milter.Code, reply milter.ActionCode) {
	if !c.inUse.repliesTo(command) {
		return
	}
	c.output.Lock()
	defer c.output.Unlock()
	c.collect(0, 0, 0, 1, byte(reply))
	c.complete = len(c.out)
}

// answer collects the answer to a message.
func (c *conn) answer(a answer) {
	c.output.Lock()
	defer c.output.Unlock()
	c.collect()
	c.out = a.append(c.out)
	c.complete = len(c.out)
}

// collect appends to what is sent next. The lock is held.
func (c *conn) collect(p ...byte) {
	if c.out == nil {
		c.outBlock = c.in.blocks.get()
		c.out = c.outBlock[:0]
	}
	c.out = append(c.out, p...)
}

func (c *conn) flush() error {
	c.output.Lock()
	defer c.output.Unlock()
	return c.send()
}

// send writes what is collected. The lock is held.
func (c *conn) send() error {
	if len(c.out) == 0 || c.failed != nil {
		return c.failed
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // a closed connection shows below
	_, c.failed = c.Conn.Write(c.out)
	c.in.blocks.put(c.outBlock)
	c.out, c.outBlock, c.complete = nil, nil, 0
	return c.failed
}

// reportProgress tells the MTA now and then that its message is being worked
// on, until endProgress is called; then no such packet can follow any more. Postfix
// begins to count its milter_content_timeout anew; Sendmail does not.
func (c *conn) reportProgress() {
	c.output.Lock()
	defer c.output.Unlock()
	c.reporting = true
	if c.reporter == nil {
		c.reporter = time.AfterFunc(progressInterval, c.progress)
		return
	}
	c.reporter.Reset(progressInterval)
}

func (c *conn) endProgress() {
	c.output.Lock()
	defer c.output.Unlock()
	c.reporting = false
	c.reporter.Stop()
}

// progress sends a progress packet, behind what is collected.
func (c *conn) progress() {
	c.output.Lock()
	defer c.output.Unlock()
	if !c.reporting { // it ended while this call was on its way
		return
	}
	c.collect(0, 0, 0, 1, codeProgress)
	if c.send() == nil {
		c.reporter.Reset(progressInterval)
	}
}

// Close sends what is collected and ends the connection.
func (c *conn) Close() error {
	var err error
	c.closeOne.Do(func() {
		err = errors.Join(c.flush(), c.Conn.Close())
		c.unread = nil
		c.in.release()
		if c.ended != nil {
			c.ended()
		}
	})
	return err
}

// drainGrace is how long a session that is to end may take to begin its first message: closed before
// that, a client that has just connected would get the MTA's default action.
const drainGrace = 2 * time.Second

// drain ends the connection as soon as no message is under way, nor about to begin.
func (c *conn) drain() {
	c.state.Lock()
	defer c.state.Unlock()
	c.draining, c.last = true, time.Now().Add(drainGrace)
	switch {
	case c.busy:
	case c.served:
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
	default:
		_ = c.Conn.SetReadDeadline(c.last)
	}
}

// kill ends the connection at once.
func (c *conn) kill() { _ = c.Conn.Close() }

func (c *conn) setBusy(busy bool) {
	c.state.Lock()
	defer c.state.Unlock()
	c.busy = busy
}

func (c *conn) setServed() {
	c.state.Lock()
	defer c.state.Unlock()
	c.busy, c.served = false, true
}

// explain logs what ended the connection, unless it was to be expected.
func (c *conn) explain(err error) {
	switch {
	case err == io.EOF, errors.Is(err, errDraining), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
	default:
		c.log.Warn("milter: connection closed: the MTA did not keep to the protocol", "error", err)
	}
}

// arm sets the deadline of the next read. What comes of a packet after its beginning does not
// move it any more, so that a packet that never ends does not hold the session.
func (c *conn) arm(begun bool) error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.draining && !c.busy {
		if c.served || !time.Now().Before(c.last) {
			return errDraining
		}
		return c.Conn.SetReadDeadline(c.last)
	}
	if begun && c.halfway {
		return nil
	}
	c.halfway = begun
	wait := c.idle
	if !c.began {
		wait = min(wait, offerTimeout)
	}
	return c.Conn.SetReadDeadline(time.Now().Add(wait))
}
