package milter

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// A connection to what was bound here has of its listener what package net would give it.
func TestKeepAliveOfListener(t *testing.T) {
	bound, err := Listen(anyPort, 0)
	if err != nil {
		t.Fatal(err)
	}
	usual, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got, want := keepAliveOf(t, bound[0]), keepAliveOf(t, usual)
	if got != want || got[0] != 1 {
		t.Errorf("%v, want %v", got, want)
	}
}

// keepAliveOf is the options of a connection that is accepted from a listener, which is closed.
func keepAliveOf(t *testing.T, ln net.Listener) (values [4]int) {
	t.Helper()
	defer ln.Close()
	m := dial(t, ln.Addr())
	defer m.Close()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		for i, option := range [][2]int{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
		} {
			value, failed := unix.GetsockoptInt(int(fd), option[0], option[1])
			if failed != nil {
				t.Error(failed)
			}
			values[i] = value
		}
	}); err != nil {
		t.Fatal(err)
	}
	return values
}
