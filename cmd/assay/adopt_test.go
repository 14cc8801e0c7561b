package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"assay/testdata/postgres"
)

// A history that a daemon left that ran as root is the user's that the config names later. Nothing else is given
// away, whatever lies there.
func TestTakeHistory(t *testing.T) {
	needRoot(t)
	ids := fmt.Sprintf("%d:%d", testUID, testGID)
	secret := filepath.Join(publicDir(t), "secret")
	writeFile(t, secret, "x")
	for name, test := range map[string]struct {
		lay  func(dir string) error
		mine bool
	}{
		"root's":           {func(string) error { return nil }, true},
		"another file":     {func(dir string) error { return os.WriteFile(dir+"/key.pem", nil, 0o600) }, false},
		"a link":           {func(dir string) error { return os.Symlink(secret, dir+"/history.db-journal") }, false},
		"in two folders":   {func(dir string) error { return os.Link(secret, dir+"/history.db-journal") }, false},
		"a folder":         {func(dir string) error { return os.Mkdir(dir+"/history.db-journal", 0o700) }, false},
		"a pipe":           {func(dir string) error { return syscall.Mkfifo(dir+"/history.db-journal", 0o600) }, false},
		"others may write": {func(dir string) error { return os.Chmod(dir, 0o777) }, false},
		"above, too":       {func(dir string) error { return os.Chmod(filepath.Dir(dir), 0o777) }, false},
		"another's":        {func(dir string) error { return os.Chown(dir, 1, -1) }, false},
		"with another's":   {func(dir string) error { return os.Chown(dir+"/history.db-wal", 1, -1) }, false},
		"reached by a link": {func(dir string) error {
			if err := os.Rename(dir, dir+"2"); err != nil {
				return err
			}
			return os.Symlink(dir+"2", dir)
		}, false},
		"empty": {func(dir string) error {
			for _, suffix := range []string{"", "-wal"} {
				if err := os.Remove(dir + "/history.db" + suffix); err != nil {
					return err
				}
			}
			return nil
		}, false},
	} {
		dir := filepath.Join(publicDir(t), "state")
		file := filepath.Join(dir, "history.db")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, "")
		writeFile(t, file+"-wal", "")
		if err := test.lay(dir); err != nil {
			t.Fatal(err)
		}
		if err := (&account{uid: testUID, gid: testGID}).takeHistory(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		files, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range append(files, dir, filepath.Dir(dir), secret) {
			want := test.mine && file != filepath.Dir(dir) && file != secret
			if got := owner(t, file); strings.HasPrefix(got, ids+" ") != want {
				t.Errorf("%s: %s is %s", name, file, got)
			}
		}
	}
}

// Whoever does what the daemon that runs as root says has the history that it began; where that is not the user's to
// have, the log says what to do.
func TestHistoryOfRoot(t *testing.T) {
	needRoot(t)
	t.Parallel()
	state := filepath.Join(publicDir(t), "state")
	p := startProcess(t, spoofZone, fmt.Sprintf("authserv_id = \"mx.example.test\"\nstate_dir = %q\n", state))
	p.log.wait(t, "this runs as root")
	p.dial(t).stamp(t, "ann@fabrikam.example")
	p.waitSeen(1)
	if code := p.stop(); code != exitOK {
		t.Fatalf("exit code %d", code)
	}
	p.configure(fmt.Sprintf("user = \"%d:%d\"\n", testUID, testGID) + readText(t, p.config))
	p.start()
	p.dial(t).stamp(t, "ann@fabrikam.example")
	p.waitSeen(2)
	if code := p.stop(); code != exitOK || strings.Contains(p.log.String(), "history") {
		t.Errorf("exit code %d", code)
	}

	writeFile(t, filepath.Join(state, "other"), "")
	if err := os.Chown(state, 0, 0); err != nil {
		t.Fatal(err)
	}
	p.start()
	p.log.wait(t, fmt.Sprintf("msg=\"the history can't be kept\" error=\"user %d:%[2]d, who the daemon became, may not write it: give it a folder of its own (chown %[1]d:%[2]d %[3]s %[3]s/history.db*), and restart", testUID, testGID, state))
}

// PostgreSQL is asked as the user that the daemon became, unless something names another one.
func TestPostgresUser(t *testing.T) {
	needRoot(t)
	t.Parallel()
	server := postgres.ForTest(t)
	for _, test := range []struct{ role, env, user string }{
		{fmt.Sprint(testUID), "", ""},
		{"named", "PGUSER=named", ""},
		{"written", "PGUSER=named", "written@"},
	} {
		database := "of_" + test.role
		if err := server.SQL(t.Context(), "postgres", fmt.Sprintf("CREATE ROLE %q LOGIN", test.role), fmt.Sprintf("CREATE DATABASE %s OWNER %q", database, test.role)); err != nil {
			t.Fatal(err)
		}
		launchProcess(t, fmt.Sprintf("user = \"%d:%d\"\nhistory.database = \"postgres://%s127.0.0.1:%d/%s?sslmode=disable\"\n", testUID, testGID, test.user, server.Port, database), withEnv(test.env))
		until(t, "tables of "+test.role, func() bool {
			return server.SQL(t.Context(), database, fmt.Sprintf("SELECT 1 / COUNT(*) FROM pg_tables WHERE tablename = 'assay_version' AND tableowner = '%s'", test.role)) == nil
		})
	}
}
