package arc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// chainOf is plainMessage with n sets by list.example, in turn RSA and Ed25519.
func chainOf(t testing.TB, n int) string {
	t.Helper()
	v := zoneValidator(t)
	raw := plainMessage
	for i := range n {
		s := rsaSealer("list.example")
		if i%2 == 1 {
			s = edSealer("list.example")
		}
		raw = seal(t, v, s, raw)
	}
	return raw
}

// TestChains: what is sealed passes, up to 50 sets, and is oldest-pass 0.
func TestChains(t *testing.T) {
	v := zoneValidator(t)
	raw := plainMessage
	for n := 1; n <= MaxSets; n++ {
		s := rsaSealer("list.example")
		if n%2 == 0 {
			s = edSealer("list.example")
		}
		raw = seal(t, v, s, raw)
		if !slices.Contains([]int{1, 2, 3, 11, 50}, n) {
			continue
		}
		h, body := split(raw)
		o := validate(v, h, body)
		if o.Result != Pass || o.Instance != n || o.OldestPass != 0 || len(o.Sets) != n || o.Reason != "" || o.Err != nil {
			t.Fatalf("%d sets: %s %q %v, N=%d, %d sets, oldest-pass %d", n, o.Result, o.Reason, o.Err, o.Instance, len(o.Sets), o.OldestPass)
		}
		checkSets(t, o)
	}
}

// checkSets looks at the sets of a chain of chainOf that passes.
func checkSets(t *testing.T, o Outcome) {
	t.Helper()
	for i, set := range o.Sets {
		algorithm, selector, bits := "rsa-sha256", "rsa", 2048
		if i%2 == 1 {
			algorithm, selector, bits = "ed25519-sha256", "ed", 256
		}
		want := Signature{Pass, "signature was verified", "list.example", selector, algorithm, bits}
		cv := Pass
		if i == 0 {
			cv = None
		}
		if set.Instance != i+1 || set.Seal != want || set.Message != want || set.ChainValidation != cv || !set.SignsFrom {
			t.Errorf("set %d: %+v", i+1, set)
		}
		if set.ResultsErr != nil || set.Results.AuthServID != "list.example" || len(set.Results.Results) != 3 {
			t.Errorf("set %d: %+v %v", i+1, set.Results, set.ResultsErr)
		}
		if !set.AAR.Is(AuthenticationResults) || !set.AMS.Is(MessageSignature) || !set.AS.Is(Seal) {
			t.Errorf("set %d: fields %q %q %q", i+1, set.AAR.Name, set.AMS.Name, set.AS.Name)
		}
	}
}

// replaceIn replaces text in the first field of a name and instance.
func replaceIn(h message.Header, name string, instance int, old, repl string) {
	for i, f := range h {
		if f.Is(name) && strings.Contains(f.Raw, fmt.Sprintf(": i=%d;", instance)) {
			if !strings.Contains(f.Raw, old) {
				panic(old + " is not in " + f.Raw)
			}
			h[i].Raw = strings.Replace(f.Raw, old, repl, 1)
			return
		}
	}
	panic("no such field")
}

func remove(h message.Header, name string, instance int) message.Header {
	return slices.DeleteFunc(h, func(f message.Field) bool {
		return f.Is(name) && strings.Contains(f.Raw, fmt.Sprintf(": i=%d;", instance))
	})
}

// fieldOf is a field from its text.
func fieldOf(raw string) message.Field {
	name, value, _ := strings.Cut(raw, ":")
	return message.NewField(name, value)
}

// A headerEdit changes a header, or makes another of it.
type headerEdit func(message.Header) message.Header

func replacing(name string, instance int, old, repl string) headerEdit {
	return func(h message.Header) message.Header {
		replaceIn(h, name, instance, old, repl)
		return h
	}
}

func without(name string, instance int) headerEdit {
	return func(h message.Header) message.Header { return remove(h, name, instance) }
}

func with(fields ...string) headerEdit {
	return func(h message.Header) message.Header {
		for _, f := range fields {
			h = append(h, fieldOf(f))
		}
		return h
	}
}

