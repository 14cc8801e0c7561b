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

// A conn is the connection to an MTA as the library sees it. It negotiates, and hands what concerns
// a message to its session: the library would spend more on that than is done with it. The library
// gets the commands that concern none, DATA and those unknown to the MTA, as whole packets; and
// whatever ends the connection looks like io.EOF to it, at which it says nothing. Packets to the
// MTA are collected and sent by one write before the next packet is waited for;
// those that the MTA does not expect are dropped, because one stray reply would
// shift all that follow.
//
// Read, Write and Close are the library's, called by one goroutine, and the session is called in
// them. Others may call drain and kill.
type conn struct {
	net.Conn
	log     *slog.Logger
	idle    time.Duration // how long the MTA may be silent without a message; 0: for ever
	in      *input
	session *session // that takes what was read; nil: there is none
	macros  []byte   // that the MTA is asked for; see appendMacros

	unread    []byte // the rest of the packet that the library reads
	began     bool   // the first packet has come
	begun     bool   // a part of a packet has come, and the rest is waited for
	halfway   bool   // as begun, and a deadline was set
	inUse     offer  // what was negotiated
	fieldSize int    // the limit of a header field, in bytes
	command   milter.Code
	latest    milter.Code // as command, also where that is macros
	address   string      // of the client, from the last connect packet
	closeOne  sync.Once

	state    sync.Mutex
	busy     bool // a message is under way
	served   bool // a message has been answered
	draining bool
	last     time.Time // when draining: until then a first message may begin
	armed    bool      // reads have a deadline

	output    sync.Mutex
	out       []byte
	outBlock  *block      // where out began; nil when out is
	complete  int         // bytes of out that are whole packets
	failed    error       // of a write: nothing else is sent
	answering bool        // out has the answer to a message
	doubtful  bool        // whether the last answer was taken
	answered  string      // the queue id of its message
	untaken   error       // why it was not taken, until that is logged
	reporter  *time.Timer // of progress; nil before the first message
	reporting bool
}

func newConn(raw net.Conn, idle time.Duration, blocks *blocks, log *slog.Logger) *conn {
	c := &conn{Conn: raw, idle: idle, in: newInput(raw, blocks), fieldSize: message.DefaultFieldSize, log: log}
	c.in.tried = c.tried
	return c
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
	for {
		packet, err := c.packet()
		if err != nil {
			return err
		}
		if err := c.observe(packet); err != nil {
			return err
		}
		switch code(packet) {
		case milter.CodeQuit:
			return io.EOF
		case milter.CodeData: // what the library answers
			c.unread = packet
			return nil
		}
		if err := c.direct(packet); err != nil {
			return err
		}
	}
}

// packet waits for a whole packet; of a piece of the body, for the beginning; and of a field past the
// limit for as much as that has it, which it makes a shorter field.
func (c *conn) packet() ([]byte, error) {
	c.halfway = false
	if c.command == milter.CodeEOB && len(c.in.bytes()) > 0 { // an MTA that did not wait for the answer
		err := c.settle()
		c.logUntaken()
		if err != nil {
			return nil, err
		}
	}
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
	switch command {
	case milter.CodeOptNeg:
		defer c.in.take(size)
		return c.negotiate(data(packet))
	case milter.CodeEOB: // the answer may take its time, for which no memory is held
		c.in.take(len(packet))
		c.session.take(command, nil)
		return nil
	}
	reply := c.session.take(command, data(packet))
	c.in.take(len(packet))
	for left > 0 {
		if err := c.fill(left, true); err != nil {
			return err
		}
		piece := c.in.bytes()
		piece = piece[:min(left, len(piece))]
		if command == milter.CodeBody {
			reply = c.session.take(command, piece)
		}
		c.in.take(len(piece))
		left -= len(piece)
	}
	c.reply(command, reply)
	return nil
}

// fill waits for more of what the MTA says; begun tells that a part of a packet has come.
func (c *conn) fill(size int, begun bool) error {
	c.begun = begun
	err := c.relax()
	if err == nil {
		// Before the first packet there is nothing to acknowledge, and the answer acknowledges the end of a message.
		unanswered := begun || c.began && c.latest != milter.CodeEOB
		err = c.in.fill(size, unanswered)
		c.logUntaken()
	}
	switch {
	case err == io.EOF && begun:
		err = fmt.Errorf("milter: in a packet: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.writeFailed():
		err = c.late(err)
	}
	return err
}

// tried is called in fill, when it is known what has come already. What was collected is sent no earlier, so that
// it is known whether the MTA is still there; and a deadline is only for what has to be waited for. Whoever closes
// the connection waits until this has returned: it waits for nothing that closing does not end.
func (c *conn) tried(waits bool) error {
	err := c.settle()
	if err == nil && waits {
		err = c.arm()
	}
	return err
}

// settle sends what is collected: a message that was under way has its answer then.
func (c *conn) settle() error {
	err := c.flush()
	if err == nil && c.command == milter.CodeEOB {
		c.setServed()
	}
	return err
}

// observe follows the session. It refuses what is malformed or unknown, and a session that does not begin
// with an offer or has a second one. What an MTA does not know becomes DATA, and both ways to quit one.
// Of a piece of the body it may have the beginning only.
func (c *conn) observe(packet []byte) (err error) {
	command := code(packet)
	if first := !c.began; first != (command == milter.CodeOptNeg) {
		return errNoOffer
	}
	c.began, c.latest = true, command
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
		c.logUntaken()
		c.unread = nil
		c.in.release()
		if c.session != nil {
			c.session.close()
		}
	})
	return err
}
