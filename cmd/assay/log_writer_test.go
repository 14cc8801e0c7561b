package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func tellLost(lost int) []byte { return fmt.Appendf(nil, "lost %d\n", lost) }

// A gate is a log whose writes wait until they are let through.
type gate struct {
	through chan struct{}
	mu      sync.Mutex
	writes  []string
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.through
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writes = append(g.writes, string(p))
	return len(p), nil
}

func (g *gate) written() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.writes)
}

// What comes within a short time after a write is written together after that, in order.
func TestLogTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		w := newLogWriter(g, tellLost)
		fmt.Fprintln(w, "first")
		synctest.Wait()
		var want strings.Builder
		for i := range 1000 {
			fmt.Fprintf(io.MultiWriter(w, &want), "line %d\n", i)
		}
		close(g.through)
		time.Sleep(2 * logRest)
		synctest.Wait()
		fmt.Fprintln(w, "alone")
		synctest.Wait()
		fmt.Fprintln(w, "soon")
		fmt.Fprintln(w, "after")
		synctest.Wait()
		if got := g.written(); !slices.Equal(got, []string{"first\n", want.String(), "alone\n"}) {
			t.Errorf("%d writes: %.200q", len(got), got)
		}
		time.Sleep(logRest)
		synctest.Wait()
		if got := g.written(); len(got) != 4 || got[3] != "soon\nafter\n" {
			t.Errorf("%d writes: %.200q", len(got), got)
		}
		w.close()
	})
}

// A log that is stuck is not waited for: not by lines, and at the end not for long.
func TestLogStuckAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{through: make(chan struct{})}
		w := newLogWriter(g, tellLost)
		began := time.Now()
		fmt.Fprintln(w, "a")
		fmt.Fprintln(w, "b")
		if took := time.Since(began); took != 0 {
			t.Errorf("two lines took %v", took)
		}
		w.close()
		if took := time.Since(began); took != logPatience {
			t.Errorf("the end took %v", took)
		}
		close(g.through)
		<-w.ended
		if got := strings.Join(g.writes, ""); got != "a\nb\n" {
			t.Errorf("%q", got)
		}
	})
}

// A pipe that nobody reads for a while: what it can't take is lost in one place, counted, and told of
// when it is read again.
func TestLogStalledPipe(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := newLogWriter(out, tellLost)
	padding := strings.Repeat("x", 500)
	const lines = 3 * maxLogQueue / 500
	for i := range lines {
		fmt.Fprintf(w, "%d %s\n", i, padding)
	}
	read := bufio.NewReader(r)
	lost := 0
	for next := 0; next < lines; {
		line, err := read.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := fmt.Sscanf(line, "lost %d\n", &lost); n == 1 {
			next += lost
			continue
		}
		if want := fmt.Sprintf("%d %s\n", next, padding); line != want {
			t.Fatalf("got %.20q, want %.20q", line, want)
		}
		next++
	}
	if lost < lines/3 {
		t.Errorf("%d of %d lines lost", lost, lines)
	}
	fmt.Fprintln(w, "again")
	w.close()
	_ = out.Close()
	if rest, err := io.ReadAll(read); string(rest) != "again\n" || err != nil {
		t.Errorf("then %q, %v", rest, err)
	}
}

// A log that fails: a pipe that was closed, and a full disk.
func TestLogFails(t *testing.T) {
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	for _, out := range []*os.File{pipe, full} {
		w := newLogWriter(out, tellLost)
		for range 100 {
			if n, err := fmt.Fprintln(w, "line"); n != 5 || err != nil {
				t.Errorf("%s: %d, %v", out.Name(), n, err)
			}
		}
		w.close()
		_ = out.Close()
		if w.untold != 100 {
			t.Errorf("%s: %d lines are known to be lost", out.Name(), w.untold)
		}
	}
}

// A brief failure ends within a line.
type breaking struct {
	bytes.Buffer
	room int // bytes until it fails
	fail int // so many times
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) > b.room && b.fail > 0 {
		b.fail--
		n, _ := b.Buffer.Write(p[:b.room])
		b.room = 0
		return n, errors.New("no room")
	}
	b.room -= len(p)
	return b.Buffer.Write(p)
}

func TestLogFailsInALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &breaking{room: 8, fail: 3}
		w := newLogWriter(out, tellLost)
		for i := range 6 {
			fmt.Fprintf(w, "line %d\n", i)
			time.Sleep(logRest)
			synctest.Wait()
		}
		w.close()
		if want := "line 0\nl\nlost 3\nline 4\nline 5\n"; out.String() != want {
			t.Errorf("got %q, want %q", out, want)
		}
	})
}

// A line that has no room at all is lost, and the next ones are not.
func TestLogHugeLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w := newLogWriter(&out, tellLost)
		w.Write(bytes.Repeat([]byte("x"), maxLogQueue+1))
		synctest.Wait()
		fmt.Fprintln(w, "next")
		w.close()
		fmt.Fprintln(w, "after the end")
		if want := "lost 1\nnext\n"; out.String() != want {
			t.Errorf("got %.50q, want %q", out.String(), want)
		}
	})
}

// The line about lost ones has the format of the others.
func TestLogTellsInItsFormat(t *testing.T) {
	for format, want := range map[string]string{"logfmt": `level=WARN msg="log lines were lost" lines=7`, "json": `"level":"WARN","msg":"log lines were lost","lines":7}`} {
		w := startLog(io.Discard, format)
		if line := string(w.tell(7)); !strings.Contains(line, want) || strings.Index(line, "\n") != len(line)-1 {
			t.Errorf("%s: %q", format, line)
		}
		w.close()
	}
}
