package milter

import (
	"bufio"
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

	inputBuffer  = 4096    // per connection: a usual header in one read
	keepCapacity = 1 << 15 // of the output; larger ones are given back
)

var errDraining = errors.New("milter: the server is stopping")

// A conn is the connection to an MTA as the library sees it. It hands out whole,
// well-formed packets only, and whatever ends it looks like io.EOF, at which the
// library says nothing. Packets to the MTA are collected and sent by one write
// before the next packet is waited for; those that the MTA does not expect are
// dropped, because one stray reply would shift all that follow.
//
// Read, Write and Close are the library's, called by one goroutine. Others may call drain,
// kill and the function that reportProgress returns.
type conn struct {
	net.Conn
	log     *slog.Logger
	idle    time.Duration // the longest wait for the MTA
	ack     func()        // may be nil
	in      *bufio.Reader
	buffers *sync.Pool // of *[]byte: shared, since most sessions wait for their MTA most of the time

	buffer   *[]byte // nil while no packet is handed out
	unread   []byte  // the rest of the packet in buffer
	began    bool    // the first packet has come
	inUse    offer   // what was negotiated
	command  milter.Code
	macros   bool   // macros came that no callback has seen
	address  string // of the client, from the last connect packet
	done     chan struct{}
	closeOne sync.Once

	state    sync.Mutex
	busy     bool // a message is under way
	draining bool

	output   sync.Mutex
	out      []byte
	complete int         // bytes of out that are whole packets
	failed   error       // of a write: nothing else is sent
	reporter *time.Timer // of progress; nil when none is to be reported
}

func newConn(raw net.Conn, idle time.Duration, buffers *sync.Pool, log *slog.Logger) *conn {
	c := &conn{Conn: raw, idle: idle, ack: quickAck(raw), buffers: buffers, log: log, done: make(chan struct{})}
	c.in = bufio.NewReaderSize(wire{c}, inputBuffer)
	return c
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
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.release()
	}
	return n, nil
}

// next waits for a packet and looks at it.
func (c *conn) next() error {
	if err := c.flush(); err != nil {
		return err
	}
	if c.command == milter.CodeEOB { // answered, since the library reads on
		c.setBusy(false)
	}
	length, err := c.in.Peek(lengthSize)
	if err != nil {
		return err
	}
	size, err := packetSize(length)
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(c.in, c.take(size)); err != nil {
		c.release()
		return fmt.Errorf("milter: in a packet: %w", err)
	}
	if err := c.observe(c.unread); err != nil {
		c.release()
		return err
	}
	return nil
}

// take gets a buffer for a packet.
func (c *conn) take(size int) []byte {
	c.buffer, _ = c.buffers.Get().(*[]byte)
	if c.buffer == nil || cap(*c.buffer) < size {
		b := make([]byte, size)
		c.buffer = &b
	}
	c.unread = (*c.buffer)[:size]
	return c.unread
}

func (c *conn) release() {
	if c.buffer != nil {
		c.buffers.Put(c.buffer)
	}
	c.buffer, c.unread = nil, nil
}

// observe follows the session. It refuses the packets that the library takes
// for the end of the session, with a word on the standard log, and those that it
// would answer out of turn.
func (c *conn) observe(packet []byte) (err error) {
	command := code(packet)
	if first := !c.began; first != (command == milter.CodeOptNeg) {
		return errNoOffer
	}
	c.began = true
	switch command {
	case milter.CodeMacro:
		if c.macros = true; len(data(packet)) == 0 {
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

// takeMacros tells whether macros came since it was asked last. The library
// keeps old ones otherwise, those of an earlier message too.
func (c *conn) takeMacros() bool {
	came := c.macros
	c.macros = false
	return came
}

// Write collects packets. It never fails: what happens to them shows when the
// next packet is to be read.
func (c *conn) Write(p []byte) (int, error) {
	c.output.Lock()
	defer c.output.Unlock()
	c.out = append(c.out, p...)
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
	if c.out, c.complete = c.out[:0], 0; cap(c.out) > keepCapacity {
		c.out = nil
	}
	return c.failed
}

// reportProgress tells the MTA now and then that its message is being worked
// on, until stop is called; then no such packet can follow any more. Postfix
// begins to count its milter_content_timeout anew; Sendmail does not.
func (c *conn) reportProgress() (stop func()) {
	c.output.Lock()
	defer c.output.Unlock()
	c.reporter = time.AfterFunc(progressInterval, c.progress)
	return c.endProgress
}

func (c *conn) endProgress() {
	c.output.Lock()
	defer c.output.Unlock()
	c.reporter.Stop()
	c.reporter = nil
}

// progress sends a progress packet, behind what is collected.
func (c *conn) progress() {
	c.output.Lock()
	defer c.output.Unlock()
	if c.reporter == nil { // it ended while this call was on its way
		return
	}
	c.out = append(c.out, 0, 0, 0, 1, codeProgress)
	if c.send() == nil {
		c.reporter.Reset(progressInterval)
	}
}

// Close sends what is collected and ends the connection.
func (c *conn) Close() error {
	var err error
	c.closeOne.Do(func() {
		err = errors.Join(c.flush(), c.Conn.Close())
		c.release()
		close(c.done)
	})
	return err
}

// drain ends the connection as soon as no message is under way.
func (c *conn) drain() {
	c.state.Lock()
	defer c.state.Unlock()
	if c.draining = true; !c.busy {
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
	}
}

// kill ends the connection at once.
func (c *conn) kill() { _ = c.Conn.Close() }

func (c *conn) setBusy(busy bool) {
	c.state.Lock()
	defer c.state.Unlock()
	c.busy = busy
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

// A wire reads from the MTA under a deadline and acknowledges what came.
type wire struct{ c *conn }

func (w wire) Read(p []byte) (int, error) {
	if err := w.c.arm(); err != nil {
		return 0, err
	}
	n, err := w.c.Conn.Read(p)
	if n > 0 && w.c.ack != nil {
		w.c.ack()
	}
	return n, err
}

// arm sets the deadline of the next read.
func (c *conn) arm() error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.draining && !c.busy {
		return errDraining
	}
	wait := c.idle
	if !c.began {
		wait = min(wait, offerTimeout)
	}
	return c.Conn.SetReadDeadline(time.Now().Add(wait))
}
