package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"assay/compauth/spoof"
)

// A spoofTest has a config whose list is a file that need not exist; our own domain is
// own.example.
type spoofTest struct {
	*testProgram
	t         *testing.T
	dir, list string
}

func newSpoofTest(t *testing.T) *spoofTest {
	t.Helper()
	s := &spoofTest{testProgram: newProgram(t), t: t}
	s.dir = filepath.Dir(s.configFile)
	s.list = filepath.Join(s.dir, "spoofed-senders")
	s.configure("")
	return s
}

// configure writes the config, with more of it.
func (s *spoofTest) configure(more string) {
	s.write(s.configFile, fmt.Sprintf("accepted_domains = ['own.example']\nspoofed_senders_file = %q\n%s", s.list, more))
}

func (s *spoofTest) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *spoofTest) holds(want string) {
	s.t.Helper()
	if text, err := os.ReadFile(s.list); err != nil || string(text) != want {
		s.t.Errorf("the list is %v\n%s--\nwant\n%s", err, text, want)
	}
}

// spoof runs assay spoof, with the words of args, and checks all that it says; LIST stands for
// the file and N… for the line about its length.
func (s *spoofTest) spoof(args string, code int, stdout, stderr string) {
	s.t.Helper()
	s.spoofWords(strings.Fields(args), code, stdout, stderr)
}

func (s *spoofTest) spoofWords(args []string, code int, stdout, stderr string) {
	s.t.Helper()
	stdout = strings.NewReplacer("N1\n", "LIST has 1 entry now; a running daemon reads it within two seconds\n",
		"N2\n", "LIST has 2 entries now; a running daemon reads it within two seconds\n",
		"N3\n", "LIST has 3 entries now; a running daemon reads it within two seconds\n").Replace(stdout)
	got, out, err := s.run(s.t, append([]string{"spoof"}, args...)...)
	out, err = s.withoutPaths(out), s.withoutPaths(err)
	if got != code || out != stdout || err != stderr {
		s.t.Errorf("spoof %s:\n got %d\n%s--\n%swant %d\n%s--\n%s", args, got, out, err, code, stdout, stderr)
	}
}

func (s *spoofTest) withoutPaths(text string) string {
	return strings.NewReplacer(s.list, "LIST", s.configFile, "CONFIG", s.dir, "DIR").Replace(text)
}

func TestSpoofPut(t *testing.T) {
	s := newSpoofTest(t)
	s.spoof("allow Mail.Own.example Bulk.example", exitOK, "added allow mail.own.example bulk.example internal\nN1\n", "")
	s.spoof("block bank.example *", exitOK, "added block bank.example * external\nN2\n", "")
	s.spoofWords([]string{"allow", "joe@bank.example", "192.0.2.0/24", "--expires", "2026-12-31", "--note", "  it's #1 ", "--external"}, exitOK,
		"added allow joe@bank.example 192.0.2.0/24 external expires=2026-12-31 # it's #1\nN3\n",
		"assay: a block comes before an allow: block bank.example * external, LIST:7\n")
	s.holds(spoofedHeader + "allow mail.own.example bulk.example internal\nblock bank.example * external\n" +
		"allow joe@bank.example 192.0.2.0/24 external expires=2026-12-31 # it's #1\n")
}

// testText is a list with everything that has to stay.
const testText = "# Ours.\r\n\r\n  allow own.example bulk.example internal # ok\r\n# more\nblock * 192.0.2.0/24  external\n\tallow joe@bank.example bank.example external"

func TestSpoofReplace(t *testing.T) {
	s := newSpoofTest(t)
	s.write(s.list, testText)
	s.spoof("allow own.example BULK.example", exitOK, "allow own.example bulk.example internal was there already\n", "")
	s.spoof("block --external * 192.0.2.0/24", exitOK, "block * 192.0.2.0/24 external was there already\n", "")
	s.holds(testText)
	s.spoof("block own.example bulk.example", exitOK,
		"changed allow own.example bulk.example internal # ok\n     to block own.example bulk.example internal # ok\nN3\n", "")
	s.holds(strings.Replace(testText, "allow own", "block own", 1))
	s.spoof("allow own.example bulk.example --expires 1d --note new", exitOK,
		"changed block own.example bulk.example internal # ok\n     to allow own.example bulk.example internal expires=2026-03-15 # new\nN3\n", "")
	s.holds(strings.Replace(testText, "internal # ok", "internal expires=2026-03-15 # new", 1))

	s.write(s.list, "allow a.example * external # x\x1b\nblock a.example * external\n")
	s.spoof("allow a.example *", exitOK,
		"changed \"allow a.example * external # x\\x1b\"\n     to \"allow a.example * external # x\\x1b\"\nremoved block a.example * external, which was on line 2\nN1\n", "")
	s.holds("allow a.example * external # x\x1b\n")
}

