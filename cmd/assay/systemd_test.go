package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"assay/testdata/systemd"
)

const unitFolder = "../../packaging/systemd"

// needTool skips the test where a tool is missing, unless nothing may be.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// layUnits puts the units where a package does, below a folder.
func layUnits(t *testing.T, root string) {
	t.Helper()
	for from, to := range map[string]string{
		"assay.service":  "usr/lib/systemd/system/assay.service",
		"assay.socket":   "usr/lib/systemd/system/assay.socket",
		"assay.sysusers": "usr/lib/sysusers.d/assay.conf",
	} {
		layFile(t, filepath.Join(root, to), readText(t, filepath.Join(unitFolder, from)), 0o644)
	}
}

func layFile(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// A program that was taken over could do little: 0 is nothing, 10 is everything.
func TestUnitExposure(t *testing.T) {
	t.Parallel()
	const most = 2.0
	needTool(t, "systemd-analyze")
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", filepath.Join(unitFolder, "assay.service")).CombinedOutput()
	match := regexp.MustCompile(`Overall exposure level for assay\.service: ([0-9.]+) `).FindSubmatch(out)
	if err != nil || match == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if level, err := strconv.ParseFloat(string(match[1]), 64); err != nil || level > most {
		t.Errorf("exposure %s, want at most %.1f\n%s", match[1], most, out)
	}
}

// systemd finds nothing to say about the units.
func TestUnitsVerify(t *testing.T) {
	t.Parallel()
	needTool(t, "systemd-analyze")
	dir := t.TempDir()
	for _, name := range []string{"assay.service", "assay.socket"} {
		text := strings.ReplaceAll(readText(t, filepath.Join(unitFolder, name)), "/usr/bin/assay", "/bin/true") // which is installed
		layFile(t, filepath.Join(dir, name), text, 0o644)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", filepath.Join(dir, "assay.service"), filepath.Join(dir, "assay.socket")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// bootAssay starts a systemd with the units, and the socket.
func bootAssay(t *testing.T) *systemd.Box {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	files := publicDir(t)
	layUnits(t, files)
	layFile(t, filepath.Join(files, "usr/bin/assay"), readText(t, path), 0o755)
	box := systemd.Start(t, files)
	box.Must("systemd-sysusers assay.conf")
	box.Must("printf 'authserv_id = \"mx.example.test\"\ndns.servers = [\"127.0.0.1:9\"]\n' >/etc/assay/assay.toml && chgrp assay /etc/assay/assay.toml && chmod 640 /etc/assay/assay.toml")
	box.Must("systemctl start assay.socket")
	return box
}

// The units do under systemd what they say: a connection starts the daemon, which has no rights; a reload tells
// of a bad config; a restart under load refuses nothing; a daemon that hangs is started anew.
func TestSystemd(t *testing.T) {
	t.Parallel()
	box := bootAssay(t)
	l := startLoad(t, 20, func() (net.Conn, error) { return box.Dial("tcp", "127.0.0.1:8893") })
	l.more(50)
	if state := box.Property("assay.service", "ActiveState"); state != "active" {
		t.Errorf("the service is %s", state)
	}
	pid := box.Property("assay.service", "MainPID")
	status := box.Must("id -u assay; cat /proc/" + pid + "/status")
	uid, _, _ := strings.Cut(status, "\n")
	for _, want := range []string{"Uid:\t" + uid, "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if uid == "0" || !strings.Contains(status, want) {
			t.Errorf("no %q in:\n%s", want, status)
		}
	}
	if files := box.Must("stat -c '%U:%G %a' /var/lib/assay /var/lib/assay/history.db /run/assay"); files != "assay:assay 750\nassay:assay 600\nassay:assay 755\n" {
		t.Errorf("files:\n%s", files)
	}

	box.Must("systemctl reload assay")
	box.Must("cp -p /etc/assay/assay.toml /etc/assay/good && echo 'bogus = 1' >>/etc/assay/assay.toml")
	if out, err := box.Run("systemctl reload assay"); err == nil {
		t.Errorf("a bad config is read: %s", out)
	}
	l.more(50)
	box.Must("cp /etc/assay/good /etc/assay/assay.toml && systemctl reload assay")
	if now := box.Property("assay.service", "MainPID"); now != pid {
		t.Errorf("process %s, want %s", now, pid)
	}
	if text := box.Property("assay.service", "StatusText"); !strings.HasSuffix(text, "history: ok") {
		t.Errorf("status: %s", text)
	}

	for range 3 {
		box.Must("systemctl restart assay")
		l.more(50)
	}
	l.stop()
	if journal := box.Must("journalctl -u assay -o cat"); strings.Contains(journal, "messages in flight") {
		t.Errorf("messages were left:\n%s", journal)
	}
	t.Logf("%d messages were answered, %d sessions were closed between messages", l.answered.Load(), l.retried.Load())
	checkWatchdog(t, box)
}

// checkWatchdog has the daemon hang: it is ended and started anew.
func checkWatchdog(t *testing.T, box *systemd.Box) {
	t.Helper()
	box.Must("mkdir -p /run/systemd/system/assay.service.d && printf '[Service]\nWatchdogSec=3\nRestartSec=100ms\n' >/run/systemd/system/assay.service.d/test.conf && systemctl daemon-reload && systemctl restart assay")
	pid := box.Property("assay.service", "MainPID")
	box.Must("kill -STOP " + pid)
	for limit := time.Now().Add(time.Minute); box.Property("assay.service", "NRestarts") == "0"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("a daemon that hangs is left")
		}
	}
	l := startLoad(t, 1, func() (net.Conn, error) { return box.Dial("tcp", "127.0.0.1:8893") })
	l.more(5)
	l.stop()
	if journal := box.Must("journalctl -u assay"); !strings.Contains(journal, "SIGABRT") {
		t.Errorf("not by the watchdog:\n%s", journal)
	}
}
