package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/testdata/lab"
	"assay/testdata/mta"
)

// listDomain is a mailing list that changes messages and seals them.
const listDomain = "lists.example"

var listHost = netip.MustParseAddr("198.51.100.30")

// reloadTimeout is longer than the daemon takes to see a changed file.
const reloadTimeout = 10 * time.Second

// throughList is a signed message as the mailing list sends it on: with a footer, which
// breaks the author's signature, and an ARC set that says what the list found.
func throughList(signed []byte, key *lab.Key) ([]byte, error) {
	changed := append(bytes.Clone(signed), "-- \r\nThe list of fabrikam's friends\r\n"...)
	header, body := mta.SplitMessage(changed)
	hashes := &dkim.BodyHashes{}
	hashes.Want(dkim.Relaxed)
	_, _ = hashes.Write(body) // never fails
	results, err := authres.Parse("mx." + listDomain + "; spf=pass smtp.mailfrom=fabrikam.example;" +
		" dkim=pass header.d=fabrikam.example header.s=s1; dmarc=pass header.from=fabrikam.example")
	if err != nil {
		return nil, err
	}
	sealer := arc.MessageSealer{Domain: key.Domain, Selector: key.Selector, Key: key.Signer}
	set, err := sealer.Seal(header, arc.Outcome{Result: arc.None}, hashes.Sum(dkim.Relaxed), results)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, f := range set.Fields() {
		b.WriteString(f.Raw + "\r\n")
	}
	return append(b.Bytes(), changed...), nil
}

// listSamples are the same message twice; in between its sealer becomes a trusted one.
func listSamples(forwarded []byte) []sample {
	first := sample{
		title: "Through a mailing list", about: "the list changed the message and sealed it, but nobody trusts its seal",
		client: listHost, name: "mail." + listDomain, from: "bounces@" + listDomain, message: forwarded,
		code: 550,
	}
	second := first
	second.title, second.about = "Through a trusted list", "the list's seal vouches for the author: its word overrides the DMARC failure"
	second.command = []string{"sealers", "add", listDomain}
	second.code, second.results = 250, []string{"spf=pass", "dkim=fail", "dmarc=fail", "arc=pass", "iprev=pass"}
	second.has = []string{"oda=1 ltdi=1", "dmarc=[1,1,header.from=fabrikam.example]"}
	return []sample{first, second}
}

// command runs an assay command beside the daemon, and waits until the daemon has
// taken note of what it changed.
func (w *world) command(ctx context.Context, out io.Writer, args []string) error {
	fmt.Fprintf(out, "   $ assay %s\n", strings.Join(args, " "))
	args = append(args[:2:2], append([]string{"-c", filepath.Join(w.dir, "assay.toml")}, args[2:]...)...)
	reloads := w.reloads()
	output, err := exec.CommandContext(ctx, w.binary, args...).CombinedOutput()
	for line := range strings.Lines(string(output)) {
		fmt.Fprint(out, "   ", line)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for w.reloads() == reloads {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the daemon did not read its lists again: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// reloads is how often the daemon has read the trusted sealers again.
func (w *world) reloads() int { return strings.Count(w.daemonLog(), "trusted sealers reloaded") }
