package milter

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// anyPort is a free port of the loopback interface.
var anyPort = Address{"tcp4", "127.0.0.1:0"}

func TestListenErrors(t *testing.T) {
	dir := t.TempDir()
	used, err := Listen(anyPort, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer used[0].Close()
	busy := used[0].Addr().String()
	file, live := filepath.Join(dir, "file"), filepath.Join(dir, "live")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(Address{"unix", live}, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer ln[0].Close()
	t.Setenv("LISTEN_PID", "")
	for a, want := range map[Address]string{
		{"tcp4", busy}:             "inet:" + busy + ": already in use by another process: address already in use",
		{"tcp4", "192.0.2.1:1"}:    "inet:192.0.2.1:1: bind: cannot assign requested address",
		{"unix", live}:             "unix:" + live + ": already in use by another process: address already in use",
		{"unix", file}:             "unix:" + file + ": there is a file of that name that is no socket",
		{"unix", dir + "/none/s"}:  "unix:" + dir + "/none/s: " + dir + "/none: no such file or directory",
		{"unix", file + "/s"}:      "unix:" + file + "/s: " + file + "/s: not a directory",
		{"fd", ""}:                 "fd: no sockets were passed on: start it by a systemd socket unit",
		{"udp", "127.0.0.1:0"}:     "udp:127.0.0.1:0: unknown network udp",
		{"unixpacket", dir + "/p"}: "unixpacket:" + dir + "/p: unknown network unixpacket",
	} {
		if _, err := Listen(a, 0o600); err == nil || err.Error() != "milter: listen "+want {
			t.Errorf("%s:\n got %v\nwant milter: listen %s", a, err, want)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "x" {
		t.Errorf("the file was touched: %q, %v", data, err)
	}
}

func TestUnixSocketMode(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o660, 0o666, 0o777} {
		path := filepath.Join(t.TempDir(), "s")
		ln, err := Listen(Address{"unix", path}, mode)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%v: %v, %v", mode, info.Mode(), err)
		}
		_ = ln[0].Close()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

// A socket of a process that was killed is replaced.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	_ = old.Close()
	ln, err := Listen(Address{"unix", path}, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer ln[0].Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// systemd passes descriptors on from 3; here they are where they are.
func TestInherit(t *testing.T) {
	first := unusedDescriptors(t, 2)
	var addrs []string
	for i := range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		file, err := ln.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Dup3(int(file.Fd()), first+i, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, ln.Addr().String())
		_ = file.Close()
		_ = ln.Close()
	}
	listeners, err := inherit(first, 2)
	if err != nil || len(listeners) != 2 {
		t.Fatalf("%v, %v", listeners, err)
	}
	for i, ln := range listeners {
		if ln.Addr().String() != addrs[i] {
			t.Errorf("%s, want %s", ln.Addr(), addrs[i])
		}
		_ = ln.Close()
	}
	if _, err := inherit(first, 1); err == nil {
		t.Error("a closed descriptor became a listener")
	}
}

// unusedDescriptors finds n consecutive descriptor numbers that are free.
func unusedDescriptors(t *testing.T, n int) int {
	t.Helper()
	for first := 500; first < 900; first += n {
		free := true
		for fd := first; fd < first+n; fd++ {
			var stat syscall.Stat_t
			free = free && errors.Is(syscall.Fstat(fd, &stat), syscall.EBADF)
		}
		if free {
			return first
		}
	}
	t.Fatal("no free descriptors")
	return 0
}

func TestActivationEnvironment(t *testing.T) {
	mine := strconv.Itoa(os.Getpid())
	for _, tt := range []struct{ pid, fds string }{
		{"", ""}, {"1", "1"}, {mine, ""}, {mine, "0"}, {mine, "-1"}, {mine, "x"}, {mine, "100000"}, {"", "1"},
	} {
		t.Run(fmt.Sprintf("%q", tt.fds), func(t *testing.T) {
			t.Setenv("LISTEN_PID", tt.pid)
			t.Setenv("LISTEN_FDS", tt.fds)
			t.Setenv("LISTEN_FDNAMES", "x")
			if _, err := Listen(Address{Network: "fd"}, 0); !errors.Is(err, errNotActivated) {
				t.Errorf("got %v", err)
			}
			for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
				if _, ok := os.LookupEnv(name); ok {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
}

// What a socket that was passed on serves is not bound again.
func TestServes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	if err := os.Symlink(dir, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	only6 := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 1) })
	}}
	for _, tt := range []struct {
		network, address string // bound; PORT stands for the port it gets
		served, other    []string
	}{
		{"tcp4", "127.0.0.1:0", []string{"inet:127.0.0.1:PORT", "inet:PORT@localhost"}, []string{"inet:127.0.0.1:1", "inet:127.0.0.2:PORT", "inet:0.0.0.0:PORT", "inet6:[::1]:PORT", "inet:127.0.0.1:0", "inet:host.invalid:PORT"}},
		{"tcp4", "0.0.0.0:0", []string{"inet:127.0.0.1:PORT", "inet:0.0.0.0:PORT"}, []string{"inet6:[::]:PORT", "inet6:[::1]:PORT"}},
		{"tcp", "[::]:0", []string{"inet:127.0.0.1:PORT", "inet:0.0.0.0:PORT", "inet6:[::]:PORT", "inet6:[::1]:PORT"}, []string{"inet6:[::]:1", "inet:127.0.0.1:1"}},
		{"tcp6", "[::]:0", []string{"inet6:[::]:PORT", "inet6:[::1]:PORT"}, []string{"inet:127.0.0.1:PORT", "inet:0.0.0.0:PORT"}},
		{"unix", path, []string{"unix:" + path, "local:" + dir + "/link/s", "unix:" + dir + "//s"}, []string{"unix:" + path + "2", "inet:127.0.0.1:1"}},
	} {
		listen := net.ListenConfig{}
		if tt.network == "tcp6" {
			listen = only6
		}
		ln, err := listen.Listen(t.Context(), tt.network, tt.address)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		check := func(texts []string, want bool) {
			for _, text := range texts {
				a, err := ParseAddress(strings.ReplaceAll(text, "PORT", port))
				if err != nil {
					t.Fatal(err)
				}
				if got := serves(ln, a); got != want {
					t.Errorf("%s %s serves %s: %t", tt.network, ln.Addr(), a, got)
				}
			}
		}
		check(tt.served, true)
		check(tt.other, false)
		_ = ln.Close()
	}
}

// A socket that nobody listens on is no listener, though it could be taken for one.
func TestInheritNotListening(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inherit(fd, 1); !errors.Is(err, errNotListening) {
		t.Errorf("got %v", err)
	}
}

// Of several addresses all are bound, or none.
func TestListenAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := ListenAll([]Address{{"unix", path}, {"tcp4", "192.0.2.1:1"}}, 0o600); err == nil {
		t.Error("bound")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if _, err := ListenAll([]Address{{"unix", path}, {Network: "fd"}}, 0o600); !errors.Is(err, errNotActivated) {
		t.Errorf("fd: %v", err)
	}
}