// The scope is that of the spoofed user unless a flag says another, which is then said to be odd.
func TestSpoofScope(t *testing.T) {
	for _, test := range []struct {
		args, scope, stderr string
	}{
		{"own.example", "internal", ""},
		{"joe@own.example", "internal", ""},
		{".www.own.example", "internal", ""},
		{"notown.example", "external", ""},
		{".example", "external", ""},
		{"--internal .example", "internal", ""},
		{"--internal *", "internal", ""},
		{"--external *", "external", ""},
		{"--external www.own.example", "external", "assay: allow www.own.example a.test external never matches: www.own.example is one of accepted_domains; make it internal\n"},
		{"--internal .a.example", "internal", "assay: allow .a.example a.test internal never matches: a.example is none of accepted_domains; make it external\n"},
		{"--internal joe@example", "internal", "assay: allow joe@example a.test internal never matches: example is none of accepted_domains; make it external\n"},
	} {
		s := newSpoofTest(t)
		words := strings.Fields(test.args)
		s.spoof("allow "+test.args+" a.test", exitOK, "added allow "+words[len(words)-1]+" a.test "+test.scope+"\nN1\n", test.stderr)
	}
	s := newSpoofTest(t)
	s.write(s.configFile, fmt.Sprintf("spoofed_senders_file = %q\n", s.list))
	s.spoof("block --internal * a.test", exitOK, "added block * a.test internal\nN1\n",
		"assay: block * a.test internal never matches: accepted_domains names no domain\n")
}

func TestSpoofRemove(t *testing.T) {
	s := newSpoofTest(t)
	text := testText + "\nallow * bulk.example internal\nblock * 192.0.2.0/24 internal\n"
	s.write(s.list, text)
	s.spoof("remove own.example BULK.example", exitOK, "removed allow own.example bulk.example internal # ok\nLIST has 4 entries now; a running daemon reads it within two seconds\n",
		"assay: own.example bulk.example is still allowed: allow * bulk.example internal, LIST:6\n")
	s.holds(strings.Replace(text, "  allow own.example bulk.example internal # ok\r\n", "", 1))
	s.spoof("remove --external * 192.0.2.0/24", exitOK, "removed block * 192.0.2.0/24 external\nN3\n", "")
	s.spoof("remove joe@bank.example bnk.example bank.example 10.0.0.0/8 bank.example", exitFail, "removed allow joe@bank.example bank.example external\nN2\n",
		"assay: not in the list: joe@bank.example bnk.example\nassay: not in the list: joe@bank.example 10.0.0.0/8\n")
	s.spoof("allow --external any.example 198.51.100.0/24", exitOK, "added allow any.example 198.51.100.0/24 external\nN3\n", "")
	s.spoof("allow --external any.example 198.51.100.0", exitOK, "added allow any.example 198.51.100.0/32 external\nLIST has 4 entries now; a running daemon reads it within two seconds\n", "")
	s.spoof("remove any.example 198.51.100.0/24", exitOK, "removed allow any.example 198.51.100.0/24 external\nN3\n", "")
	s.spoof("remove any.example 198.51.100.0", exitOK, "removed allow any.example 198.51.100.0/32 external\nN2\n", "")
	s.spoof("remove * blk.example", exitFail, "", "assay: not in the list: * blk.example; did you mean * bulk.example?\n")
	s.spoof("remove * bulk.example 192.0.2.0/24 --external", exitFail, "", "assay: not in the list: * bulk.example; did you mean * bulk.example?\nassay: not in the list: * 192.0.2.0/24; did you mean * 192.0.2.0/24?\n")
	s.holds("# Ours.\r\n\r\n# more\nallow * bulk.example internal\nblock * 192.0.2.0/24 internal\n")
}

