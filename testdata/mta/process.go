package mta

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is the time a server has to end on SIGTERM before it is killed.
const stopTimeout = 5 * time.Second

// A process is a running server, the first process of a group or a PID namespace.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer  // to be read once done is closed
	done   chan struct{} // closed when it has ended
	err    error         // set before done is closed

	once  sync.Once // of stop
	guard *exec.Cmd
	pipe  io.WriteCloser
}

// startProcess starts cmd. If this process ends without having called stop,
// killed for instance, cmd is ended too and dir removed.
func startProcess(cmd *exec.Cmd, dir string) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := p.startGuard(dir); err != nil {
		p.stop()
		return nil, fmt.Errorf("mta: %w", err)
	}
	return p, nil
}

// startGuard starts a shell that waits for the end of a pipe which only this
// process holds. PR_SET_PDEATHSIG would not do: the servers change their user,
// which clears it.
func (p *process) startGuard(dir string) error {
	const script = `read -r _; kill -TERM "$1"; kill -KILL "-$1" "$1"; rm -rf "$2"`
	p.guard = exec.Command("/bin/sh", "-c", script, "guard", strconv.Itoa(p.cmd.Process.Pid), dir)
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of Ctrl-C
	var err error
	if p.pipe, err = p.guard.StdinPipe(); err != nil {
		return err
	}
	return p.guard.Start()
}

// stop ends the process, and what is left of its group: Postfix's master leads
// one, Sendmail is the first process of a PID namespace and takes all along.
func (p *process) stop() { p.once.Do(p.end) }

func (p *process) end() {
	if p.guard.Process != nil {
		p.guard.Process.Kill()
		p.guard.Wait()
	}
	pid := p.cmd.Process.Pid
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	p.cmd.Process.Kill()
	<-p.done
	syscall.Kill(-pid, syscall.SIGKILL)
}

// ports sets Addr and Addr6 to free ports.
func (m *MTA) ports() error {
	port, err := freePort("127.0.0.1")
	if err != nil {
		return err
	}
	m.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	if port, err = freePort("::1"); err == nil {
		m.Addr6 = netip.AddrPortFrom(netip.IPv6Loopback(), port)
	}
	return nil
}

// freePort finds a port below those that the kernel gives to clients, so that
// no connection takes it before the server does.
func freePort(host string) (uint16, error) {
	var err error
	for range 100 {
		port := 10240 + rand.N(20000)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port))); err == nil {
			return uint16(port), l.Close()
		}
	}
	return 0, err
}
