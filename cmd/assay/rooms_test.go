package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The rooms of the house: a package imports only packages above it.
var rooms = []string{
	"auth/message",
	"auth/dns",
	"auth/dns/dnstest",
	"auth/authres",
	"auth/spf",
	"auth/dkim",
	"arc",
	"auth/dmarc",
	"auth/iprev",
	"compauth",
	"compauth/spoof",
	"compauth/history",
	"auth",
	"milter",
	"metrics",
	"cmd/assay",
}

// Libraries that one room alone imports, so that their guards are in one place.
var keepers = map[string]string{
	"filippo.io/bigmod":                   "auth/dkim",
	"github.com/emersion/go-milter":       "milter",
	"github.com/emersion/go-msgauth":      "auth/dkim",
	"github.com/miekg/dns":                "auth/dns",
	"github.com/pelletier/go-toml/v2":     "cmd/assay",
	"github.com/hashicorp/golang-lru/v2":  "", // caches, wherever they are
	"modernc.org/sqlite":                  "compauth/history",
	"github.com/jackc/pgx/v5":             "compauth/history",
	"github.com/prometheus/client_golang": "metrics",
	"github.com/prometheus/client_model":  "metrics",
	"github.com/prometheus/common":        "metrics",
	"golang.org/x/net/publicsuffix":       "",
	"golang.org/x/net/idna":               "auth/message",
	"golang.org/x/sys/unix":               "",
}

func TestRooms(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "assay/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(strings.ReplaceAll(line, "assay/", ""))
		if room := words[0]; !strings.HasPrefix(room, "testdata/") {
			checkRoom(t, room, words[1:])
			packages++
		}
	}
	if packages < 10 {
		t.Errorf("only %d packages were seen", packages)
	}
}

func checkRoom(t *testing.T, room string, imports []string) {
	t.Helper()
	place := slices.Index(rooms, room)
	if place < 0 {
		t.Errorf("%s is no room of architecture.md", room)
		return
	}
	for _, path := range imports {
		if strings.Contains(strings.Split(path, "/")[0], ".") {
			checkLibrary(t, room, path)
		} else if other := slices.Index(rooms, path); other >= place {
			t.Errorf("%s imports %s, which is below it", room, path)
		}
	}
}

// checkLibrary holds that every library is known, and stays in its room. The
// zone server of the tests needs the DNS library, too.
func checkLibrary(t *testing.T, room, path string) {
	t.Helper()
	for library, keeper := range keepers {
		if path == library || strings.HasPrefix(path, library+"/") {
			if keeper != "" && room != keeper && !strings.HasPrefix(room, keeper+"/") {
				t.Errorf("%s imports %s, which is for %s only", room, path, keeper)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which no room is to keep", room, path)
}
