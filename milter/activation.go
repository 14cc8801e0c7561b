package milter

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstActivated is the first descriptor that systemd passes on (sd_listen_fds(3)).
const firstActivated = 3

// maxActivated bounds a number that comes from the environment.
const maxActivated = 1024

var errNotActivated = errors.New("no sockets were passed on: start it by a systemd socket unit")

// activated takes over the sockets that systemd passed on, if any, and takes the
// variables out of the environment: neither this nor another process is to take them again.
func activated() ([]net.Listener, error) {
	pid, fds := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 1 || n > maxActivated {
		return nil, nil
	}
	return inherit(firstActivated, n)
}

// inherit makes listeners of n descriptors; they are closed in any case, the
// listeners have copies.
func inherit(first, n int) ([]net.Listener, error) {
	var listeners []net.Listener
	var errs []error
	for fd := first; fd < first+n; fd++ {
		ln, err := inheritOne(fd)
		if err != nil {
			errs = append(errs, fmt.Errorf("descriptor %d: %w", fd, plain(err)))
			continue
		}
		listeners = append(listeners, ln)
	}
	if len(errs) == 0 {
		return listeners, nil
	}
	closeAll(listeners) // of no use without the others
	return nil, errs[0]
}

var errNotListening = errors.New("is no socket that connections come to: the socket unit needs ListenStream= and Accept=no")

func inheritOne(fd int) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), "socket "+strconv.Itoa(fd))
	defer file.Close() // a copy is in use
	if listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listening == 0 {
		return nil, errors.Join(errNotListening, err)
	}
	return net.FileListener(file)
}

// serves tells whether what connects to the address comes to the listener, so that
// nothing else can be bound there.
func serves(ln net.Listener, a Address) bool {
	switch addr := ln.Addr().(type) {
	case *net.UnixAddr:
		return a.Network == "unix" && (addr.Name == a.Address || sameFile(addr.Name, a.Address))
	case *net.TCPAddr:
		return servesTCP(ln, addr, a)
	}
	return false
}

// sameFile tells whether two paths lead to one file, as /run and /var/run do.
func sameFile(one, other string) bool {
	a, err := os.Stat(one)
	if err != nil {
		return false
	}
	b, err := os.Stat(other)
	return err == nil && os.SameFile(a, b)
}

func servesTCP(ln net.Listener, addr *net.TCPAddr, a Address) bool {
	if a.Network != "tcp4" && a.Network != "tcp6" {
		return false
	}
	want, err := net.ResolveTCPAddr(a.Network, a.Address)
	switch {
	case err != nil || want.Port != addr.Port:
		return false
	case addr.IP.Equal(want.IP):
		return addr.Zone == want.Zone
	case !addr.IP.IsUnspecified():
		return false
	}
	if addr.IP.To4() != nil {
		return a.Network == "tcp4"
	}
	return a.Network == "tcp6" || takesIPv4(ln)
}

// takesIPv4 tells whether a socket of IPv6 takes the connections of IPv4, too.
func takesIPv4(ln net.Listener) bool {
	only := 1
	if c, err := ln.(syscall.Conn).SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) {
			if value, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY); err == nil {
				only = value
			}
		})
	}
	return only == 0
}
