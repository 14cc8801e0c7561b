package milter

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// What package net sets for each connection that it accepts.
const (
	keepAliveIdle     = 15 // seconds of silence before the first probe
	keepAliveInterval = 15 // seconds between probes
	keepAliveCount    = 9  // probes without an answer
)

// listenTCP is how TCP sockets are bound. Their connections have keepalive from them (socket(7), tcp(7)), which
// package net would set with four calls for each. Those of Multipath TCP need not have it.
func listenTCP() *net.ListenConfig {
	config := &net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = setKeepAlive(int(fd)) })
		return errors.Join(err, failed)
	}}
	config.SetMultipathTCP(false)
	return config
}

func setKeepAlive(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveInterval),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount),
	)
}