// Nothing at all is changed when something is wrong.
func TestSpoofRefused(t *testing.T) {
	s := newSpoofTest(t)
	s.write(s.list, testText)
	for args, want := range map[string]string{
		"allow":                                "name the spoofed user and the infrastructure (see assay spoof allow --help)",
		"block own.example":                    "name the spoofed user and the infrastructure (see assay spoof block --help)",
		"block a.example b.example c.example":  `unexpected argument "c.example" (see assay spoof block --help)`,
		"allow a.example co.uk":                `"co.uk" is a public suffix: names below it belong to many owners; write the domain of one of them such as "example.co.uk", or the network that sends, such as "192.0.2.0/24"`,
		"allow 192.0.2.1 a.example":            `"192.0.2.1" is no user but a host or network; write the spoofed user first, then the infrastructure`,
		"allow * a.example":                    `"*" is everybody; write --internal to mean our own domains, or --external`,
		"allow --internal * *":                 `"* *" is every message; name the spoofed user or the infrastructure`,
		"allow --internal --external a.test *": "--internal and --external exclude each other; write one",
		"allow --expires 2026-03-13 a.test *":  `"2026-03-13" is over; write a later date`,
		"allow --expires tomorrow a.test *":    `"tomorrow" is no date; write one such as "2026-12-31" or "2026-12-31T18:00:00Z"`,
		"allow --expires 0d a.test *":          `"0d" is no number of days; write one from 1d to 36500d`,
		"allow --expires 36501d a.test *":      `"36501d" is no number of days; write one from 1d to 36500d`,
		"allow --note \x1b a.test *":           `the note "\x1b" has more than printable characters; write one line of text`,
		"allow --from-insight 1 a.test *":      `--from-insight names the infrastructure; write no "*"`,
		"allow --from-insight 0":               `flag --from-insight: "0": write a number from 1 to 2147483647 (see assay spoof allow --help)`,
		"remove own.example":                   "name the spoofed user and at least one infrastructure (see assay spoof remove --help)",
		"remove a b c@d":                       "\"b\" has one label only; write the whole domain such as \"example.org\"\nassay: \"c@d\" is an address; write \"d\"\nassay: nothing was changed",
		"remove a. --internal --external *":    "--internal and --external exclude each other; write one\nassay: nothing was changed",
	} {
		s.spoof(args, exitUsage, "", "assay: "+want+"\n")
	}
	s.spoofWords([]string{"allow", "--from-insight", "1", ""}, exitUsage, "", "assay: the spoofed user is empty; write the domain of row 1, or nothing\n")
	s.spoofWords([]string{"allow", "--note", strings.Repeat("x", 201), "a.test", "*"}, exitUsage, "", "assay: the note has 201 bytes; write at most 200\n")
	s.holds(testText)

	bad := "alow a.test * external\n" + testText + "\nblock\n"
	s.write(s.list, bad)
	lines := "LIST:1: \"alow\" is neither allow nor block; did you mean allow?\nLIST:8: \"block\" is not all; write allow or block, the spoofed user, the infrastructure, then internal or external\n"
	for _, verb := range []string{"allow", "block", "remove"} {
		s.spoof(verb+" a.test *", exitData, "", lines+"assay: nothing was changed; correct these lines first\n")
	}
	s.spoof("list", exitData, "", lines)
	for _, args := range [][]string{{"config", "check"}, {"check"}} {
		if code, stdout, stderr := s.run(t, args...); code != exitData || stdout != "" || s.withoutPaths(stderr) != lines {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
	s.holds(bad)
}

// What else keeps the list from being changed is said in one line.
func TestSpoofNoFile(t *testing.T) {
	s := newSpoofTest(t)
	for name, test := range map[string]struct {
		path string
		code int
		want string
	}{
		"no file":   {"", exitData, "assay: CONFIG:1: spoofed_senders_file names no file; write its path there\n"},
		"no folder": {s.dir + "/none/list", exitFail, "assay: DIR/none: no such folder; create it first\n"},
		"a folder":  {s.dir, exitFail, "assay: DIR: is no regular file; name the file with the list\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s.write(s.configFile, fmt.Sprintf("spoofed_senders_file = %q\n", test.path))
			for _, verb := range []string{"allow", "remove"} {
				code, stdout, stderr := s.run(t, "spoof", verb, "a.test", "*")
				if code != test.code || stdout != "" || s.withoutPaths(stderr) != test.want {
					t.Errorf("%s: %d %q %q, want %q", verb, code, stdout, stderr, test.want)
				}
			}
		})
	}
	s.write(s.configFile, "x = 1\n")
	for _, args := range []string{"allow a.test *", "remove a.test *", "list"} {
		s.spoof(args, exitData, "", "CONFIG:1: x: unknown key; remove it (assay config show lists every key)\n")
	}
}

// While somebody keeps the folder locked, nothing is changed, and one line says so.
func TestSpoofLocked(t *testing.T) {
	dir, _ := lockedFolder(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSpoofTest(t)
		s.dir, s.list = dir, filepath.Join(dir, "list")
		s.configure("")
		for _, verb := range []string{"allow", "block", "remove"} {
			s.spoof(verb+" a.test *", exitFail, "",
				"assay: DIR: another process keeps this folder locked; end it (fuser -v DIR shows it) and try again\n")
		}
	})
}

