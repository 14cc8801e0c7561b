package milter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// ListenAll opens the listeners of all addresses, or none.
//
// The sockets that systemd passed on are among them, once in a process, whether an address
// names them or not: what connects there is in nobody else's hands. An address
// that one of them serves is not bound again. The address fd stands for all of them, and is an
// error when there are none.
//
// Unix sockets that are bound here get the mode, and replace those on which nobody
// listens any more; otherwise the mode has no effect. The error is one line that names the address.
func ListenAll(addresses []Address, mode os.FileMode) ([]net.Listener, error) {
	passed, err := activated()
	if err != nil {
		return nil, fmt.Errorf("milter: sockets passed on by systemd: %w", err)
	}
	listeners := slices.Clone(passed)
	for _, a := range addresses {
		if len(passed) > 0 && (a.Network == "fd" || slices.ContainsFunc(passed, func(ln net.Listener) bool { return serves(ln, a) })) {
			continue
		}
		more, err := Listen(a, mode)
		if err != nil {
			closeAll(listeners)
			return nil, err
		}
		listeners = append(listeners, more...)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		_ = ln.Close() // nothing was accepted yet
	}
}

// Listen opens the listeners of one address as ListenAll does: one, but with fd as many as
// systemd passed on. Other sockets that were passed on are left alone.
func Listen(a Address, mode os.FileMode) ([]net.Listener, error) {
	listeners, err := listen(a, mode)
	if err != nil {
		return nil, fmt.Errorf("milter: listen %s: %w", a, plain(err))
	}
	return listeners, nil
}

func listen(a Address, mode os.FileMode) ([]net.Listener, error) {
	var ln net.Listener
	var err error
	switch a.Network {
	case "fd":
		listeners, err := activated()
		if err == nil && len(listeners) == 0 {
			err = errNotActivated
		}
		return listeners, err
	case "unix":
		ln, err = listenUnix(a.Address, mode)
	case "tcp4", "tcp6":
		ln, err = listenTCP().Listen(context.Background(), a.Network, a.Address)
	default:
		err = net.UnknownNetworkError(a.Network)
	}
	if err != nil {
		return nil, err
	}
	return []net.Listener{ln}, nil
}

// listenUnix binds a unix socket, in place of one that nobody listens on.
func listenUnix(path string, mode os.FileMode) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// The file never has more permissions than it is to have: on Linux it takes the
	// mode of the socket, less the umask. Other systems may refuse that.
	limit := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), uint32(mode.Perm())) })
	}}
	ln, err := limit.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := setSocketMode(path, mode); err != nil {
		_ = ln.Close()
		return nil, err
	}
	return ln, nil
}

// removeStale removes a socket that refuses connections, as one does after its
// process was killed.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(path))
		return err
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file of that name that is no socket")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close() // only asked whether there is one
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return os.Remove(path)
	}
	return syscall.EADDRINUSE
}

// plain takes from an error what the address and the operation say again.
func plain(err error) error {
	var path *fs.PathError
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("already in use by another process: %w", syscall.EADDRINUSE)
	case errors.As(err, &dns):
		return fmt.Errorf("unknown host %s: %w", dns.Name, dns)
	case errors.As(err, &path):
		return fmt.Errorf("%s: %w", path.Path, path.Err)
	case errors.As(err, &op):
		return op.Err
	}
	return err
}
