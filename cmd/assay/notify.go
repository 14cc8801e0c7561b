package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A manager is the service manager that started the daemon, such as systemd (sd_notify(3)). The zero value is
// none: it is told nothing.
type manager struct {
	socket   string        // a path, or @NAME of an abstract one; "" for none
	watchdog time.Duration // the longest time without a sign of life; 0: none is wanted
	log      *slog.Logger

	status string      // as it was told last
	deaf   atomic.Bool // what was told last did not arrive
}

// newManager reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. What is no value that
// a service manager sets counts as not set.
func newManager(getenv func(string) string, log *slog.Logger) *manager {
	m := &manager{socket: getenv("NOTIFY_SOCKET"), log: log}
	if !filepath.IsAbs(m.socket) && !strings.HasPrefix(m.socket, "@") {
		m.socket = ""
		return m
	}
	if pid := getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		m.watchdog = watchdogTime(getenv("WATCHDOG_USEC"))
	}
	return m
}

// watchdogTime reads a number of microseconds; 0 when that is none.
func watchdogTime(text string) time.Duration {
	const most = 24 * time.Hour // a longer one is served by more signs of life than it asks for
	usec, err := strconv.ParseUint(text, 10, 64)
	if err != nil || usec == 0 {
		return 0
	}
	return time.Duration(min(usec, uint64(most/time.Microsecond))) * time.Microsecond
}

// notifyTimeout is how long a service manager may take that has no room for one more datagram.
const notifyTimeout = time.Second

// tell sends variables such as READY=1. What can't be sent is logged once.
func (m *manager) tell(variables ...string) {
	if m.socket == "" {
		return
	}
	err := m.send(strings.Join(variables, "\n"))
	if was := m.deaf.Swap(err != nil); err != nil && !was {
		m.log.Warn("the service manager can't be told of the state of the daemon", "error", err.Error())
	}
}

// send connects each time, since the manager may have been started anew.
func (m *manager) send(text string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
	if err == nil {
		_, err = conn.Write([]byte(text))
	}
	return err
}

// reloading begins a reload, which ready ends.
func (m *manager) reloading() {
	variables := []string{"RELOADING=1"}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		variables = append(variables, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
	}
	m.tell(variables...)
}

// ready says that mail is taken, and how the daemon is.
func (m *manager) ready(status string) {
	m.status = status
	m.tell("READY=1", "STATUS="+status)
}

// show tells how the daemon is, if that is news.
func (m *manager) show(status string) {
	if status != m.status {
		m.status = status
		m.tell("STATUS=" + status)
	}
}

// Signs of life in the time of the watchdog. A check ends before the next one is due: one or two that find nothing
// alive, as on a machine that is short of everything, are not yet the end.
const (
	beatsInTime  = 4
	checksInTime = 5
)

// beats ticks when a sign of life is due, three times before it is late; never without a watchdog.
func (m *manager) beats() *time.Ticker {
	if m.watchdog == 0 {
		return idleTicker()
	}
	return time.NewTicker(max(m.watchdog/beatsInTime, time.Millisecond))
}

// idleTicker never ticks.
func idleTicker() *time.Ticker {
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// statusInterval is the time between two looks at what the service manager shows of the daemon.
const statusInterval = 10 * time.Second

// statuses ticks when a manager is to be told how the daemon is.
func (m *manager) statuses() *time.Ticker {
	if m.socket == "" {
		return idleTicker()
	}
	return time.NewTicker(statusInterval)
}

// beat gives a sign of life if the server is alive. It is called by the loop of the daemon, so that none
// comes when that hangs, and does not wait. While one check is under way there is no other.
func (d *daemon) beat() {
	if !d.checking.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer d.checking.Store(false)
		ctx, cancel := context.WithTimeout(d.urgent, d.manager.watchdog/checksInTime)
		defer cancel()
		switch err := d.server.Check(ctx); {
		case err == nil:
			d.manager.tell("WATCHDOG=1")
		case !errors.Is(err, context.Canceled): // the daemon ends
			d.log.Error("not well: the service manager gets no sign of life", "error", err.Error())
		}
	}()
}

// status says how the daemon is, in one line for an admin.
func (d *daemon) status() string {
	history := "ok"
	switch err := d.history.Err(); {
	case d.history == nil:
		history = "none"
	case err != nil:
		history = printable(err.Error())
	}
	return fmt.Sprintf("%d sessions, %d connections since the start, history: %s", d.server.Sessions(), d.server.Accepted(), history)
}
