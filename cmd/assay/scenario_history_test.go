package main

import (
	"context"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"assay/compauth"
	"assay/compauth/history"
	"assay/compauth/spoof"
)

// spoofed is the list of the spoofed senders; nil where the scenario has none.
func (s *scenario) spoofed(t *testing.T) *spoof.List {
	t.Helper()
	text := s.section("spoofed")
	if text == nil {
		return nil
	}
	f, err := spoof.ParseFile(string(text), "spoofed")
	if err != nil {
		t.Fatal(err)
	}
	return f.List()
}

// readNow finds when the message comes, for DKIM: a synctest bubble, where everything is
// signed, begins with 2000.
func (s *scenario) readNow(t *testing.T) {
	t.Helper()
	days := 0
	if text := s.envelope["days"]; text != "" {
		var err error
		if days, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: envelope: days: %v", s.path, err)
		}
	}
	s.now = time.Date(2000, 1, 1+days, 0, 0, 0, 0, time.UTC)
}

// historyWait is more than a busy machine takes.
const historyWait = 30 * time.Second

// history is what the scenario says was seen before, in a SQLite file that the verifier
// reads and does not write; nil where it says nothing.
func (s *scenario) history(t *testing.T, c *Config) *history.Store {
	t.Helper()
	if s.section("history") == nil || s.store != nil {
		return s.store
	}
	options := history.Options{
		Database:    "sqlite:" + filepath.Join(t.TempDir(), "history.db"),
		MinMessages: c.History.MinMessages, MinDays: c.History.MinDays, MaxDomains: c.History.MaxDomains,
		RetentionDays: c.History.RetentionDays,
		Wait:          historyWait,
	}
	writer := openStore(t, options)
	for line := range strings.Lines(string(s.section("history"))) {
		s.remember(t, writer, strings.TrimSpace(line))
	}
	closeStore(t, writer)
	options.ReadOnly = true
	s.store = openStore(t, options)
	t.Cleanup(func() { closeStore(t, s.store) })
	return s.store
}

func openStore(t *testing.T, o history.Options) *history.Store {
	t.Helper()
	store, err := history.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func closeStore(t *testing.T, store *history.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), historyWait)
	defer cancel()
	if err := store.Close(ctx); err != nil {
		t.Error(err)
	}
}

// remember records what a line says: "20 days ago: 5 good org=example.org ptr=esp.example
// dkim=esp.example network=192.0.2.0/24 from=joe@example.org rcpt=ann@example.test". What came
// is good, failed or other; outbound is what from wrote to rcpt. A key may be there again.
func (s *scenario) remember(t *testing.T, store *history.Store, line string) {
	t.Helper()
	age, what, _ := strings.Cut(line, " days ago: ")
	days, err := strconv.Atoi(age)
	words := strings.Fields(what)
	if err != nil || len(words) < 2 {
		t.Fatalf("%s: history: %q", s.path, line)
	}
	count, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatalf("%s: history: %q", s.path, line)
	}
	m := history.Message{Time: time.Now().AddDate(0, 0, -days)}
	s.rememberOutcome(t, &m, words[1])
	for _, word := range words[2:] {
		s.rememberPair(t, &m.Pair, word)
	}
	for range count {
		store.Record(m)
	}
}

func (s *scenario) rememberOutcome(t *testing.T, m *history.Message, word string) {
	t.Helper()
	switch word {
	case "good":
		m.Verdict = compauth.Verdict{Result: compauth.Pass, Reason: 100}
	case "failed":
		m.Verdict = compauth.Verdict{Result: compauth.Fail, Reason: 1}
	case "other":
		m.Verdict = compauth.Verdict{Result: compauth.Pass, Reason: 103}
	case "outbound":
		m.Verdict, m.Outbound = compauth.Verdict{Result: compauth.None, Reason: 401}, true
	default:
		t.Fatalf("%s: history: %q", s.path, word)
	}
}

func (s *scenario) rememberPair(t *testing.T, p *history.Pair, word string) {
	t.Helper()
	switch key, value, _ := strings.Cut(word, "="); key {
	case "org":
		p.OrgDomain = value
	case "ptr":
		p.PTR = value
	case "dkim":
		p.DKIM = append(p.DKIM, value)
	case "network":
		p.Network = netip.MustParsePrefix(value)
	case "from":
		p.From = value
	case "rcpt":
		p.Rcpt = append(p.Rcpt, value)
	default:
		t.Fatalf("%s: history: %q", s.path, word)
	}
}
