package milter

import "golang.org/x/sys/unix"

// quickAck acknowledges at once what was read from a TCP connection. The MTAs leave Nagle's
// algorithm on and send many small packets without waiting for replies: a delayed
// acknowledgement costs them 40 ms. The kernel forgets the option, so it is set again
// whenever more is waited for (tcp(7), TCP_QUICKACK).
func quickAck(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) // an optimisation: failing is no harm
}
