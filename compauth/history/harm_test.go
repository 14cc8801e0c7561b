package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"assay/compauth"
	"assay/testdata/postgres"
)

// dump is every value of every table, and how many tables there are.
func (s *testStore) dump() (text string, tables int) {
	s.t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table'"
	if s.source.config != nil {
		query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	}
	var b strings.Builder
	names := s.column(query)
	for _, name := range names {
		rows, err := s.link.Load().db.QueryContext(s.t.Context(), "SELECT * FROM "+name)
		if err != nil {
			s.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			s.t.Fatal(err)
		}
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(places...); err != nil {
				s.t.Fatal(err)
			}
			fmt.Fprintln(&b, name, values)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			s.t.Fatal(err)
		}
	}
	return b.String(), len(names)
}

func (s *testStore) column(query string) []string {
	s.t.Helper()
	rows, err := s.link.Load().db.QueryContext(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			s.t.Fatal(err)
		}
		list = append(list, text)
	}
	return list
}

// TestPrivacy looks for local parts in all that is stored.
func TestPrivacy(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		p := Pair{OrgDomain: "example.com", PTR: "sender.example", DKIM: []string{"signer.example"}, Network: network("192.0.2.0/24"),
			From: "secretjoe@example.com", Rcpt: []string{"secretann@example.org"}}
		s.Record(Message{Pair: p, Time: noon, Verdict: good, Entry: "allow secretjoe@example.com signer.example external",
			Sighting: &Sighting{Domain: "example.com", Infrastructure: "signer.example", Reason: 1, Result: compauth.Fail}})
		s.Record(Message{Pair: p, Time: noon, Outbound: true})
		s.flush()
		text, tables := s.dump()
		if strings.Contains(text, "secret") || strings.Contains(text, "@example") {
			t.Errorf("a local part is kept:\n%s", text)
		}
		for table, n := range map[string]int{"assay_pair ": 4, "assay_contact ": 1, "assay_sighting ": 1, "assay_use ": 1} {
			if got := strings.Count(text, table); got != n {
				t.Errorf("%s has %d rows, want %d, in %d tables", table, got, n, tables)
			}
		}
		if s.source.config == nil {
			for _, suffix := range []string{"", "-wal"} {
				b, err := os.ReadFile(s.source.path + suffix)
				if err != nil || len(b) == 0 {
					t.Fatalf("%v, %d bytes", err, len(b))
				}
				if strings.Contains(string(b), "secret") {
					t.Errorf("a local part in %s", suffix)
				}
			}
		}
	})
}

// TestHostileText has texts in every field that a message can set, as no database wants them, and something
// to be kept at the same time.
func TestHostileText(t *testing.T) {
	texts := []string{"\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", strings.Repeat("\xff", 10_000), strings.Repeat("x", 10_000),
		strings.Repeat("\u20ac", 10_000), "'; DROP TABLE assay_pair; --", "$1", "%s", "\u202e", "@", "a@", "@a", "\"\\\"@b\"@c.example", strings.Repeat("a.", 127) + "b"}
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database)
		for _, text := range texts {
			for _, outbound := range []bool{false, true} {
				s.Record(Message{Time: noon, Verdict: good, Outbound: outbound, Entry: text,
					Pair:     Pair{OrgDomain: text, PTR: text, DKIM: []string{text}, From: text, Rcpt: []string{text, "x@" + text}},
					Sighting: &Sighting{Domain: text, Infrastructure: text, Policy: text, Entry: text, Action: text}})
			}
			s.InContact(t.Context(), []string{text}, text)
			s.Qualifies(t.Context(), Pair{OrgDomain: text, PTR: text, DKIM: []string{text}, From: text, Rcpt: []string{text}})
		}
		s.recordGood(fromPTR())
		s.flush()
		s.want(fromPTR(), 701)
		if s.log.String() != "" {
			t.Errorf("logged:\n%s", s.log)
		}
		list, _, err := s.Sightings(t.Context(), noon)
		if err != nil || len(list) == 0 {
			t.Errorf("%v, %d sightings", err, len(list))
		}
		for _, v := range list {
			if !storable(v.Domain) || len(v.Domain) > maxText {
				t.Errorf("%.80q is kept", v.Domain)
			}
		}
	})
}

// TestRemoved has the file of a running store go away, with what was in it.
func TestRemoved(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"folder":         func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"file":           os.Remove, // what SQLite keeps beside it stays
		"file, replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			database := newSQLite(t)
			s := openTest(t, database)
			s.recordGood(fromPTR())
			s.flush()
			s.want(fromPTR(), 701)
			path, _ := SQLiteFile(database)
			if err := remove(path); err != nil {
				t.Fatal(err)
			}
			s.record(fromPTR(), good, 0, 1)
			s.flush()
			s.want(fromPTR(), 0)
			again := openTest(t, database, func(o *Options, _ *tuning) { o.ReadOnly = true })
			if n := again.count("SELECT SUM(good) FROM assay_pair"); n != 1 {
				t.Errorf("%d messages in the new file", n)
			}
			if text := integrity(t, path); text != "ok" {
				t.Error(text)
			}
		})
	}
}

