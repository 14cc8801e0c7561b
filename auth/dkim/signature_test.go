package dkim

import (
	"strings"
	"testing"
	"time"

	"assay/auth/message"
)

// goodTags are valid at signatureTime.
const goodTags = "v=1; a=rsa-sha256; c=relaxed/simple; d=example.com; i=joe@sub.example.com; s=s1.sel;" +
	" q=dns/txt; t=1699999990; x=1700000010; h=From : To:\r\n\tSubject; bh=YWJj; b=Z\r\n GVm"

var signatureTime = time.Unix(1_700_000_000, 0)

// signatureTests change one thing in goodTags.
var signatureTests = []struct {
	old, new string
	result   Result
	reason   string
}{
	{"v=1", "v=1", "", ""},
	{"v=1", "v = 1 ", "", ""},
	{"v=1; ", "", Neutral, "signature without v="},
	{"v=1", "v=2", Neutral, "incompatible signature version"},
	{"v=1", "v=01", Neutral, "incompatible signature version"},
	{"a=rsa-sha256; ", "", Neutral, "signature without a="},
	{"a=rsa-sha256", "a=rsa-sha1", Policy, "insecure algorithm rsa-sha1"},
	{"a=rsa-sha256", "a=RSA-SHA1", Policy, "insecure algorithm rsa-sha1"},
	{"a=rsa-sha256", "a=ed25519-sha256", "", ""},
	{"a=rsa-sha256", "a=rsa-sha512", Neutral, "unknown signature algorithm"},
	{"a=rsa-sha256", "a=rsa", Neutral, "malformed a= in signature"},
	{"a=rsa-sha256", "a=-sha256", Neutral, "malformed a= in signature"},
	{"a=rsa-sha256", "a=rsa-<x>", Neutral, "malformed a= in signature"},
	{"b=Z\r\n GVm", "", Neutral, "signature without b="},
	{"b=Z\r\n GVm", "b=", Neutral, "malformed b= in signature"},
	{"b=Z\r\n GVm", "b=ab", Neutral, "malformed b= in signature"},
	{"b=Z\r\n GVm", "b=a?cd", Neutral, "malformed b= in signature"},
	{"b=Z\r\n GVm", "b=" + strings.Repeat("a", maxSignatureText), "", ""},
	{"b=Z\r\n GVm", "b=" + strings.Repeat("a", maxSignatureText+4), Neutral, "malformed b= in signature"},
	{"bh=YWJj; ", "", Neutral, "signature without bh="},
	{"bh=YWJj", "bh=", Neutral, "malformed bh= in signature"},
	{"bh=YWJj", "bh=Y\tW J\r\n j", "", ""},
	{"c=relaxed/simple; ", "", "", ""},
	{"c=relaxed/simple", "c=relaxed", "", ""},
	{"c=relaxed/simple", "c=relaxed/", Neutral, "unknown canonicalization"},
	{"c=relaxed/simple", "c=/simple", Neutral, "unknown canonicalization"},
	{"c=relaxed/simple", "c=relaxed/simple/x", Neutral, "unknown canonicalization"},
	{"c=relaxed/simple", "c=nofws", Neutral, "unknown canonicalization"},
	{"d=example.com; ", "", Neutral, "signature without d="},
	{"d=example.com", "d=com", Neutral, "malformed d= in signature"},
	{"d=example.com", "d=example.com.", Neutral, "malformed d= in signature"},
	{"d=example.com", "d=exam ple.com", Neutral, "malformed d= in signature"},
	{"d=example.com", "d=", Neutral, "malformed d= in signature"},
	{"d=example.com", "d=other.example", PermError, "domain mismatch"},
	{"d=example.com", "d=ub.example.com", PermError, "domain mismatch"},
	{"d=example.com", "d=deep.sub.example.com", PermError, "domain mismatch"},
	{"i=joe@sub.example.com; ", "", "", ""},
	{"i=joe@sub", "i=@sub", "", ""},
	{"i=joe@sub", `i="a@b"@sub`, "", ""},
	{"i=joe@sub.example.com", "i=@subexample.com", PermError, "domain mismatch"},
	{"i=joe@sub.example.com", "i=joe@example.com@evil.example", PermError, "domain mismatch"},
	{"i=joe@sub.example.com", "i=joe@evil.test/.example.com", Neutral, "malformed i= in signature"},
	{"i=joe@sub.example.com", "i=example.com", Neutral, "malformed i= in signature"},
	{"i=joe@", "i=" + strings.Repeat("j", maxIdentity) + "@", Neutral, "malformed i= in signature"},
	{"s=s1.sel;", "", Neutral, "signature without s="},
	{"s=s1.sel", "s=", Neutral, "malformed s= in signature"},
	{"s=s1.sel", "s=.sel", Neutral, "malformed s= in signature"},
	{"s=s1.sel", "s=a/b", Neutral, "malformed s= in signature"},
	{"q=dns/txt;", "", "", ""},
	{"q=dns/txt", "q=x-http : dns/txt", "", ""},
	{"q=dns/txt", "q=dns", Neutral, "unknown query method"},
	{"q=dns/txt", "q=", Neutral, "unknown query method"},
	{"h=From : To:\r\n\tSubject; ", "", Neutral, "signature without h="},
	{"h=From : To:\r\n\tSubject", "h=", Neutral, "malformed h= in signature"},
	{"h=From : To", "h=From : : To", Neutral, "malformed h= in signature"},
	{"h=From", "h=Fro m: From", Neutral, "malformed h= in signature"},
	{"h=From", "h=ſubject: From", Neutral, "malformed h= in signature"},
	{"h=From", "h=Froms", PermError, "From field not signed"},
	{"h=From", "h=" + strings.Repeat("a:", 253) + "From", "", ""},
	{"h=From", "h=" + strings.Repeat("a:", 254) + "From", Policy, "too many names in h="},
	{"q=", "l=100; q=", Policy, "body length tag l= not accepted"},
	{"q=", "l=0; q=", Policy, "body length tag l= not accepted"},
	{"q=", "l=-1; q=", Neutral, "malformed l= in signature"},
	{"q=", "l=" + strings.Repeat("9", 77) + "; q=", Neutral, "malformed l= in signature"},
	{"t=1699999990;", "", "", ""},
	{"t=1699999990; x=1700000010", "t=1700086400", "", ""},
	{"t=1699999990; x=1700000010", "t=1700086401", Policy, "signature from the future"},
	{"t=1699999990; x=1700000010", "t=999999999999", Policy, "signature from the future"},
	{"t=1699999990", "t=", Neutral, "malformed t= in signature"},
	{"t=1699999990", "t=+1699999990", Neutral, "malformed t= in signature"},
	{"t=1699999990", "t=1 6", Neutral, "malformed t= in signature"},
	{"t=1699999990", "t=0001699999990", Neutral, "malformed t= in signature"},
	{"x=1700000010", "x=1700000000", "", ""},
	{"x=1700000010", "x=1699999999", Policy, "signature expired"},
	{"x=1700000010", "x=1699999990", Neutral, "signature expires before it begins"},
	{"x=1700000010", "x=1699999989", Neutral, "signature expires before it begins"},
	{"x=1700000010", "x=never", Neutral, "malformed x= in signature"},
	{"x=1700000010", "x=17000000100000", Neutral, "malformed x= in signature"},
	{"q=", "v=1; q=", Neutral, "malformed signature"},
	{"q=", "D=evil.example; unknown=; q=", "", ""},
	{"v=1", "v", Neutral, "malformed signature"},
	{"v=1", "z=" + strings.Repeat("z", maxSignatureField) + "; v=1", Policy, "signature field too large"},
}

