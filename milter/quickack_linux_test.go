package milter

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func TestQuickAck(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(set bool) (value int) {
		t.Helper()
		_ = raw.Control(func(fd uintptr) {
			if set {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
				return
			}
			value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK)
		})
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	option(true)
	if option(false) != 0 {
		t.Skip("the kernel does not let the option be taken away")
	}
	if err := raw.Control(quickAck); err != nil {
		t.Fatal(err)
	}
	if option(false) == 0 {
		t.Error("TCP_QUICKACK is not set")
	}
}

// What no answer acknowledges is acknowledged at once, macros after a message too: an MTA's TCP may hold the
// command that they belong to back until then.
func TestAcknowledged(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	m := dial(t, ln.Addr())
	raw, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(stamper{})
	ctx, cancel := context.WithCancel(t.Context())
	c := newConn(raw, 0, &d.blocks, d.Log)
	c.session = &session{server: d.Server, conn: c, ctx: ctx}
	var acks atomic.Int64
	c.in.ack = func(fd uintptr) {
		quickAck(fd)
		acks.Add(1)
	}
	d.slots <- struct{}{}
	d.enter(c, cancel)
	serve(c)
	m.negotiate(offeredActions, offeredProtocol)
	acknowledged := int64(1) // the offer, which costs nothing
	for range 3 {
		eventually(t, "it is acknowledged", func() bool { return acks.Load() >= acknowledged })
		if _, err := m.Write(mailOf(1)); err != nil {
			t.Fatal(err)
		}
		for code := byte(0); code != 'a'; {
			code, _ = m.read()
		}
		m.send('D', "M"+cstrings("i", "A2"))
		acknowledged++
	}
	eventually(t, "it is acknowledged", func() bool { return acks.Load() >= acknowledged })
	_ = m.Close()
	d.running.Wait()
	if n := acks.Load(); n != acknowledged {
		t.Errorf("acknowledged %d times, want %d: the end of a message is acknowledged by its answer", n, acknowledged)
	}
}
