package corpus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/message"
	"assay/testdata/lab"
)

// throughList is a signed message as a list sends it on: sealed by a forwarder, then given
// another subject and a footer, which break the author's signature, and sealed again.
func (m *Mailer) throughList(signed []byte, domain string) ([]byte, error) {
	sealed, err := m.addSet(signed, arc.Outcome{Result: arc.None}, forwarder, "mx."+forwarder+"; spf=pass smtp.mailfrom="+domain+
		"; dkim=pass header.d="+domain+" header.s=s1; dmarc=pass header.from="+domain)
	if err != nil {
		return nil, err
	}
	chain, err := m.validate(sealed)
	if err != nil {
		return nil, err
	}
	changed := bytes.Replace(sealed, []byte("\r\nSubject: "), []byte("\r\nSubject: [list] "), 1)
	changed = append(changed, "_______________________________________________\r\nlist mailing list\r\nlist@"+list+"\r\n"...)
	return m.addSet(changed, chain, list, "mx."+list+"; spf=pass smtp.mailfrom="+domain+"; arc=pass; dkim=pass header.d="+domain)
}

// addSet adds the ARC set of a domain that found this chain and these results.
func (m *Mailer) addSet(text []byte, chain arc.Outcome, domain, found string) ([]byte, error) {
	header, body := split(text)
	results, err := authres.Parse(found)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	hashes := &dkim.BodyHashes{}
	hashes.Want(dkim.Relaxed)
	_, _ = hashes.Write(body) // never fails
	sealer := arc.MessageSealer{Domain: domain, Selector: m.seal.Selector, Key: m.seal.Signer}
	set, err := sealer.Seal(header, chain, hashes.Sum(dkim.Relaxed), results)
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}
	var b bytes.Buffer
	for _, f := range set.Fields() {
		b.WriteString(f.Raw + "\r\n")
	}
	b.Write(text)
	return b.Bytes(), nil
}

// validate finds what the chain of a message is worth.
func (m *Mailer) validate(text []byte) (arc.Outcome, error) {
	zone, err := dns.ParseZone(strings.NewReader(m.sealZone()), "zone")
	if err != nil {
		return arc.Outcome{}, fmt.Errorf("corpus: %w", err)
	}
	header, body := split(text)
	hashes := &dkim.BodyHashes{}
	validation := (&arc.Validator{Resolver: zone}).Begin(context.Background(), header, hashes)
	_, _ = hashes.Write(body) // never fails
	return validation.Finish(), nil
}

// sealZone publishes the key of those who seal.
func (m *Mailer) sealZone() string {
	record, _ := (&lab.Key{Domain: forwarder, Selector: m.seal.Selector, Signer: m.seal.Signer}).Record() // it is RSA
	return record + "\n"
}

// work counts what the signatures of a message cover: those of DKIM and of ARC, all relaxed.
func work(h message.Header) (w Work) {
	var sets message.Header // of ARC, the newest first
	for _, f := range h {
		if strings.HasPrefix(f.Name, "ARC-") {
			sets = append(sets, f)
		}
	}
	for _, f := range h {
		switch {
		case f.Is("DKIM-Signature"), f.Is(arc.MessageSignature):
			w.Headers = append(w.Headers, covered(h, f))
			w.Bodies = 1
		case f.Is(arc.Seal): // its own set and the older ones
			i := slices.IndexFunc(sets, func(s message.Field) bool { return s == f })
			w.Headers = append(w.Headers, total(sets[i:]))
		}
	}
	return w
}

// covered is the size of the fields that a signature names in h=, and its own. Of fields of one
// name only one is counted: samples have no others that are signed.
func covered(h message.Header, signature message.Field) int {
	n := len(signature.Raw)
	names := strings.Split(signedNames(signature), ":")
	for i, name := range names {
		at := slices.IndexFunc(h, func(f message.Field) bool { return f.Is(name) })
		if at >= 0 && !slices.Contains(names[:i], name) {
			n += len(h[at].Raw)
		}
	}
	return n
}

// signedNames is h= without white space.
func signedNames(signature message.Field) string {
	for tag := range strings.SplitSeq(signature.Value(), ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(tag), "="); name == "h" {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}

func total(h message.Header) (n int) {
	for _, f := range h {
		n += len(f.Raw)
	}
	return n
}
