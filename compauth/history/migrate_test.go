package history

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestMigration has several nodes begin at once with an empty database, and finds them with one
// key and what was kept.
func TestMigration(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		var nodes [4]*testStore
		var wg sync.WaitGroup
		for i := range nodes {
			wg.Go(func() { nodes[i] = openTest(t, database) })
		}
		wg.Wait()
		p := Pair{PTR: "sender.example", From: "joe@example.com", Rcpt: []string{"ann@example.org"}}
		for _, s := range nodes {
			until(t, "the database", func() bool { return s.link.Load() != nil })
			s.record(p, good, 0, 1)
			s.record(p, good, 1, 1)
			s.record(p, good, 2, 1)
			s.flush()
		}
		for _, s := range nodes {
			s.want(p, 704)
			if !bytes.Equal(s.link.Load().key, nodes[0].link.Load().key) {
				t.Error("two keys")
			}
		}
		if n := nodes[0].count("SELECT COUNT(*) FROM assay_version"); n != 1 {
			t.Errorf("%d versions", n)
		}
	})
}

// TestKeys has two databases hash the same to different texts, and one database two purposes.
func TestKeys(t *testing.T) {
	a, b := openTest(t, newSQLite(t)).link.Load(), openTest(t, newSQLite(t)).link.Load()
	hashes := map[string]bool{}
	for _, h := range []string{
		a.hash(usePair, "x", "y"), b.hash(usePair, "x", "y"), a.hash(useContact, "x", "y"),
		a.hash(usePair, "y", "x"), a.hash(usePair, "x", "y", "z"), a.hash(usePair, "x\x00y", ""), a.hash(usePair, "", "x\x00y"),
	} {
		if hashes[h] || len(h) != 2*hashSize {
			t.Errorf("%q is there twice or of the wrong length", h)
		}
		hashes[h] = true
	}
	if !hashes[a.hash(usePair, "x", "y")] {
		t.Error("a hash changes")
	}
}

func TestVersions(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		old := openTest(t, database)
		old.recordGood(fromPTR())
		old.flush()
		setVersion := func(n int) {
			if _, err := old.link.Load().db.ExecContext(t.Context(), "UPDATE assay_version SET version = $1", n); err != nil {
				t.Fatal(err)
			}
		}
		setVersion(version + 1)
		for _, readOnly := range []bool{false, true} {
			s := openTest(t, database, func(o *Options, _ *tuning) { o.ReadOnly = readOnly })
			s.want(fromPTR(), 0)
			if _, _, err := s.Sightings(t.Context(), noon); !errors.Is(err, errNewer) {
				t.Error(err)
			}
			if s.lines("newer version") != 1 {
				t.Errorf("logged:\n%s", s.log)
			}
			setVersion(version)
			until(t, "the older version", func() bool { return s.qualifies(fromPTR()) == 701 })
			setVersion(version + 1)
		}
		setVersion(version - 1)
		s := openTest(t, database, func(o *Options, _ *tuning) { o.ReadOnly = true })
		if _, err := s.LastUsed(t.Context(), nil); !errors.Is(err, errOlder) {
			t.Error(err)
		}
		if n := old.count("SELECT COUNT(*) FROM assay_pair"); n != 3 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestReadOnly(t *testing.T) {
	readOnly := func(o *Options, _ *tuning) { o.ReadOnly = true }
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, readOnly)
		s.want(fromPTR(), 0)
		if _, _, err := s.Sightings(t.Context(), noon); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if _, err := s.LastUsed(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		if s.log.String() != "" {
			t.Errorf("logged:\n%s", s.log)
		}
		if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
			if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a folder was made: %v", err)
			}
		}

		w := openTest(t, database)
		w.recordGood(fromPTR())
		w.Record(Message{Verdict: failed, Sighting: &Sighting{Domain: "example.com"}})
		w.flush()
		until(t, "the history", func() bool { return s.qualifies(fromPTR()) == 701 })
		s.record(Pair{OrgDomain: "example.net", PTR: "sender.example"}, good, 0, 9)
		s.close()
		w.close()

		again := openTest(t, database, readOnly)
		again.want(fromPTR(), 701)
		if list, _, err := again.Sightings(t.Context(), noon); err != nil || len(list) != 1 {
			t.Errorf("%v, %v", err, list)
		}
		if n := again.count("SELECT COUNT(*) FROM assay_pair"); n != 3 {
			t.Errorf("%d rows", n)
		}
	})
}

// TestTwice writes a chunk again, as after a commit whose answer was lost.
func TestTwice(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		c := chunk{1, []row{pairRow{pairKey{kind: kindPTR, infra: "sender.example", org: "example.com", day: 1}, counts{good: 1}}}}
		write := func(node string) {
			if err := c.write(context.Background(), *s.link.Load(), node, 1); err != nil {
				t.Fatal(err)
			}
		}
		write("a")
		write("a")
		if n := s.count("SELECT SUM(good) FROM assay_pair"); n != 1 {
			t.Errorf("counted %d times", n)
		}
		write("b")
		c.seq++
		write("a")
		if n := s.count("SELECT SUM(good) FROM assay_pair"); n != 3 {
			t.Errorf("counted %d times, want 3", n)
		}
	})
}

