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
		if code != exitOK || stdout != p.configFile+": ok\n" || stderr != want {
			t.Errorf("%q, mode %o: %d %q %q, want %q", test.config, test.mode, code, stdout, stderr, want)
		}
	}
}
