package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/arc"
	"assay/testdata/lab"
	"assay/testdata/mta"
)

// Everybody who seals in these tests has the test keys, at selectors of their names.
var arcSealers = []string{"list.example", "gateway.example", "postfix.example", "sendmail.example"}

// arcRecords are the TXT records of the sealers' keys.
func arcRecords(t testing.TB) map[string]string {
	t.Helper()
	records := make(map[string]string)
	for _, domain := range arcSealers {
		for _, kind := range []string{"rsa", "ed25519"} {
			p := strings.ReplaceAll(publicKey(t, kind), `" "`, "")
			records[kind+"._domainkey."+domain] = "v=DKIM1; k=" + kind + "; p=" + p
		}
	}
	return records
}

// arcZone is the zone of the tests with MTAs and the sealers' keys.
func arcZone(t testing.TB) string {
	t.Helper()
	zone := strings.ReplaceAll(mtaZone, "{{rsa}}", publicKey(t, "rsa"))
	for name, text := range arcRecords(t) {
		zone += name + ". IN TXT " + lab.Strings(text) + "\n"
	}
	return zone
}

// newSealingMTA is an MTA whose daemon seals for the domain with this kind of key.
func newSealingMTA(t *testing.T, start mta.Starter, domain, kind string) mtaTest {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(privateKey(t, kind))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	assay := startProcess(t, arcZone(t), fmt.Sprintf("authserv_id = \"mx.%s\"\ntrusted_networks = []\n"+
		"[arc]\nseal = true\ndomain = %q\nselector = %q\nkey_file = %q\n", domain, domain, kind, file))
	return mtaTest{t, mta.ForTest(t, start, mta.Options{Milters: []string{assay.listen}}), assay}
}

// forward sends a message through the MTA, and gives it with the fields that were
// put on top of it.
func (m mtaTest) forward(msg []byte) []byte {
	m.Helper()
	c := m.Client(m.T, goodClient, "mail.good.example")
	defer c.Quit()
	delivered := m.deliver(c, "joe@good.example", string(msg))
	return append([]byte("Return-Path: <joe@good.example>\r\n"), delivered.Raw...)
}

// forwardSealed is forward for a message that has to get a set. It stands on top, and
// cv= of it is what is wanted.
func (m mtaTest) forwardSealed(msg []byte, cv string) []byte {
	m.Helper()
	sealed := m.forward(msg)
	header, _ := mta.SplitMessage(sealed)
	var names []string
	for _, f := range header[1:min(len(header), 6)] {
		names = append(names, f.Name)
	}
	const want = "ARC-Seal ARC-Message-Signature ARC-Authentication-Results Authentication-Results Received"
	if got := strings.Join(names, " "); got != want {
		m.Fatalf("on top %s, want %s", got, want)
	}
	if seal := header[1].Value(); !strings.Contains(seal, "cv="+cv+";") {
		m.Errorf("no cv=%s in %q", cv, seal)
	}
	return sealed
}

// arcSigned is the message that is sealed: it has what canonicalization is about.
func arcSigned(t *testing.T) []byte {
	t.Helper()
	return sign(t, []byte(odd), "d=good.example s=sel c=simple/simple h=Subject:X-Fold:X-Empty:From:To:Date:Message-ID")
}

// arcChain puts n sets on a message, as the hosts do that had it before, every other
// one with this kind of key and the rest with RSA.
func arcChain(t *testing.T, msg []byte, n int, kind string) []byte {
	t.Helper()
	s := &scenario{zone: arcZone(t), message: msg}
	for i := range n {
		domain, key := arcSealers[i%2], kind
		if i%2 == 1 {
			key = "rsa"
		}
		s.message = s.seal(t, domain, key, key, "mx."+domain+"; spf=pass smtp.mailfrom=good.example; dmarc=pass header.from=good.example")
	}
	return s.message
}

// What is sealed behind real MTAs is valid for others, and no longer when it is changed.
func TestARCInterop(t *testing.T) {
	t.Parallel()
	j := newARCJudges(t)
	for name, start := range mta.Servers() {
		for _, kind := range []string{"rsa", "ed25519"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				m := newSealingMTA(t, start, name+".example", kind)
				j.judge(t, append(m.sealChains(kind), m.sealFailed(kind)...))
			})
		}
	}
	t.Run("one MTA after the other", func(t *testing.T) {
		t.Parallel()
		j.judge(t, throughMTAs(t))
	})
}

// sealChains are chains of several lengths, each whole and changed.
func (m mtaTest) sealChains(kind string) []arcCase {
	m.Helper()
	var cases []arcCase
	for _, n := range []int{1, 2, 3, 10, 11} {
		cv := "pass"
		if n == 1 {
			cv = "none"
		}
		sealed := m.forwardSealed(arcChain(m.T, arcSigned(m.T), n-1, kind), cv)
		add := func(what string, msg []byte, want arc.Result) {
			cases = append(cases, arcCase{fmt.Sprintf("%d sets, %s", n, what), msg, want, n})
		}
		add("as delivered", sealed, arc.Pass)
		add("changed body", append(bytes.Clone(sealed), "more\r\n"...), arc.Fail)
		add("changed From", bytes.Replace(sealed, []byte("<joe@good.example>\r\nTo"), []byte("<jim@good.example>\r\nTo"), 1), arc.Fail)
		add("changed results", bytes.Replace(sealed, []byte("smtp.mailfrom=good"), []byte("smtp.mailfrom=evil"), 1), arc.Fail)
	}
	return cases
}

// sealFailed is a message whose chain had failed when it came here, and the same once more:
// nobody may add to it then.
func (m mtaTest) sealFailed(kind string) []arcCase {
	m.Helper()
	changed := append(arcChain(m.T, arcSigned(m.T), 2, kind), "more\r\n"...)
	sealed := m.forwardSealed(changed, "fail")
	return []arcCase{
		{"after a failed chain", sealed, arc.Fail, 3},
		{"after a set that says so", m.forward(sealed), arc.Fail, 3},
	}
}

// throughMTAs sends messages through Postfix, then Sendmail, then Postfix, each with a
// daemon that seals: one that was sealed nowhere before, and one that a mailing list
// sealed after it had changed it.
func throughMTAs(t *testing.T) []arcCase {
	t.Helper()
	postfix := newSealingMTA(t, mta.StartPostfix, "postfix.example", "rsa")
	sendmail := newSealingMTA(t, mta.StartSendmail, "sendmail.example", "rsa")
	list := &scenario{zone: arcZone(t), message: arcChain(t, arcSigned(t), 1, "rsa"), change: "-- \r\nthe list\r\n"}
	listed := list.seal(t, "gateway.example", "rsa", "rsa", "mx.gateway.example; arc=pass")
	var cases []arcCase
	for name, msg := range map[string][]byte{"direct": arcSigned(t), "by a list": listed} {
		sets, cv := 2, "pass"
		if name == "direct" {
			sets, cv = 0, "none"
		}
		for i, m := range []mtaTest{postfix, sendmail, postfix} {
			msg = m.forwardSealed(msg, cv)
			cases = append(cases, arcCase{fmt.Sprintf("%s, %s (%d)", name, m.Name, i+1), msg, arc.Pass, sets + i + 1})
			cv = "pass"
		}
	}
	return cases
}