func TestCheckDatabase(t *testing.T) {
	const secret = "hunter2"
	for _, database := range []string{
		"", "sqlite:history.db", "sqlite:/var/lib/assay/history.db", "sqlite:a b?c#d",
		"postgres://assay:hunter2@db.example:5432/assay?sslmode=disable", "postgresql://db.example/assay",
		"postgres:///assay?host=/run/postgresql", "postgres://[2001:db8::1]:5432/assay",
	} {
		if err := CheckDatabase(database); err != nil {
			t.Errorf("%q: %v", database, err)
		}
	}
	for _, database := range []string{
		secret, "sqlite:", "sqlite:a/", "sqlite:hunter2\x00", "history.db", "mysql://assay:hunter2@db.example/assay", "postgres:hunter2", "postgres://",
		"POSTGRES://assay:hunter2@db.example", "host=db.example password=hunter2", "postgres://assay:hunter2@db.example:port/assay",
		"postgres://assay:hunter2%zz@db.example/assay", "postgres://assay:hunter2@db.example/assay?sslmode=hunter2",
		"postgres://assay:hunter2@db.example/assay?connect_timeout=hunter2", "postgres://assay:hunter2@db.example/assay?sslrootcert=/hunter2&sslmode=verify-full",
		"postgres://assay:hunter2@[db.example/assay", "sqlite:" + strings.Repeat("x", maxPath+1),
	} {
		if err := CheckDatabase(database); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", database, err)
		}
		if s, err := Open(Options{Database: database}); err == nil || s != nil {
			t.Errorf("%q was opened", database)
		}
	}
	if _, err := Open(Options{Database: "sqlite:history.db"}); err == nil {
		t.Error("a relative path was opened")
	}
}

// TestPassword has every error about a server that is not there, or refuses, without the password.
func TestPassword(t *testing.T) {
	const password = "hunter2%2F"
	for _, url := range []string{
		"postgres://assay:hunter2%252F@127.0.0.1:1/assay?sslmode=disable",
		"postgres://hunter2%252F:hunter2%252F@127.0.0.1:1/hunter2%252F?sslmode=disable",
	} {
		s := openTest(t, url)
		_, _, err := s.Sightings(t.Context(), noon)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
		if text := s.log.String(); strings.Contains(text, "hunter2") || s.lines("is down") != 1 || strings.Contains(text, password) {
			t.Errorf("logged:\n%s", text)
		}
	}
}

func FuzzCheckDatabase(f *testing.F) {
	for _, seed := range []string{"", "sqlite:/a", "postgres://a:b@c/d?sslmode=disable", "postgres://a:b@c:0/d", "postgresql:///d?host=/e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := CheckDatabase(text)
		if err == nil && text != "" && !strings.HasPrefix(text, "sqlite:") && !strings.HasPrefix(text, "postgres") {
			t.Errorf("%q is a database", text)
		}
		if _, secret, ok := strings.Cut(text, "postgres://"); ok && err != nil && len(secret) > 20 && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzRecord has SQLite keep whatever a message says, with the texts as PostgreSQL wants them.
func FuzzRecord(f *testing.F) {
	f.Add("example.com", "sender.example", "joe@example.com", "ann@example.org", "allow a b external", true)
	f.Add("a\x00b", "\xff", "\"a@b\"@c", "@", "\x00", false)
	f.Add(strings.Repeat("a.", 200), "[192.0.2.1]", "joe@\u00fc.example", "x@[IPv6:::1]", strings.Repeat("e", 2000), true)
	s := openTest(f, newSQLite(f))
	f.Fuzz(func(t *testing.T, org, infra, from, rcpt, entry string, outbound bool) {
		p := Pair{OrgDomain: org, PTR: infra, DKIM: []string{infra, org}, From: from, Rcpt: []string{rcpt, from}}
		s.Record(Message{Pair: p, Outbound: outbound, Verdict: good, Entry: entry, Sighting: &Sighting{Domain: org, Infrastructure: infra, Policy: entry}})
		s.mu.Lock()
		rows := s.pending.rows()
		s.mu.Unlock()
		for _, r := range rows {
			for _, v := range r.values(hasher{}) {
				if text, ok := v.(string); ok && (!storable(text) || len(text) > maxEntry) {
					t.Errorf("%q in %T", text, r)
				}
			}
		}
		if err := s.tryFlush(); err != nil {
			t.Error(err)
		}
		s.Qualifies(t.Context(), p)
		s.InContact(t.Context(), p.Rcpt, org)
	})
}
