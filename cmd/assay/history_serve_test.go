package main

import (
	"bytes"
	"encoding/json"
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

	"assay/auth/message"
	"assay/testdata/milterclient"
)

// spoofZone has a domain that publishes nothing and one whose DMARC policy is enforced.
const spoofZone = `
fabrikam.example. A 198.51.100.1
contoso.example.  A 198.51.100.2
_dmarc.contoso.example. TXT "v=DMARC1; p=reject"
`

// command runs a command as a process beside the daemon, with its config and environment.
func (p *process) command(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	path, err := binary()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), path, append(args, "-c", p.config)...)
	cmd.Env = append(os.Environ(), "STATE_DIRECTORY="+p.state)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// stamp sends a message by an author and gives the field that is written, and the reply.
func (c sealersClient) stamp(t *testing.T, from string) string {
	t.Helper()
	result, err := c.Send(milterclient.Message{From: "joe@sender.example", Header: message.Header{message.NewField("From", " "+from)}})
	if err != nil {
		t.Fatal(err)
	}
	text := result.Reply.String()
	for _, e := range result.Edits {
		text += "\n" + strings.ReplaceAll(e.Value, "\n", "")
	}
	return text
}

// insight waits until assay insight, run beside the daemon, shows a number of messages in all.
func (p *process) insight(messages int) jsonInsight {
	p.t.Helper()
	limit := time.Now().Add(time.Minute)
	for {
		code, stdout, stderr := p.command("insight", "--json", "--what-if")
		var j jsonInsight
		err := json.Unmarshal([]byte(stdout), &j)
		making := code == exitTemporary || code == exitUnavailable // the daemon may be making the tables
		if !making && (code != exitOK || err != nil) {
			p.t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
		}
		n := 0
		for _, row := range j.Rows {
			n += row.Count
		}
		if n == messages {
			return j
		}
		if n > messages || p.hasEnded() || time.Now().After(limit) {
			p.t.Fatalf("%d messages, want %d\n%s%s", n, messages, stdout, stderr)
		}
	}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// What the daemon saw is shown by assay insight while the daemon runs; a row of it becomes an entry,
// and the daemon goes by that.
func TestServeInsight(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "spoofed-senders")
	p := startProcess(t, spoofZone, fmt.Sprintf("authserv_id = \"mx.example.test\"\nspoofed_senders_file = %q\naccepted_domains = [\"contoso.example\"]\n", list))
	client := p.dial(t)
	for range 3 {
		if got := client.stamp(t, "ann@fabrikam.example"); !strings.Contains(got, "compauth=fail reason=001") {
			t.Fatal(got)
		}
	}
	if got := client.stamp(t, "bob@contoso.example"); !strings.HasPrefix(got, "accept") || !strings.Contains(got, "compauth=fail reason=010") {
		t.Fatal(got)
	}
	j := p.insight(4)
	if len(j.Rows) != 2 || j.Rows[0].Domain != "fabrikam.example" || j.Rows[0].Infrastructure != "192.0.2.0/24" || j.Rows[0].Scope != "external" ||
		j.Rows[1].Domain != "contoso.example" || j.Rows[1].Scope != "internal" || j.WhatIf.Reject.Rejected != 4 || j.WhatIf.Now.Accepted != 4 {
		t.Errorf("%+v", j)
	}

	code, stdout, stderr := p.command("spoof", "block", "--from-insight", "1")
	if code != exitOK || !strings.Contains(stdout, "block fabrikam.example 192.0.2.0/24 external") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	p.log.wait(t, fmt.Sprintf("msg=\"spoofed senders reloaded\" file=%s count=1", list))
	if got := client.stamp(t, "ann@fabrikam.example"); !strings.HasPrefix(got, "550 5.7.") || !strings.Contains(got, "compauth=fail reason=002") {
		t.Errorf("blocked: %s", got)
	}
	if code, stdout, _ := p.command("spoof", "allow", "--from-insight", "1", "fabrikam.example"); code != exitOK || !strings.Contains(stdout, "allow fabrikam.example") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	if code, _, stderr := p.command("spoof", "allow", "--from-insight", "3"); code != exitFail || !strings.Contains(stderr, "there is no row 3") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if j := p.insightAfterEnd(); j.Rows[0].Count != 4 || j.Rows[0].Entry != "block" {
		t.Errorf("after the end: %+v", j.Rows)
	}
}

