package milter

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// firstActivated is the first descriptor that systemd passes on (sd_listen_fds(3)).
const firstActivated = 3

// maxActivated bounds a number that comes from the environment.
const maxActivated = 1024

var errNotActivated = errors.New("no sockets were passed on: start it by a systemd socket unit")

// activated takes over the sockets that systemd passed on, and takes the
// variables out of the environment, so that no other process takes them for its own.
func activated() ([]net.Listener, error) {
	pid, fds := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, errNotActivated
	}
	n, err := strconv.Atoi(fds)
	if err != nil || n < 1 || n > maxActivated {
		return nil, errNotActivated
	}
	return inherit(firstActivated, n)
}

// inherit makes listeners of n descriptors; they are closed in any case, the
// listeners have copies.
func inherit(first, n int) ([]net.Listener, error) {
	var listeners []net.Listener
	var errs []error
	for fd := first; fd < first+n; fd++ {
		file := os.NewFile(uintptr(fd), "socket "+strconv.Itoa(fd))
		ln, err := net.FileListener(file)
		_ = file.Close() // a copy is in use
		if err != nil {
			errs = append(errs, fmt.Errorf("descriptor %d: %w", fd, plain(err)))
			continue
		}
		listeners = append(listeners, ln)
	}
	if len(errs) == 0 {
		return listeners, nil
	}
	for _, ln := range listeners {
		_ = ln.Close() // of no use without the others
	}
	return nil, errs[0]
}
