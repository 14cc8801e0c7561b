package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const noStateDir = "neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME names a folder; write state_dir in the config"

// Where the history is kept depends on the config, then on what systemd says, then on the user.
func TestHistoryPlace(t *testing.T) {
	home := environment{"HOME": "/home/joe"}
	for _, test := range []struct {
		config   string
		uid      int
		env      environment
		mayWrite bool // into root's folder
		want     string
	}{
		{"", 0, nil, false, "sqlite:/system/history.db"},
		{"", 0, environment{"HOME": "/root", "XDG_STATE_HOME": "/root/state"}, false, "sqlite:/system/history.db"},
		{"", 7, home, false, "sqlite:/home/joe/.local/state/assay/history.db"},
		{"", 7, home, true, "sqlite:/system/history.db"},
		{"", 7, environment{"HOME": "/home/joe", "XDG_STATE_HOME": "/state"}, false, "sqlite:/state/assay/history.db"},
		{"", 7, environment{"HOME": "/home/joe", "XDG_STATE_HOME": "state"}, false, "sqlite:/home/joe/.local/state/assay/history.db"},
		{"", 7, environment{"HOME": "/home/joe", "STATE_DIRECTORY": "/run/state/"}, true, "sqlite:/run/state/history.db"},
		{"", 0, environment{"STATE_DIRECTORY": "/first:/second"}, false, "sqlite:/first/history.db"},
		{"", 0, environment{"STATE_DIRECTORY": "relative:/second"}, false, "sqlite:/system/history.db"},
		{"", 7, nil, false, noStateDir},
		{"", 7, nil, true, "sqlite:/system/history.db"},
		{"", 7, environment{"HOME": "joe"}, false, noStateDir},
		{"state_dir = '/srv/assay'", 7, environment{"STATE_DIRECTORY": "/run/state"}, true, "sqlite:/srv/assay/history.db"},
		{"state_dir = '/srv/assay'\nhistory.database = 'sqlite:sub/h.db'", 7, nil, false, "sqlite:/srv/assay/sub/h.db"},
		{"history.database = 'sqlite:/srv/h.db'", 7, nil, false, "sqlite:/srv/h.db"},
		{"history.database = 'postgres://db.example/mail'", 7, nil, false, "postgres://db.example/mail"},
		{"history.database = ''", 7, nil, false, ""},
	} {
		p := &program{getenv: test.env.get, uid: test.uid, systemState: "/system",
			mayWrite: func(dir string) bool { return test.mayWrite && dir == "/system" }}
		for _, readOnly := range []bool{false, true} { // no folder is there, so that reading makes no difference
			if got := placeFor(t, p, test.config, readOnly); got != test.want {
				t.Errorf("%q, uid %d, %v:\n got %s\nwant %s", test.config, test.uid, test.env, got, test.want)
			}
		}
	}
}

// placeFor is where a history is kept by a config, or why nowhere.
func placeFor(t *testing.T, p *program, text string, readOnly bool) string {
	t.Helper()
	config, err := parseConfig([]byte(text), "f", testHostname)
	if err != nil {
		t.Fatal(err)
	}
	place, err := p.database(config, readOnly)
	if err != nil {
		return fmt.Sprint(err)
	}
	return place
}

// A command of another user looks into root's folder where that is, unless the user has a history; a daemon
// of that user does not.
func TestHistoryFound(t *testing.T) {
	for _, test := range []struct {
		there  string // of the folders and files below
		config string
		home   bool
		daemon string
		reader string
	}{
		{"", "", true, "HOME/.local/state/assay/history.db", "HOME/.local/state/assay/history.db"},
		{"SYSTEM/", "", true, "HOME/.local/state/assay/history.db", "SYSTEM/history.db"},
		{"SYSTEM/ HOME/.local/state/assay/", "", true, "HOME/.local/state/assay/history.db", "SYSTEM/history.db"},
		{"SYSTEM/ HOME/.local/state/assay/history.db", "", true, "HOME/.local/state/assay/history.db", "HOME/.local/state/assay/history.db"},
		{"SYSTEM/ HOME/.local/state/assay/history.db", "history.database = 'sqlite:h.db'", true, "HOME/.local/state/assay/h.db", "SYSTEM/h.db"},
		{"SYSTEM/history.db", "", false, noStateDir, "SYSTEM/history.db"},
		{"", "", false, noStateDir, noStateDir},
	} {
		dir := t.TempDir()
		names := strings.NewReplacer("HOME", filepath.Join(dir, "home"), "SYSTEM", filepath.Join(dir, "system"))
		for name := range strings.FieldsSeq(test.there) {
			name = names.Replace(name)
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(name, "/") {
				writeFile(t, name, "")
			}
		}
		p := newProgram(t)
		p.systemState, p.getenv = names.Replace("SYSTEM"), environment{}.get
		if test.home {
			p.getenv = environment{"HOME": names.Replace("HOME")}.get
		}
		got := []string{placeFor(t, &p.program, test.config, false), placeFor(t, &p.program, test.config, true)}
		want := []string{test.daemon, test.reader}
		for i, place := range want {
			if place != noStateDir {
				want[i] = "sqlite:" + names.Replace(place)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, %q:\n got %q\nwant %q", test.there, test.config, got, want)
		}
	}
}
