package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"assay/testdata/milterclient"
)

// Ids that nobody on a host has.
const (
	testUID = 61234
	testGID = 61235
)

// lowPort is an address with a port that is root's.
func lowPort(t *testing.T) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if ln, err := net.Listen("tcp", address); err == nil {
			_ = ln.Close()
			return address
		}
	}
	t.Fatal("no free port below 1024")
	return ""
}

// statuses is what /proc tells of every thread of a process, a line of its file status with each key.
func (p *process) statuses(keys ...string) map[string]int {
	p.t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		p.t.Fatalf("%v, %v", files, err)
	}
	seen := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			p.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			for _, wanted := range keys {
				if key == wanted {
					seen[key+" "+strings.Join(strings.Fields(value), " ")]++
				}
			}
		}
	}
	return seen
}

// wantNoRoot checks that no thread has anything of root.
func (p *process) wantNoRoot() {
	p.t.Helper()
	seen := p.statuses("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs")
	for _, want := range []string{
		fmt.Sprintf("Uid %d %[1]d %[1]d %[1]d", testUID), fmt.Sprintf("Gid %d %[1]d %[1]d %[1]d", testGID), fmt.Sprintf("Groups %d", testGID),
		"CapPrm 0000000000000000", "CapEff 0000000000000000", "CapAmb 0000000000000000", "NoNewPrivs 1",
	} {
		if seen[want] == 0 {
			p.t.Errorf("no thread has %q", want)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		p.t.Errorf("some threads have %v", seen)
	}
}

// owner tells whose a file is, and its mode.
func owner(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d %04o", stat.Uid, stat.Gid, info.Mode().Perm())
}

// Started as root, the daemon binds what only root can, reads what only root may, gives away what it
// made, and is root no more, in no thread.
func TestPrivileges(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir := publicDir(t)
	key, sockets, public := filepath.Join(dir, "seal.pem"), filepath.Join(dir, "run"), publicDir(t)
	writeFile(t, key, readText(t, "../../testdata/scenarios/rsa.pem"))
	low := lowPort(t)
	p := newProcess(t, "inet:"+low, sealZone, fmt.Sprintf("authserv_id = \"mx.example.test\"\nuser = \"%d:%d\"\nstate_dir = %q\n[arc]\nseal = true\ndomain = \"example.test\"\nselector = \"s\"\nkey_file = %q\n",
		testUID, testGID, filepath.Join(dir, "state"), key), "")
	p.kill()
	config := readText(t, p.config)
	listen := fmt.Sprintf("listen = [%q, \"unix:%s/a.sock\", \"unix:%s/b.sock\"]", "inet:"+low, sockets, public)
	config = strings.Replace(config, fmt.Sprintf("listen = [%q]", "inet:"+low), listen, 1)
	p.config = filepath.Join(dir, "assay.toml")
	p.configure(config)
	p.start()
	p.log.wait(t, fmt.Sprintf("msg=\"no longer root\" user=%d:%d uid=%[1]d gid=%[2]d", testUID, testGID))
	p.log.wait(t, "a reload will not see the changes of a file")
	p.sealsMail()
	p.wantNoRoot()
	ids := fmt.Sprintf("%d:%d ", testUID, testGID)
	for name, want := range map[string]string{
		sockets: ids + "0755", sockets + "/a.sock": ids + "0660", public + "/b.sock": ids + "0660",
		filepath.Join(dir, "state"): ids + "0750", filepath.Join(dir, "state", "history.db"): ids + "0600", key: "0:0 0600",
	} {
		if got := owner(t, name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}

	p.signal(syscall.SIGHUP)
	p.log.wait(t, "config not reloaded, the old one stays in force\" error=\""+p.config+" may not be read by user")
	if err := os.Chown(p.config, 0, testGID); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p.config, 0o640); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.log.wait(t, "the key for sealing is not read again")
	p.log.wait(t, "config reloaded")
	p.sealsMail()
	p.configure(strings.Replace(config, `selector = "s"`, `selector = "other"`, 1))
	p.signal(syscall.SIGHUP)
	p.log.wait(t, "config not reloaded, the old one stays in force\" error=\""+key+" may not be read by user")
	p.configure(strings.Replace(config, fmt.Sprintf("user = \"%d:%d\"", testUID, testGID), "user = \"nobody\"", 1))
	p.signal(syscall.SIGHUP)
	p.log.wait(t, "changes that take effect at the next start only\" keys=user")
	p.sealsMail()
	p.wantNoRoot()

	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(sockets + "/a.sock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	p.configure(config)
	p.start() // the socket in root's folder is left, and replaced
	p.sealsMail()
}

// sealsMail sends messages over several sessions, and checks that they are sealed.
func (p *process) sealsMail() {
	p.t.Helper()
	for range 5 {
		result, err := p.dial(p.t).Send(milterclient.Message{From: "joe@example.org"})
		if err != nil || len(result.Edits) != 4 {
			p.t.Fatalf("%+v, %v", result, err)
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sealZone has the key that messages are sealed with.
const sealZone = `
s._domainkey.example.test. TXT "v=DKIM1; p={{rsa}}"
`

// Without a user the daemon stays root, and says so.
func TestRootWarning(t *testing.T) {
	needRoot(t)
	t.Parallel()
	p := startProcess(t, "", "authserv_id = \"mx.example.test\"\n")
	p.log.wait(t, "this runs as root, and has no need to")
}

// A user that can't be had keeps the daemon from starting; it never goes on as root.
func TestUserNotHad(t *testing.T) {
	needRoot(t)
	for text, want := range map[string]string{
		"assay-none":       "DIR/assay.toml:1: user: there is no user assay-none on this host; make one with useradd --system assay-none, or name another\n",
		"nobody:none-such": "DIR/assay.toml:1: user: there is no group none-such on this host; make one with groupadd --system none-such, or name another\n",
		"root":             "DIR/assay.toml:1: user: root is root; name a user without its rights\n",
		"0:61235":          "DIR/assay.toml:1: user: 0 is root; name a user without its rights\n",
		"61234":            "DIR/assay.toml:1: user: there is no user 61234 on this host; write its group, too, as 61234:GROUP\n",
	} {
		if code, stderr := serveOnce(t, 0, fmt.Sprintf("user = %q\n[milter]\nlisten = [\"inet:127.0.0.1:0\"]\n", text)); code != exitData || stderr != want {
			t.Errorf("%s: exit code %d: %q, want %q", text, code, stderr, want)
		}
	}
}

// Root of a user namespace may not become others: the daemon ends.
func TestUserNotBecome(t *testing.T) {
	needRoot(t)
	p := launchProcess(t, fmt.Sprintf("user = \"%d:%d\"", testUID, testGID), func(cmd *exec.Cmd) {
		one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: one, GidMappings: one}
	})
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitData || !strings.Contains(p.log.String(), "assay: can't become user 61234:61235: set") {
		t.Errorf("exit code %d: %s", code, p.log)
	}
}

func TestFindAccount(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	ids, err := nobody.GroupIds()
	if err != nil || len(ids) != 1 {
		t.Skipf("nobody is in the groups %v, %v", ids, err)
	}
	for text, want := range map[string]account{
		"nobody":                {"nobody", "nobody", nobody.HomeDir, uid, gid, []int{gid}},
		nobody.Uid:              {nobody.Uid, "nobody", nobody.HomeDir, uid, gid, []int{gid}},
		"nobody:61235":          {"nobody:61235", "nobody", nobody.HomeDir, uid, 61235, []int{61235}},
		"61234:61235":           {"61234:61235", "61234", "/", 61234, 61235, []int{61235}},
		"61234:root":            {"61234:root", "61234", "/", 61234, 0, []int{0}},
		"nobody:" + nobody.Gid:  {"nobody:" + nobody.Gid, "nobody", nobody.HomeDir, uid, gid, []int{gid}},
		"4294967294:4294967294": {"4294967294:4294967294", "4294967294", "/", 4294967294, 4294967294, []int{4294967294}},
	} {
		if got, err := findAccount(text); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"4294967295:1", "1:4294967295", "4294967296:1", "assay-none", "nobody:", ":nobody", ""} {
		if got, err := findAccount(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// config check warns of a user that serve could not become.
func TestCheckUser(t *testing.T) {
	p := newProgram(t)
	p.configFile = filepath.Join(publicDir(t), "assay.toml")
	writeFile(t, p.configFile, "\nuser = 'assay-none'\n")
	code, _, stderr := p.run(t, "config", "check")
	if want := "assay: " + p.configFile + ":2: user: there is no user assay-none on this host; make one with useradd --system assay-none, or name another\n"; code != exitOK || stderr != want {
		t.Errorf("exit code %d: %q, want %q", code, stderr, want)
	}
	writeFile(t, p.configFile, "user = '61234:61235'\n")
	code, _, stderr = p.run(t, "config", "check")
	if want := "assay: " + p.configFile + ":1: user 61234:61235 counts only for a daemon that is started as root; this is uid 1000\n"; code != exitOK || stderr != want {
		t.Errorf("exit code %d: %q, want %q", code, stderr, want)
	}
	p.uid = 0
	if err := os.Chmod(p.configFile, 0o644); err != nil { // for user 61234
		t.Fatal(err)
	}
	if code, _, stderr = p.run(t, "config", "check"); code != exitOK || stderr != "" {
		t.Errorf("exit code %d: %q", code, stderr)
	}
}
