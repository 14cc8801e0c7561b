package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"assay/arc"
	"assay/testdata/milterclient"
)

// A sealersDaemon is a daemon without listeners, whose looks the test does.
type sealersDaemon struct {
	*daemon
	*sealersTest
	logged bytes.Buffer
}

func newSealersDaemon(t *testing.T) *sealersDaemon {
	t.Helper()
	d := &sealersDaemon{sealersTest: newSealersTest(t, "conf.example")}
	d.write(d.configFile, d.configText+"[dns]\nservers = ['192.0.2.1']\n")
	config, err := d.loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	d.daemon = &daemon{p: &d.program, config: config, begun: config, log: slog.New(slog.NewTextHandler(&d.logged, nil)), sealers: new(arc.SealersFile)}
	if err := d.readSealers(); err != nil {
		t.Fatal(err)
	}
	if err := d.build(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.closeHistories)
	return d
}

// expect checks what is logged after two looks, and which of a, b, c.example and
// conf.example are trusted then.
func (d *sealersDaemon) expect(what, logged, trusted string) {
	d.t.Helper()
	d.look()
	d.look()
	if text := d.withoutPaths(d.logged.String()); logged == "" && text != "" || !strings.Contains(text, logged) {
		d.t.Errorf("%s: no %q in the log:\n%s", what, logged, text)
	}
	d.logged.Reset()
	var names []string
	for _, name := range []string{"a.example", "b.example", "c.example", "conf.example"} {
		if d.verifier.Sealers.Trusts(name) {
			names = append(names, name[:len(name)-len(".example")])
		}
	}
	if got := strings.Join(names, " "); got != trusted {
		d.t.Errorf("%s: trusted are %s, want %s", what, got, trusted)
	}
}

func TestReloadSealers(t *testing.T) {
	d := newSealersDaemon(t)
	resolver, records := d.verifier.Resolver, d.verifier.SPF.Records
	d.expect("no file", "file of the trusted sealers does not exist", "conf")
	d.write(d.list, "a.example\n")
	d.expect("created", `level=INFO msg="trusted sealers reloaded" file=LIST count=2`, "a conf")
	d.expect("no change", "", "a conf")
	d.write(d.list, "a.example\n.b.example\nb.example x\ncom\n")
	d.expect("bad", `level=ERROR msg="trusted sealers not reloaded, the list in force stays" error="LIST:3: \"b.example x\" is more than one word; write one domain only"`, "a conf")
	d.expect("still bad", "", "a conf")
	d.reloadSealers()
	d.expect("bad, asked again", "LIST:4: ", "a conf")
	d.write(d.list, "a.example\n.b.example\nA.example\n")
	d.expect("good, with a repetition", `count=1 first="a.example on lines 1 and 3"`, "a b conf")
	if err := rewriteTo(d.list, "c.example\n"); err != nil {
		t.Fatal(err)
	}
	d.expect("replaced", "count=2", "c conf")
	d.write(d.list, "")
	d.expect("emptied", `level=ERROR msg="trusted sealers not reloaded, the list in force stays" error="LIST: has become empty, 0 bytes; restore it, `, "c conf")
	d.reloadSealers()
	d.expect("emptied, asked again", "LIST: has become empty", "c conf")
	d.sealersTest.sealers("add a.example", exitOK, "added a.example\nLIST has 1 entry now; a running daemon reads it within two seconds\n", "")
	d.expect("an entry by a command", "count=2", "a conf")
	d.sealersTest.sealers("remove a.example", exitOK, "removed a.example\nLIST has 0 entries now; a running daemon reads it within two seconds\n", "")
	if d.read() != sealersHeader {
		t.Errorf("%q is left", d.read())
	}
	d.expect("the last one removed by a command", "count=1", "conf")
	d.write(d.list, "")
	d.expect("emptied, and nothing to lose", "count=1", "conf")
	d.write(d.list, "c.example\n")
	d.expect("back", "count=2", "c conf")
	if err := os.Remove(d.list); err != nil {
		t.Fatal(err)
	}
	d.expect("removed", `level=WARN msg="the file of the trusted sealers does not exist`, "conf")
	if d.verifier.Resolver != resolver || d.verifier.SPF.Records != records {
		t.Error("what was remembered is gone")
	}
}