func TestReadSignature(t *testing.T) {
	for _, tt := range signatureTests {
		if !strings.Contains(goodTags, tt.old) {
			t.Fatalf("%q is not in the field", tt.old)
		}
		f := message.NewField("DKIM-Signature", " "+strings.Replace(goodTags, tt.old, tt.new, 1))
		v := new(signature).read(f, 0, tagLimits{now: signatureTime, maxNames: DefaultMaxNames})
		if v == nil {
			v = &verdict{}
		}
		if v.result != tt.result || v.reason != tt.reason {
			t.Errorf("%.60q instead of %q: %s (%s), want %s (%s)", tt.new, tt.old, v.result, v.reason, tt.result, tt.reason)
		}
	}
}

func TestNoColon(t *testing.T) {
	f := message.Field{Name: "DKIM-Signature", Raw: "DKIM-Signature"}
	if v := new(signature).read(f, 0, tagLimits{now: signatureTime, maxNames: DefaultMaxNames}); v == nil || v.result != Neutral {
		t.Errorf("%+v", v)
	}
}

// TestOutcomeOfBadSignature: what is well-formed is reported, the rest is not.
func TestOutcomeOfBadSignature(t *testing.T) {
	tests := []struct {
		tags string
		want Outcome
	}{
		{
			"v=2; a=RSA-sha1; c=Relaxed; d=Example.COM; s=S; h=from; bh=YWJj; b=Z Gx t",
			Outcome{Domain: "example.com", Identity: "@example.com", Selector: "s", Algorithm: "rsa-sha1", Canonicalization: "relaxed/simple", Signature: "ZGxt"},
		},
		{
			"v=1; a=<b>; c=x; d=a\"b; i=@b.example; s=<s>; h=from; bh=?; b=?",
			Outcome{Identity: "@b.example"},
		},
		{"v=1; a=rsa-sha256; a=rsa-sha256", Outcome{}},
	}
	for _, tt := range tests {
		var s signature
		v := s.read(message.NewField("DKIM-Signature", tt.tags), 0, tagLimits{maxNames: DefaultMaxNames})
		if v == nil || s.outcome != tt.want {
			t.Errorf("%s: %+v (%v)\nwant %+v", tt.tags, s.outcome, v, tt.want)
		}
	}
}
