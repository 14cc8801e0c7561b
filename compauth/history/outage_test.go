package history

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"assay/testdata/postgres"
)

// often writes without being told to.
func often(o *Options, t *tuning) { t.every, o.Wait = time.Millisecond, 20*time.Millisecond }

// recovered waits until n good messages are kept, and looks at what was logged about one outage.
func (s *testStore) recovered(n int) {
	s.t.Helper()
	until(s.t, "the end of the outage", func() bool { return s.lines("is back") == 1 })
	until(s.t, "all that was recorded", func() bool { return s.count("SELECT COALESCE(SUM(good), 0) FROM assay_pair") == n })
	if s.lines("is down") != 1 || !strings.Contains(s.log.String(), "dropped=0") {
		s.t.Errorf("logged:\n%s", s.log)
	}
}

// TestPaused has a server that keeps its connections and answers nothing, with a write under
// way. If Record waited for it, the test would not end: the server goes on only afterwards.
func TestPaused(t *testing.T) {
	server, database := pausable(t)
	s := openTest(t, database)
	s.record(fromPTR(), good, 0, 1)
	s.flush()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	s.record(fromPTR(), good, 0, 1)
	reply := make(chan error)
	s.writes <- reply // taken: the write has begun
	s.record(fromPTR(), good, 1, 1000)
	s.options.Wait = 20 * time.Millisecond // nobody else asks
	s.want(fromPTR(), 0)
	select {
	case err := <-reply:
		t.Fatalf("written by a server that does not answer: %v", err)
	default:
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-reply; err != nil {
		t.Fatal(err)
	}
	s.flush()
	if n := s.count("SELECT SUM(good) FROM assay_pair"); n != 1002 {
		t.Errorf("%d messages", n)
	}
}

// TestPausedLong pauses the server for longer than anybody waits for it.
func TestPausedLong(t *testing.T) {
	server, database := pausable(t)
	s := openTest(t, database, often)
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	s.Qualifies(t.Context(), fromPTR()) // the reader finds it out first
	s.record(fromPTR(), good, 0, 5)
	until(t, "the outage", func() bool { return s.lines("is down") > 0 })
	s.want(fromPTR(), 0)
	s.record(fromPTR(), good, 0, 5)
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	s.recovered(10)
}

func TestKilled(t *testing.T) {
	server := postgres.ForTest(t)
	s := openTest(t, server.URL("postgres"), often)
	s.record(fromPTR(), good, 0, 5)
	until(t, "what was recorded", func() bool { return s.count("SELECT COALESCE(SUM(good), 0) FROM assay_pair") == 5 })
	server.Kill()
	s.record(fromPTR(), good, 1, 5)
	until(t, "the outage", func() bool { return s.lines("is down") > 0 })
	s.want(fromPTR(), 0)
	s.record(fromPTR(), good, 2, 5)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.recovered(15)
	until(t, "the history", func() bool { return s.qualifies(fromPTR()) == 701 })
}

// TestDownAtOpen opens a store before its server is there.
func TestDownAtOpen(t *testing.T) {
	server := postgres.ForTest(t)
	server.Kill()
	s := openTest(t, server.URL("postgres"), often)
	s.recordGood(fromPTR())
	s.want(fromPTR(), 0)
	if _, _, err := s.Sightings(t.Context(), noon); err == nil {
		t.Error("a server that is down has sightings")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.recovered(6)
}

// TestDownAtClose loses what a dead server does not take, and says so.
func TestDownAtClose(t *testing.T) {
	server := postgres.ForTest(t)
	s, err := Open(Options{Database: server.URL("postgres")})
	if err != nil {
		t.Fatal(err)
	}
	s.Record(Message{Pair: fromPTR(), Verdict: good})
	server.Kill()
	if err := s.Close(t.Context()); err == nil || !strings.Contains(err.Error(), "1 records were not written: ") {
		t.Error(err)
	}
}

// whenTold has nothing be written, nor tried again, but by flush and tryFlush.
func whenTold(_ *Options, t *tuning) { t.retry, t.maxRetry = time.Hour, time.Hour }

// answers has a store that could not write: what is known counts as before, and it is not called down.
func (s *testStore) answers(p Pair) {
	s.t.Helper()
	if err := s.tryFlush(); err == nil {
		s.t.Fatal("written")
	}
	s.want(p, 701)
	if err := s.Err(); err != nil {
		s.t.Error(err)
	}
	if s.lines("is down") != 1 {
		s.t.Errorf("logged:\n%s", s.log)
	}
}

func TestLocked(t *testing.T) {
	database := newSQLite(t)
	s := openTest(t, database, whenTold)
	s.recordGood(fromPTR())
	s.flush()
	other, err := sql.Open("sqlite", strings.TrimPrefix(database, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	s.record(fromPTR(), good, 0, 5)
	s.wrote("ann@example.org", "joe@example.com")
	for range 2 {
		s.answers(fromPTR())
		if !s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
			t.Error("not in contact while that is being written")
		}
	}
	s.record(fromPTR(), good, 0, 5)
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	s.flush()
	s.recovered(16)
}

// smallDisk mounts a file system of one megabyte, as only root can.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		if os.Geteuid() == 0 && os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
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

// TestFullDisk fills the file system that the database is on, and makes room again.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t)
	s := openTest(t, "sqlite:"+filepath.Join(dir, "history.db"), whenTold)
	s.recordGood(fromPTR())
	s.flush()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("there is more room than there should be")
	}
	n := 0
	for s.lines("is down") == 0 {
		s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", n), PTR: "other.example"}, good, 0, 1)
		n++
		_ = s.tryFlush()
	}
	for range 3 {
		s.answers(fromPTR())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.flush()
	s.recovered(n + 6)
	if text := integrity(t, s.source.path); text != "ok" {
		t.Error(text)
	}
}

// TestReadOnlyDisk has the file system end to take anything.
func TestReadOnlyDisk(t *testing.T) {
	dir := smallDisk(t)
	path := filepath.Join(dir, "history.db")
	s := openTest(t, "sqlite:"+path)
	s.recordGood(fromPTR())
	s.flush()
	s.close()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, "sqlite:"+path)
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), path+" is of uid 0, with mode 0600, and this is uid 0, on a file system that can only be read") {
		t.Error(err)
	}
	reader := openTest(t, "sqlite:"+path, func(o *Options, _ *tuning) { o.ReadOnly = true })
	reader.want(fromPTR(), 701)
	if err := reader.Err(); err != nil {
		t.Error(err)
	}
}

