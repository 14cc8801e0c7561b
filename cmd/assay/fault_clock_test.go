//go:build linux && amd64

package main

import (
	"bytes"
	"debug/elf"
	encoding "encoding/binary"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/testdata/mta"
)

// A skewedClock is the wall clock of one running process, which can be set to another time than that
// of the machine. The process asks the kernel's vDSO for the time; what stands there is replaced, in this process
// alone, by code that makes the system call and adds an offset to CLOCK_REALTIME. CLOCK_MONOTONIC stays.
type skewedClock struct {
	mem    *os.File // /proc/PID/mem
	offset int64    // where the offset is, in seconds
}

// clockCode is clock_gettime(rdi, rsi) as a system call. To the seconds of clock 0 it adds the eight
// bytes behind it.
var clockCode = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 0x0a, // jne to ret
	0x4c, 0x8b, 0x15, 0x04, 0x00, 0x00, 0x00, // mov r10, [rip+4]
	0x4c, 0x01, 0x16, // add [rsi], r10
	0xc3, // ret
}

// skewClock takes over the clock of a process, which stops for that.
func skewClock(t *testing.T, pid int) *skewedClock {
	t.Helper()
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		t.Skipf("not allowed to change a process: %v", err)
	}
	t.Cleanup(func() { _ = mem.Close() })
	start, size := vdso(t, pid)
	image := make([]byte, size)
	if _, err := mem.ReadAt(image, start); err != nil {
		t.Fatal(err)
	}
	gettime, end := symbols(t, image)
	c := &skewedClock{mem: mem, offset: start + end + int64(len(clockCode))}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(pid, syscall.SIGCONT)
	c.write(t, start+end, append(bytes.Clone(clockCode), make([]byte, 8)...))
	jump := encoding.LittleEndian.AppendUint32([]byte{0xe9}, uint32(int32(end-gettime-5)))
	c.write(t, start+gettime, jump)
	return c
}

func (c *skewedClock) write(t *testing.T, at int64, data []byte) {
	t.Helper()
	if _, err := c.mem.WriteAt(data, at); err != nil {
		t.Skipf("not allowed to change a process: %v", err)
	}
}

// set sets the clock so far from that of the machine, at once.
func (c *skewedClock) set(t *testing.T, ahead time.Duration) {
	t.Helper()
	c.write(t, c.offset, encoding.LittleEndian.AppendUint64(nil, uint64(int64(ahead/time.Second))))
}

// vdso is where the kernel's code is in a process.
func vdso(t *testing.T, pid int) (start, size int64) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		var end int64
		if strings.Contains(line, "[vdso]") {
			if _, err := fmt.Sscanf(line, "%x-%x", &start, &end); err != nil {
				t.Fatal(err)
			}
			return start, end - start
		}
	}
	t.Skip("the process has no vDSO")
	return 0, 0
}

// symbols are where clock_gettime is in the vDSO, and where there is room behind all of it.
func symbols(t *testing.T, image []byte) (gettime, end int64) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	list, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Name == "__vdso_clock_gettime" {
			gettime = int64(s.Value)
		}
	}
	for n := int64(len(image)); n > 0 && image[n-1] == 0; n-- {
		end = (n - 1 + 15) &^ 15
	}
	if room := int64(len(image)) - end; gettime == 0 || end == 0 || room < int64(len(clockCode))+8 {
		t.Skipf("no room in the vDSO: %d bytes", room)
	}
	return gettime, end
}

// The clock jumps, ahead and back, by hours and by years: every message is answered at once and gets its
// verdict, what DNS said is known as long as before, and nothing of the history is deleted. A signature that
// says when it was made is from the future while the clock is years behind; SPF speaks for the message then.
func TestFaultClock(t *testing.T) {
	t.Parallel()
	needRoot(t)
	p := startFaulty(t, mtaZone, strings.Replace(withHistory("sqlite:history.db"), `max_ttl = "1ns"`, "", 1))
	clock := skewClock(t, p.cmd.Process.Pid)
	m := mta.ForTest(t, mta.StartPostfix, mta.Options{Extra: noLookups, Milters: []string{p.listen}})
	p.steady(3, "the start")
	p.waitSeen(3)
	asked := p.asked("good.example")
	l := startLedger(t, m, 2)
	const year = 365 * 24 * time.Hour
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 3 * year, -3 * year, 60 * year, 0, 24 * time.Hour, 0} {
		clock.set(t, ahead)
		for range 3 {
			if got := p.answer(genuine(t)); !strings.HasPrefix(got, "accept\n") || !strings.Contains(got, "dmarc=pass") || ahead > -24*time.Hour && !passes(got) {
				t.Errorf("%v ahead: %s", ahead, got)
			}
			if got := p.answer(spoofed()); !refused(got) {
				t.Errorf("%v ahead: %s", ahead, got)
			}
		}
		l.more(5)
		if year := time.Now().Add(ahead).Format("time=2006-01-02"); !strings.Contains(p.log.String(), year) {
			t.Errorf("the clock is not at %s", year)
		}
	}
	delivered, held := l.finish()
	_, refused, deferred := l.counts()
	if n := stamped(delivered, "dmarc=pass"); n != len(delivered) || held+refused+deferred != 0 {
		t.Errorf("%d of %d stamped, %d held, %d refused, deferred %d times", n, len(delivered), held, refused, deferred)
	}
	if n := p.asked("good.example"); n != asked {
		t.Errorf("the jumps cost %d more questions for what was known", n-asked)
	}
	if n := p.waitSeen(3 + 7*3); n != 3+7*3 { // all but those of three years ago
		t.Errorf("%d messages are in the history", n)
	}
	p.normal("all")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