// A list of 100,000 entries is changed as one of three is.
func TestSpoofLongList(t *testing.T) {
	s := newSpoofTest(t)
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "allow user-%d.example bulk.example external # number %d\n", i, i)
	}
	s.write(s.list, text.String())
	s.spoof("block user-500.example bulk.example", exitOK,
		"changed allow user-500.example bulk.example external # number 500\n     to block user-500.example bulk.example external # number 500\n"+
			"LIST has 100000 entries now; a running daemon reads it within two seconds\n", "")
	s.spoof("remove user-77777.example bulk.example", exitOK,
		"removed allow user-77777.example bulk.example external # number 77777\nLIST has 99999 entries now; a running daemon reads it within two seconds\n", "")
	s.spoof("remove user-77777.example bulk.example", exitFail, "", "assay: not in the list: user-77777.example bulk.example\n")
	s.holds(strings.NewReplacer("allow user-500.", "block user-500.", "allow user-77777.example bulk.example external # number 77777\n", "").Replace(text.String()))
}

const listedText = `allow own.example bulk.example internal # ok
block * 192.0.2.0/24 external expires=2026-03-14
allow joe@bank.example bank.example external expires=2026-03-13 # over
allow own.example bulk.example internal expires=2026-03-14T15:09:26Z
block a.example * internal
`

func TestSpoofList(t *testing.T) {
	s := newSpoofTest(t)
	s.configure("history.database = ''\n")
	s.spoof("list", exitOK, "", "assay: LIST does not exist\n")
	s.spoof("list --json", exitOK, "[]\n", "assay: LIST does not exist\n")
	s.write(s.list, "# none\n")
	s.spoof("list", exitOK, "", "")

	s.write(s.list, listedText)
	remarks := "assay: LIST:4: allow own.example bulk.example internal is on line 1 already; remove one\n" +
		"assay: LIST:5: block a.example * internal never matches: a.example is none of accepted_domains; make it external\n"
	s.spoof("list", exitOK, `LINE  ENTRY                                         STATE                            LAST USED  NOTE
1     allow own.example bulk.example internal       in force                         -          ok
2     block * 192.0.2.0/24 external                 in force until 2026-03-14        -
3     allow joe@bank.example bank.example external  expired on 2026-03-13            -          over
4     allow own.example bulk.example internal       expired on 2026-03-14T15:09:26Z  -
5     block a.example * internal                    in force                         -
`, remarks)

	_, stdout, stderr := s.run(t, "spoof", "list", "--json", "-c", s.configFile)
	var entries []jsonSpoofed
	if err := json.Unmarshal([]byte(stdout), &entries); err != nil || s.withoutPaths(stderr) != remarks {
		t.Fatal(err, stderr)
	}
	want := jsonSpoofed{Entry: "allow joe@bank.example bank.example external", Action: "allow", User: "joe@bank.example", Infrastructure: "bank.example",
		Scope: "external", Expires: "2026-03-13", Note: "over", File: s.list, Line: 3}
	if len(entries) != 5 || entries[2] != want || !entries[1].InForce || entries[1].Expires != "2026-03-14" || entries[0].Expires != "" {
		t.Errorf("%+v", entries)
	}
	s.write(s.list, strings.Repeat("allow a.test * external\n", 100))
	if _, _, stderr := s.run(t, "spoof", "list"); strings.Count(stderr, "\n") != maxRemarks+1 || !strings.Contains(stderr, "and 79 more such") {
		t.Errorf("%s", stderr)
	}
	s.write(s.list, "allow a.test * external # \x1b[2J\u202e\n")
	for _, args := range [][]string{{"spoof", "list"}, {"spoof", "list", "--json"}} {
		if _, stdout, _ := s.run(t, args...); strings.ContainsAny(stdout, "\x1b\u202e") {
			t.Errorf("%q: %q", args, stdout)
		}
	}
	s.write(s.configFile, "spoofed_senders_file = ''\n")
	s.spoof("list", exitOK, "", "assay: there is no list: spoofed_senders_file names no file\n")
}

// TestPackagedSpoofed holds that the list in packaging has no entry, begins as one that is created,
// and shows good entries.
func TestPackagedSpoofed(t *testing.T) {
	text := string(readFixture(t, "../../packaging/spoofed-senders"))
	f, err := spoof.ParseFile(text, "f")
	if err != nil || len(f.Entries) > 0 || !strings.HasPrefix(text, spoofedHeader) {
		t.Errorf("%v, %v", f, err)
	}
	shown := strings.NewReplacer("\n#allow", "\nallow", "\n#block", "\nblock").Replace(text)
	if f, err := spoof.ParseFile(shown, "f"); err != nil || len(f.Entries) != 4 || len(f.Remarks()) != 0 {
		t.Errorf("%v, %v", f, err)
	}
}
