package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"assay/testdata/mta"
)

// load has senders that want what a daemon that is well gives, until stop. It gives how many messages
// were answered.
func (p *process) load(senders int) (stop func() int) {
	p.t.Helper()
	letters := []letter{genuine(p.t), spoofed()}
	right := []func(string) bool{passes, refused}
	var running sync.WaitGroup
	done := make(chan struct{})
	counts := make([]int, senders)
	for i := range senders {
		running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				conn, err := p.open(letters[n%2].client)
				if err != nil {
					p.t.Error(err)
					return
				}
				got, err := answerOn(conn, letters[n%2])
				_ = conn.Close()
				if err != nil || !right[n%2](got) {
					p.t.Errorf("%v: %s", err, got)
					return
				}
				counts[i]++
			}
		})
	}
	return func() (sum int) {
		close(done)
		running.Wait()
		for _, n := range counts {
			sum += n
		}
		return sum
	}
}

// A storm of signals, a config that is good and bad in turns, and lists that are replaced a thousand
// times: every message gets its verdict, and what was written last is in force.
func TestFaultReloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list, sealers := filepath.Join(dir, "spoofed-senders"), filepath.Join(dir, "trusted-sealers")
	lists := fmt.Sprintf("spoofed_senders_file = %q\narc.trusted_sealers_file = %q\n", list, sealers)
	p := prepareFaulty(t, mtaZone, lists+strings.Replace(withHistory("sqlite:history.db"), `max_ttl = "1ns"`, "", 1))
	replace := func(name, text string) { // in one step: what is read is all of it
		if err := errors.Join(os.WriteFile(name+".new", []byte(text), 0o600), os.Rename(name+".new", name)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(n int) {
		replace(list, fmt.Sprintf("block b%d.example * external\nallow good.example 192.0.2.0/24 external\n", n))
		replace(sealers, fmt.Sprintf("s%d.example\n", n))
	}
	write(0)
	p.start()
	good, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	before := p.descriptors()
	stop := p.load(4)
	for i := range 1000 {
		write(i)
		switch {
		case i%20 == 0:
			replace(p.config, "no_such_key = 1\n")
		case i%20 == 10:
			replace(p.config, string(good))
		}
		if i%3 == 0 {
			p.signal(syscall.SIGHUP)
		}
	}
	replace(p.config, string(good))
	p.signal(syscall.SIGHUP)
	last := letter{badClient, "joe@elsewhere.example", plainFrom("joe@b999.example")}
	until(t, "the last list", func() bool { return strings.HasPrefix(p.answer(last), "550 5.7.1 rejected by local policy") })
	if n := stop(); n == 0 {
		t.Error("no message came in meanwhile")
	}
	first := letter{badClient, "joe@elsewhere.example", plainFrom("joe@b1.example")}
	if got := p.answer(first); strings.Contains(got, "local policy") {
		t.Errorf("an old entry is in force: %s", got)
	}
	p.normal("the storm")
	until(t, "descriptors to be closed", func() bool { return p.descriptors() <= before+8 })
	if p.log.lines("no_such_key") == 0 || p.log.lines("config reloaded") == 0 {
		t.Error("the signals did nothing")
	}
}

// Signals while mail comes in through Postfix cost no message its stamp, and none waits.
func TestFaultReloadsPostfix(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, mtaZone, withHistory("sqlite:history.db"))
	m := mta.ForTest(t, mta.StartPostfix, mta.Options{Extra: noLookups, Milters: []string{p.listen}})
	l := startLedger(t, m, 3)
	for range 40 {
		l.more(1)
		for range 5 {
			p.signal(syscall.SIGHUP)
		}
	}
	delivered, held := l.finish()
	_, refused, deferred := l.counts()
	if n := stamped(delivered, "dmarc=pass"); n != len(delivered) || held+refused+deferred != 0 {
		t.Errorf("%d of %d stamped, %d held, %d refused, deferred %d times", n, len(delivered), held, refused, deferred)
	}
}
