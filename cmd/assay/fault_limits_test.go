package main

import (
	"bufio"
	encoding "encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"assay/auth/message"
	"assay/testdata/milterclient"
)

// descriptors is how many the daemon has open.
func (p *process) descriptors() int {
	p.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(entries)
}

// mayOpen bounds the numbers of the daemon's descriptors.
func (p *process) mayOpen(n int) {
	p.t.Helper()
	limit := unix.Rlimit{Cur: uint64(n), Max: 4096}
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		p.t.Fatal(err)
	}
}

// status is a line of /proc/PID/status in KiB, such as VmHWM.
func (p *process) status(name string) int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				p.t.Fatal(err)
			}
			return n
		}
	}
	p.t.Fatalf("no %s", name)
	return 0
}

// Without a descriptor for a question to DNS a message lacks the answers, and nothing is held against it.
func TestFaultNoDescriptors(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, mtaZone, faultConfig+strict("tempfail"))
	p.normal("the start")
	conn, err := p.open(goodClient)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := answerOn(conn, genuine(t)); err != nil || !passes(got) {
		t.Fatal(got, err)
	}
	p.mayOpen(1)
	for _, l := range []letter{genuine(t), spoofed(), genuine(t)} {
		if got, err := answerOn(conn, l); err != nil || !undecided(got, "tempfail") {
			t.Errorf("without descriptors: %s, %v", got, err)
		}
	}
	p.mayOpen(4096)
	if got, err := answerOn(conn, genuine(t)); err != nil || !passes(got) {
		t.Errorf("with descriptors again: %s, %v", got, err)
	}
	p.normal("that")
}

// A flood of connections takes all descriptors: those who have a session are served, the others wait, and
// once the flood is over all of them are. It is said a few times, not for each.
func TestFaultFlood(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, mtaZone, faultConfig+strict("tempfail"))
	p.normal("the start")
	p.mayOpen(p.descriptors() + 40)
	var flood []net.Conn
	for range 300 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"))
		if err != nil {
			t.Fatal(err)
		}
		flood = append(flood, conn)
	}
	p.log.wait(t, "can't accept connections")
	answers := make(chan string)
	for range 10 {
		go func() {
			conn, err := p.open(goodClient)
			if err != nil {
				answers <- err.Error()
				return
			}
			defer conn.Close()
			answer, err := answerOn(conn, genuine(t))
			answers <- fmt.Sprint(answer, err)
		}()
	}
	for _, conn := range flood { // one after the other: each makes room for one that waits
		_ = conn.Close()
	}
	for range 10 {
		if got := <-answers; !passes(got) && !undecided(got, "tempfail") {
			t.Error(got)
		}
	}
	p.normal("the flood")
	if n := p.log.lines("can't accept"); n > 20 {
		t.Errorf("%d warnings", n)
	}
	until(t, "descriptors to be closed", func() bool { return p.descriptors() < 40 })
}

