package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A log that nobody reads keeps no message waiting. When it is read again, how much was lost is said, and
// what is logged from then on comes.
func TestFaultStalledLog(t *testing.T) {
	t.Parallel()
	p := prepareFaulty(t, mtaZone, strings.Replace(faultConfig, `max_ttl = "1ns"`, "", 1)+strict("tempfail"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p.wrap = func(cmd *exec.Cmd) { cmd.Stderr = w }
	p.launch()
	_ = w.Close()
	log := bufio.NewReader(r)
	if line, err := log.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	until(t, "the daemon to listen", func() bool {
		conn, err := p.open(goodClient)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	conn, err := p.open(goodClient)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l := genuine(t)
	l.from = "joe+" + strings.Repeat("x", 200) + "@good.example" // for a long line
	const messages = 10_000                                      // far more than a pipe and a queue of lines hold
	for range messages {
		if got, err := answerOn(conn, l); err != nil || !passes(got) {
			t.Fatal(got, err)
		}
	}
	lines, lost := make(chan string), false
	go func() {
		defer close(lines)
		for {
			line, err := log.ReadString('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	p.normal("that") // something to log
	limit := time.After(time.Minute)
	for n := 0; !lost; n++ {
		select {
		case line := <-lines:
			lost = strings.Contains(line, "log lines were lost")
		case <-limit:
			t.Fatalf("after %d lines nothing was said of those that were lost", n)
		}
	}
	go func() {
		for range lines {
		}
	}()
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A log that is closed ends neither the daemon nor a message.
func TestFaultClosedLog(t *testing.T) {
	t.Parallel()
	p := prepareFaulty(t, mtaZone, faultConfig+strict("tempfail"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.wrap = func(cmd *exec.Cmd) { cmd.Stderr = w }
	p.launch()
	_ = w.Close()
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	_ = r.Close()
	until(t, "the daemon to listen", func() bool {
		conn, err := p.open(goodClient)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	p.steady(10, "a closed log")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
