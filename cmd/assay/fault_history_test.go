package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"assay/testdata/mta"
	"assay/testdata/postgres"
)

// startWithHistory runs assay serve with a history.
func startWithHistory(t *testing.T, database string) *process {
	t.Helper()
	return startFaulty(t, mtaZone, withHistory(database))
}

func withHistory(database string) string {
	return strings.Replace(faultConfig, `database = ""`, fmt.Sprintf("database = %q", database), 1) + strict("tempfail")
}

// A historyFault begins with begin, lasts while mail comes in, and ends with the function that begin
// returns. All of it is on a small file system of its own, with the database in the folder state.
type historyFault struct {
	name  string
	begin func(t *testing.T, dir string) (end func())
	fresh bool // the end is a new database
}

var historyFaults = []historyFault{
	{"locked", lockDatabase, false},
	{"full disk", fillDisk, false},
	{"removed", func(t *testing.T, dir string) func() {
		removeDatabase(t, dir)
		return func() {}
	}, true},
	{"damaged", func(t *testing.T, dir string) func() {
		damageDatabase(t, dir)
		return func() { removeDatabase(t, dir) }
	}, true},
}

// lockDatabase keeps everybody else from writing.
func lockDatabase(t *testing.T, dir string) (end func()) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		_ = db.Close()
	}
}

// fillDisk leaves no room on the file system.
func fillDisk(t *testing.T, dir string) (end func()) {
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 64<<20), 0o600); err == nil {
		t.Fatal("there is more room than there should be")
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Error(err)
		}
	}
}

func removeDatabase(t *testing.T, dir string) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, "history.db"+suffix)); err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
}

// damageDatabase overwrites all pages, and the log of what is to be written to them.
func damageDatabase(t *testing.T, dir string) {
	for _, suffix := range []string{"", "-wal"} {
		name := filepath.Join(dir, "history.db"+suffix)
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(strings.Repeat("damaged ", int(info.Size())/8))); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
}

// tinyDisk mounts a file system of a few megabytes.
func tinyDisk(t *testing.T) (dir string) {
	t.Helper()
	needRoot(t)
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		if os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// steady sends n messages of each kind, and wants for each what it gets from a daemon that is well.
func (p *process) steady(n int, when string) {
	p.t.Helper()
	for range n {
		p.normal(when)
	}
}

// Whatever happens to the file of the history, mail gets the verdicts that it has without; that is said
// once. Afterwards all is written again, and what waited for it too.
func TestFaultHistoryFile(t *testing.T) {
	t.Parallel()
	for _, f := range historyFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			dir := tinyDisk(t)
			p := startWithHistory(t, "sqlite:"+filepath.Join(dir, "history.db"))
			p.steady(3, "the start")
			p.waitSeen(3)
			end := f.begin(t, dir)
			p.steady(30, f.name)
			if !f.fresh {
				p.log.wait(t, "the history database is down; mail goes on without it")
				p.steady(5, f.name)
			}
			end()
			if f.fresh {
				p.steady(5, "its end")
				p.waitSeen(1)
			} else {
				p.log.wait(t, "the history database is back")
				p.steady(5, "its end")
				if n := p.waitSeen(43); n != 43 {
					t.Errorf("%d messages are in the history, want 43", n)
				}
			}
			if n := len(p.warnings()); n > 2 {
				t.Errorf("%d warnings", n)
			}
			if code := p.stop(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// A state folder that can only be read when the daemon starts, and can be written to later.
func TestFaultHistoryReadOnly(t *testing.T) {
	t.Parallel()
	dir := tinyDisk(t)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	p := startWithHistory(t, "sqlite:"+filepath.Join(dir, "history.db"))
	p.steady(10, "read-only")
	p.log.wait(t, "the history database is down; mail goes on without it")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	p.log.wait(t, "the history database is back")
	p.steady(5, "its end")
	if n := p.waitSeen(15); n != 15 || len(p.warnings()) != 1 {
		t.Errorf("%d messages are in the history, want 15", n)
	}
}

// PostgreSQL is killed, paused and started again while mail comes in through Postfix: nothing is refused,
// deferred or without its stamp, and the history has every message in the end.
func TestFaultPostgres(t *testing.T) {
	t.Parallel()
	server := postgres.ForTest(t)
	database, err := server.Create(t.Context(), "faults")
	if err != nil {
		t.Fatal(err)
	}
	p := startWithHistory(t, database)
	m := mta.ForTest(t, mta.StartPostfix, mta.Options{Extra: noLookups, Milters: []string{p.listen}})
	l := startLedger(t, m, 2)
	failed := 0
	for _, fault := range []struct {
		name       string
		begin, end func() error
	}{
		{"killed", func() error { server.Kill(); return nil }, func() error { return server.Restart(t.Context()) }},
		{"restarted", func() error { return server.Restart(t.Context()) }, func() error { return nil }},
		{"paused", server.Pause, server.Resume},
		{"killed again", func() error { server.Kill(); return nil }, func() error { return server.Restart(t.Context()) }},
	} {
		l.more(5)
		if err := fault.begin(); err != nil {
			t.Fatal(err)
		}
		l.more(10) // none of them waits for the server, which does not answer before they have come
		p.steady(5, fault.name)
		if err := fault.end(); err != nil {
			t.Fatal(err)
		}
		p.steady(5, fault.name)
		failed += 10
	}
	delivered, held := l.finish()
	_, refused, deferred := l.counts()
	if n := stamped(delivered, "dmarc=pass"); n != len(delivered) || held+refused+deferred != 0 {
		t.Errorf("%d of %d stamped, %d held, %d refused, deferred %d times", n, len(delivered), held, refused, deferred)
	}
	if n := p.waitSeen(failed); n != failed {
		t.Errorf("%d messages are in the history, want %d", n, failed)
	}
}
