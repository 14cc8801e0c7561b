package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/arc"
	"assay/compauth"
	"assay/compauth/history"
	"assay/compauth/spoof"
	"assay/metrics"
)

// A spoofDaemon is a daemon without listeners, whose looks the test does.
type spoofDaemon struct {
	*daemon
	*spoofTest
	logged bytes.Buffer
}

func newSpoofDaemon(t *testing.T) *spoofDaemon {
	t.Helper()
	d := &spoofDaemon{spoofTest: newSpoofTest(t)}
	d.configure("history.database = ''\ndns.servers = ['192.0.2.1']\n")
	config, err := d.loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	d.daemon = &daemon{p: &d.program, config: config, begun: config, log: slog.New(slog.NewTextHandler(&d.logged, nil)), sealers: new(arc.SealersFile)}
	if err := d.spoofed.read(config, d.log); err != nil {
		t.Fatal(err)
	}
	if err := d.build(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.closeHistories)
	return d
}

// expect checks what is logged after two looks, and which of a, b and c.example match then.
func (d *spoofDaemon) expect(what, logged, matched string) {
	d.t.Helper()
	d.look()
	d.look()
	if text := d.withoutPaths(d.logged.String()); logged == "" && text != "" || !strings.Contains(text, logged) {
		d.t.Errorf("%s: no %q in the log:\n%s", what, logged, text)
	}
	d.logged.Reset()
	var names []string
	for _, name := range []string{"a", "b", "c"} {
		if _, ok := d.verifier.Spoofed.Match(spoof.Sender{Domain: name + ".example"}, testTime); ok {
			names = append(names, name)
		}
	}
	if got := strings.Join(names, " "); got != matched {
		d.t.Errorf("%s: %s match, want %s", what, got, matched)
	}
}

func TestReloadSpoofed(t *testing.T) {
	d := newSpoofDaemon(t)
	d.expect("no file", `level=WARN msg="the file of the spoofed senders does not exist, nobody is allowed or blocked" file=LIST`, "")
	d.write(d.list, "allow a.example * external\n")
	d.expect("created", `level=INFO msg="spoofed senders reloaded" file=LIST count=1`, "a")
	d.expect("no change", "", "a")
	d.write(d.list, "block b.example * external\nblok c.example * external\nblock c.example\n")
	d.expect("bad", `level=ERROR msg="spoofed senders not reloaded, the list in force stays" error="LIST:2: \"blok\" is neither allow nor block; did you mean block?"`, "a")
	d.expect("still bad", "", "a")
	d.reload()
	d.expect("bad, asked again", "LIST:3: ", "a")
	d.write(d.list, "allow a.example * external\nblock b.example * external\nblock A.example * external\n")
	d.expect("good, with a contradiction", `count=1 first="line 3: block a.example * external counts before line 1, which allows the same; remove one"`, "a b")
	if err := rewriteTo(d.list, "block c.example * external\n"); err != nil {
		t.Fatal(err)
	}
	d.expect("replaced", "count=1", "c")
	d.write(d.list, "")
	d.expect("emptied", `level=ERROR msg="spoofed senders not reloaded, the list in force stays" error="LIST: has become empty, 0 bytes; restore it, `, "c")
	d.reload()
	d.expect("emptied, asked again", "LIST: has become empty", "c")
	if !d.metrics.state().Reloads[metrics.SpoofedSenders].Failed {
		t.Error("the metrics do not tell that it failed")
	}
	d.spoof("block b.example *", exitOK, "added block b.example * external\nN1\n", "")
	d.expect("an entry by a command", "count=1", "b")
	d.spoof("remove b.example *", exitOK, "removed block b.example * external\nLIST has 0 entries now; a running daemon reads it within two seconds\n", "")
	d.holds(spoofedHeader)
	d.expect("the last one removed by a command", "count=0", "")
	d.write(d.list, "")
	d.expect("emptied, and nothing to lose", "count=0", "")
	d.write(d.list, "block c.example * external\n")
	d.expect("back", "count=1", "c")
	if err := os.Remove(d.list); err != nil {
		t.Fatal(err)
	}
	d.expect("removed", "the file of the spoofed senders does not exist", "")

	moved := filepath.Join(d.dir, "moved")
	d.write(moved, "block a.example * external\n")
	d.write(d.configFile, fmt.Sprintf("spoofed_senders_file = %q\nhistory.database = ''\ndns.servers = ['192.0.2.1']\n", moved))
	d.reload()
	d.expect("moved", "file=DIR/moved count=1", "a")
	d.write(d.configFile, "spoofed_senders_file = ''\nhistory.database = ''\ndns.servers = ['192.0.2.1']\n")
	d.reload()
	d.expect("no file", "count=0", "")
}

