package dns

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// exchange sends one query by UDP, and by TCP when the reply is truncated, and
// returns its reply, whatever the rcode. It waits for the reply until a time.
func (c *Client) exchange(ctx context.Context, until time.Time, s *server, q Question, edns bool) (reply, error) {
	r, err := c.overUDP(ctx, until, s, q, edns)
	if err == nil && r.truncated {
		c.stats.tcp.Add(1)
		r, err = c.overTCP(ctx, until, s, q, edns)
	}
	if err != nil && ctx.Err() != nil {
		return reply{}, ctx.Err() // and not the socket's error that follows from it
	}
	return r, err
}

// A packet is a buffer for one reply by UDP. Larger ones come only from servers
// that ignore udpSize; they count as truncated.
type packet [4096]byte

var packets = sync.Pool{New: func() any { return new(packet) }}

func (c *Client) overUDP(ctx context.Context, until time.Time, s *server, q Question, edns bool) (reply, error) {
	buf := packets.Get().(*packet)
	defer packets.Put(buf)
	id, msg, err := c.query(buf[:0], q, edns)
	if err != nil {
		return reply{}, err
	}
	conn, hangUp, err := c.open(ctx, until, "udp", s)
	if err != nil {
		return reply{}, err
	}
	defer hangUp()
	if _, err := conn.Write(msg); err != nil {
		return reply{}, err
	}
	return c.readUDP(conn, buf, id, q)
}

// readUDP waits for the reply and ignores packets that are none.
func (c *Client) readUDP(conn net.Conn, buf *packet, id uint16, q Question) (reply, error) {
	for {
		n, err := conn.Read(buf[:])
		if err != nil {
			return reply{}, err
		}
		switch r, ok, err := readReply(buf[:n], id, q); {
		case !ok:
			c.stats.ignored.Add(1)
		case n == len(buf):
			return reply{truncated: true}, nil
		default:
			return r, err
		}
	}
}

// overTCP sends the query and reads the reply, each after its length
// (RFC 1035 section 4.2.2).
func (c *Client) overTCP(ctx context.Context, until time.Time, s *server, q Question, edns bool) (reply, error) {
	id, msg, err := c.query(make([]byte, 2, 512), q, edns)
	if err != nil {
		return reply{}, err
	}
	binary.BigEndian.PutUint16(msg, uint16(len(msg)-2))
	conn, hangUp, err := c.open(ctx, until, "tcp", s)
	if err != nil {
		return reply{}, err
	}
	defer hangUp()
	if _, err := conn.Write(msg); err != nil {
		return reply{}, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return reply{}, err
	}
	msg = make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return reply{}, err
	}
	switch r, ok, err := readReply(msg, id, q); {
	case !ok:
		return reply{}, errMismatch
	case r.truncated:
		return reply{}, errTruncated
	default:
		return r, err
	}
}

// query appends a query with a new id to buf.
func (c *Client) query(buf []byte, q Question, edns bool) (id uint16, msg []byte, err error) {
	var random [2]byte
	if _, err := io.ReadFull(c.rand, random[:]); err != nil {
		return 0, nil, err
	}
	id = binary.BigEndian.Uint16(random[:])
	msg, err = appendQuery(buf, id, q, edns)
	return id, msg, err
}

// open connects to a server: what comes from elsewhere is not received. At the given time, or when
// ctx is done, what waits for conn fails; hangUp closes it.
func (c *Client) open(ctx context.Context, until time.Time, network string, s *server) (conn net.Conn, hangUp func(), err error) {
	if c.Dial == nil && network == "udp" { // that waits for nothing
		conn, err = dialUDP(s.udp)
	} else {
		conn, err = c.dialUntil(ctx, until, network, s.address)
	}
	if err != nil {
		return nil, nil, err
	}
	c.stats.sent.Add(1)
	_ = conn.SetDeadline(until) // one that fails shows below
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() { stop(); conn.Close() }, nil
}

func (c *Client) dialUntil(ctx context.Context, until time.Time, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return c.dial(ctx, network, address)
}

// dial is the default of Client.Dial.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

// dialUDP gives no typed nil.
func dialUDP(server *net.UDPAddr) (net.Conn, error) {
	conn, err := net.DialUDP("udp", nil, server)
	if err != nil {
		return nil, err
	}
	return conn, nil
}
