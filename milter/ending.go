package milter

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/emersion/go-milter"
)

const (
	offerTimeout  = 30 * time.Second // for the first packet
	packetTimeout = 10 * time.Minute // for the rest of a packet: an MTA sends it whole, whatever its client does
)

var (
	errDraining = errors.New("milter: the server is stopping")
	errIdle     = errors.New("milter: no packet came within the idle timeout")
	errStalled  = fmt.Errorf("milter: the rest of a packet did not come within %s", packetTimeout)
	errGone     = errors.New("milter: the MTA had closed the connection before")
)

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
		_ = c.readUntil(time.Unix(1, 0)) // wakes the reader
	default:
		_ = c.readUntil(c.last)
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
	case errors.Is(err, errIdle), errors.Is(err, errStalled):
		c.log.Warn("milter: connection closed: the MTA applies its default action to the rest of its SMTP session", "error", err)
	case errors.Is(err, errMalformed), errors.Is(err, errNoOffer), errors.Is(err, errPacketSize):
		c.log.Warn("milter: connection closed: the MTA did not keep to the protocol", "error", err)
	case errors.Is(err, syscall.ECONNRESET) && c.command == milter.CodeEOB: // there was something that it did not read
		c.output.Lock()
		c.notTaken(err)
		c.output.Unlock()
		c.logUntaken()
	case err == io.EOF, errors.Is(err, errDraining), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
	default:
		c.log.Warn("milter: connection lost", "error", err)
	}
}

// late says why no more came before the deadline.
func (c *conn) late(err error) error {
	c.state.Lock()
	defer c.state.Unlock()
	switch {
	case c.draining && !c.busy:
		return errDraining
	case !c.began:
		return err
	case c.begun:
		return errStalled
	}
	return errIdle
}

// relax ends the deadline of an earlier wait. It fails when there is to be no other one.
func (c *conn) relax() error {
	c.state.Lock()
	defer c.state.Unlock()
	switch {
	case c.draining && !c.busy:
		return c.drained()
	case !c.armed, c.begun && c.halfway:
		return nil
	}
	return c.readUntil(time.Time{})
}

// arm sets the deadline of a wait. What comes of a packet after its beginning does not
// move it any more, so that a packet that never ends does not hold the session.
func (c *conn) arm() error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.draining && !c.busy {
		return c.drained()
	}
	if c.begun && c.halfway {
		return nil
	}
	c.halfway = c.begun
	if wait := c.patience(); wait > 0 {
		return c.readUntil(time.Now().Add(wait))
	}
	return nil
}

// drained has the connection wait for its first message, as long as one may begin. The lock is held.
func (c *conn) drained() error {
	if c.served || !time.Now().Before(c.last) {
		return errDraining
	}
	return c.readUntil(c.last)
}

// readUntil sets the deadline of reads; the zero time is none. The lock is held.
func (c *conn) readUntil(deadline time.Time) error {
	c.armed = !deadline.IsZero()
	return c.Conn.SetReadDeadline(deadline)
}

// patience is how long is waited for the MTA; 0: for ever. In a message it is silent until it has all
// of it, which may take its client as long as that likes. The lock is held.
func (c *conn) patience() time.Duration {
	switch {
	case !c.began:
		return offerTimeout
	case c.begun:
		return packetTimeout
	case c.busy:
		return 0
	}
	return c.idle
}
