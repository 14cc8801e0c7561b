package main

import (
	"bytes"
	"net/netip"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/testdata/lab"
	"assay/testdata/mta"
)

// listDomain is a mailing list that changes messages and seals them.
const listDomain = "lists.example"

var listHost = netip.MustParseAddr("198.51.100.30")

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
		title:  "changed by a mailing list that sealed it",
		client: listHost, name: "mail." + listDomain, from: "bounces@" + listDomain, message: forwarded,
		verdict: "fail 000", done: rejected, has: []string{"(reason 000)"},
	}
	second := first
	second.title, second.about = "the same, its seal now trusted", "the list's seal vouches for the author: its word overrides the DMARC failure"
	second.command = []string{"sealers", "add", listDomain}
	second.verdict, second.done = "pass 130", delivered
	second.results = []string{"spf=pass", "dkim=fail", "dmarc=fail", "arc=pass", "iprev=pass"}
	second.has = []string{"oda=1 ltdi=1", "dmarc=[1,1,header.from=fabrikam.example]"}
	return []sample{first, second}
}
