package packages

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	header "assay/auth/message"
	"assay/testdata/milterclient"
)

var (
	loopback = netip.MustParseAddr("127.0.0.1")
	message  = milterclient.Message{
		From:   "joe@sender.example",
		Header: header.Header{{Name: "From", Raw: "From: joe@sender.example"}},
		Body:   []byte("Hello\r\n"),
	}
)

// stamped holds that the daemon writes its field on a message.
func (m *machine) stamped() {
	m.Helper()
	got, err := m.stamp()
	if err != nil {
		m.Fatal(err)
	}
	m.checkStamp(got)
}

func (m *machine) checkStamp(got string) {
	m.Helper()
	if !strings.HasPrefix(got, "Authentication-Results: ") || !strings.Contains(got, "compauth=none reason=402") {
		m.Errorf("%q", got)
	}
}

// what is installed: owner, group, mode.
const installedFiles = `stat -c '%U:%G %a %n' /usr/bin/assay /etc/assay /etc/assay/* /var/lib/assay /usr/lib/systemd/system/assay.* \
/usr/lib/sysusers.d/assay.conf /usr/share/man/man8/assay.8.gz /usr/share/man/man5/assay.toml.5.gz`

const installedWant = `root:root 755 /usr/bin/assay
root:root 755 /etc/assay
root:assay 644 /etc/assay/assay.toml
root:root 644 /etc/assay/spoofed-senders
root:root 644 /etc/assay/trusted-sealers
assay:assay 750 /var/lib/assay
root:root 644 /usr/lib/systemd/system/assay.service
root:root 644 /usr/lib/systemd/system/assay.socket
root:root 644 /usr/lib/sysusers.d/assay.conf
root:root 644 /usr/share/man/man8/assay.8.gz
root:root 644 /usr/share/man/man5/assay.toml.5.gz`

// installed holds that all is there, and that the daemon serves.
func (m *machine) installed() {
	m.Helper()
	m.expect(installedFiles, installedWant)
	m.expect("getent passwd assay | cut -d: -f 1,6,7 | sed 's|/usr/sbin|/sbin|'", "assay:/var/lib/assay:/sbin/nologin")
	const good = "/etc/assay/assay.toml: ok; it sets nothing: the defaults hold, though a daemon whose config set something keeps that until it is restarted"
	m.expect("assay config check", good)
	m.expect("assay version | head -n 1", "assay "+version1)
	m.expect("setpriv --reuid assay --regid assay --clear-groups assay config check", good)
	stop := m.serve()
	m.stamped()
	stop()
}

// TestDeb installs, upgrades, removes and purges the package.
func TestDeb(t *testing.T) {
	t.Parallel()
	tool(t, "dpkg")
	m := startMachine(t)
	m.run("dpkg -i " + m.copyIn(file(t, built(t, first), ".deb")))
	m.installed()

	// The admin changes files, by hand and by a command.
	m.run(`echo 'hide_client_ip = true' >/tmp/new && cat /etc/assay/assay.toml >>/tmp/new && cat /tmp/new >/etc/assay/assay.toml
chmod o= /etc/assay/assay.toml && assay sealers add lists.example.org`)
	m.run("dpkg --force-confold -i " + m.copyIn(file(t, built(t, next), ".deb")))
	m.expect("assay version | head -n 1", "assay "+version2)
	m.expect("head -n 1 /etc/assay/assay.toml", "hide_client_ip = true")
	m.expect("grep -c '^# new$' /etc/assay/assay.toml.dpkg-dist", "1")
	m.expect("stat -c '%U:%G %a' /etc/assay/assay.toml", "root:assay 640")
	m.expect("grep -c '^lists.example.org' /etc/assay/trusted-sealers", "1")
	stop := m.serve()
	m.stamped()
	stop()

	files := m.run(`for f in $(dpkg -L assay); do [ -d "$f" ] || echo "$f"; done`)
	m.run("dpkg -r assay")
	m.expect("ls /etc/assay/assay.toml /etc/assay/trusted-sealers /usr/bin/assay 2>&1 || true",
		"ls: cannot access '/usr/bin/assay': No such file or directory\n/etc/assay/assay.toml\n/etc/assay/trusted-sealers")
	m.run("test -e /var/lib/assay/history.db && getent passwd assay")
	m.run("dpkg -P assay")
	m.expect("ls -d /etc/assay /var/lib/assay "+strings.ReplaceAll(files, "\n", " ")+" 2>/dev/null || true", "")
}