// structureTests are changes to a chain of three that passes.
var structureTests = map[string]struct {
	change   headerEdit
	reason   string
	instance int
}{
	"no AAR":            {without(AuthenticationResults, 2), "no ARC-Authentication-Results of instance 2", 3},
	"no AMS":            {without(MessageSignature, 2), "no ARC-Message-Signature of instance 2", 3},
	"no AS":             {without(Seal, 2), "no ARC-Seal of instance 2", 3},
	"newest without AS": {without(Seal, 3), "no ARC-Seal of instance 3", 3},
	"second AAR":        {with("ARC-Authentication-Results: i=2; x; none"), "several ARC-Authentication-Results of instance 2", 3},
	"second AS":         {with("arc-seal: i=1; cv=none"), "several ARC-Seal of instance 1", 3},
	"second AMS":        {with("ARC-MESSAGE-SIGNATURE : i=1; a=b"), "several ARC-Message-Signature of instance 1", 3},
	"gap":               {func(h message.Header) message.Header { return removeSet(h, 2) }, "no ARC set of instance 2", 3},
	"no first":          {func(h message.Header) message.Header { return removeSet(h, 1) }, "no ARC set of instance 1", 3},
	"fourth incomplete": {with("ARC-Seal: i=4; cv=pass"), "no ARC-Authentication-Results of instance 4", 4},
	"far instance":      {with("ARC-Authentication-Results: i=50; x; none"), "no ARC set of instance 4", 50},
	"instance 0":        {replacing(Seal, 2, "i=2", "i=0"), "no valid instance in ARC-Seal", 3},
	"instance 51":       {replacing(Seal, 3, "i=3", "i=51"), "no valid instance in ARC-Seal", 3},
	"instance 2^31":     {replacing(MessageSignature, 2, "i=2", "i=2147483648"), "no valid instance in ARC-Message-Signature", 3},
	"instance 2^64+1":   {replacing(MessageSignature, 1, "i=1", "i=18446744073709551617"), "no valid instance in ARC-Message-Signature", 3},
	"instance 003":      {replacing(Seal, 3, "i=3", "i=003"), "no valid instance in ARC-Seal", 3},
	"instance +3":       {replacing(Seal, 3, "i=3", "i=+3"), "no valid instance in ARC-Seal", 3},
	"instance -1":       {replacing(AuthenticationResults, 1, "i=1", "i=-1"), "no valid instance in ARC-Authentication-Results", 3},
	"instance upper":    {replacing(AuthenticationResults, 1, "i=1", "I=1"), "no valid instance in ARC-Authentication-Results", 3},
	"two instances":     {replacing(Seal, 3, "i=3", "i=3; i=3"), "malformed ARC-Seal", 3},
	"no tags":           {with("ARC-Seal:"), "malformed ARC-Seal", 3},
	"blank":             {with("ARC-Message-Signature: \t"), "malformed ARC-Message-Signature", 3},
	"no colon": {func(h message.Header) message.Header {
		return append(h, message.Field{Name: "ARC-Seal", Raw: "ARC-Seal"})
	}, "malformed ARC-Seal", 3},
	"huge tag":         {with("ARC-Seal: i=4; x=" + strings.Repeat("x", 70000)), "malformed ARC-Seal", 3},
	"huge AAR":         {with("ARC-Authentication-Results: i=" + strings.Repeat("1", 70000)), "no valid instance in ARC-Authentication-Results", 3},
	"many tags":        {with("ARC-Seal: i=4" + strings.Repeat("; x=1", 70)), "malformed ARC-Seal", 3},
	"comment for ever": {with("ARC-Authentication-Results: " + strings.Repeat("(", 70000)), "no valid instance in ARC-Authentication-Results", 3},
	"newest failed":    {replacing(Seal, 3, "cv=pass", "cv=fail"), "failed before instance 3", 3},
	"failed and broken": {func(h message.Header) message.Header {
		return removeSet(replacing(Seal, 3, "cv=pass", "cv=FAIL")(h), 1)
	}, "failed before instance 3", 3},
	"older failed":      {replacing(Seal, 2, "cv=pass", "cv=fail"), "wrong cv= in ARC-Seal of instance 2", 3},
	"cv of the first":   {replacing(Seal, 1, "cv=none", "cv=pass"), "wrong cv= in ARC-Seal of instance 1", 3},
	"cv of the second":  {replacing(Seal, 2, "cv=pass", "cv=none"), "wrong cv= in ARC-Seal of instance 2", 3},
	"cv with a long s":  {replacing(Seal, 2, "cv=pass", "cv=pa\u017fs"), "wrong cv= in ARC-Seal of instance 2", 3},
	"no cv":             {replacing(Seal, 2, "cv=pass; ", ""), "wrong cv= in ARC-Seal of instance 2", 3},
	"h in a seal":       {replacing(Seal, 2, "cv=", "h=from; cv="), "ARC-Seal 2: h= not allowed", 3},
	"empty h in a seal": {replacing(Seal, 1, "cv=", "h=; cv="), "ARC-Seal 1: h= not allowed", 3},
	"ARC-Seal in h":     {replacing(MessageSignature, 3, "h=", "h=Arc-Seal:"), "ARC-Message-Signature 3: ARC-Seal in h=", 3},
	"l=":                {replacing(MessageSignature, 3, "h=", "l=10; h="), "ARC-Message-Signature 3: body length tag l= not accepted", 3},
	"q=":                {replacing(MessageSignature, 3, "h=", "q=http; h="), "ARC-Message-Signature 3: unknown query method", 3},
	"c=":                {replacing(MessageSignature, 3, "relaxed/relaxed", "relaxed/nofws"), "ARC-Message-Signature 3: unknown canonicalization", 3},
	"a=":                {replacing(Seal, 2, "ed25519-sha256", "ed448-sha256"), "ARC-Seal 2: unknown signature algorithm", 3},
	"sha1":              {replacing(Seal, 3, "rsa-sha256", "rsa-sha1"), "ARC-Seal 3: insecure algorithm rsa-sha1", 3},
	"single label":      {replacing(Seal, 3, "d=list.example", "d=example"), "ARC-Seal 3: no valid d=", 3},
	"t ahead":           {replacing(MessageSignature, 3, "t=1700000000", "t=1700086401"), "ARC-Message-Signature 3: signature from the future", 3},
	"seal's t ahead":    {replacing(Seal, 1, "t=1700000000", "t=1700086401"), "ARC-Seal 1: signature from the future", 3},
	"t negative":        {replacing(Seal, 1, "t=1700000000", "t=-1"), "ARC-Seal 1: no valid t=", 3},
	"t huge":            {replacing(Seal, 1, "t=1700000000", "t=1700000000000"), "ARC-Seal 1: no valid t=", 3},
	"x passed":          {replacing(MessageSignature, 3, "t=1700000000", "x=1699999999"), "ARC-Message-Signature 3: signature expired", 3},
	"x before t":        {replacing(MessageSignature, 3, "t=1700000000", "t=1700000100; x=1700000100"), "ARC-Message-Signature 3: signature expires before it begins", 3},
	"x no number":       {replacing(MessageSignature, 3, "t=1700000000", "x=soon"), "ARC-Message-Signature 3: no valid x=", 3},
	"many names":        {replacing(MessageSignature, 3, "h=", "h="+strings.Repeat("x:", 256)), "ARC-Message-Signature 3: too many names in h=", 3},
	"AMS goes before AS": {func(h message.Header) message.Header {
		return replacing(Seal, 3, "t=", "t=x")(replacing(MessageSignature, 3, "t=", "t=x")(h))
	}, "ARC-Message-Signature 3: no valid t=", 3},
}

