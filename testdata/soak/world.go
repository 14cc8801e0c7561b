package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/testdata/corpus"
)

// A world is a daemon with all that it needs, in a temporary folder.
type world struct {
	dir     string
	dns     *dnstest.Server
	daemon  *daemon
	samples []corpus.Sample // of ordinary mail
	odd     []oddity        // of the other, by weight
	domains int             // of strangers
	tally   tally

	// unsettled is positive while DNS is out, and as long after as a question may take.
	unsettled atomic.Int64
}

const (
	// shops is how many domains the ordinary mail is from.
	shops = 100
	// cacheEntries is small enough to be full soon: what grows after that is a leak.
	cacheEntries = 20_000
)

// config is that of the daemon. The arguments are the folder, its address, that of the metrics and
// that of the DNS.
const config = `authserv_id = "mx.example.test"
trusted_networks = []
accepted_domains = ["example.test"]
state_dir = %[1]q
spoofed_senders_file = "%[1]s/spoofed-senders"
[milter]
listen = ["inet:%[2]s"]
[metrics]
listen = ["inet:%[3]s"]
[dns]
servers = [%[4]q]
timeout = "500ms"
cache_entries = %[5]d
[arc]
trusted_sealers_file = "%[1]s/trusted-sealers"
[policy]
dmarc_quarantine = "quarantine"
`

// oddZone is the zone of what isn't ordinary.
const oddZone = `
broken.example.     TXT "v=spf1 -all"
loop.example.       TXT "v=spf1 include:a.loop.example -all"
a.loop.example.     TXT "v=spf1 include:b.loop.example -all"
b.loop.example.     TXT "v=spf1 include:a.loop.example -all"
*.many.example.     TXT "v=spf1 ip4:198.51.100.0/24 -all"
_dmarc.held.example. TXT "v=DMARC1; p=quarantine"
_dmarc.example.test. TXT "v=DMARC1; p=reject"
`

func newWorld(ctx context.Context, o options) (_ *world, err error) {
	w := &world{domains: min(max(o.messages/50, 200), 20_000)}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.dir, err = os.MkdirTemp("", "assay-soak-"); err != nil {
		return nil, err
	}
	zone, err := w.corpus(o.seed)
	if err != nil {
		return nil, err
	}
	z, err := dns.ParseZone(strings.NewReader(zone), "zone")
	if err != nil {
		return nil, err
	}
	if w.dns, err = dnstest.Listen(z, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.dns.SetNameFault("broken.example", dnstest.ServFail)
	if err := w.lists(0); err != nil {
		return nil, err
	}
	w.daemon, err = startDaemon(ctx, o.binary, w.dir, w.dns.Addr().String())
	return w, err
}

// corpus makes the messages and the zone that they need.
func (w *world) corpus(seed uint64) (zone string, err error) {
	m, err := corpus.NewMailer(seed)
	if err != nil {
		return "", err
	}
	for _, part := range []struct {
		kind corpus.Kind
		n    int
	}{{corpus.Small, 2 * shops}, {corpus.Newsletter, shops / 4}, {corpus.List, shops / 4}, {corpus.Spoof, shops / 2}, {corpus.Large, 1}} {
		samples, err := m.Make(part.kind, part.n, max(part.n/2, 1))
		if err != nil {
			return "", err
		}
		w.samples = append(w.samples, samples...)
	}
	w.odd = oddities()
	return m.Zone() + oddZone, nil
}

// lists writes the n-th version of the two lists, as an editor does: a new file in place of the old.
func (w *world) lists(n int) error {
	for name, text := range map[string]string{
		"trusted-sealers": fmt.Sprintf("lists.example\nsealer%d.example\n", n),
		"spoofed-senders": fmt.Sprintf("block blocked%d.example * external\nallow allowed%d.example 192.0.2.0/24 external\n", n%7, n%5),
	} {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

// close ends all that runs and removes the folder. Idempotent.
func (w *world) close() {
	if w.daemon != nil {
		w.daemon.kill()
	}
	if w.dns != nil {
		w.dns.Stop()
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}
