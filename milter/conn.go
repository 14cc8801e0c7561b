package milter

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth/dns"
	"assay/auth/message"
)

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
	log    *slog.Logger
	idle   time.Duration // how long the MTA may be silent without a message; 0: for ever
	in     *input
	take   func(milter.Code, []byte) milter.ActionCode // gives the reply, sent where the MTA waits for one
	macros []byte                                      // that the MTA is asked for; see appendMacros
	ended  func()                                      // called once, after the end; may be nil

	unread    []byte // the rest of the packet that the library reads
	began     bool   // the first packet has come
	halfway   bool   // a part of a packet has come
	inUse     offer  // what was negotiated
	fieldSize int    // the limit of a header field, in bytes
	command   milter.Code
	address   string // of the client, from the last connect packet
	closeOne  sync.Once

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
	answering bool        // out has the answer to a message
	doubtful  bool        // whether the last answer was taken
	answered  string      // the queue id of its message
	reporter  *time.Timer // of progress; nil before the first message
	reporting bool
}

func newConn(raw net.Conn, idle time.Duration, blocks *blocks, log *slog.Logger) *conn {
	return &conn{Conn: raw, idle: idle, in: newInput(raw, blocks), fieldSize: message.DefaultFieldSize, log: log}
}

// negotiate answers the MTA's SMFIC_OPTNEG.
func (c *conn) negotiate(data []byte) error {
	offered, err := readOffer(data)
	if err != nil {
		return err
	}
	c.inUse = offered.accept()
	c.output.Lock()
	defer c.output.Unlock()
	c.collect()
	c.out = c.inUse.append(c.out, c.macros)
	c.complete = len(c.out)
	return nil
}

// Read reads from packets, one after the other. Its only error is io.EOF, and
// only between packets.
func (c *conn) Read(p []byte) (int, error) {
	if !c.began {
		dns.GrowStack()
	}
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
	case milter.CodeOptNeg, milter.CodeMacro, milter.CodeRcpt, milter.CodeHeader, milter.CodeEOH, milter.CodeBody:
		return true
	}
	return false
}

// packet waits for a whole packet; of a piece of the body, for the beginning; and of a field past the
// limit for as much as that has it, which it makes a shorter field.
func (c *conn) packet() ([]byte, error) {
	c.halfway = false
	for {
		came := c.in.bytes()
		size, needed, err := c.needed(came)
		if err != nil {
			return nil, err
		}
		if len(came) >= needed {
			packet := came[:min(size, len(came))]
			if len(packet) < size && code(packet) == milter.CodeHeader {
				packet = packet[:needed]
				endField(data(packet))
			}
			return packet, nil
		}
		if err := c.fill(needed, len(came) > 0); err != nil {
			return nil, err
		}
	}
}

// needed is the size of the packet of which came has come, as far as it is known, and how much of
// it is looked at at once.
func (c *conn) needed(came []byte) (size, needed int, err error) {
	if len(came) < lengthSize {
		return minPacket, minPacket, nil
	}
	size, err = packetSize(came)
	switch {
	case err != nil || len(came) < minPacket:
		return size, minPacket, err
	case code(came) == milter.CodeBody:
		return size, minPacket, nil
	case code(came) == milter.CodeHeader:
		return size, min(size, minPacket+excessive(c.fieldSize)), nil
	}
	return size, size, nil
}

// direct has a packet taken. A piece of the body, which may be large, is taken as it comes; what is left of
// a field past the limit is not.
func (c *conn) direct(packet []byte) error {
	size, err := packetSize(packet)
	if err != nil {
		return err
	}
	command, left := code(packet), size-len(packet)
	if command == milter.CodeOptNeg {
		defer c.in.take(size)
		return c.negotiate(data(packet))
	}
	reply := c.take(command, data(packet))
	c.in.take(len(packet))
	for left > 0 {
		if err := c.fill(left, true); err != nil {
			return err
		}
		piece := c.in.bytes()
		piece = piece[:min(left, len(piece))]
		if command == milter.CodeBody {
			reply = c.take(command, piece)
		}
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
	switch {
	case err == io.EOF && begun:
		err = fmt.Errorf("milter: in a packet: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = c.late(begun, err)
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
