package milter

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/emersion/go-milter"
)

const (
	writeTimeout     = time.Minute
	progressInterval = 10 * time.Second
)

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

// reply collects the reply to a command, if there is one and the MTA waits for it.
func (c *conn) reply(command milter.Code, reply milter.ActionCode) {
	if reply == 0 || !c.inUse.repliesTo(command) {
		return
	}
	c.output.Lock()
	defer c.output.Unlock()
	c.collect(0, 0, 0, 1, byte(reply))
	c.complete = len(c.out)
}

// answer collects the answer to the message of a queue id.
func (c *conn) answer(a answer, id string) {
	c.output.Lock()
	defer c.output.Unlock()
	c.answering, c.answered = true, id
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
	if len(c.out) == 0 {
		return c.failed
	}
	var gone error
	if c.answering {
		gone = c.in.peerGone()
	}
	if c.failed == nil {
		c.failed = c.write(c.out)
	}
	c.in.blocks.put(c.outBlock)
	c.out, c.outBlock, c.complete = nil, nil, 0
	if c.answering {
		c.answering, c.doubtful = false, true
		if err := untaken(gone, c.failed); err != nil {
			c.notTaken(err)
		}
	}
	return c.failed
}

// untaken is why an answer was not taken: because the MTA was gone before, or the write of it failed; either may
// be nil. What a look found to be the matter with a connection, a write does not find again: it is a broken pipe then.
func untaken(gone, failed error) error {
	if gone == errGone {
		return cmp.Or(failed, gone)
	}
	return cmp.Or(gone, failed)
}

// writeFailed tells whether that is why nothing is sent any more.
func (c *conn) writeFailed() bool {
	c.output.Lock()
	defer c.output.Unlock()
	return c.failed != nil
}

// write writes all of b. The deadline is only for what has to wait. The lock is held.
func (c *conn) write(b []byte) error {
	if b = b[c.in.tryWrite(b):]; len(b) == 0 {
		return nil
	}
	_ = c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // a closed connection shows below
	_, err := c.Conn.Write(b)
	return err
}

// notTaken notes that the last answer did not reach the MTA, unless that is known, for logUntaken. The lock is held.
func (c *conn) notTaken(err error) {
	if c.doubtful {
		c.doubtful, c.untaken = false, err
	}
}

// logUntaken logs what notTaken noted. The log may be stuck, so neither a lock is held nor the
// descriptor of the connection, as it is while input calls tried: Server.Close would wait for it.
func (c *conn) logUntaken() {
	c.output.Lock()
	err, id := c.untaken, c.answered
	c.untaken = nil
	c.output.Unlock()
	if err != nil {
		c.log.Warn("milter: the MTA did not take the answer to this message, it applied its default action; is its milter timeout below milter.message_timeout?",
			"queue_id", clip(id), "error", err)
	}
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
