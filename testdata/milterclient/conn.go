// Package milterclient plays the MTA of the milter protocol, as Postfix and
// Sendmail do it on the wire, for the tests and benchmarks. It is stricter than
// they are: a milter that asks for what was not offered, replies where it said
// it would not, or changes what it did not ask to change is an error.
//
// Divergences from the RFC: none; the protocol has no RFC.
package milterclient

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"time"
)

// What Postfix 3.7 and Sendmail 8.17 offer.
const (
	Version  = 6
	Actions  = 0x1ff
	Protocol = 0x1fffff
)

// Options say how the MTA behaves. The zero value is Postfix.
type Options struct {
	Sendmail bool          // IPv6 addresses as Sendmail writes them, no ABORT, macros j _ i at its stages
	Actions  uint32        // offered; 0 is Actions
	Protocol uint32        // offered; 0 is Protocol
	Timeout  time.Duration // of one read or write; 0 is 30 s
}

// A Client is an SMTP client at the MTA.
type Client struct {
	Name   string            // confirmed by the MTA; "" is [address] as the MTA writes it
	Addr   netip.Addr        // the zero Addr: the family is unknown (a pipe, a unix socket)
	Helo   string            // "": the client said none
	Macros map[string]string // more macros, or other values: "{auth_authen}", "j", ...
}

// A Conn is a milter connection: one SMTP session. It is not safe for concurrent use.
type Conn struct {
	Version, Actions, Protocol uint32 // as the milter asked for them

	o      Options
	conn   net.Conn
	r      *bufio.Reader
	w      *bufio.Writer
	buf    []byte
	names  [stages][]string // of the macros that each stage carries
	macros map[string]string
	client Client
	refuse *Reply // what the milter said to the client, once it was not Continue
}

// Dial connects to a milter and negotiates.
func Dial(network, address string, o Options) (*Conn, error) {
	conn, err := net.Dial(network, address)
	if err != nil {
		return nil, fmt.Errorf("milterclient: %w", err)
	}
	return New(conn, o)
}

