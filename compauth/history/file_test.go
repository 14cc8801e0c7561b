package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// strangerVariable makes this test binary a process that says what it finds in the database that it names.
const strangerVariable = "ASSAY_TEST_HISTORY_STRANGER"

// stranger is a user and group who may do nothing that is not meant for everybody.
const stranger = 65534

// tell opens a database as text says, and says what comes of it.
func tell(text string) int {
	how, path, _ := strings.Cut(text, " ")
	tune := standard()
	tune.now = func() time.Time { return noon }
	s, err := open(Options{Database: "sqlite:" + path, ReadOnly: how == "read", Wait: time.Minute}, tune)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.Qualifies(context.Background(), fromPTR()), s.Err())
	return 0
}

// asStranger is what a process of somebody else says of a database.
func asStranger(t *testing.T, how, path string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe") // whatever the folder of the test binary lets others do
	cmd.Env = []string{strangerVariable + "=" + how + " " + path, "GORACE=atexit_sleep_ms=0"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// openFolder is one that everybody can look into; the test needs root.
func openFolder(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be two users")
	}
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestStranger has another user read a file that it may read, in a folder that it may not write to, and
// one that it may not read.
func TestStranger(t *testing.T) {
	path := filepath.Join(openFolder(t), "history.db")
	s := openTest(t, "sqlite:"+path)
	s.recordGood(fromPTR())
	s.flush()
	mode := func(mode fs.FileMode) {
		t.Helper()
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Chmod(path+suffix, mode); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	want := func(how, want string) {
		t.Helper()
		if got := asStranger(t, how, path); got != want && !strings.HasPrefix(got, want+":") {
			t.Errorf("%s: %s, want %s", how, got, want)
		}
	}
	denied := fmt.Sprintf(": %s is of uid 0, with mode 0600, and this is uid %d", path, stranger)
	mode(0o644)
	want("read", "701 <nil>")
	mode(0o600)
	want("read", "000 history: the database is down: unable to open database file (14)"+denied)
	s.close()
	want("read", "000 history: the database is down: unable to open database file (14)"+denied)
	mode(0o644)
	want("read", "701 <nil>")
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", suffix, err)
		}
	}
	want("write", "000 history: the database is down: open "+path+": permission denied"+strings.Replace(denied, "0600", "0644", 1))
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	folder := fmt.Sprintf("%s is of uid 0, with mode 0700, and this is uid %d", filepath.Dir(path), stranger)
	want("read", "000 history: the database is down: stat "+path+": permission denied: "+folder)
}

// TestStill has a file that was opened as one that does not change, and changes.
func TestStill(t *testing.T) {
	database := newSQLite(t)
	w := openTest(t, database)
	w.recordGood(fromPTR())
	w.flush()
	w.close()
	r := openTest(t, database, whenTold, func(o *Options, _ *tuning) { o.ReadOnly = true })
	reopen := func() { // as where the folder is not to be written to
		r.closeFile()
		if _, err := r.openAs(t.Context(), modeStill); err != nil {
			t.Fatal(err)
		}
	}
	reopen()
	if err := r.tryFlush(); err != nil || r.as != modeStill {
		t.Fatalf("%v, mode %d", err, r.as)
	}
	w = openTest(t, database)
	w.record(fromPTR(), good, 0, 1)
	w.flush()
	if err := r.tryFlush(); err != nil || r.as != modeRead {
		t.Fatalf("while another writes: %v, mode %d", err, r.as)
	}
	w.close()
	reopen()
	w = openTest(t, database)
	w.record(fromPTR(), good, 0, 1)
	w.close()
	if err := r.tryFlush(); err != nil || r.as != modeRead {
		t.Fatalf("after another wrote: %v, mode %d", err, r.as)
	}
	if n := r.count("SELECT SUM(good) FROM assay_pair"); n != 8 {
		t.Errorf("%d messages", n)
	}
}

// TestHeir has root begin the history in another user's folder.
func TestHeir(t *testing.T) {
	for name, file := range map[string]string{"file": "history.db", "folders": "a/b/history.db"} {
		t.Run(name, func(t *testing.T) {
			dir := openFolder(t)
			if err := os.Chown(dir, stranger, stranger); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, file)
			s := openTest(t, "sqlite:"+path)
			s.recordGood(fromPTR())
			s.flush()
			names := []string{path, path + "-wal", path + "-shm"}
			for parent := filepath.Dir(path); parent != dir; parent = filepath.Dir(parent) {
				names = append(names, parent)
			}
			for _, name := range names {
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				if stat := info.Sys().(*syscall.Stat_t); stat.Uid != stranger || stat.Gid != stranger || info.Mode().Perm()&0o077 != 0 {
					t.Errorf("%s is of %d:%d, mode %s", name, stat.Uid, stat.Gid, info.Mode())
				}
			}
			if got := asStranger(t, "write", path); got != "701 <nil>" {
				t.Error(got)
			}
		})
	}
}

// TestHeirOfLink has the other user have put a link where the file is to be: nothing is made where it leads.
func TestHeirOfLink(t *testing.T) {
	dir := openFolder(t)
	target := filepath.Join(t.TempDir(), "target")
	path := filepath.Join(dir, "history.db")
	if err := errors.Join(os.Chown(dir, stranger, stranger), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, "sqlite:"+path)
	if s.Err() == nil {
		t.Error("opened")
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s was made: %v", target, err)
	}
}

// TestErr has all that keeps a history from being read.
func TestErr(t *testing.T) {
	readOnly := func(o *Options, _ *tuning) { o.ReadOnly = true }
	eachDatabase(t, func(t *testing.T, database string) {
		s := openTest(t, database, readOnly)
		place, ok := strings.CutPrefix(database, "sqlite:")
		if !ok {
			place = "127.0.0.1/" + s.source.config.Database
		}
		err := s.Err()
		if !errors.Is(err, ErrNoHistory) || err.Error() != "history: there is none yet in "+place+"; assay serve begins it" {
			t.Error(err)
		}
		if _, _, err := s.Sightings(t.Context(), noon); !errors.Is(err, ErrNoHistory) || err.Error() != s.Err().Error() {
			t.Error(err)
		}
		if err := openTest(t, database).Err(); err != nil {
			t.Error(err)
		}
		if err := openTest(t, database, readOnly).Err(); err != nil {
			t.Error(err)
		}
	})
	if err := newStore(Options{}, standard(), database{path: "/"}).Err(); !errors.Is(err, errSlow) {
		t.Error(err)
	}
	odd := openTest(t, "sqlite:"+filepath.Join(t.TempDir(), "a\n\x1b[31mb", "history.db"), readOnly)
	if err := odd.Err(); !errors.Is(err, ErrNoHistory) || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("%q", err)
	}
	const password = "hunter2"
	down := openTest(t, "postgres://assay:"+password+"@127.0.0.1:1/assay?sslmode=disable", readOnly)
	if err := down.Err(); err == nil || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q", err)
	}
}
