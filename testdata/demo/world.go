package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/testdata/lab"
	"assay/testdata/mta"
)

// hostname is the name of the demo's mail server, and its authserv-id.
const hostname = "mx.example.test"

// zone is all that the demo's DNS knows, but for the DKIM keys.
const zone = `
; fabrikam.example signs, publishes SPF and asks to reject what is forged
fabrikam.example.                TXT "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all"
mail.fabrikam.example.           TXT "v=spf1 a -all"
_dmarc.fabrikam.example.         TXT "v=DMARC1; p=reject"
mail.fabrikam.example.           A    192.0.2.10
mail.fabrikam.example.           AAAA 2001:db8::10
10.2.0.192.in-addr.arpa.         PTR  mail.fabrikam.example.
0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.fabrikam.example.

; newsletter.example has SPF only
newsletter.example.              TXT "v=spf1 ip4:192.0.2.20 -all"
_dmarc.newsletter.example.       TXT "v=DMARC1; p=none"
out.newsletter.example.          A    192.0.2.20
20.2.0.192.in-addr.arpa.         PTR  out.newsletter.example.

; attacker.example has SPF, and a reverse name that leads nowhere
attacker.example.                TXT "v=spf1 ip4:203.0.113.66 -all"
66.113.0.203.in-addr.arpa.       PTR  mail.attacker.example.

; lists.example is a mailing list
lists.example.                   TXT "v=spf1 ip4:198.51.100.30 -all"
mail.lists.example.              A    198.51.100.30
30.100.51.198.in-addr.arpa.      PTR  mail.lists.example.
`

const config = `authserv_id = "` + hostname + `"

[milter]
listen = ["unix:%[1]s/assay.sock"]
socket_mode = "0666"   # Postfix's own user must reach it

[dns]
servers = ["%[2]s"]

[arc]
trusted_sealers_file = "%[1]s/trusted-sealers"

[policy]
dmarc_reject = "reject"
`

// A world is all that the demo runs.
type world struct {
	dir     string
	binary  string
	dns     *dnstest.Server
	postfix *mta.MTA
	daemon  *exec.Cmd
	log     syncBuffer
	samples []sample
}

// startWorld starts DNS, the daemon and Postfix, in this order.
func startWorld(ctx context.Context, binary string) (*world, error) {
	w := &world{binary: binary}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

func (w *world) start(ctx context.Context) error {
	var err error
	if w.dir, err = os.MkdirTemp("", "assay-demo-"); err != nil {
		return err
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		return err
	}
	key, err := lab.NewRSA("fabrikam.example", "s1", 2048)
	if err != nil {
		return err
	}
	list, err := lab.NewRSA(listDomain, "arc", 2048)
	if err != nil {
		return err
	}
	if w.samples, err = makeSamples(key, list); err != nil {
		return err
	}
	if err := w.startDNS(key, list); err != nil {
		return err
	}
	if err := w.startDaemon(ctx); err != nil {
		return err
	}
	w.postfix, err = mta.StartPostfix(ctx, mta.Options{Hostname: hostname, Milters: []string{"unix:" + w.socket()}})
	return err
}

func (w *world) socket() string { return filepath.Join(w.dir, "assay.sock") }

func (w *world) startDNS(keys ...*lab.Key) error {
	text := "$TTL 3600\n" + zone
	for _, key := range keys {
		record, err := key.Record()
		if err != nil {
			return err
		}
		text += record + "\n"
	}
	z, err := dns.ParseZone(strings.NewReader(text), "demo zone")
	if err != nil {
		return err
	}
	w.dns, err = dnstest.Listen(z, "127.0.0.1:0")
	return err
}

// startDaemon starts assay and waits until it listens.
func (w *world) startDaemon(ctx context.Context) error {
	file := filepath.Join(w.dir, "assay.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, w.dir, w.dns.Addr()), 0o644); err != nil {
		return err
	}
	w.daemon = exec.Command(w.binary, "serve", "-c", file)
	w.daemon.Stderr = &w.log
	// Ends with the demo even if that is killed.
	w.daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := w.daemon.Start(); err != nil {
		w.daemon = nil
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		conn, err := net.Dial("unix", w.socket())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the daemon does not listen: %w\n%s", err, w.daemonLog())
		case <-tick.C:
		}
	}
}

// stop ends all that start started. The daemon must end well on SIGTERM.
func (w *world) stop() error {
	var errs []error
	if w.postfix != nil {
		errs = append(errs, w.postfix.Stop())
	}
	if w.daemon != nil {
		w.daemon.Process.Signal(syscall.SIGTERM)
		if err := w.daemon.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("the daemon ended with %w", err))
		}
	}
	if w.dns != nil {
		w.dns.Stop()
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}

func (w *world) daemonLog() string { return w.log.String() }

// A syncBuffer is a bytes.Buffer for two goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
