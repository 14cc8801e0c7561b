package mta

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"
)

// replyTimeout is how long the server may take for one reply (RFC 5321
// section 4.5.3.2 allows more; nothing here is that slow).
const replyTimeout = 60 * time.Second

// A Client speaks SMTP the way it is told to, mistakes included: no text is
// checked or changed, but for the dots in Data. It is not safe for concurrent use.
type Client struct {
	Banner Reply
	conn   net.Conn
	r      *textproto.Reader
}

// A Reply is a reply of the server (RFC 5321 section 4.2).
type Reply struct {
	Code int
	Text string // without the codes, lines joined with \n
}

// OK tells whether the reply is positive: 2xx or 3xx.
func (r Reply) OK() bool { return r.Code >= 200 && r.Code < 400 }

func (r Reply) String() string { return fmt.Sprintf("%d %s", r.Code, r.Text) }

// NewClient reads the banner on a connection that was just made. It closes
// conn when there is none.
func NewClient(conn net.Conn) (*Client, error) {
	c := &Client{conn: conn, r: textproto.NewReader(bufio.NewReader(conn))}
	var err error
	if c.Banner, err = c.reply(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) reply() (Reply, error) {
	c.conn.SetReadDeadline(time.Now().Add(replyTimeout))
	code, text, err := c.r.ReadResponse(0)
	if err != nil {
		return Reply{}, fmt.Errorf("mta: no reply: %w", err)
	}
	return Reply{code, text}, nil
}

func (c *Client) write(p []byte) error {
	c.conn.SetWriteDeadline(time.Now().Add(replyTimeout))
	if _, err := c.conn.Write(p); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	return nil
}

// Command sends one line and reads the reply.
func (c *Client) Command(line string) (Reply, error) {
	if err := c.write([]byte(line + "\r\n")); err != nil {
		return Reply{}, err
	}
	return c.reply()
}

// Hello says EHLO.
func (c *Client) Hello(name string) (Reply, error) { return c.Command("EHLO " + name) }

// XClient tells Postfix who the client is: ADDR=203.0.113.7 or
// ADDR=IPV6:2001:db8::25, NAME=, REVERSE_NAME=, LOGIN=, with values in xtext
// (RFC 3461 section 4). It says EHLO before; say EHLO again after it.
func (c *Client) XClient(attributes ...string) (Reply, error) {
	if r, err := c.Hello("xclient.invalid"); err != nil || !r.OK() {
		return r, err
	}
	return c.Command("XCLIENT " + strings.Join(attributes, " "))
}

// Mail says MAIL FROM with <from> and ESMTP parameters.
func (c *Client) Mail(from string, params ...string) (Reply, error) {
	return c.Command(strings.Join(append([]string{"MAIL FROM:<" + from + ">"}, params...), " "))
}

// Rcpt says RCPT TO with <to>.
func (c *Client) Rcpt(to string) (Reply, error) { return c.Command("RCPT TO:<" + to + ">") }

// Data sends msg after DATA, its dots stuffed, with CRLF at its end when it has
// none. The reply is that to the message, or to DATA when that is refused.
func (c *Client) Data(msg []byte) (Reply, error) {
	if r, err := c.Command("DATA"); err != nil || r.Code != 354 {
		return r, err
	}
	if err := c.write(append(stuff(msg), ".\r\n"...)); err != nil {
		return Reply{}, err
	}
	return c.reply()
}

// Raw sends bytes as they are: a part of a line or of a message, after which more may come.
func (c *Client) Raw(p []byte) error { return c.write(p) }

// RawReply reads the reply to what Raw sent.
func (c *Client) RawReply() (Reply, error) { return c.reply() }

// stuff doubles the dot at the start of a line (RFC 5321 section 4.5.2). A bare
// LF counts as a line end too: Postfix takes it for one.
func stuff(msg []byte) []byte {
	out := bytes.ReplaceAll(msg, []byte("\n."), []byte("\n.."))
	if bytes.HasPrefix(out, []byte(".")) {
		out = append([]byte("."), out...)
	}
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out[:len(out):len(out)], "\r\n"...)
	}
	return out
}

// Send sends one message. The reply is the first one that refuses, or that to
// the message. A single refused recipient refuses.
func (c *Client) Send(from string, to []string, msg []byte) (Reply, error) {
	if r, err := c.Mail(from); err != nil || !r.OK() {
		return r, err
	}
	for _, rcpt := range to {
		if r, err := c.Rcpt(rcpt); err != nil || !r.OK() {
			return r, err
		}
	}
	return c.Data(msg)
}

// Reset says RSET.
func (c *Client) Reset() (Reply, error) { return c.Command("RSET") }

// Drop begins DATA, sends part and cuts the connection with a TCP reset.
func (c *Client) Drop(part []byte) error {
	defer c.conn.Close()
	if r, err := c.Command("DATA"); err != nil {
		return err
	} else if r.Code != 354 {
		return fmt.Errorf("mta: DATA: %s", r)
	}
	if err := c.write(part); err != nil {
		return err
	}
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	return nil
}

// Quit says QUIT and closes the connection.
func (c *Client) Quit() error {
	defer c.conn.Close()
	_, err := c.Command("QUIT")
	return err
}

// Close closes the connection without a word.
func (c *Client) Close() error { return c.conn.Close() }