// With a bad list the daemon does not start, as with a bad config.
func TestServeBadSpoofed(t *testing.T) {
	list := filepath.Join(t.TempDir(), "spoofed-senders")
	if err := os.WriteFile(list, []byte("# x\nallow a.example 10.0.0.0/7 external\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stderr := serveOnce(t, 0, fmt.Sprintf("spoofed_senders_file = %q\n", list))
	if want := list + ":2: \"10.0.0.0/7\" is too large a network; write one of /8 or smaller\n"; code != exitData || stderr != want {
		t.Errorf("exit code %d: %q, want %q", code, stderr, want)
	}
}

// The list shows when the daemon used an entry last, and an insight becomes an entry.
func TestSpoofHistory(t *testing.T) {
	s := newSpoofTest(t)
	s.write(s.list, "block own.example * internal\nallow a.example * external\n")
	s.spoof("list", exitOK, "LINE  ENTRY                         STATE     LAST USED  NOTE\n1     block own.example * internal  in force  -\n2     allow a.example * external    in force  -\n", "")

	config, err := s.loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	store, err := s.openHistory(config, false)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now() // what is too old for the history is not kept
	s.now = func() time.Time { return now }
	used := now.AddDate(0, 0, -2)
	for _, m := range []history.Message{
		{Time: used.Add(-24 * time.Hour), Entry: "block own.example * internal"},
		{Time: used, Entry: "block own.example * internal", Sighting: &history.Sighting{
			Domain: "own.example", Infrastructure: "bulk.example", Internal: true, Reason: 2, Result: compauth.Fail, Entry: "block", Action: "reject",
		}},
	} {
		m.Verdict = compauth.Verdict{Result: compauth.Fail, Reason: 2}
		m.OrgDomain = "own.example"
		store.Record(m)
	}
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.spoof("list", exitOK, "LINE  ENTRY                         STATE     LAST USED   NOTE\n1     block own.example * internal  in force  "+used.UTC().Format(time.DateOnly)+"\n2     allow a.example * external    in force  -\n", "")
	before := "block own.example * internal\nallow a.example * external\n"
	row := "own.example from bulk.example, internal, 1 message, the last on " + used.UTC().Format("2006-01-02 15:04") + ", fail 002"
	s.spoof("block --from-insight 1 a.example", exitFail, "", "assay: row 1 is not of \"a.example\" now but of "+row+"; nothing was changed\n")
	s.spoof("block --from-insight 1 joe@own.example", exitFail, "", "assay: row 1 is not of \"joe@own.example\" now but of "+row+"; nothing was changed\n")
	s.spoof("allow --from-insight 2", exitFail, "", "assay: there is no row 2: assay insight --days 7 has 1 row\n")
	s.holds(before)
	s.spoof("allow --from-insight 1 --note newsletter", exitOK, "added allow own.example bulk.example internal # newsletter\nN3\n",
		"assay: row 1 is "+row+"\nassay: a block comes before an allow: block own.example * internal, LIST:1\n")
	s.spoof("block --from-insight 1 OWN.example.", exitOK, "changed allow own.example bulk.example internal # newsletter\n     to block own.example bulk.example internal # newsletter\nN3\n",
		"assay: row 1 is "+row+"\n")
	s.holds(before + "block own.example bulk.example internal # newsletter\n")
	s.write(s.list, "blok x\n")
	s.spoof("block --from-insight 1", exitData, "", "assay: row 1 is "+row+"\nLIST:1: \"blok\" is neither allow nor block; did you mean block?\nassay: nothing was changed; correct these lines first\n")
}

// Without the history the list is shown all the same.
func TestSpoofListWithoutHistory(t *testing.T) {
	s := newSpoofTest(t)
	s.write(s.list, "allow a.example * external\n")
	s.configure(fmt.Sprintf("history.database = %q\n", "sqlite:"+s.dir)) // a folder
	code, stdout, stderr := s.run(t, "spoof", "list")
	if code != exitOK || !strings.Contains(stdout, "1     allow a.example * external  in force  -\n") || !strings.Contains(stderr, s.dir) ||
		!strings.HasPrefix(stderr, "assay: when entries were used last is not known: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
}