// TestStructure: chains that are broken before any key is looked at (RFC 8617 section
// 5.2, steps 1 to 3), and signatures that no key can make valid.
func TestStructure(t *testing.T) {
	three := chainOf(t, 3)
	for name, test := range structureTests {
		t.Run(name, func(t *testing.T) {
			r := dnstest.NewResolver(t, usualZone())
			h, body := split(three)
			o := validate(validator(r), test.change(h), body)
			if o.Result != Fail || o.Reason != test.reason || o.Instance != test.instance || o.Temporary {
				t.Errorf("%s (%s) %v, N=%d", o.Result, o.Reason, o.Err, o.Instance)
			}
			if asked := r.Asked(); len(asked) != 0 {
				t.Errorf("%d questions", len(asked))
			}
			if want := fmt.Sprintf("i=%d %s", o.Instance, o.Reason); o.Comment(Override{}) != want {
				t.Errorf("comment %q", o.Comment(Override{}))
			}
		})
	}
}

func removeSet(h message.Header, instance int) message.Header {
	for _, name := range []string{AuthenticationResults, MessageSignature, Seal} {
		h = remove(h, name, instance)
	}
	return h
}

// TestMaxSets: 51 sets fail without a question, and so do 4 where 3 are allowed.
func TestMaxSets(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone())
	var h message.Header
	for i := 51; i > 0; i-- {
		h = append(h,
			fieldOf(fmt.Sprintf("ARC-Seal: i=%d; a=rsa-sha256; cv=pass; d=a%d.example; s=s; b=AAAA", i, i)),
			fieldOf(fmt.Sprintf("ARC-Message-Signature: i=%d; a=rsa-sha256; d=b%d.example; s=s; h=from; bh=AAAA; b=AAAA", i, i)),
			fieldOf(fmt.Sprintf("ARC-Authentication-Results: i=%d; x; none", i)))
	}
	o := validate(validator(r), h, "")
	if o.Result != Fail || o.Instance != 50 || len(r.Asked()) != 0 {
		t.Errorf("%s (%s), N=%d, %d questions", o.Result, o.Reason, o.Instance, len(r.Asked()))
	}
	v := validator(r)
	v.MaxSets = 3
	h, body := split(chainOf(t, 4))
	if o = validate(v, h, body); o.Result != Fail || o.Reason != "too many ARC sets" || len(r.Asked()) != 0 {
		t.Errorf("%s (%s)", o.Result, o.Reason)
	}
	v.MaxSets = 4
	if o = validate(v, h, body); o.Result != Pass {
		t.Errorf("%s (%s)", o.Result, o.Reason)
	}
}

