// Package systemd starts a private systemd for tests of units: real units under the real service manager,
// with no effect on the host.
//
// Divergences from the RFC: none; there is no RFC.
package systemd

import (
	"bytes"
	_ "embed" // for the script
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed box.sh
var script string

// noRoom is the exit code of the script where there can be no box.
const noRoom = 77

// A Box is a running systemd in name spaces of its own. Its methods are safe for concurrent use.
type Box struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  bytes.Buffer  // of the console; to be read when it has ended
	net  *os.File      // its network
}

// Start boots a box, which sees the files of a folder, such as FILES/usr/bin/assay, over those of the
// host, and ends it with the test. Where that is not possible the test is skipped; for want of systemd it
// fails if $ASSAY_REQUIRE_TOOLS is set.
func Start(t testing.TB, files string) *Box {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a systemd")
	}
	for _, tool := range []string{"/lib/systemd/systemd", "nsenter", "unshare", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	b := &Box{t: t, done: make(chan struct{})}
	b.cmd = exec.Command("bash", "-c", script, "box.sh", t.TempDir(), files, Group(t))
	b.cmd.Stdout, b.cmd.Stderr = &b.log, &b.log
	b.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET,
		Setsid:     true,
	}
	if err := b.cmd.Start(); err != nil {
		t.Skipf("no name spaces: %v", err)
	}
	go func() {
		_ = b.cmd.Wait()
		close(b.done)
	}()
	t.Cleanup(b.stop)
	b.boot()
	return b
}

// boot waits until the box runs.
func (b *Box) boot() {
	b.t.Helper()
	var err error
	if b.net, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", b.cmd.Process.Pid)); err != nil {
		b.t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if out, err := b.Run("systemctl is-active box.target"); err == nil && out == "active\n" {
			return
		}
		select {
		case <-b.done:
			if b.cmd.ProcessState.ExitCode() == noRoom {
				b.t.Skipf("no room for a systemd: %s", b.log.String())
			}
			b.t.Fatalf("systemd ended: %v\n%s", b.cmd.ProcessState, b.log.String())
		default:
		}
		if time.Now().After(limit) {
			b.t.Fatal("systemd does not come up")
		}
	}
}

// stop ends the box with all its processes.
func (b *Box) stop() {
	if b.t.Failed() {
		out, _ := b.Run("journalctl --no-pager -o short-precise | tail -n 100")
		b.t.Logf("the journal:\n%s", out)
	}
	_ = b.cmd.Process.Kill()
	<-b.done
	_ = b.net.Close()
}

// Run runs a shell command in the box and gives all that it prints.
func (b *Box) Run(command string) (string, error) {
	cmd := exec.Command("nsenter", "--target", fmt.Sprint(b.cmd.Process.Pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
		"/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_PAGER=", "/bin/sh", "-c", command)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Must runs a shell command in the box, which has to succeed, and gives all that it prints.
func (b *Box) Must(command string) string {
	b.t.Helper()
	out, err := b.Run(command)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// Property is what systemctl show says of a unit.
func (b *Box) Property(unit, name string) string {
	b.t.Helper()
	return strings.TrimSpace(b.Must(fmt.Sprintf("systemctl show --value -p %s %s", name, unit)))
}

// Dial connects to an address in the network of the box.
func (b *Box) Dial(network, address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread changes its network, and is given up when it can't change back
		own, openErr := os.Open("/proc/thread-self/ns/net")
		if openErr != nil {
			err = openErr
			return
		}
		defer own.Close()
		if err = unix.Setns(int(b.net.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		conn, err = net.Dial(network, address)
		if backErr := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); backErr != nil {
			err = errors.Join(err, backErr)
			return
		}
		runtime.UnlockOSThread()
	}()
	<-done
	return conn, err
}
