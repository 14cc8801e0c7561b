package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the daemon may not read is warned of when root, who may read all, runs config check, and nothing else is.
func TestConfigDenied(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir, closed := publicDir(t), publicDir(t)
	p := newProgram(t)
	p.configFile = filepath.Join(dir, "assay.toml")
	key, sealers, spoofed := filepath.Join(dir, "arc.pem"), filepath.Join(dir, "sealers"), filepath.Join(closed, "spoofed")
	config := fmt.Sprintf("user = \"%d:%d\"\nspoofed_senders_file = %q\n[arc]\nseal = true\ndomain = \"example.test\"\nselector = \"s\"\nkey_file = %q\ntrusted_sealers_file = %q\n",
		testUID, testGID, spoofed, key, sealers)
	writeFile(t, p.configFile, config)
	writeFile(t, key, readText(t, "../../testdata/scenarios/rsa.pem"))
	writeFile(t, sealers, "")
	writeFile(t, spoofed, "")
	for _, test := range []struct {
		change func() error
		denied []string
	}{
		{func() error { return os.Chmod(closed, 0o700) }, []string{p.configFile, sealers, spoofed}},
		{func() error { return os.Chmod(p.configFile, 0o644) }, []string{sealers, spoofed}}, // the key of root's is no mistake: it is read as root
		{func() error { return os.Chown(sealers, testUID, 0) }, []string{spoofed}},
		{func() error { return os.Chown(spoofed, testUID, 0) }, []string{spoofed}}, // behind a closed door
		{func() error { return os.Chmod(closed, 0o711) }, nil},
		{func() error { return os.Remove(spoofed) }, nil},
	} {
		if err := test.change(); err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		for _, name := range test.denied {
			fmt.Fprintf(&want, "assay: %s may not be read by user %d:%d, who the daemon runs as: chgrp %[3]d FILE; chmod g+r FILE, and the folders above have to be open to it\n", name, testUID, testGID)
		}
		p.uid = 0
		if code, stdout, stderr := p.run(t, "config", "check"); code != exitOK || stdout != p.configFile+": ok\n" || stderr != want.String() {
			t.Errorf("%d %q\n%swant\n%s", code, stdout, stderr, want.String())
		}
		p.uid = 1000
		if _, _, stderr := p.run(t, "config", "check"); strings.Contains(stderr, "may not be read") {
			t.Errorf("said to a user, whose config check can't read it itself: %s", stderr)
		}
	}
	if _, err := os.ReadFile(p.configFile); err != nil {
		t.Errorf("the process is no longer root: %v", err)
	}
}

// The key belongs to what the daemon's user reads where the service was started as that user, and only when it seals.
func TestReadByDaemon(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		user string
		seal bool
		want []string
	}{
		{"", true, []string{"config", "sealers", "spoofed", "key"}},
		{"", false, []string{"config", "sealers", "spoofed"}},
		{"nobody", true, []string{"config", "sealers", "spoofed"}},
	} {
		c := &Config{file: "config", User: test.user, SpoofedSendersFile: "spoofed"}
		c.ARC.Seal, c.ARC.KeyFile, c.ARC.TrustedSealersFile = test.seal, "key", "sealers"
		if got := c.readByDaemon(); !slices.Equal(got, test.want) {
			t.Errorf("user %q, seal %t: %q, want %q", test.user, test.seal, got, test.want)
		}
	}
}
