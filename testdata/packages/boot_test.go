package packages

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/testdata/systemd"
)

// bootScript makes a copy of this machine below $1, as machineScript does, and boots it: systemd runs in it as on a
// server, with no service but what systemd itself needs.
const bootScript = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
for c in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
	[ ! -e $c/cgroup.procs ] || { mkdir "$c/$2" && echo 0 >"$c/$2/cgroup.procs"; }
done
mount -t proc proc /proc
cd "$1/root"
rm -rf etc/systemd/system/*.wants usr/sbin/policy-rc.d etc/machine-id
touch etc/machine-id
mount -t tmpfs -o mode=755 tmpfs /run
systemd-nspawn --quiet --console=pipe --directory=. --boot --private-network --register=no --keep-unit </dev/null >&2 &
echo started
cat`

// bootMachine waits until systemd is up.
func bootMachine(t *testing.T) *machine {
	t.Helper()
	tool(t, "systemd-nspawn")
	if os.Geteuid() != 0 {
		missing(t, errors.New("run as root"))
	}
	shell, said := startShell(t, syscall.CLONE_NEWNS|syscall.CLONE_NEWPID, bootScript, t.TempDir(), systemd.Group(t))
	m := &machine{T: t}
	if said.first != "started\n" || !m.isUp(shell) {
		missing(t, errors.New("systemd does not boot in a copy of this machine: "+said.problems()))
	}
	m.forget()
	return m
}

// isUp waits until systemd has booted below a process, and notes its process.
func (m *machine) isUp(shell int) bool {
	for range 300 {
		time.Sleep(100 * time.Millisecond) // systemd tells nobody outside when it is ready
		if m.pid = child(child(shell, "systemd-nspawn"), "systemd"); m.pid == 0 {
			continue
		}
		state, _ := m.command("systemctl is-system-running").Output()
		if s := strings.TrimSpace(string(state)); s == "running" || s == "degraded" {
			return true
		}
	}
	return false
}

// child is the process of this name that another one started; 0 when there is none.
func child(parent int, name string) int {
	if parent == 0 {
		return 0
	}
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	for word := range strings.FieldsSeq(string(list)) {
		pid, err := strconv.Atoi(word)
		comm, _ := os.ReadFile(filepath.Join("/proc", word, "comm"))
		if err == nil && strings.TrimSpace(string(comm)) == name {
			return pid
		}
	}
	return 0
}

// TestDebUnderSystemd installs the package where systemd runs, upgrades it while messages come in, and purges it.
func TestDebUnderSystemd(t *testing.T) {
	t.Parallel()
	begin(t, first, next)
	m := bootMachine(t)
	m.besideAnother(file(t, built(t, first), ".deb"))
	m.run("dpkg -i " + m.copyIn(file(t, built(t, first), ".deb")))
	m.expect("systemctl is-active assay.socket assay.service; systemctl is-enabled assay.socket assay.service",
		"active\nactive\nenabled\nenabled")
	m.expect("stat -c %U /proc/$(systemctl show -P MainPID assay)", "assay")
	m.stamped()

	before := m.run("systemctl show -P MainPID assay")
	messages, cut := m.during(m.command("dpkg -i " + m.copyIn(file(t, built(t, next), ".deb"))))
	if after := m.run("systemctl show -P MainPID assay"); after == before || messages < 10 || cut > 1 {
		t.Errorf("process %s became %s after %d messages, %d were cut", before, after, messages, cut)
	}
	m.expect("assay version | head -n 1", "assay "+version2)

	m.servesOn(file(t, built(t, next), ".deb"))

	m.run("systemctl stop assay.service && systemctl disable assay.service && dpkg -i /tmp/*" + version2 + "*.deb")
	m.expect("systemctl is-enabled assay.service || true", "disabled")

	m.run("systemctl enable assay.service && systemctl start assay.service && dpkg -P assay")
	m.expect("systemctl is-active assay.socket assay.service; systemctl list-unit-files --no-legend 'assay*'; ls -d /var/lib/assay 2>/dev/null; true",
		"inactive\ninactive")
	m.archived(file(t, built(t, first), ".tar.gz"))
}

// servesOn holds that an upgrade leaves the daemon alone whose config the new one would not take, as neither the scripts of the
// .deb nor those of the .rpm restart it, and says why.
func (m *machine) servesOn(deb string) {
	m.Helper()
	const pid = "systemctl show -P MainPID assay"
	m.run("cp /etc/assay/assay.toml /tmp/good && echo 'bogus = 1' >>/etc/assay/assay.toml")
	before := m.run(pid)
	script := "sh " + m.copyIn("../../packaging/scripts/rpm.postremove") + " 1"
	for _, upgrade := range []string{"dpkg -i " + m.copyIn(deb), script} {
		if said := m.run(upgrade); !strings.Contains(said, "bogus") || !strings.Contains(said, "serves on") {
			m.Errorf("%s: %s", upgrade, said)
		}
		m.expect(pid, before)
	}
	m.stamped()
	m.run("cat /tmp/good >/etc/assay/assay.toml")
	for what, upgrade := range map[string]string{
		"with a good config":                              script,
		"without setpriv, so that nothing is known of it": "mv /usr/bin/setpriv /usr/bin/off; " + script + "; mv /usr/bin/off /usr/bin/setpriv",
	} {
		before := m.run(pid)
		if m.run(upgrade); m.run(pid) == before {
			m.Error(what + " it is not restarted")
		}
		m.stamped()
	}
}

// archived installs the archive as the README says.
func (m *machine) archived(archive string) {
	m.Helper()
	const block = `sed -n '/^packaging.scripts.install/,/^\x60/{/^\x60/d;p}' README.md`
	m.expect("mkdir /tmp/archive && tar -C /tmp/archive --strip-components=1 -xzf "+m.copyIn(archive)+" && cd /tmp/archive && "+block+" | wc -l", "2")
	m.run("cd /tmp/archive && " + block + " >steps && sh -e steps")
	m.expect("systemctl is-active assay.socket assay.service; cd /proc/$(systemctl show -P MainPID assay) && stat -c %U . && tr '\\0' ' ' <cmdline",
		"active\nactive\nassay\n/usr/local/bin/assay serve")
	m.stamped()
}

// besideAnother holds that the package leaves the port to a filter that has it, at the next boot and after an upgrade, too,
// and says so, and purges it again.
func (m *machine) besideAnother(deb string) {
	m.Helper()
	m.run(`printf '[Socket]\nListenStream=8893\nAccept=yes\n' >/run/systemd/system/other.socket
printf '[Service]\nExecStart=/bin/true\n' >/run/systemd/system/other@.service
systemctl daemon-reload && systemctl start other.socket`)
	name := m.copyIn(deb)
	if said := m.run("dpkg -i " + name); !strings.Contains(said, "assay: another program has port 8893") {
		m.Errorf("nothing is said of the port: %s", said)
	}
	const state = "systemctl is-active assay.socket assay.service; systemctl is-enabled assay.socket assay.service; true"
	m.expect(state, "inactive\ninactive\ndisabled\ndisabled")
	m.run("dpkg -i " + name)
	m.expect(state+"; systemctl is-active other.socket", "inactive\ninactive\ndisabled\ndisabled\nactive")
	m.run("systemctl stop other.socket && dpkg -P assay && dpkg -i " + name + " && dpkg -r assay && systemctl start other.socket")
	if said := m.run("dpkg -i " + name); !strings.Contains(said, "assay: another program has port 8893") {
		m.Errorf("nothing is said of the port that was lost meanwhile: %s", said)
	}
	m.expect(state, "inactive\ninactive\nenabled\nenabled")
	const elsewhere = "/etc/systemd/system/assay.socket.d/override.conf"
	m.run("dpkg -r assay && mkdir " + filepath.Dir(elsewhere) + " && printf '[Socket]\\nListenStream=\\nListenStream=127.0.0.1:8898\\n' >" + elsewhere +
		" && sed -i '/^.milter.$/a listen = [\"fd\"]' /etc/assay/assay.toml && dpkg -i " + name)
	m.expect(state+"; systemctl is-active other.socket", "active\nactive\nenabled\nenabled\nactive")
	m.run("rm -r " + filepath.Dir(elsewhere))
	m.run("dpkg -P assay && systemctl stop other.socket && rm /run/systemd/system/other* && systemctl daemon-reload")
}

// during sends one message after the other while a command runs. None may find the socket closed; one may be cut, when the
// old process ends just after it took the connection and before the message began: the MTA does its default action then.
func (m *machine) during(cmd *exec.Cmd) (messages, cut int) {
	m.Helper()
	done := make(chan error, 1)
	go func() { done <- run(cmd) }()
	for ended := false; !ended; messages++ {
		select {
		case err := <-done:
			if ended = true; err != nil {
				m.Fatal(err)
			}
		default:
		}
		if got, err := m.stamp(); err != nil {
			cut++
			m.Log(err)
		} else {
			m.checkStamp(got)
		}
	}
	return messages, cut
}
