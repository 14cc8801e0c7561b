package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a server that was started here, with its children.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string // its file
	ended chan struct{}
}

// start runs a server whose output goes to a file in dir. It ends with this process.
func start(dir, name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	cmd.Stderr = out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop kills it, its children and its group at once: nothing of theirs is needed any more, and
// some take many seconds to end by themselves.
func (p *process) stop() {
	pids := p.pids()
	_ = syscall.Kill(-pids[0], syscall.SIGKILL)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-p.ended
}

// waitFor waits until the server accepts connections.
func (p *process) waitFor(ctx context.Context, network, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended at once: %s", p.name, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w: %s", p.name, err, p.tail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// tail is the end of its log.
func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-2000):])
}

// pids are its own and those of all below it.
func (p *process) pids() []int {
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if fields := statFields(pid); len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	pids := []int{p.cmd.Process.Pid}
	for i := 0; i < len(pids); i++ {
		for pid, parent := range parents {
			if parent == pids[i] && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// statFields are the fields of /proc/PID/stat from the third, the state, on: the second may
// hold spaces.
func statFields(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// cpu is the time that it and its children have computed so far, in user and kernel mode, to
// the nanosecond: the clocks in /proc tick every 10 ms.
func (p *process) cpu() (sum time.Duration) {
	for _, pid := range p.pids() {
		var t unix.Timespec
		if unix.ClockGettime(cpuClock(pid), &t) == nil { // it may have ended
			sum += time.Duration(t.Nano())
		}
	}
	return sum
}

// cpuClock is the clock of the time that all threads of a process have computed, as clock_getcpuclockid(3) numbers it.
func cpuClock(pid int) int32 {
	const sched = 2 // CPUCLOCK_SCHED
	return int32(^pid<<3 | sched)
}

// memory is the proportional set size of it and its children, in bytes: what they share
// counts once.
func (p *process) memory() (sum int, err error) {
	for _, pid := range p.pids() {
		n, err := pss(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func pss(pid int) (int, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 3 && f[0] == "Pss:" {
			kb, err := strconv.Atoi(f[1])
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no Pss of process %d: %w", pid, lines.Err())
}
