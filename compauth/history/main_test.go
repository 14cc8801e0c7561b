package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"assay/compauth"
	"assay/testdata/postgres"
)

// shared is the PostgreSQL of those tests that do not stop it, one database for each.
var shared = sync.OnceValues(func() (*postgres.Server, error) {
	started.Store(true)
	return postgres.Start(context.Background())
})

var (
	started   atomic.Bool // shared was asked for
	databases atomic.Int64
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		writeForever(path)
	}
	if path := os.Getenv(strangerVariable); path != "" {
		os.Exit(tell(path))
	}
	code := m.Run()
	if started.Load() {
		if s, err := shared(); err == nil && s.Stop() != nil {
			code = 1
		}
	}
	os.Exit(code)
}

// eachDatabase runs a test with a new database of each kind.
func eachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newPostgres(t)) })
}

func newSQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "state", "history.db")
}

func newPostgres(t testing.TB) string {
	t.Helper()
	s, err := shared()
	postgres.SkipMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Create(t.Context(), fmt.Sprintf("test%d", databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// pausable is the shared server, which goes on at the end of the test at the latest, and a database
// of its own. No test here runs in parallel.
func pausable(t *testing.T) (*postgres.Server, string) {
	t.Helper()
	database := newPostgres(t)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Resume(); err != nil {
			t.Error(err)
		}
	})
	return s, database
}

// noon is the time of the tests' clocks when they begin.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// A testStore is a Store with a clock that stands, which writes when it is told to and keeps
// no answers.
type testStore struct {
	*Store
	t     testing.TB
	log   *syncBuffer
	clock *clock
}

type clock struct{ ns, up atomic.Int64 }

func (c *clock) now() time.Time        { return time.Unix(0, c.ns.Load()) }
func (c *clock) uptime() time.Duration { return time.Duration(c.up.Load()) }

// add lets time pass.
func (c *clock) add(d time.Duration) {
	c.ns.Add(int64(d))
	c.up.Add(int64(d))
}

// jump sets the clock without time having passed.
func (c *clock) jump(d time.Duration) { c.ns.Add(int64(d)) }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func openTest(t testing.TB, database string, changes ...func(*Options, *tuning)) *testStore {
	t.Helper()
	s := &testStore{t: t, log: new(syncBuffer), clock: new(clock)}
	s.clock.ns.Store(noon.UnixNano())
	o, tune := Options{Database: database, Log: slog.New(slog.NewTextHandler(s.log, nil))}, standard()
	tune.now, tune.uptime, tune.every, tune.ttl = s.clock.now, s.clock.uptime, time.Hour, 0
	tune.retry, tune.maxRetry, o.Wait = 10*time.Millisecond, 50*time.Millisecond, time.Minute
	for _, change := range changes {
		change(&o, &tune)
	}
	var err error
	if s.Store, err = open(o, tune); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

func (s *testStore) close() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		s.t.Error(err)
	}
}

// flush writes what is recorded. No question asked before it is left without an answer: the next
// one to ask the same would get that.
func (s *testStore) flush() {
	s.t.Helper()
	until(s.t, "an answer", func() bool {
		s.reading.Lock()
		defer s.reading.Unlock()
		return len(s.flights) == 0
	})
	if err := s.tryFlush(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testStore) tryFlush() error {
	reply := make(chan error)
	select {
	case s.writes <- reply:
		return <-reply
	case <-s.done:
		return errors.New("closed")
	}
}

// until waits for a condition.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// Verdicts by which messages are good, failed and neither.
var (
	good   = compauth.Verdict{Result: compauth.Pass, Reason: 100}
	failed = compauth.Verdict{Result: compauth.Fail, Reason: 1}
	other  = compauth.Verdict{Result: compauth.SoftPass, Reason: 201}
)

// record records n messages of a pair with a verdict, some days ago.
func (s *testStore) record(p Pair, v compauth.Verdict, daysAgo, n int) {
	for range n {
		s.Record(Message{Pair: p, Time: s.now().Add(-time.Duration(daysAgo) * day), Verdict: v})
	}
}

// recordGood records enough for a pair to qualify: 6 messages on 3 days.
func (s *testStore) recordGood(p Pair) {
	for ago := range 3 {
		s.record(p, good, ago, 2)
	}
}

func (s *testStore) qualifies(p Pair) compauth.Reason {
	return s.Qualifies(s.t.Context(), p)
}

func (s *testStore) want(p Pair, want compauth.Reason) {
	s.t.Helper()
	if got := s.qualifies(p); got != want {
		s.t.Errorf("%+v: reason %s, want %s", p, got, want)
	}
}

func network(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// count gives what a query for a number gives; -1 while the database is down.
func (s *testStore) count(query string) int {
	s.t.Helper()
	l, n := s.link.Load(), -1
	if l == nil {
		return n
	}
	if err := l.db.QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Log(err)
		return -1
	}
	return n
}

// lines are those of the log with a text.
func (s *testStore) lines(text string) int { return strings.Count(s.log.String(), text) }