// plainBinary builds the command without the race detector, whose memory is another.
var plainBinary = sync.OnceValues(func() (path string, err error) {
	if _, err := binary(); err != nil { // makes the folder
		return "", err
	}
	path = filepath.Join(binaryDir, "assay-plain")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// hostile are headers that are made to cost much.
func hostile(t testing.TB) map[string]message.Header {
	from := message.NewField("From", " joe@good.example")
	signature := func(i int) message.Field {
		return message.NewField("DKIM-Signature", fmt.Sprintf(" v=1; a=rsa-sha256; c=simple/relaxed; d=good.example; s=sel; t=%d; h=%s; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=%s",
			i, strings.Repeat("From:", 200)+"From", strings.Repeat("A", 340)))
	}
	headers := map[string]message.Header{
		"long":       {from, message.NewField("Subject", " "+strings.Repeat("x", 60<<10))},
		"many":       {from},
		"signatures": {from},
		"addresses":  {message.NewField("From", strings.Repeat(" a@good.example,", 3000)+" joe@good.example")},
		"comments":   {message.NewField("From", " "+strings.Repeat("(", 20000)+" joe@good.example")},
		"sets":       {from},
	}
	for i := range 2000 {
		headers["many"] = append(headers["many"], message.NewField("X-"+strconv.Itoa(i), " "+strings.Repeat("y", 400)))
	}
	for i := range 500 {
		headers["signatures"] = append(headers["signatures"], signature(i))
	}
	for i := range 50 {
		for _, name := range []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"} {
			headers["sets"] = append(headers["sets"], message.NewField(name, fmt.Sprintf(" i=%d; a=rsa-sha256; d=good.example; s=sel; cv=pass; h=From; bh=AAAA; b=AAAA", i+1)))
		}
	}
	return headers
}

// A daemon that may not use much memory has 100 sessions in the middle of large messages and gets hostile
// ones: it stays within its bound, which doesn't grow with the bodies.
func TestFaultMemory(t *testing.T) {
	t.Parallel()
	path, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	p := prepareFaulty(t, mtaZone, strings.Replace(withHistory("sqlite:history.db"), `max_ttl = "1ns"`, "", 1))
	p.wrap = func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args[0] = path, path
		cmd.Env = append(cmd.Env, "GOMEMLIMIT=48MiB")
	}
	p.start()
	p.normal("the start")
	body := []byte(strings.Repeat(strings.Repeat("x", 76)+"\r\n", 4<<20/78))
	var conns []*milterclient.Conn
	for range 100 {
		conn, err := p.open(goodClient)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Drop()
		if err := conn.Begin(milterclient.Message{From: "joe@good.example", Header: message.Header{message.NewField("From", " joe@good.example")}, Body: body}); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	p.hostileMix(4, 6)
	const bound = 160 << 10 // KiB
	if peak := p.status("VmHWM"); peak > bound {
		t.Errorf("up to %d KiB were resident, more than %d", peak, bound)
	} else {
		t.Logf("up to %d KiB were resident", peak)
	}
	for _, conn := range conns {
		if err := conn.Abort(); err != nil {
			t.Error(err)
		}
	}
	p.normal("that")
	if p.log.lines("panic") != 0 {
		t.Error("a panic was logged")
	}
}

// hostileMix sends every hostile message several times, in several sessions at once. Each gets an answer.
func (p *process) hostileMix(sessions, times int) {
	p.t.Helper()
	headers := hostile(p.t)
	var running sync.WaitGroup
	for range sessions {
		running.Go(func() {
			for range times {
				for name, header := range headers {
					conn, err := p.open(badClient)
					if err != nil {
						p.t.Error(err)
						return
					}
					if result, err := conn.Send(milterclient.Message{From: "joe@elsewhere.example", Header: header, Body: []byte("x\r\n")}); err != nil {
						p.t.Errorf("%s: %v", name, err)
					} else if result.Stage != "end" {
						p.t.Errorf("%s: answered at %s", name, result.Stage)
					}
					_ = conn.Close()
				}
			}
		})
	}
	running.Wait()
}

// An MTA that stops in the middle of a packet, or reads nothing, keeps nobody else waiting, and the
// daemon ends as ever.
func TestFaultStalledMTA(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, mtaZone, faultConfig+strict("tempfail"))
	address := strings.TrimPrefix(p.listen, "inet:")
	offer := milterPacket("O\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff")
	for _, bytes := range []string{"", "\x00\x00", offer[:9], offer, offer + "\x00\x00\x00", offer + "\x00\x00\x01\x00C", offer + "\x00\x00\x00\x05Bab"} {
		for range 20 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte(bytes)); err != nil {
				t.Fatal(err)
			}
		}
	}
	deaf, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	go writeForever(deaf, offer, milterPacket("Hmail.test\x00"))
	p.steady(5, "stalled sessions")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// milterPacket puts the length before a packet.
func milterPacket(data string) string {
	return string(encoding.BigEndian.AppendUint32(nil, uint32(len(data)))) + data
}

// writeForever writes first and then the same again and again, until the other side has enough of it.
func writeForever(conn net.Conn, first, again string) {
	w := bufio.NewWriter(conn)
	_, err := w.WriteString(first)
	for err == nil {
		_, err = w.WriteString(again)
	}
}