// TestDamagedLater has a file overwritten while a store uses it.
func TestDamagedLater(t *testing.T) {
	database := newSQLite(t)
	s, err := open(Options{Database: database}, standard())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil { // the file is whole, and nothing is in memory
		t.Fatal(err)
	}
	log := new(syncBuffer)
	tune := standard()
	tune.every, tune.retry, tune.maxRetry, tune.ttl = time.Millisecond, time.Millisecond, time.Millisecond, 0
	if s, err = open(Options{Database: database, Log: slog.New(slog.NewTextHandler(log, nil))}, tune); err != nil {
		t.Fatal(err)
	}
	path, _ := SQLiteFile(database)
	overwrite(t, path)
	overwrite(t, path+"-wal")
	n := 0
	until(t, "the outage", func() bool {
		for range 100 { // more than what is in memory of the pages
			s.Record(Message{Time: time.Now(), Verdict: good, Pair: Pair{OrgDomain: fmt.Sprintf("example%d.com", n), PTR: "sender.example"}})
			n++
		}
		s.Qualifies(t.Context(), Pair{OrgDomain: fmt.Sprintf("example%d.com", n), PTR: "sender.example"})
		return strings.Contains(log.String(), "is down")
	})
	for range 5 {
		reply := make(chan error)
		s.writes <- reply
		if err := <-reply; err == nil {
			t.Error("written into a damaged file")
		}
		s.Qualifies(t.Context(), fromPTR())
	}
	if err := s.Close(t.Context()); err == nil {
		t.Error("all was written")
	}
	if strings.Count(log.String(), "is down") != 1 {
		t.Errorf("logged:\n%s", log)
	}
}

// overwrite fills a file, and some more, with what it should not have.
func overwrite(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size())+9000), 0); err != nil {
		t.Fatal(err)
	}
}

// TestQuestionFails has one kind of question fail for ever, while everything else works: that is an
// outage, reported once, until it works.
func TestQuestionFails(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, often)
		s.recordGood(fromPTR())
		exec := func(statement string) {
			t.Helper()
			if _, err := s.link.Load().db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		db := s.link.Load().db
		exec("ALTER TABLE assay_contact RENAME TO elsewhere")
		until(t, "the outage", func() bool {
			s.InContact(t.Context(), []string{"ann@example.org"}, "example.com")
			return s.lines("is down") > 0
		})
		s.record(fromPTR(), good, 0, 1)
		until(t, "what was recorded", func() bool {
			var n int
			err := db.QueryRowContext(t.Context(), "SELECT COALESCE(SUM(good), 0) FROM assay_pair").Scan(&n)
			return err == nil && n == 7
		})
		if s.lines("is back") != 0 {
			t.Errorf("logged:\n%s", s.log)
		}
		if _, err := db.ExecContext(t.Context(), "ALTER TABLE elsewhere RENAME TO assay_contact"); err != nil {
			t.Fatal(err)
		}
		until(t, "the end of the outage", func() bool { return s.lines("is back") == 1 })
		until(t, "the history", func() bool { return s.qualifies(fromPTR()) == 701 })
		if s.lines("is down") != 1 {
			t.Errorf("logged:\n%s", s.log)
		}
	})
}

// TestClosePaused closes a store whose server answers nothing: the context ends it, and the
// error says how much is lost.
func TestClosePaused(t *testing.T) {
	server, database := pausable(t)
	s, err := Open(Options{Database: database})
	if err != nil {
		t.Fatal(err)
	}
	s.Record(Message{Time: noon, Pair: fromPTR(), Verdict: good})
	s.Record(Message{Time: noon, Pair: Pair{OrgDomain: "example.net", PTR: "sender.example"}, Verdict: good})
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "2 records were not written") {
		t.Error(err)
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	noneLeft(t)
}

// TestGoroutines looks for what is left of a store after Close.
func TestGoroutines(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		for _, readOnly := range []bool{false, true} {
			s := openTest(t, database, func(o *Options, _ *tuning) { o.ReadOnly = readOnly })
			s.recordGood(fromPTR())
			for i := range 20 {
				s.Qualifies(t.Context(), Pair{OrgDomain: fmt.Sprintf("example%d.com", i), PTR: "sender.example"})
			}
			s.close()
		}
		noneLeft(t)
	})
}

// noneLeft waits until no goroutine of a store or a driver runs. No test here runs in parallel.
func noneLeft(t *testing.T) {
	t.Helper()
	var stacks string
	until(t, "the end of all goroutines", func() bool {
		b := make([]byte, 1<<20)
		stacks = string(b[:runtime.Stack(b, true)])
		for stack := range strings.SplitSeq(stacks, "\n\n") {
			if strings.Contains(stack, "history.(*Store)") || strings.Contains(stack, "jackc/pgx") || strings.Contains(stack, "database/sql") {
				return false
			}
		}
		return true
	})
}

// TestRefused has a server that wants another password: nobody is told the one that was tried.
func TestRefused(t *testing.T) {
	const password = "hunter2"
	server := postgres.ForTest(t)
	if err := server.SQL(t.Context(), "postgres", "ALTER USER postgres PASSWORD 'another'"); err != nil {
		t.Fatal(err)
	}
	hba := filepath.Join(server.Dir, "data", "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.SQL(t.Context(), "postgres", "SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(server.URL("postgres"), "postgres@", "postgres:"+password+"@", 1)
	var err error
	until(t, "the new rules", func() bool { // the server reads them when it comes to it
		s := openTest(t, url)
		_, _, err = s.Sightings(t.Context(), noon)
		if strings.Contains(s.log.String(), password) {
			t.Errorf("logged:\n%s", s.log)
		}
		return err != nil
	})
	if text := err.Error(); strings.Contains(text, password) || strings.Contains(text, "\n") || !strings.Contains(text, "authentication failed") {
		t.Error(err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is taken for no history", err)
	}
}
