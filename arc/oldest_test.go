package arc

import (
	"slices"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// changes are done to a message by those who seal it, after they have validated it.
func changes(t *testing.T, v *Validator, change ...func(string) string) string {
	t.Helper()
	raw := seal(t, v, rsaSealer("list.example"), plainMessage)
	for _, c := range change {
		o := validateRaw(v, raw)
		raw = sealOutcome(t, edSealer("list.example"), c(raw), usualResults("list.example"),
			func(message.Header, string) Outcome { return o })
	}
	return raw
}

func validateRaw(v *Validator, raw string) Outcome {
	h, body := split(raw)
	return validate(v, h, body)
}

// sealAnyway puts a set on top of a message as if its chain had passed.
func sealAnyway(t *testing.T, m *MessageSealer, raw string) string {
	t.Helper()
	return sealOutcome(t, m, raw, usualResults(m.Domain), func(h message.Header, _ string) Outcome {
		c := collect(h, 0)
		o := Outcome{Result: Pass, Instance: c.newest}
		for _, l := range c.sets[1 : c.newest+1] {
			o.Sets = append(o.Sets, l.Set)
		}
		return o
	})
}

// TestOldestPass: RFC 8617 section 5.2, step 5.
func TestOldestPass(t *testing.T) {
	v := zoneValidator(t)
	same := func(raw string) string { return raw }
	footer := func(raw string) string { return raw + "-- \r\nThe list\r\n" }
	subject := func(raw string) string { return strings.Replace(raw, "Subject: ", "Subject: [list]", 1) }
	comment := func(raw string) string { return "Comments: not signed\r\n" + raw }
	tests := map[string]struct {
		changes []func(string) string
		want    int
	}{
		"one":            {nil, 0},
		"none changed":   {[]func(string) string{same, comment, same}, 0},
		"after first":    {[]func(string) string{footer}, 2},
		"after second":   {[]func(string) string{same, subject}, 3},
		"twice":          {[]func(string) string{footer, same, subject, same}, 4},
		"there and back": {[]func(string) string{footer, func(raw string) string { return strings.TrimSuffix(raw, "-- \r\nThe list\r\n") }}, 3},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h, body := split(changes(t, v, test.changes...))
			o := validate(v, h, body)
			if o.Result != Pass || o.OldestPass != test.want {
				t.Fatalf("%s (%s), oldest-pass %d, want %d", o.Result, o.Reason, o.OldestPass, test.want)
			}
			for i, set := range o.Sets {
				want := Pass
				switch {
				case i+2 == test.want:
					want = Fail
				case i+2 < test.want:
					want = "" // not looked at
				}
				if set.Message.Result != want || set.Seal.Result != Pass {
					t.Errorf("set %d: AMS %q, AS %q", i+1, set.Message.Result, set.Seal.Result)
				}
			}
		})
	}
}

// TestOlderMalformed: an older ARC-Message-Signature that can't verify is no failure,
// and nobody asks for the keys of those below it.
func TestOlderMalformed(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone("a.example", "b.example", "c.example", "d.example"))
	v := validator(r)
	raw := unsealed(seal(t, v, rsaSealer("a.example"), plainMessage))
	raw = sealAnyway(t, rsaSealer("b.example"), resealed(t, rsaSealer("c.example"), raw))
	replaced := strings.Replace(raw, "h=from", "l=5; h=from", 1)
	if replaced == raw {
		t.Fatal("no h= in the message")
	}
	raw = unsealed(replaced)
	raw = resealed(t, rsaSealer("c.example"), raw)
	raw = sealAnyway(t, rsaSealer("d.example"), raw)
	o := validateRaw(v, raw)
	if o.Result != Pass || o.OldestPass != 3 || o.Sets[1].Message.Result != Fail || o.Sets[0].Message.Result != "" {
		t.Fatalf("%s (%s), oldest-pass %d, %+v", o.Result, o.Reason, o.OldestPass, o.Sets)
	}
	for _, q := range r.Asked() {
		if q.Name == "rsa._domainkey.a.example" || q.Name == "rsa._domainkey.b.example" {
			t.Errorf("asked %v", q)
		}
	}
}

// unsealed is a message without its newest ARC-Seal.
func unsealed(raw string) string {
	h, body := split(raw)
	for i, f := range h {
		if f.Is(Seal) {
			return join(slices.Delete(h, i, i+1), body)
		}
	}
	panic("no ARC-Seal")
}

// resealed puts an ARC-Seal on the newest set of a message, which has none.
func resealed(t *testing.T, m *MessageSealer, raw string) string {
	t.Helper()
	h, body := split(raw)
	c := collect(h, 0)
	o := Outcome{Result: None, Instance: c.newest - 1}
	for _, l := range c.sets[1:c.newest] {
		o.Result = Pass
		o.Sets = append(o.Sets, l.Set)
	}
	newest := c.sets[c.newest]
	set := NewSet{AAR: newest.AAR.Value()[1:], AMS: newest.AMS.Value()[1:]}
	common, err := m.commonTags(c.newest)
	if err != nil {
		t.Fatal(err)
	}
	as, err := m.sealSignature(o, set, common, usualLayout())
	if err != nil {
		t.Fatal(err)
	}
	return join(append(message.Header{newField(Seal, as)}, h...), body)
}

// TestOlderTemporary: the key of an older ARC-Message-Signature alone is not to be had.
func TestOlderTemporary(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone("a.example"))
	r.Fail("rsa._domainkey.a.example")
	raw := unsealed(seal(t, validator(r), rsaSealer("a.example"), plainMessage))
	raw = sealAnyway(t, rsaSealer("list.example"), resealed(t, rsaSealer("list.example"), raw))
	o := validateRaw(validator(r), raw)
	if o.Result != Pass || o.OldestPass != 2 || o.Temporary {
		t.Errorf("%s (%s), oldest-pass %d", o.Result, o.Reason, o.OldestPass)
	}
}
