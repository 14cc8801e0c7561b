package milter

import (
	"net"
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