// A signal reads both, the config and the list, and each stays when it is bad.
func TestReloadConfigAndSealers(t *testing.T) {
	d := newSealersDaemon(t)
	d.write(d.list, "a.example\n")
	d.reload()
	d.expect("list", "count=2", "a conf")

	d.write(d.configFile, strings.Replace(d.configText, "conf.example", "c.example", 1)+"[dns]\nservers = ['192.0.2.1']\n")
	d.write(d.list, "a.example\nb\n")
	d.reload()
	d.expect("good config, bad list", "LIST:2: ", "a c")
	d.reload()
	d.expect("the same again", "LIST:2: ", "a c")

	d.write(d.configFile, "x = 1\n")
	d.write(d.list, "b.example\n")
	d.reload()
	d.expect("bad config, good list", "CONFIG:1: x: unknown key", "b c")

	moved := filepath.Join(d.dir, "moved")
	d.write(moved, ".a.example\n")
	d.write(d.configFile, fmt.Sprintf("arc.trusted_sealers_file = %q\ndns.servers = ['192.0.2.1']\n", moved))
	d.reload()
	d.expect("moved", "file=DIR/moved count=1", "a")
	d.write(d.list, "c.example\nc.example\n")
	d.expect("the old file", "", "a")
	d.write(moved, "b.example\n")
	d.expect("the new file", "count=1", "b")

	d.write(d.configFile, "arc.trusted_sealers_file = ''\ndns.servers = ['192.0.2.1']\n")
	d.reload()
	d.expect("no file", "count=0", "")
}

// The daemon of a user takes what assay sealers does to the list, and no connection is
// dropped for it.
func TestServeSealers(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "trusted-sealers")
	p := startProcess(t, "", fmt.Sprintf("authserv_id = \"mx.example.test\"\n[arc]\ntrusted_sealers_file = %q\n", list))
	p.log.wait(t, "the file of the trusted sealers does not exist")
	client := p.dial(t)
	client.send(t)

	p.sealers(t, "add", "lists.example.org", ".example.net")
	p.log.wait(t, fmt.Sprintf("msg=\"trusted sealers reloaded\" file=%s count=2", list))
	client.send(t)

	f, err := os.OpenFile(list, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("*.example.com\n"); err != nil {
		t.Fatal(err)
	}
	p.log.wait(t, list+`:6: \"*.example.com\" has a wildcard; write \".example.com\"`)
	client.send(t)

	if err := os.WriteFile(list, []byte("lists.example.org\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.log.wait(t, "count=1")
	p.sealers(t, "remove", "lists.example.org")
	p.log.wait(t, "count=0")
	client.send(t)
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// sealers runs assay sealers beside the daemon, with its config.
func (p *process) sealers(t *testing.T, args ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"sealers"}, append(args, "-c", p.config)...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A sealersClient is one session at the daemon.
type sealersClient struct{ *milterclient.Conn }

func (p *process) dial(t *testing.T) sealersClient {
	t.Helper()
	conn, err := milterclient.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"), milterclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Drop() })
	if _, err := conn.Connect(milterclient.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org"}); err != nil {
		t.Fatal(err)
	}
	return sealersClient{conn}
}

func (c sealersClient) send(t *testing.T) {
	t.Helper()
	if result, err := c.Send(milterclient.Message{From: "joe@example.org"}); err != nil || len(result.Edits) != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
}

// With a bad list the daemon does not start, as with a bad config.
func TestServeBadSealers(t *testing.T) {
	list := filepath.Join(t.TempDir(), "trusted-sealers")
	if err := os.WriteFile(list, []byte("# x\nexample.org\nhttps://example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stderr := serveOnce(t, 0, fmt.Sprintf("arc.trusted_sealers_file = %q\n", list))
	if want := list + ":3: \"https://example.org\" is no domain but a URL or path; write \"example.org\"\n"; code != exitData || stderr != want {
		t.Errorf("exit code %d: %q, want %q", code, stderr, want)
	}
}
