package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"assay/arc"
)

// A sealersTest has a config whose list is a file that need not exist.
type sealersTest struct {
	*testProgram
	t          *testing.T
	dir, list  string
	configText string
}

func newSealersTest(t *testing.T, inConfig ...string) *sealersTest {
	t.Helper()
	s := &sealersTest{testProgram: newProgram(t), t: t}
	s.dir = filepath.Dir(s.configFile)
	s.list = filepath.Join(s.dir, "trusted-sealers")
	s.configText = fmt.Sprintf("[arc]\ntrusted_sealers = %s\ntrusted_sealers_file = %q\n", formatTOML(inConfig), s.list)
	s.write(s.configFile, s.configText)
	return s
}

func (s *sealersTest) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sealersTest) read() string {
	s.t.Helper()
	text, err := os.ReadFile(s.list)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// sealers runs assay sealers and checks all that it says; LIST stands for the file.
func (s *sealersTest) sealers(args string, code int, stdout, stderr string) {
	s.t.Helper()
	got, out, err := s.run(s.t, append([]string{"sealers"}, strings.Fields(args)...)...)
	out, err = s.withoutPaths(out), s.withoutPaths(err)
	if got != code || out != stdout || err != stderr {
		s.t.Errorf("sealers %s:\n got %d\n%s--\n%swant %d\n%s--\n%s", args, got, out, err, code, stdout, stderr)
	}
}

func (s *sealersTest) withoutPaths(text string) string {
	return strings.NewReplacer(s.list, "LIST", s.configFile, "CONFIG", s.dir, "DIR").Replace(text)
}

const edited = `# What others say.

lists.example.org   # the list
  .Example.NET	# with its hosts
# the end
lists.example.org
`

func TestSealersAdd(t *testing.T) {
	s := newSealersTest(t)
	s.sealers("add .B.Example a.example bücher.example a.example", exitOK,
		"added .b.example\nadded a.example\nadded xn--bcher-kva.example\nLIST has 3 entries now; a running daemon reads it within two seconds\n", "")
	if want := sealersHeader + ".b.example\na.example\nxn--bcher-kva.example\n"; s.read() != want {
		t.Errorf("created as %q", s.read())
	}
	s.write(s.list, edited)
	s.sealers("add Example.net .example.net lists.example.org", exitOK,
		"added example.net\n.example.net was there already\nlists.example.org was there already\nLIST has 3 entries now; a running daemon reads it within two seconds\n", "")
	if want := edited + "example.net\n"; s.read() != want {
		t.Errorf("changed to %q", s.read())
	}
	s.sealers("add .example.net", exitOK, ".example.net was there already\n", "")
}

func TestSealersRemove(t *testing.T) {
	s := newSealersTest(t, "conf.example", ".wide.example")
	s.write(s.list, edited+"a.wide.example\nconf.example\n")
	s.sealers("remove lists.example.org a.wide.example", exitOK,
		"removed lists.example.org\nremoved a.wide.example\nLIST has 2 entries now; a running daemon reads it within two seconds\n",
		"assay: a.wide.example is still trusted: .wide.example, CONFIG:2\n")
	want := "# What others say.\n\n  .Example.NET\t# with its hosts\n# the end\nconf.example\n"
	if s.read() != want {
		t.Errorf("changed to %q", s.read())
	}
	s.sealers("remove lists.example.org cnof.example www.example.net wide.example other.test", exitFail, "",
		"assay: not in the list: lists.example.org\n"+
			"assay: not in the list: cnof.example; did you mean conf.example?\n"+
			"assay: not in the list: www.example.net; www.example.net is trusted: .example.net, LIST:3\n"+
			"assay: not in the list: wide.example; wide.example is trusted: .wide.example, CONFIG:2\n"+
			"assay: not in the list: other.test\n")
	if s.read() != want {
		t.Errorf("changed to %q", s.read())
	}
	s.sealers("remove x.test .example.net conf.example", exitFail,
		"removed .example.net\nremoved conf.example\nLIST has 0 entries now; a running daemon reads it within two seconds\n",
		"assay: not in the list: x.test\nassay: conf.example is still trusted: conf.example, CONFIG:2\n")
}

func TestSealersSet(t *testing.T) {
	s := newSealersTest(t)
	s.sealers("set a.example", exitOK, "added a.example\nLIST has 1 entry now; a running daemon reads it within two seconds\n", "")
	if want := sealersHeader + "a.example\n"; s.read() != want {
		t.Errorf("created as %q", s.read())
	}
	s.write(s.list, edited)
	s.sealers("set lists.example.org .example.net", exitOK, "the list holds just that already\n", "")
	s.sealers("set www.example.net new.example .example.net", exitOK,
		"removed lists.example.org\nadded www.example.net\nadded new.example\nLIST has 3 entries now; a running daemon reads it within two seconds\n", "")
	if want := "# What others say.\n\n  .Example.NET\t# with its hosts\n# the end\nwww.example.net\nnew.example\n"; s.read() != want {
		t.Errorf("changed to %q", s.read())
	}
	s.sealers("set .example.net", exitOK,
		"removed www.example.net\nremoved new.example\nLIST has 1 entry now; a running daemon reads it within two seconds\n",
		"assay: www.example.net is still trusted: .example.net, LIST:3\n")
}

func TestSealersList(t *testing.T) {
	s := newSealersTest(t)
	s.sealers("list", exitOK, "", "assay: LIST does not exist\n")
	s.sealers("list --json", exitOK, "[]\n", "assay: LIST does not exist\n")
	s.write(s.configFile, "")
	code, stdout, stderr := s.run(t, "sealers", "list")
	if _, err := os.Stat("/etc/assay/trusted-sealers"); os.IsNotExist(err) &&
		(code != exitOK || stdout != "" || stderr != "assay: nobody is trusted: /etc/assay/trusted-sealers does not exist\n") {
		t.Errorf("without any list: %d %q %q", code, stdout, stderr)
	}

	s = newSealersTest(t, ".conf.example")
	s.write(s.list, edited)
	s.sealers("list", exitOK, "lists.example.org  LIST:3\n.example.net       LIST:4\n.conf.example      CONFIG:2\n",
		"assay: LIST:6: lists.example.org is on line 3 already; remove one\n")
	_, stdout, _ = s.run(t, "sealers", "list", "--json", "-c", s.configFile)
	var entries []struct{ Entry, Origin string }
	if err := json.Unmarshal([]byte(stdout), &entries); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 3 || entries[1].Entry != ".example.net" || s.withoutPaths(entries[1].Origin) != "LIST:4" || s.withoutPaths(entries[2].Origin) != "CONFIG:2" {
		t.Errorf("%+v", entries)
	}
	s.write(s.list, strings.Repeat("a.example\n", 100))
	if _, _, stderr := s.run(t, "sealers", "list"); strings.Count(stderr, "\n") != maxRemarks+1 || !strings.Contains(stderr, "and 79 more") {
		t.Errorf("%s", stderr)
	}
}

// Nothing at all is changed when something is wrong.
func TestSealersRefused(t *testing.T) {
	s := newSealersTest(t)
	s.write(s.list, edited)
	s.sealers("add", exitUsage, "", "assay: name at least one domain (see assay sealers add --help)\n")
	s.sealers("set", exitUsage, "", "assay: name at least one domain (see assay sealers set --help)\n")
	for _, verb := range []string{"add", "remove", "set"} {
		s.sealers(verb+" good.example *.example.org lists.example.org com", exitUsage, "",
			"assay: \"*.example.org\" has a wildcard; write \".example.org\"\n"+
				"assay: \"com\" has one label only; write the whole domain such as \"example.org\"\nassay: nothing was changed\n")
	}
	if s.read() != edited {
		t.Errorf("changed to %q", s.read())
	}

	bad := edited + "joe@example.org\n\nx\n"
	s.write(s.list, bad)
	lines := "LIST:7: \"joe@example.org\" is an address; write \"example.org\"\n" +
		"LIST:9: \"x\" has one label only; write the whole domain such as \"example.org\"\n"
	for _, verb := range []string{"add", "remove", "set"} {
		s.sealers(verb+" good.example", exitData, "", lines+"assay: nothing was changed; correct these lines first\n")
	}
	s.sealers("list", exitData, "", lines)
	if s.read() != bad {
		t.Errorf("changed to %q", s.read())
	}
	for _, args := range [][]string{{"config", "check"}, {"check"}} {
		if code, stdout, stderr := s.run(t, args...); code != exitData || stdout != "" || s.withoutPaths(stderr) != lines {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
}

// What else keeps the list from being changed is said in one line.
func TestSealersNoFile(t *testing.T) {
	s := newSealersTest(t)
	for name, test := range map[string]struct {
		path string
		code int
		want string
	}{
		"no file":       {"", exitData, "assay: CONFIG:1: arc.trusted_sealers_file names no file; write its path there\n"},
		"no folder":     {s.dir + "/none/list", exitFail, "assay: DIR/none: no such folder; create it first\n"},
		"a folder":      {s.dir, exitFail, "assay: DIR: is no regular file; name the file with the list\n"},
		"a device":      {"/dev/null", exitFail, "assay: /dev/null: is no regular file; name the file with the list\n"},
		"dangling link": {s.dir + "/link", exitFail, "assay: DIR/link: is a symbolic link to nothing; remove it\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Symlink("nowhere", s.dir+"/link") // there after the first
			s.write(s.configFile, fmt.Sprintf("arc.trusted_sealers_file = %q\n", test.path))
			code, stdout, stderr := s.run(t, "sealers", "add", "a.example")
			if code != test.code || stdout != "" || s.withoutPaths(stderr) != test.want {
				t.Errorf("%d %q %q, want %q", code, stdout, stderr, test.want)
			}
		})
	}
	s.write(s.configFile, "x = 1\n")
	s.sealers("add a.example", exitData, "", "CONFIG:1: x: unknown key; remove it (assay config show lists every key)\n")
}

// While somebody keeps the folder locked, nothing is changed, and one line says so.
func TestSealersLocked(t *testing.T) {
	dir, _ := lockedFolder(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSealersTest(t)
		s.dir, s.list = dir, filepath.Join(dir, "list")
		s.write(s.configFile, fmt.Sprintf("arc.trusted_sealers_file = %q\n", s.list))
		for _, verb := range []string{"add", "remove", "set"} {
			s.sealers(verb+" a.example", exitFail, "",
				"assay: DIR: another process keeps this folder locked; end it (fuser -v DIR shows it) and try again\n")
		}
	})
}

// What may have been meant is searched for in a list of 10,000, not in a longer one.
func TestSealersGuess(t *testing.T) {
	s := newSealersTest(t)
	var text strings.Builder
	for i := range maxGuessEntries {
		fmt.Fprintf(&text, "lists.sealer-%d.example\n", i)
	}
	s.write(s.list, text.String())
	s.sealers("remove lists.saeler-77.example", exitFail, "",
		"assay: not in the list: lists.saeler-77.example; did you mean lists.sealer-77.example?\n")
	s.write(s.list, text.String()+"one.more.example\n")
	s.sealers("remove lists.saeler-77.example", exitFail, "", "assay: not in the list: lists.saeler-77.example\n")
}

// A list of 100,000 domains is changed as one of three is.
func TestSealersLongList(t *testing.T) {
	s := newSealersTest(t)
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "lists.sealer-%d.example # number %d\n", i, i)
	}
	s.write(s.list, text.String())
	s.sealers("add new.test", exitOK, "added new.test\nLIST has 100001 entries now; a running daemon reads it within two seconds\n", "")
	s.sealers("remove lists.sealer-77777.example", exitOK,
		"removed lists.sealer-77777.example\nLIST has 100000 entries now; a running daemon reads it within two seconds\n", "")
	if want := strings.Replace(text.String(), "lists.sealer-77777.example # number 77777\n", "", 1) + "new.test\n"; s.read() != want {
		t.Error("other lines have changed")
	}
}

// TestPackagedSealers holds that the list in packaging trusts nobody, begins as one that is
// created, and shows good entries.
func TestPackagedSealers(t *testing.T) {
	text := string(readFixture(t, "../../packaging/trusted-sealers"))
	f, err := arc.ParseSealersFile(text, "f")
	if err != nil || len(f.Entries) > 0 || !strings.HasPrefix(text, sealersHeader) {
		t.Errorf("%v, %v", f, err)
	}
	shown := strings.NewReplacer("\n#lists", "\nlists", "\n#.", "\n.").Replace(text)
	if f, err := arc.ParseSealersFile(shown, "f"); err != nil || len(f.Entries) != 2 {
		t.Errorf("%v, %v", f, err)
	}
}
