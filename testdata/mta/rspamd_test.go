package mta_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns/dnstest"
	"assay/testdata/lab"
	"assay/testdata/mta"
)

// arcSealed is the sample with a first ARC set by the key.
func arcSealed(t *testing.T, key *lab.Key) string {
	t.Helper()
	header, body := mta.SplitMessage([]byte(sample))
	var hashes dkim.BodyHashes
	hashes.Want(dkim.Relaxed)
	if _, err := hashes.Write(body); err != nil {
		t.Fatal(err)
	}
	sealer := arc.MessageSealer{Domain: key.Domain, Selector: key.Selector, Key: key.Signer}
	set, err := sealer.Seal(header, arc.Outcome{Result: arc.None}, hashes.Sum(dkim.Relaxed), authres.Results{AuthServID: "mx.sealer.test"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range set.Fields() {
		b.WriteString(f.Raw + "\r\n")
	}
	return b.String() + sample
}

func TestRspamd(t *testing.T) {
	t.Parallel()
	key, err := lab.NewRSA("sealer.test", "s", 2048)
	if err != nil {
		t.Fatal(err)
	}
	record, err := key.Record()
	if err != nil {
		t.Fatal(err)
	}
	rspamd := mta.RspamdForTest(t, dnstest.Start(t, record).Addr())
	sealed := arcSealed(t, key)
	signed, err := key.Sign([]byte(sample), "relaxed/relaxed")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, msg, want string }{
		{"no chain", sample, "ARC_NA"},
		{"no signature", sample, "R_DKIM_NA"},
		{"signed", string(signed), "R_DKIM_ALLOW"},
		{"sealed", sealed, "ARC_ALLOW"},
		{"changed body", sealed + "more\r\n", "ARC_REJECT"},
		{"changed field", strings.Replace(sealed, "From: Joe", "From: Jim", 1), "ARC_REJECT"},
		{"other key", strings.ReplaceAll(sealed, "s=s;", "s=t;"), "ARC_REJECT"},
		{"no seal", strings.Replace(sealed, "ARC-Seal:", "X-Seal:", 1), "ARC_NA"},
		{"second set alone", strings.ReplaceAll(sealed, ": i=1;", ": i=2;"), "ARC_INVALID"},
	} {
		symbols, err := rspamd.Check(timeout(t), []byte(tt.msg))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := symbols[tt.want]; !ok {
			t.Errorf("%s: %v, want %s", tt.name, symbols, tt.want)
		}
		if _, ok := symbols["ARC_ALLOW"]; ok != (tt.want == "ARC_ALLOW") {
			t.Errorf("%s: %v", tt.name, symbols)
		}
	}
	dir := rspamd.Dir
	if err := rspamd.Stop(); err != nil {
		t.Error(err)
	}
	if err := rspamd.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}