// TestDebKeepsKeys holds that purging leaves what the admin made, and the user: another one that got its ids could read
// the key. It succeeds where the folders are a mount point and a symbolic link.
func TestDebKeepsKeys(t *testing.T) {
	t.Parallel()
	tool(t, "dpkg")
	m := startMachine(t)
	deb := m.copyIn(file(t, built(t, first), ".deb"))
	m.run("dpkg -i " + deb + " && install -m 640 -g assay /dev/null /etc/assay/arc.pem && dpkg -P assay")
	m.expect("stat -c '%n %U:%G' /etc/assay/*; id -un assay", "/etc/assay/arc.pem root:assay\nassay")

	m.run("mkdir /srv/assay && rm -r /etc/assay && ln -s /srv/assay /etc/assay && mkdir /var/lib/assay && mount -t tmpfs tmpfs /var/lib/assay")
	m.run("dpkg -i " + deb + " && echo x >/var/lib/assay/history.db && dpkg -P assay")
	m.expect("ls -A /srv/assay /var/lib/assay; dpkg -s assay 2>&1 | sed -n 1p", "/srv/assay:\n\n/var/lib/assay:\ndpkg-query: package 'assay' is not installed and no information is available")
}

// TestRPM installs and removes the package, with a database of rpm that knows no other.
func TestRPM(t *testing.T) {
	t.Parallel()
	tool(t, "rpm")
	m := startMachine(t)
	m.run("rpm --nodeps -i " + m.copyIn(file(t, built(t, first), ".rpm")))
	m.installed()
	m.expect("rpm -qc assay", "/etc/assay/assay.toml\n/etc/assay/spoofed-senders\n/etc/assay/trusted-sealers")
	m.run("rpm -V --nodeps assay && echo '# mine' >>/etc/assay/assay.toml && rpm -e assay")
	m.expect("ls /etc/assay /usr/bin/assay 2>&1 || true", "ls: cannot access '/usr/bin/assay': No such file or directory\n/etc/assay:\nassay.toml.rpmsave")
}

// TestRPMContents holds that the two packages hold the same but for what each kind has of its own.
func TestRPMContents(t *testing.T) {
	t.Parallel()
	deb := list(t, `dpkg-deb --fsys-tarfile "$1" | tar -t | sed -n 's|^\.\(/.*[^/]\)$|\1|p'`, file(t, built(t, first), ".deb"))
	rpm := list(t, `rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$1" | sed -n 's/^-[^ ]* //p'`, file(t, built(t, first), ".rpm"))
	for _, name := range own {
		delete(deb, name)
		delete(rpm, name)
	}
	for name := range deb {
		if !rpm[name] {
			t.Errorf("only the .deb has %s", name)
		}
	}
	for name := range rpm {
		if !deb[name] {
			t.Errorf("only the .rpm has %s", name)
		}
	}
	if len(deb) < 20 {
		t.Errorf("only %d files", len(deb))
	}
}

// own is what only one of the packages has.
var own = []string{
	"/usr/share/doc/assay/CHANGELOG.md", "/usr/share/doc/assay/changelog.gz", "/usr/share/doc/assay/changelog.Debian.gz",
	"/usr/share/doc/assay/copyright", "/usr/share/licenses/assay/LICENSE", "/usr/share/lintian/overrides/assay",
	"/usr/share/zsh/site-functions/_assay", "/usr/share/zsh/vendor-completions/_assay",
}

// list runs a script about a package and gives the lines.
func list(t *testing.T, script, name string) map[string]bool {
	t.Helper()
	out, err := exec.Command("sh", "-c", script, "sh", name).Output()
	if err != nil {
		missing(t, err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		lines[strings.TrimSpace(line)] = true
	}
	return lines
}