// insightAfterEnd is what insight shows once the daemon has written everything.
func (p *process) insightAfterEnd() (j jsonInsight) {
	p.t.Helper()
	code, stdout, stderr := p.command("insight", "--json")
	if err := json.Unmarshal([]byte(stdout), &j); code != exitOK || err != nil || len(j.Rows) == 0 {
		p.t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	return j
}

// Where the state folder can't be made, the daemon says so once and serves.
func TestServeWithoutStateFolder(t *testing.T) {
	t.Parallel()
	p := startProcess(t, spoofZone, "authserv_id = \"mx.example.test\"\nstate_dir = \"/dev/null/state\"\n")
	client := p.dial(t)
	for range 3 {
		if got := client.stamp(t, "ann@fabrikam.example"); !strings.Contains(got, "compauth=fail reason=001") {
			t.Error(got)
		}
	}
	p.log.wait(t, "the history database is down")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if n := len(p.warnings()); n != 2 { // when it begins, and what was lost at the end
		t.Errorf("%d warnings:\n%s", n, p.log)
	}
}

// A history elsewhere is opened on reload, and what comes then goes there.
func TestReloadHistory(t *testing.T) {
	t.Parallel()
	p := startProcess(t, spoofZone, "authserv_id = \"mx.example.test\"\n")
	client := p.dial(t)
	client.stamp(t, "ann@fabrikam.example")
	p.insight(1)
	before, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	p.configure(string(before) + "[history]\ndatabase = \"sqlite:other.db\"\n")
	p.signal(syscall.SIGHUP)
	p.log.wait(t, "config reloaded")
	client.stamp(t, "ann@fabrikam.example")
	client.stamp(t, "bob@contoso.example")
	p.insight(2)
	p.configure(string(before) + "[history]\ndatabase = \"\"\n")
	p.signal(syscall.SIGUSR1) // none any more, before or after the end begins
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for _, name := range []string{"history.db", "other.db"} {
		if _, err := os.Stat(filepath.Join(p.state, name)); errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}

// A command of a user who may not read the history says so, and where it looked.
func TestHistoryOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run a command as another user")
	}
	readableByAll(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := publicDir(t)
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	config, entries := filepath.Join(dir, "assay.toml"), filepath.Join(dir, "spoofed-senders")
	for name, text := range map[string]string{
		config:                             fmt.Sprintf("state_dir = %q\nspoofed_senders_file = %q\n", state, entries),
		entries:                            "allow a.example * external\n",
		filepath.Join(state, "history.db"): "",
		filepath.Join(dir, "message"):      "From: joe@a.example\n\n",
		filepath.Join(dir, "reverse.zone"): "1.2.0.192.in-addr.arpa. PTR a.example.\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const denied = "DIR/state/history.db: permission denied; run this as root, or as the user whose daemon it is\n"
	for _, test := range []struct {
		args         string
		code         int
		says, stderr string
	}{
		{"insight", exitUnavailable, "", "assay: " + denied},
		{"spoof list", exitOK, "allow a.example * external", "assay: when entries were used last is not known: " + denied},
		{"check --ip 192.0.2.1 --zone DIR/reverse.zone DIR/message", exitOK, "\nhistory    left out: " + denied, ""},
	} {
		cmd := exec.CommandContext(t.Context(), path, append(strings.Fields(strings.ReplaceAll(test.args, "DIR", dir)), "-c", config)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Dir = "/"
		var out, errOut strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errOut
		_ = cmd.Run()
		stdout, stderr := strings.ReplaceAll(out.String(), dir, "DIR"), strings.ReplaceAll(errOut.String(), dir, "DIR")
		if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(stdout, test.says) || stderr != test.stderr {
			t.Errorf("%s: exit code %d\n%s--\n%s", test.args, code, stdout, stderr)
		}
	}
}
