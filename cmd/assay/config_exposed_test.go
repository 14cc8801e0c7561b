package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestConfigExposed holds that a password is warned of when every user of the host may read it, on standard
// error, which changes nothing else.
func TestConfigExposed(t *testing.T) {
	const url = "history.database = 'postgres://joe:hunter2@db.example/mail'\n"
	for _, test := range []struct {
		config string
		mode   os.FileMode
		warned bool
	}{
		{url, 0o644, true},
		{url, 0o604, true},
		{url, 0o640, false},
		{url, 0o600, false},
		{"\n[history]\ndatabase = 'postgres://db.example/mail?user=joe&password=hunter2'\n", 0o644, true},
		{"history.database = 'postgres://joe@db.example/mail?sslmode=verify-full'\n", 0o644, false},
		{"history.database = 'sqlite:h.db'\n", 0o644, false},
		{"", 0o644, false},
	} {
		p := newProgram(t)
		writeFile(t, p.configFile, test.config)
		if err := os.Chmod(p.configFile, test.mode); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := p.run(t, "config", "check")
		want := ""
		if test.warned {
			line := 1 + strings.Count(strings.TrimRight(test.config, "\n"), "\n")
			want = fmt.Sprintf("assay: %s:%d: history.database has a password, and every user of this host may read the file; take that away with chmod o= %[1]s\n", p.configFile, line)
		}
		ok := p.configFile + ": ok\n"
		if test.config == "" {
			ok = p.configFile + ": ok; it sets nothing: the defaults hold, though a daemon whose config set something keeps that until it is restarted\n"
		}
		if code != exitOK || stdout != ok || stderr != want {
			t.Errorf("%q, mode %o: %d %q %q, want %q", test.config, test.mode, code, stdout, stderr, want)
		}
	}
}

// Nothing of a password is shown, wherever it stands in the URL.
func TestWithoutPassword(t *testing.T) {
	for database, want := range map[string]string{
		"":                                           "",
		"sqlite:history.db":                          "sqlite:history.db",
		"sqlite:/srv/a@b/history.db":                 "sqlite:/srv/a@b/history.db",
		"postgres://db.example/mail":                 "postgres://db.example/mail",
		"postgres://u@db.example":                    "postgres://u@db.example",
		"postgresql://u:geheim@h/d":                  "postgresql://u:(secret)@h/d",
		"postgres://u:@h/d":                          "postgres://u:(secret)@h/d",
		"postgres://u:geh@eim@h:1":                   "postgres://u:(secret)@h:1",
		"postgres://u:geh:eim@h1,h2":                 "postgres://u:(secret)@h1,h2",
		"postgres://u:12/geheim@h/d":                 "(secret)",
		"postgres://u:12?geheim@h/d":                 "(secret)",
		"postgres://u:12#geheim":                     "(secret)",
		"postgres:///d?password=x":                   "postgres:///d?password=(secret)",
		"postgres:///d?a=b&PassWord":                 "postgres:///d?a=b&PassWord=(secret)",
		"postgres:///d?sslpassword=x":                "postgres:///d?sslpassword=(secret)",
		"postgres:///d?p%61ssword=x&sslmode=require": "postgres:///d?p%61ssword=(secret)&sslmode=require",
		"postgres:///d?p%6=geheim":                   "postgres:///d?p%6=(secret)",
		"postgres://h?user=u;password=geheim":        "postgres://h?user=(secret)",
	} {
		if got := withoutPassword(database); got != want {
			t.Errorf("%s: %s, want %s", database, got, want)
		}
		if again := withoutPassword(want); again != want {
			t.Errorf("%s: %s the second time", want, again)
		}
	}
}

// TestManyMistakes bounds the report of a file that is no config at all.