// TestManyFields: a flood of ARC fields is not read to its end.
func TestManyFields(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone())
	h, body := split(chainOf(t, 1))
	for range 100_000 {
		h = append(h, fieldOf("ARC-Seal: i=50; cv=pass"))
	}
	if c := collect(h, 0); c.fields != maxFields+1 {
		t.Errorf("%d fields were read", c.fields)
	}
	o := validate(validator(r), h, body)
	if o.Result != Fail || len(o.Sets) != 2 || len(r.Asked()) != 0 {
		t.Errorf("%s (%s), %d sets", o.Result, o.Reason, len(o.Sets))
	}
}

// TestOrder: where the fields of a chain stand, among themselves and among others, does
// not matter.
func TestOrder(t *testing.T) {
	v := zoneValidator(t)
	h, body := split(chainOf(t, 3))
	var arcFields, others message.Header
	for _, f := range h {
		if strings.HasPrefix(f.Name, "ARC-") {
			arcFields = append(arcFields, f)
		} else {
			others = append(others, f)
		}
	}
	slices.Reverse(arcFields)
	var mixed message.Header
	for i, f := range arcFields {
		mixed = append(mixed, f, fieldOf(fmt.Sprintf("X-Between: %d", i)))
		if i < len(others) {
			mixed = append(mixed, others[i])
		}
	}
	for name, h := range map[string]message.Header{
		"reversed": append(slices.Clone(arcFields), others...),
		"below":    append(slices.Clone(others), arcFields...),
		"mixed":    mixed,
	} {
		if o := validate(v, h, body); o.Result != Pass || o.OldestPass != 0 {
			t.Errorf("%s: %s (%s), oldest-pass %d", name, o.Result, o.Reason, o.OldestPass)
		}
	}
}

// TestNotARC: fields that only resemble those of ARC are no chain.
func TestNotARC(t *testing.T) {
	r := dnstest.NewResolver(t, usualZone())
	h, body := split("ARC-Seals: i=1\r\nX-ARC-Seal: i=1; cv=none\r\nARC: i=1\r\nARC-Authentication-Result: i=1; x\r\n" + plainMessage)
	o := validate(validator(r), h, body)
	if o.Result != None || o.Instance != 0 || len(o.Sets) != 0 || o.Reason != "" || o.Comment(Override{}) != "" || len(r.Asked()) != 0 {
		t.Errorf("%+v", o)
	}
	o = validate(validator(r), append(h, fieldOf("ARC-Authentication-Results: hello")), body)
	if o.Result != Fail || o.Instance != 0 {
		t.Errorf("%+v", o)
	}
}
