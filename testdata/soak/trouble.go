package main

import (
	"context"
	"sync"
	"syscall"
	"time"

	"assay/auth/dns/dnstest"
)

const (
	outageTime = 300 * time.Millisecond
	settleTime = 2 * time.Second // that a question of an outage may take, and a message that waits for it
)

// A mischief counts what was done to the daemon.
type mischief struct{ reloads, edits, outages int }

// startTrouble reloads, edits and breaks things now and then until stop, which gives how often.
func (w *world) startTrouble(ctx context.Context, o options) (stop func() mischief) {
	ctx, cancel := context.WithCancel(ctx)
	var done mischief
	var running sync.WaitGroup
	running.Go(func() {
		for every(ctx, o.reload) {
			done.edits++
			_ = w.lists(done.edits) // a full disk shows elsewhere
			if w.daemon.cmd.Process.Signal(syscall.SIGHUP) == nil {
				done.reloads++
			}
			w.dns.Forget()
		}
	})
	running.Go(func() {
		for every(ctx, o.outage) {
			w.outage(ctx, [...]dnstest.Fault{dnstest.ServFail, dnstest.Drop, dnstest.Lies}[done.outages%3])
			done.outages++
		}
	})
	return func() mischief {
		cancel()
		running.Wait()
		return done
	}
}

// outage has DNS fail for a moment.
func (w *world) outage(ctx context.Context, fault dnstest.Fault) {
	w.unsettled.Add(1)
	w.dns.SetFault(fault)
	every(ctx, outageTime)
	w.dns.SetFault(dnstest.None)
	go func() {
		every(ctx, settleTime)
		w.unsettled.Add(-1)
	}()
}

// every waits; it is false when ctx ends first.
func every(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
