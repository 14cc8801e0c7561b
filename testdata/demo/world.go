package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/testdata/lab"
	"assay/testdata/mta"
)

// patience is longer than anything takes that is waited for.
const patience = 30 * time.Second

// A world is all that the demo runs.
type world struct {
	dir      string
	binary   string
	dns      *dnstest.Server
	postfix  *mta.MTA
	daemon   *exec.Cmd
	log      syncBuffer
	samples  []sample
	answered int // messages so far to which Postfix has replied
	held     int // those of them that it holds
	again    int // messages that were sent once more
}

// startWorld starts DNS, the daemon and Postfix, in this order.
func startWorld(ctx context.Context, binary string) (*world, error) {
	w := &world{binary: binary}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

func (w *world) start(ctx context.Context) error {
	var err error
	if w.dir, err = os.MkdirTemp("", "assay-demo-"); err != nil {
		return err
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		return err
	}
	keys, err := newKeys()
	if err != nil {
		return err
	}
	if w.samples, err = makeSamples(keys); err != nil {
		return err
	}
	if err := w.startDNS(keys); err != nil {
		return err
	}
	if err := w.writeHistory(ctx, time.Now()); err != nil {
		return err
	}
	if err := w.startDaemon(ctx); err != nil {
		return err
	}
	w.postfix, err = mta.StartPostfix(ctx, mta.Options{Hostname: hostname, Milters: []string{"unix:" + w.path("assay.sock")}})
	return err
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// A keyring has the keys that sign in the demo.
type keyring struct{ fabrikam, list, own *lab.Key }

func newKeys() (k keyring, err error) {
	for _, n := range []struct {
		key              **lab.Key
		domain, selector string
	}{{&k.fabrikam, "fabrikam.example", "s1"}, {&k.list, listDomain, "arc"}, {&k.own, ownDomain, "s1"}} {
		if *n.key, err = lab.NewRSA(n.domain, n.selector, 2048); err != nil {
			return keyring{}, err
		}
	}
	return k, nil
}

func (w *world) startDNS(keys keyring) error {
	text := "$TTL 3600\n" + zone
	for _, key := range []*lab.Key{keys.fabrikam, keys.list, keys.own} {
		record, err := key.Record()
		if err != nil {
			return err
		}
		text += record + "\n"
	}
	z, err := dns.ParseZone(strings.NewReader(text), "demo zone")
	if err != nil {
		return err
	}
	if w.dns, err = dnstest.Listen(z, "127.0.0.1:0"); err != nil {
		return err
	}
	w.dns.SetNameFault(brokenName, dnstest.ServFail)
	return nil
}

// startDaemon starts assay and waits until it listens.
func (w *world) startDaemon(ctx context.Context) error {
	file := w.path("assay.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, w.dir, w.dns.Addr()), 0o644); err != nil {
		return err
	}
	w.daemon = exec.Command(w.binary, "serve", "-c", file)
	w.daemon.Stderr = &w.log
	// Ends with the demo even if that is killed.
	w.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := w.daemon.Start(); err != nil {
		w.daemon = nil
		return err
	}
	err := until(ctx, "the daemon listens", func() (bool, error) {
		conn, err := net.Dial("unix", w.path("assay.sock"))
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, w.log.String())
	}
	return nil
}

// until calls f every few milliseconds until it is true or fails.
func until(ctx context.Context, what string, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := f(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// stop ends all that start started. The daemon must end well on SIGTERM.
func (w *world) stop() error {
	var errs []error
	if w.postfix != nil {
		errs = append(errs, w.postfix.Stop())
	}
	if w.daemon != nil {
		w.daemon.Process.Signal(syscall.SIGTERM)
		if err := w.daemon.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("the daemon ended with %w", err))
		}
	}
	if w.dns != nil {
		w.dns.Stop()
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

// An event is a line of the daemon's log.
type event struct{ Msg, Compauth, Reason, Disposition string }

// events lists the lines so far that say one of these.
func (w *world) events(messages ...string) []event {
	var events []event
	for line := range strings.Lines(w.log.String()) {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && slices.Contains(messages, e.Msg) {
			events = append(events, e)
		}
	}
	return events
}

// A syncBuffer is a bytes.Buffer for two goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
