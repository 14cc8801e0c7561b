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

var work string // of workFolder; "" until it is asked for

// workFolder is where everything is built.
var workFolder = sync.OnceValues(func() (dir string, err error) {
	work, err = os.MkdirTemp("", "assay-packages-")
	return work, err
})

// What packaging/scripts/release builds, once for all tests, in folders of its own: a version, the same one in another place
// and environment, and the next one, whose config differs.
var (
	first = sync.OnceValues(func() (string, error) { return release("first", version1, "umask 022") })
	again = sync.OnceValues(func() (string, error) {
		return release("another/place", version1, "umask 077; export TZ=Asia/Tokyo LANG=de_DE.UTF-8; "+emptyCache)
	})
	next = sync.OnceValues(func() (string, error) {
		return release("next", version2, "export FORMATS=deb; echo '# new' >>packaging/assay.toml")
	})
)

// emptyCache has the compiler start with nothing where there is time for that, in continuous integration. Without it
// the objects are those of the first build, so that only what is made of them is shown to be the same.
const emptyCache = `[ -z "${CI-}" ] || export GOCACHE="$PWD.cache"`

// release builds a version from a copy of the source and gives the folder with what was built.
func release(name, version, before string) (dir string, err error) {
	if dir, err = workFolder(); err != nil {
		return "", err
	}
	source, out := filepath.Join(dir, name), filepath.Join(dir, name+".out")
	if err := copySource(source); err != nil {
		return "", err
	}
	return out, runRelease(source, version, out, before)
}

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

// built is the folder with a release; the test is skipped when this machine can't build it, unless nothing may be missing.
func built(t *testing.T, release func() (string, error)) string {
	t.Helper()
	begin(t)
	dir, err := release()
	if err != nil {
		missing(t, err)
	}
	return dir
}

// begin has releases built while the test does something else; it is skipped where there can be none.
func begin(t *testing.T, releases ...func() (string, error)) {
	t.Helper()
	if testing.Short() || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("no packages for " + runtime.GOARCH + ", or -short")
	}
	for _, release := range releases {
		go release()
	}
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
	t.Parallel()
	begin(t, first, again)
	sums, err := os.ReadFile(filepath.Join(built(t, first), "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	others, err := os.ReadFile(filepath.Join(built(t, again), "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if string(sums) != string(others) {
		t.Errorf("built in two folders:\n%s\n%s", sums, others)
	}
	for _, ending := range []string{".deb", ".rpm", ".tar.gz"} {
		name := filepath.Base(file(t, built(t, first), ending))
		if !strings.Contains(string(sums), "  "+name+"\n") {
			t.Errorf("SHA256SUMS lacks %s:\n%s", name, sums)
		}
	}
	check := exec.Command("sha256sum", "--check", "--quiet", "SHA256SUMS")
	check.Dir = built(t, first)
	if err := run(check); err != nil {
		t.Error(err)
	}
}

// TestArchive installs what is in the archive, as make install does.
func TestArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := run(exec.Command("tar", "-C", dir, "-xzf", file(t, built(t, first), ".tar.gz"))); err != nil {
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
	t.Parallel()
	dir := t.TempDir()
	if err := run(exec.Command(tool(t, "dpkg-deb"), "-x", file(t, built(t, first), ".deb"), dir)); err != nil {
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
	t.Parallel()
	lintian := exec.Command(tool(t, "lintian"), "--allow-root", "--fail-on", "error,warning", file(t, built(t, first), ".deb"))
	if err := run(lintian); err != nil {
		t.Error(err)
	}
}

// TestVersionAlone holds that what the environment has by chance is in no version.
func TestVersionAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := copySource(dir); err != nil {
		t.Fatal(err)
	}
	version := func(env ...string) string {
		cmd := exec.Command(filepath.Join(dir, "packaging/scripts/version"))
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	want := version()
	for _, name := range []string{"dirty", "describe", "commit", "seconds", "version", "changes"} {
		if got := version(name + "=7"); got != want {
			t.Errorf("with $%s: %s, without: %s", name, got, want)
		}
	}
}

// TestInstallOnly holds that installing a program puts no file but its own anywhere, whatever the name of what was built.
func TestInstallOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin, program := filepath.Join(dir, "usr/bin"), filepath.Join(dir, "sh")
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.WriteFile(filepath.Join(bin, "sh"), []byte("another"), 0o755), os.WriteFile(program, []byte("assay"), 0o700)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("../../packaging/scripts/install", program)
	cmd.Env = append(os.Environ(), "DESTDIR="+dir, "PREFIX=/usr")
	if err := run(cmd); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"sh": "another", "assay": "assay"} {
		text, err := os.ReadFile(filepath.Join(bin, name))
		info, statErr := os.Stat(filepath.Join(bin, name))
		if err != nil || statErr != nil || string(text) != want || info.Mode() != 0o755 {
			t.Errorf("%s: %q %v, %v", name, text, info, err)
		}
	}
}

// TestConfigFits holds that both kinds of packages ask in the same way whether a config fits.
func TestConfigFits(t *testing.T) {
	t.Parallel()
	var found []string
	for _, name := range []string{"deb.postinst", "rpm.postremove"} {
		text, err := os.ReadFile("../../packaging/scripts/" + name)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, regexp.MustCompile(`(?ms)^# A daemon that can't start.*?^config_fits\(\) \{$.*?^\}$`).FindString(string(text)))
	}
	if found[0] == "" || found[0] != found[1] {
		t.Errorf("%s\nis not\n%s", found[0], found[1])
	}
}

// TestVersion holds that a source whose history can't be read is not taken for one without, and that nothing is
// built of it, unless all that is asked of the history is given.
func TestVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := errors.Join(copySource(dir), os.WriteFile(filepath.Join(dir, ".git"), []byte("no history"), 0o600)); err != nil {
		t.Fatal(err)
	}
	command := func(script string, env ...string) ([]byte, error) {
		cmd := exec.Command("sh", "-c", "packaging/scripts/"+script)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		return cmd.CombinedOutput()
	}
	for _, script := range []string{"version", "binary amd64 program", "release amd64"} {
		if out, err := command(script, "VERSION=1", "SOURCE_DATE_EPOCH=5"); err == nil || len(out) == 0 {
			t.Errorf("%s: %v, %s", script, err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "program")); err == nil {
		t.Error("a program is built")
	}
	if out, err := command("version", "VERSION=1", "COMMIT=0123abc", "SOURCE_DATE_EPOCH=5"); err != nil || string(out) != "1 0123abc 5\n" {
		t.Errorf("%v, %s", err, out)
	}
}
