package packages

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assay/testdata/milterclient"
)

// A machine is a copy of this one: its files by an overlay in memory, with its own processes and loopback. Nothing that
// happens in it is seen outside. It needs root.
type machine struct {
	*testing.T
	pid int // of its first process, as seen from outside
}

// machineScript makes the copy below $1 and becomes its first process, which ends when its input does.
const machineScript = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
ip link set lo up
echo ready
exec chroot . /bin/cat`

func startMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, errors.New("run as root"))
	}
	pid, said := startShell(t, syscall.CLONE_NEWNS|syscall.CLONE_NEWNET|syscall.CLONE_NEWPID, machineScript, t.TempDir())
	if said.first != "ready\n" {
		missing(t, errors.New("no copy of this machine: "+said.problems()))
	}
	m := &machine{t, pid}
	m.forget()
	return m
}

// What a shell said: the first line of its output, and, once it has ended, its errors.
type said struct {
	first    string
	problems func() string
}

// startShell runs a script with arguments in namespaces of its own until the test ends, which ends all that it started.
func startShell(t *testing.T, namespaces uintptr, script string, args ...string) (pid int, _ said) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	var problems strings.Builder
	cmd.Stderr = &problems
	cmd.WaitDelay = 5 * time.Second
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		missing(t, fmt.Errorf("no namespaces: %w", err))
	}
	end := sync.OnceFunc(func() {
		_ = input.Close()
		_ = cmd.Process.Kill() // takes all of its processes along
		_ = cmd.Wait()
	})
	t.Cleanup(end)
	line, _ := bufio.NewReader(output).ReadString('\n')
	return cmd.Process.Pid, said{line, func() string {
		end()
		return problems.String()
	}}
}

// forget removes what this machine may have of assay already.
func (m *machine) forget() {
	m.Helper()
	m.run(`dpkg --purge assay; ! getent passwd assay || userdel assay; ! getent group assay || groupdel assay
rm -rf /etc/assay /var/lib/assay`)
}

// path is the name of a file of the machine outside of it.
func (m *machine) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(m.pid), "root", name)
}

// copyIn puts a file into /tmp and gives its name there.
func (m *machine) copyIn(name string) string {
	m.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		m.Fatal(err)
	}
	inside := filepath.Join("/tmp", filepath.Base(name))
	if err := os.WriteFile(m.path(inside), data, 0o644); err != nil {
		m.Fatal(err)
	}
	return inside
}

// command is one of the shell in the machine.
func (m *machine) command(script string) *exec.Cmd {
	cmd := exec.Command("nsenter", "--target", strconv.Itoa(m.pid), "--mount", "--net", "--pid", "--root", "--wd", "/bin/sh", "-c", script)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	return cmd
}

// run gives what a script wrote, without white space around it; it may not fail.
func (m *machine) run(script string) string {
	m.Helper()
	out, err := m.command(script).CombinedOutput()
	if err != nil {
		m.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// expect holds that a script writes just this.
func (m *machine) expect(script, want string) {
	m.Helper()
	if got := m.run(script); got != want {
		m.Errorf("%s\ngot  %s\nwant %s", script, got, want)
	}
}

// serve runs the daemon as its unit does, by its user, until the function that is returned is called.
func (m *machine) serve() (stop func()) {
	m.Helper()
	start := m.run(`sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/assay.service`)
	m.expect(`sed -n 's/^\(User\|Group\)=//p' /usr/lib/systemd/system/assay.service`, "assay\nassay")
	cmd := m.command("echo $$ >/tmp/pid; STATE_DIRECTORY=/var/lib/assay exec setpriv --reuid assay --regid assay --clear-groups " + start)
	log, err := cmd.StderrPipe()
	if err != nil {
		m.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	lines := bufio.NewReader(log)
	for said := ""; !strings.Contains(said, "msg=listening"); {
		line, err := lines.ReadString('\n')
		if said += line; err != nil {
			m.Fatalf("%s: %v\n%s", start, err, said)
		}
	}
	go io.Copy(io.Discard, lines)
	return func() {
		m.run("kill $(cat /tmp/pid)")
		if err := cmd.Wait(); err != nil {
			m.Errorf("%s: %v", start, err)
		}
	}
}

// dial connects to a port of the machine.
func (m *machine) dial(address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var space *os.File
		if space, err = os.Open(filepath.Join("/proc", strconv.Itoa(m.pid), "ns/net")); err != nil {
			return
		}
		defer space.Close()
		if err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err == nil {
			conn, err = net.DialTimeout("tcp", address, 10*time.Second)
		}
	}()
	<-done
	return conn, err
}

// stamp sends a message through the daemon and gives the fields that it adds. The connection may not be refused; an
// error is what became of it then.
func (m *machine) stamp() (string, error) {
	m.Helper()
	conn, err := m.dial("127.0.0.1:8893")
	if err != nil {
		m.Fatal(err)
	}
	client, err := milterclient.New(conn, milterclient.Options{})
	if err != nil {
		return "", err
	}
	defer client.Close()
	if _, err := client.Connect(milterclient.Client{Addr: loopback, Helo: "client.example"}); err != nil {
		return "", err
	}
	result, err := client.Send(message)
	if err != nil {
		return "", err
	}
	if !result.Reply.OK() {
		return "", errors.New(result.Reply.String())
	}
	var b strings.Builder
	for _, e := range result.Edits {
		fmt.Fprintf(&b, "%s: %s\n", e.Name, e.Value)
	}
	return b.String(), nil
}