// New negotiates on a connection that was just made. It closes conn when that fails.
func New(conn net.Conn, o Options) (*Conn, error) {
	if o.Actions == 0 {
		o.Actions = Actions
	}
	if o.Protocol == 0 {
		o.Protocol = Protocol
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	c := &Conn{o: o, conn: conn, r: bufio.NewReaderSize(conn, 16<<10), w: bufio.NewWriterSize(conn, 128<<10)}
	c.names = defaultMacros(o.Sendmail)
	if err := c.negotiate(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("milterclient: negotiation: %w", err)
	}
	return c, nil
}

func (c *Conn) negotiate() error {
	var offer [12]byte
	binary.BigEndian.PutUint32(offer[:], Version)
	binary.BigEndian.PutUint32(offer[4:], c.o.Actions)
	binary.BigEndian.PutUint32(offer[8:], c.o.Protocol)
	writePacket(c.w, cmdOptNeg, offer[:])
	p, err := c.read()
	if err != nil {
		return err
	}
	if p.code != cmdOptNeg || len(p.data) < 12 {
		return fmt.Errorf("the milter answers with packet %q of %d bytes", p.code, len(p.data))
	}
	c.Version = binary.BigEndian.Uint32(p.data)
	c.Actions = binary.BigEndian.Uint32(p.data[4:])
	c.Protocol = binary.BigEndian.Uint32(p.data[8:])
	switch {
	case c.Version < 2 || c.Version > Version:
		return fmt.Errorf("the milter speaks version %d", c.Version)
	case c.Actions&^c.o.Actions != 0:
		return fmt.Errorf("the milter asks for actions %#x, offered were %#x", c.Actions, c.o.Actions)
	case c.Protocol&^c.o.Protocol != 0:
		return fmt.Errorf("the milter asks for protocol %#x, offered was %#x", c.Protocol, c.o.Protocol)
	}
	return c.symList(p.data[12:])
}

// symList reads the lists of macros that the milter wants (SMFIF_SETSYMLIST).
func (c *Conn) symList(data []byte) error {
	for len(data) > 0 {
		var stage uint32
		var list string
		var err error
		if stage, data, err = cutUint32(data); err != nil {
			return err
		}
		if list, data, err = cutString(data); err != nil {
			return err
		}
		if stage >= stages || c.Actions&(1<<8) == 0 {
			return fmt.Errorf("the milter asks for the macros %q at stage %d", list, stage)
		}
		c.names[stage] = strings.Fields(list)
	}
	return nil
}

// read sends what is buffered and reads one packet, progress left out.
func (c *Conn) read() (packet, error) {
	if err := c.flush(); err != nil {
		return packet{}, err
	}
	for {
		var p packet
		var err error
		c.conn.SetReadDeadline(time.Now().Add(c.o.Timeout))
		if p, c.buf, err = readPacket(c.r, c.buf); err != nil || p.code != progress {
			return p, err
		}
	}
}

func (c *Conn) flush() error {
	c.conn.SetWriteDeadline(time.Now().Add(c.o.Timeout))
	return c.w.Flush()
}

// Connect tells the milter of the client and its HELO name; on a connection
// with a client already it says HELO again, as Postfix does after STARTTLS and
// any client may. A reply other than Continue holds for all messages.
func (c *Conn) Connect(client Client) (Reply, error) {
	again := c.macros != nil
	c.client = client
	c.macros = c.clientMacros(client)
	if !again {
		r, err := c.stage(cmdConnect, stageConnect, noConnect, nrConnect, nil, c.connectData()...)
		if err != nil || r.Code != Continue {
			return c.refused(r, err)
		}
	}
	if client.Helo == "" {
		return Reply{Code: Continue}, nil
	}
	return c.refused(c.stage(cmdHelo, stageHelo, noHelo, nrHelo, nil, client.Helo))
}

func (c *Conn) refused(r Reply, err error) (Reply, error) {
	if err != nil {
		return Reply{}, fmt.Errorf("milterclient: connect: %w", err)
	}
	if r.Code != Continue {
		c.refuse = &r
	}
	return r, nil
}

// connectData is the client as the CONNECT packet has it: name, family, port, address.
func (c *Conn) connectData() []any {
	a := c.client.Addr.Unmap()
	name := c.client.Name
	if name == "" {
		name = "[" + c.addrText() + "]"
	}
	switch {
	case !a.IsValid():
		return []any{name, []byte{'U'}}
	case a.Is4():
		return []any{name, []byte{'4', 0xc0, 0x01}, c.addrText()}
	}
	return []any{name, []byte{'6', 0xc0, 0x01}, c.addrText()}
}

// addrText is the client's address: Postfix writes 2001:db8::1, Sendmail
// IPv6:2001:db8:0:0:0:0:0:1.
func (c *Conn) addrText() string {
	a := c.client.Addr.Unmap()
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is4() || !c.o.Sendmail:
		return a.String()
	}
	b := a.As16()
	var groups []string
	for i := 0; i < 16; i += 2 {
		groups = append(groups, fmt.Sprintf("%x", binary.BigEndian.Uint16(b[i:])))
	}
	return "IPv6:" + strings.Join(groups, ":")
}

func (c *Conn) clientMacros(client Client) map[string]string {
	name := client.Name
	if name == "" {
		name = "unknown"
	}
	m := map[string]string{
		"j": "mx.example.test", "{daemon_name}": "mx.example.test", "{daemon_addr}": "127.0.0.1", "v": "Postfix 3.7.11",
		"{client_addr}": c.addrText(), "{client_name}": name, "{client_ptr}": name,
		"_": name + " [" + c.addrText() + "]",
	}
	if c.o.Sendmail {
		m["{daemon_name}"] = "MTA4"
		delete(m, "v")
	}
	maps.Copy(m, client.Macros)
	return m
}

// Close says QUIT and closes the connection.
func (c *Conn) Close() error {
	defer c.conn.Close()
	writePacket(c.w, cmdQuit)
	return c.flush()
}

// Drop closes the connection without a word, as an MTA that dies.
func (c *Conn) Drop() error { return c.conn.Close() }