func integrity(t testing.TB, path string) string {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var text string
	if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestDamaged has a file that is no database: a history that stays silent.
func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Database: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	s.Record(Message{Pair: fromPTR(), Verdict: good})
	if r := s.Qualifies(t.Context(), fromPTR()); r != 0 {
		t.Errorf("reason %s", r)
	}
	if err := s.Close(t.Context()); err == nil {
		t.Error("written into no database")
	}
}

// TestDropped records more than there is room for while the database is down.
func TestDropped(t *testing.T) {
	server := postgres.ForTest(t)
	s := openTest(t, server.URL("postgres"), often, func(_ *Options, t *tuning) { t.keys = 50 })
	server.Kill()
	s.record(fromPTR(), good, 0, 1)
	until(t, "the outage", func() bool { return s.lines("is down") > 0 })
	for i := range 60 {
		s.record(Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example"}, good, 0, 1)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the outage", func() bool { return s.lines("is back") == 1 })
	if n := s.count("SELECT SUM(good) FROM assay_pair"); n != 50 || s.lines("dropped=11") != 1 {
		t.Errorf("%d messages, logged:\n%s", n, s.log)
	}
}

// TestHopeless has a value that the database does not take: the rest of it goes on.
func TestHopeless(t *testing.T) {
	s := openTest(t, newPostgres(t))
	s.Record(Message{Verdict: failed, Sighting: &Sighting{Domain: "example.com", Result: "\x00"}})
	s.flush()
	s.recordGood(fromPTR())
	s.flush()
	s.want(fromPTR(), 701)
	if s.lines("dropped=1") != 1 || s.lines("is down") != 0 {
		t.Errorf("logged:\n%s", s.log)
	}
}

// TestTwoNodes has what one node records qualify at the other.
func TestTwoNodes(t *testing.T) {
	database := newPostgres(t)
	a, b := openTest(t, database), openTest(t, database)
	p := Pair{OrgDomain: "example.com", PTR: "sender.example", From: "joe@example.com", Rcpt: []string{"ann@example.org"}}
	for ago := range 3 {
		a.record(p, good, ago, 1)
		b.record(p, good, ago, 1)
	}
	a.Record(Message{Outbound: true, Pair: Pair{From: "ann@example.org", Rcpt: []string{"joe@example.com"}}})
	a.want(p, 0)
	a.flush()
	b.want(p, 0)
	b.flush()
	for _, s := range []*testStore{a, b} {
		s.want(p, 701)
		s.want(Pair{PTR: p.PTR, From: p.From, Rcpt: p.Rcpt}, 704)
		if !s.InContact(t.Context(), []string{"ann@example.org"}, "example.com") {
			t.Error("not in contact")
		}
	}
}

// TestConcurrency does everything at once.
func TestConcurrency(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		stores := []*testStore{openTest(t, database, often), openTest(t, database, often)}
		const messages, senders = 50, 4
		var wg sync.WaitGroup
		for _, s := range stores {
			for i := range senders {
				wg.Go(func() {
					for n := range messages {
						p := Pair{OrgDomain: "example.com", PTR: fmt.Sprintf("sender%d.example", n%5), From: "joe@example.com",
							Rcpt: []string{fmt.Sprintf("ann%d@example.org", i)}}
						s.Record(Message{Pair: p, Time: noon, Verdict: good, Sighting: &Sighting{Domain: "example.com"}, Entry: "entry"})
						s.Qualifies(context.Background(), p)
						s.InContact(context.Background(), p.Rcpt, p.OrgDomain)
					}
				})
			}
			wg.Go(func() { _, _, _ = s.Sightings(context.Background(), noon) })
		}
		wg.Wait()
		const all = messages * senders * 2
		until(t, "all that was recorded", func() bool {
			return stores[0].count("SELECT COALESCE(SUM(good), 0) FROM assay_pair WHERE kind = 1") == all &&
				stores[0].count("SELECT COALESCE(SUM(n), 0) FROM assay_sighting") == all
		})
		for _, s := range stores {
			if database[:6] != "sqlite" && s.lines("") != 1 {
				t.Errorf("logged:\n%s", s.log)
			}
		}
	})
}
