package milter

import (
	"net"

	"golang.org/x/sys/unix"
)

// quickAck gives a function that acknowledges at once what was read from a TCP
// connection; nil for other connections. The MTAs leave Nagle's algorithm on and
// send many small packets without waiting for replies: a delayed
// acknowledgement costs them 40 ms. The kernel forgets the option, so it is set
// again after every read (tcp(7), TCP_QUICKACK).
func quickAck(c net.Conn) func() {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	set := func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) // an optimisation: failing is no harm
	}
	return func() { _ = raw.Control(set) }
}
