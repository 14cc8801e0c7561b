package milter

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What has taken the place of a socket keeps its mode: whoever owns the folder may put it there between
// bind and the mode.
func TestSetSocketMode(t *testing.T) {
	dir := t.TempDir()
	file, socket, path := filepath.Join(dir, "file"), filepath.Join(dir, "socket"), filepath.Join(dir, "s")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func() error{
		"link to a file":    func() error { return os.Symlink(file, path) },
		"link to a socket":  func() error { return os.Symlink(socket, path) },
		"file":              func() error { return os.Link(file, path) },
		"socket of another": func() error { return os.Link(socket, path) },
		"pipe":              func() error { return syscall.Mkfifo(path, 0o600) },
		"folder":            func() error { return os.Mkdir(path, 0o600) },
		"nothing":           func() error { return nil },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if err := setSocketMode(path, 0o666); err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, name := range []string{file, socket, path} {
			if info, err := os.Stat(name); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has now the mode %v", name, info.Mode())
			}
		}
		_ = os.Remove(path)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(socket, 61234, -1); err != nil {
			t.Fatal(err)
		}
		if err := setSocketMode(socket, 0o666); err == nil {
			t.Error("the socket of another user was changed")
		}
		if err := os.Chown(socket, 0, -1); err != nil {
			t.Fatal(err)
		}
	}
	if err := setSocketMode(socket, 0o666); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("%v, %v", info, err)
	}
}
