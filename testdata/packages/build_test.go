// Package packages tests what is published: that the same source gives the same bytes, and that the packages can be
// installed, upgraded and removed by the real dpkg and rpm, in a copy of this machine that goes away with the test.
//
// Divergences from the RFC: none.
package packages

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// The versions that are built; the second comes with another config.
const (
	version1 = "1.0.0~test"
	version2 = "1.0.1~test"
)

// A release is what packaging/scripts/release built, twice and then another version.
type release struct{ first, again, next string } // folders

var work string // of build; "" until it is asked for

// build builds once for all tests.
var build = sync.OnceValues(func() (*release, error) {
	var err error
	if work, err = os.MkdirTemp("", "assay-packages-"); err != nil {
		return nil, err
	}
	r := &release{filepath.Join(work, "first"), filepath.Join(work, "again"), filepath.Join(work, "next")}
	one, two := filepath.Join(work, "one"), filepath.Join(work, "another", "place")
	if err := errors.Join(copySource(one), copySource(two)); err != nil {
		return nil, err
	}
	config := filepath.Join(two, "packaging", "assay.toml")
	if err := errors.Join(
		runRelease(one, version1, r.first, "umask 022"),
		runRelease(two, version1, r.again, "umask 077; export TZ=Asia/Tokyo LANG=de_DE.UTF-8"),
		appendTo(config, "# new\n"),
		runRelease(two, version2, r.next, "export FORMATS=deb"),
	); err != nil {
		return nil, err
	}
	return r, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if work != "" {
		_ = os.RemoveAll(work)
	}
	os.Exit(code)
}

// copySource copies the module without what is built from it and without its history.
func copySource(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	const script = `tar -C ../.. --exclude=./.git --exclude=./bin --exclude=./dist --exclude=./testdata -cf - . | tar -C "$1" -xf -`
	return run(exec.Command("sh", "-c", script, "sh", dir))
}

// runRelease builds everything for this machine's architecture.
func runRelease(source, version, out, before string) error {
	cmd := exec.Command("sh", "-c", before+"; exec packaging/scripts/release "+runtime.GOARCH)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "VERSION="+version, "COMMIT=0123abc", "SOURCE_DATE_EPOCH=1795355821", "OUT="+out)
	return run(cmd)
}

// run runs a command; the error has what it wrote.
func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New(strings.Join(cmd.Args, " ") + ": " + err.Error() + "\n" + string(out))
	}
	return nil
}

func appendTo(name, text string) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// built is the release; the test is skipped when this machine can't build it, unless nothing may be missing.
func built(t *testing.T) *release {
	t.Helper()
	if testing.Short() || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("no packages for " + runtime.GOARCH + ", or -short")
	}
	r, err := build()
	if err != nil {
		missing(t, err)
	}
	return r
}

// missing skips the test, unless nothing may be missing.
func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// tool holds that a program is there.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, err)
	}
	return path
}

// file is the only file of a folder with this ending.
func file(t *testing.T, dir, ending string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %q, %v", ending, names, err)
	}
	return names[0]
}

func TestReproducible(t *testing.T) {
	r := built(t)
	first, err := os.ReadFile(filepath.Join(r.first, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(r.again, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(again) {
		t.Errorf("built in two folders:\n%s\n%s", first, again)
	}
	for _, ending := range []string{".deb", ".rpm", ".tar.gz"} {
		name := filepath.Base(file(t, r.first, ending))
		if !strings.Contains(string(first), "  "+name+"\n") {
			t.Errorf("SHA256SUMS lacks %s:\n%s", name, first)
		}
	}
	check := exec.Command("sha256sum", "--check", "--quiet", "SHA256SUMS")
	check.Dir = r.first
	if err := run(check); err != nil {
		t.Error(err)
	}
}

// TestArchive installs what is in the archive, as make install does.
func TestArchive(t *testing.T) {
	r := built(t)
	dir := t.TempDir()
	if err := run(exec.Command("tar", "-C", dir, "-xzf", file(t, r.first, ".tar.gz"))); err != nil {
		t.Fatal(err)
	}
	tree := file(t, dir, "")
	install := exec.Command(filepath.Join(tree, "packaging/scripts/install"), filepath.Join(tree, "assay"))
	install.Env = append(os.Environ(), "DESTDIR="+filepath.Join(dir, "root"))
	if err := run(install); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "root/usr/local/bin/assay")
	out, err := exec.Command(binary, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "assay "+version1+"\ncommit 0123abc of 2026-11-22T13:57:01Z\n") {
		t.Errorf("%s, %v", out, err)
	}
	checkReadme(t, tree)
	checkReadme(t, filepath.Join(dir, "root/usr/local/share/doc/assay"))
	unit, err := os.ReadFile(filepath.Join(dir, "root/usr/local/lib/systemd/system/assay.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart=/usr/local/bin/assay serve\n") {
		t.Errorf("%s, %v", unit, err)
	}
}

// TestDebReadme holds that the README of the package, where some files have other names, leads somewhere.
func TestDebReadme(t *testing.T) {
	r := built(t)
	dir := t.TempDir()
	if err := run(exec.Command(tool(t, "dpkg-deb"), "-x", file(t, r.first, ".deb"), dir)); err != nil {
		t.Fatal(err)
	}
	checkReadme(t, filepath.Join(dir, "usr/share/doc/assay"))
}

// readmeName matches what the README names of the files beside it.
var readmeName = regexp.MustCompile("`((?:docs/)?[A-Za-z-]+\\.(?:md|gz)|LICENSE|copyright)`|\\]\\(([a-z./]+)\\)")

// checkReadme holds that every file which the README in a folder names is there.
func checkReadme(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := readmeName.FindAllStringSubmatch(string(text), -1)
	for _, f := range found {
		if _, err := os.Stat(filepath.Join(dir, f[1]+f[2])); err != nil {
			t.Error(err)
		}
	}
	if len(found) < 10 {
		t.Errorf("only %d names in %s", len(found), dir)
	}
}

func TestLintian(t *testing.T) {
	r := built(t)
	lintian := exec.Command(tool(t, "lintian"), "--allow-root", "--fail-on", "error,warning", file(t, r.first, ".deb"))
	if err := run(lintian); err != nil {
		t.Error(err)
	}
}
