package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"assay/testdata/systemd"
)

// recipe gives the lines of a file that match, without what follows a #.
func recipe(t *testing.T, file, pattern string) string {
	t.Helper()
	lines := regexp.MustCompile(`(?m)`+pattern).FindAllString(readText(t, file), -1)
	if len(lines) == 0 {
		t.Fatalf("%s has no %s", file, pattern)
	}
	return strings.Join(lines, "\n")
}

// What the documentation has an admin do works under the units: a key for sealing, a socket for Postfix; and what goes
// wrong is told.
func TestSystemdRecipes(t *testing.T) {
	t.Parallel()
	box := bootAssay(t)
	box.Must("systemctl start assay")
	checkBadReload(t, box)
	checkSealRecipe(t, box)
	checkSocketRecipe(t, box)
}

// checkBadReload holds that the daemon hears of a bad config, too, and not only who reloads.
func checkBadReload(t *testing.T, box *systemd.Box) {
	t.Helper()
	box.Must("cp -p /etc/assay/assay.toml /etc/assay/good && echo 'bogus = 1' >>/etc/assay/assay.toml")
	if out, err := box.Run("systemctl reload assay"); err == nil {
		t.Errorf("a bad config is read: %s", out)
	}
	box.Must("for i in $(seq 100); do journalctl -u assay -o cat | grep -q 'config not reloaded.*bogus' && exit; sleep 0.1; done; exit 1")
	box.Must("cp -p /etc/assay/good /etc/assay/assay.toml && systemctl reload assay")
}

// checkSealRecipe makes a key as its owner does, which the daemon may not read, then does what the documentation says.
func checkSealRecipe(t *testing.T, box *systemd.Box) {
	t.Helper()
	layKey := "cat >/etc/assay/arc.pem <<'END'\n" + readText(t, "../../testdata/scenarios/rsa.pem") + "\nEND\nchown root:root /etc/assay/arc.pem; chmod 600 /etc/assay/arc.pem\n"
	box.Must(layKey + "printf '[arc]\\nseal = true\\ndomain = \"example.test\"\\nselector = \"s\"\\nkey_file = \"/etc/assay/arc.pem\"\\n' >>/etc/assay/assay.toml")
	if said := box.Must("assay config check"); !strings.Contains(said, "/etc/assay/arc.pem may not be read by user assay, who the daemon runs as: chgrp assay FILE") {
		t.Errorf("root is not warned: %s", said)
	}
	box.Must(recipe(t, "../../docs/configuration.md", `^ch(own|mod) .*/etc/assay/arc\.pem`))
	if said := box.Must("assay config check"); said != "/etc/assay/assay.toml: ok\n" {
		t.Errorf("config check: %s", said)
	}
	box.Must("systemctl restart assay")
	if state := box.Property("assay.service", "ActiveState"); state != "active" {
		t.Errorf("with a key the service is %s", state)
	}
}

// checkSocketRecipe has systemd make the socket in Postfix's chroot, as the comment in assay.socket says.
func checkSocketRecipe(t *testing.T, box *systemd.Box) {
	t.Helper()
	unit := filepath.Join(unitFolder, "assay.socket")
	const lines = `^(#   )?(\[Socket\]|ListenStream=.*|Socket(User|Group|Mode)=.*)$`
	for _, file := range []string{unit, "../../packaging/postfix/main.cf.example", "../../docs/service.md"} {
		said := recipe(t, file, lines)
		said += "\n" + recipe(t, file, `systemctl stop assay\.socket assay\.service; systemctl start assay\.socket assay\.service`)
		for _, want := range []string{"[Socket]", "ListenStream=", "ListenStream=/var/spool/postfix/assay/assay.sock", "SocketUser=assay", "SocketGroup=postfix", "SocketMode=0660"} {
			if !strings.Contains("\n"+strings.ReplaceAll(said, "#   ", "")+"\n", "\n"+want+"\n") {
				t.Errorf("%s does not say %s", file, want)
			}
		}
	}
	drop := strings.ReplaceAll(recipe(t, unit, `^#   (\[Socket\]|ListenStream=.*|Socket(User|Group|Mode)=.*)$`), "#   ", "")
	box.Must("getent group postfix || groupadd --system postfix\nmkdir -p /etc/systemd/system/assay.socket.d && cat >/etc/systemd/system/assay.socket.d/override.conf <<'END'\n" + drop + "\nEND\n" +
		"printf '[milter]\\nlisten = [\"fd\"]\\n' >>/etc/assay/assay.toml && systemctl daemon-reload")
	box.Must(recipe(t, unit, `systemctl stop .*$`))
	if got := box.Must("stat -c '%U:%G %a' /var/spool/postfix/assay/assay.sock; systemctl is-active assay.socket assay.service"); got != "assay:postfix 660\nactive\nactive\n" {
		t.Errorf("the socket: %s", got)
	}
	box.Must("journalctl -u assay -o cat | grep 'msg=listening.*unix:/var/spool/postfix/assay/assay.sock'")
	if out, err := box.Run("ss -Hltn 'sport = :8893' | grep ."); err == nil {
		t.Errorf("the old address is still there: %s", out)
	}
}
