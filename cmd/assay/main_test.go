package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the golden files should hold")

// A testProgram is a program whose output is kept.
type testProgram struct {
	program
	out, err bytes.Buffer
}

// newProgram returns a program on the host MX.Example.Test. without a config file.
func newProgram(t *testing.T) *testProgram {
	t.Helper()
	p := new(testProgram)
	p.program = program{
		stdin:      strings.NewReader(""),
		stdout:     &p.out,
		stderr:     &p.err,
		configFile: filepath.Join(t.TempDir(), "assay.toml"),
		hostname:   testHostname,
		buildInfo:  func() (*debug.BuildInfo, bool) { return nil, false },
		getenv:     environment{"STATE_DIRECTORY": t.TempDir()}.get,
		uid:        1000,
		mayWrite:   func(string) bool { return false },
		now:        func() time.Time { return testTime },

		systemState: filepath.Join(t.TempDir(), "none"),
	}
	return p
}

// testTime is what a test program takes for the time.
var testTime = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

// An environment is what a test program sees of the environment.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func testHostname() (string, error) { return "MX.Example.Test.", nil }

// run carries out a command line and returns what it did.
func (p *testProgram) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p.out.Reset()
	p.err.Reset()
	code = run(t.Context(), &p.program, args)
	return code, p.out.String(), p.err.String()
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n--- got\n%s--- want\n%s", file, got, want)
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct {
		args string
		want string // all of standard error
	}{
		{"confg", `assay: unknown command "confg"; did you mean config?`},
		{"verison", `assay: unknown command "verison"; did you mean version?`},
		{"--version", `assay: unknown flag "--version"; did you mean version?`},
		{"config chek", `assay: unknown command "config chek"; did you mean check?`},
		{"config xyzzy", `assay: unknown command "config xyzzy"; there is check, show`},
		{"config --jsno", `assay: unknown flag "--jsno"; there is check, show`},
		{"config show --jsn", `assay: unknown flag "--jsn"; did you mean --json? (see assay config show --help)`},
		{"config show --xyzzy=5", `assay: unknown flag "--xyzzy"; there is -c, --config, --json, --help (see assay config show --help)`},
		{"config show -c", `assay: flag -c needs a value (see assay config show --help)`},
		{"config show --json=maybe", `assay: flag --json: "maybe": parse error (see assay config show --help)`},
		{"config show extra", `assay: unexpected argument "extra" (see assay config show --help)`},
		{"version a b", `assay: unexpected argument "a" (see assay version --help)`},
		{"help config chek", `assay: unknown command "config chek"; did you mean check?`},
		{"help version more", `assay: unknown command "version more"; it has no commands of its own`},
		{"\x1b[31m", `assay: unknown command "\x1b[31m"; there is`},
	}
	for _, test := range tests {
		p := newProgram(t)
		code, stdout, stderr := p.run(t, strings.Fields(test.args)...)
		if code != exitUsage {
			t.Errorf("%q: exit code %d", test.args, code)
		}
		if stdout != "" || !strings.HasPrefix(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q:\n got %q %q\nwant %q", test.args, stdout, stderr, test.want)
		}
	}
}

func TestUsageWithoutCommand(t *testing.T) {
	for _, args := range [][]string{nil, {"config"}} {
		code, stdout, stderr := newProgram(t).run(t, args...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "usage: assay ") {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
}

// TestHelp walks every command: each has help with its flags and an example,
// and "help X" says the same as "X --help".
func TestHelp(t *testing.T) {
	var walk func(path []string, c *command)
	walk = func(path []string, c *command) {
		code, byFlag, stderr := newProgram(t).run(t, append(path, "--help")...)
		if code != exitOK || stderr != "" {
			t.Errorf("%q --help: %d %q", path, code, stderr)
		}
		_, byCommand, _ := newProgram(t).run(t, append([]string{"help"}, path...)...)
		if byFlag != byCommand {
			t.Errorf("help %q:\n%s\nbut with --help:\n%s", path, byCommand, byFlag)
		}
		for _, part := range []string{"assay", c.name, c.summary, "usage: ", "\nExamples:\n  assay "} {
			if !strings.Contains(byFlag, part) {
				t.Errorf("%q --help lacks %q:\n%s", path, part, byFlag)
			}
		}
		for _, sub := range c.commands {
			if !strings.Contains(byFlag, sub.summary) {
				t.Errorf("%q --help does not name %s", path, sub.name)
			}
			walk(append(path[:len(path):len(path)], sub.name), sub)
		}
	}
	walk(nil, &command{name: "assay", commands: commands()})
}

func TestHelpOfFlags(t *testing.T) {
	_, stdout, _ := newProgram(t).run(t, "config", "show", "-h")
	for _, line := range []string{"  -c, --config FILE   ", "  --json   ", "  -h, --help   "} {
		if strings.Count(stdout, line) != 1 {
			t.Errorf("no single line %q in:\n%s", line, stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	revision := setting("vcs.revision", "0123abc")
	tests := []struct {
		name string
		info *debug.BuildInfo
		want string
	}{
		{"no build info", nil, "assay (devel)\ncommit unknown (built without version control)\ngo"},
		{"no version control", &debug.BuildInfo{GoVersion: "go1.99"},
			"assay (devel)\ncommit unknown (built without version control)\ngo1.99 "},
		{"clean", &debug.BuildInfo{GoVersion: "go1.99", Main: debug.Module{Version: "v1.2.3"},
			Settings: []debug.BuildSetting{revision, setting("vcs.time", "2026-01-02T03:04:05Z"), setting("vcs.modified", "false")}},
			"assay v1.2.3\ncommit 0123abc of 2026-01-02T03:04:05Z\ngo1.99 "},
		{"modified", &debug.BuildInfo{GoVersion: "go1.99", Settings: []debug.BuildSetting{revision, setting("vcs.modified", "true")}},
			"assay (devel)\ncommit 0123abc, with changes that are not committed\ngo1.99 "},
	}
	for _, test := range tests {
		p := newProgram(t)
		p.buildInfo = func() (*debug.BuildInfo, bool) { return test.info, test.info != nil }
		code, stdout, stderr := p.run(t, "version")
		if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, test.want) {
			t.Errorf("%s: %d %q %q, want %q", test.name, code, stdout, stderr, test.want)
		}
	}
}

func TestOutputThatFails(t *testing.T) {
	p := newProgram(t)
	reader, writer := io.Pipe()
	reader.CloseWithError(errors.New("no space left"))
	p.stdout = writer
	for _, args := range [][]string{{"version"}, {"--help"}, {"config", "show"}, {"config", "check"}} {
		code, _, stderr := p.run(t, args...)
		if code != exitFail || stderr != "assay: write: no space left\n" {
			t.Errorf("%q: %d %q", args, code, stderr)
		}
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
