package authres

import (
	"strings"
	"testing"
)

const ours = "mx.example.org"

var fromTests = []struct {
	value string
	want  bool
}{
	{" mx.example.org; spf=pass", true},
	{"mx.example.org;spf=pass", true},
	{" MX.Example.ORG; none", true},
	{" mx.example.org", true},
	{" mx.example.org 1; spf=pass", true},
	{" mx.example.org 99; spf=pass", true},
	{" mx.example.org/4Abc; spf=pass", true},
	{" mx.example.org.; spf=pass", true},
	{" mx.example.org..; spf=pass", true},
	{` "mx.example.org"; spf=pass`, true},
	{` "mx.example.org" 1; spf=pass`, true},
	{` "mx.example.org/4Abc"; spf=pass`, true},
	{` "mx".example."org"; spf=pass`, true},
	{` "m\x.ex\ample.org"; spf=pass`, true},
	{` m\x.example.org; spf=pass`, true},
	{" (hi) mx.example.org; spf=pass", true},
	{" (a(b)c) mx.example.org(d)1; spf=pass", true},
	{" (a;b) mx.example.org; spf=pass", true},
	{" mx.(a)example.(b)org; spf=pass", true},
	{" mx . example . org; spf=pass", true},
	{"\r\n mx.example.org\r\n ; spf=pass", true},
	{" mx.exam\r\n ple.org; spf=pass", true},
	{" mx.exam\x00ple.org; spf=pass", true},
	{" mx.example.org\x00; spf=pass", true},
	{" \u00a0mx.example.org; spf=pass", true},
	{" \ufeffmx.example.org; spf=pass", true},
	{" mx.exam\u00adple.org; spf=pass", true},
	{" ;mx.example.org; spf=pass", true},

	// Encoded words: what they hold does not matter.
	{" =?utf-8?q?mx.example.org?=; dmarc=pass", true},
	{" =?utf-8?q?mx.example.org=3B?= dmarc=pass header.from=x.example", true},
	{" =?utf-8?q?mx.example.org=3B_dmarc=3Dpass?=", true},
	{" =?utf-8?b?bXguZXhhbXBsZS5vcmc7?=\r\n =?utf-8?b?IGRtYXJjPXBhc3M=?=", true},
	{" =?utf-8?q?mx.example.org; dmarc=pass?=", true},
	{" mx.exam=?utf-8?q?ple.org?=; dmarc=pass", true},
	{` "=?utf-8?q?mx.example.org?="; dmarc=pass`, true},
	{" (x) =?utf-8?q?mx.example.org?=; dmarc=pass", true},
	{" (;=?utf-8?q?=29_mx.example.org=3B?=) mx.google.com; dmarc=pass", true},
	{" ; =?utf-8?q?mx.example.org?=; dmarc=pass", true},
	{" (=?utf-8?q?=29mx.example.org;?= ; dmarc=pass", true},
	{" mx.google.com; spf=pass smtp.mailfrom=\"=?utf-8?q?x?=\"", false},
	{" (mx.;=?utf-8?q?=29?=mx.example.org; dmarc=pass", true},
	{" mx.google.com; dkim=pass (=?utf-8?q?x?=)", false},

	// Compatibility forms and what can't be seen.
	{" ｍｘ.example.org; spf=pass", true},
	{" ｍｘ．ｅｘａｍｐｌｅ．ｏｒｇ; spf=pass", true},
	{" mx。example｡org; spf=pass", true},
	{" mx.example.ⓞⓡⓖ 1; spf=pass", true},
	{" 𝐦𝐱.𝐞𝐱𝐚𝐦𝐩𝐥𝐞.𝐨𝐫𝐠; spf=pass", true},
	{" mx.example.org／4Abc; spf=pass", true},
	{" ｍx.example.org；spf=pass", true},
	{" mx.example.ºrg; spf=pass", true},
	{" mx.exam\u200bple.org; spf=pass", true},
	{" mx\u2060.example\u034f.org\ufe0f; spf=pass", true},
	{" \u3164mx.example.org; spf=pass", true},
	{" ｍｘ.google.com; spf=pass", false},
	{" ｍｘ.example.organic; spf=pass", false},

	// What can't be read otherwise but begins with the id.
	{" mx.example.org spf=pass", true},
	{" mx.example.org=spf", true},
	{" mx.example.org, spf=pass", true},
	{" mx.example.org@; spf=pass", true},
	{` "mx.example.org; spf=pass`, true},
	{" mx.example.org (; spf=pass", true},
	{" mx.example.org(x; spf=pass", true},
	{" (mx.example.org; spf=pass", true},
	{` "(" mx.example.org; spf=pass`, true},
	{` "(x)mx.example.org"; spf=pass`, true},
	{" (a(b) mx.example.org; spf=pass", true},
	{` (a\) mx.example.org; spf=pass`, true},

	{`; (\) mx.example.org; dmarc=pass`, true},
	{` ;(\) mx.example.org; dmarc=pass`, true},
	{`;;"" ; (a(b) mx.example.org; dmarc=pass`, true},
	{`\;(\)mx.example.org; dmarc=pass`, true},
	{`; mx(\).example.org; dmarc=pass`, true},

	{"", false},
	{` ; (\) mx.google.com; mx.example.org; dmarc=pass`, false},
	{` mx.google.com; (\) mx.example.org; dmarc=pass`, false},
	{" ; spf=pass", false},
	{" spf=pass smtp.mailfrom=mx.example.org", false},
	{" mx.google.com; spf=pass", false},
	{" mx.google.com; mx.example.org; spf=pass", false},
	{" (mx.example.org) mx.google.com; spf=pass", false},
	{" amx.example.org; spf=pass", false},
	{" mx.example.organic; spf=pass", false},
	{" mx.example.org.evil.example; spf=pass", false},
	{" mx.example.org-x; spf=pass", false},
	{" mx.example.org_x; spf=pass", false},
	{" mx.example.orgé; spf=pass", false},
	{" mx.example; spf=pass", false},
	{" mx", false},
	{" example.org; spf=pass", false},
}

func TestIsFrom(t *testing.T) {
	for _, tt := range fromTests {
		if got := IsFrom(tt.value, ours); got != tt.want {
			t.Errorf("%q: %t", tt.value, got)
		}
		if IsFrom(tt.value, "") {
			t.Errorf("%q is from nobody", tt.value)
		}
	}
}

func TestIsFromOtherIDs(t *testing.T) {
	tests := []struct {
		value, id string
		want      bool
	}{
		{" mx.xn--bcher-kva.example; none", "mx.bücher.example", true},
		{" mx.BÜCHER.example; none", "mx.xn--bcher-kva.example", true},
		{" mx.bücher.example; none", "mx.xn--bcher-kva.example", true},
		{" Filter 7 (x); none", "filter 7", true},
		{" \"filter  7\"; none", "Filter 7", true},
		{" filter 77; none", "filter 7", false},
		{" mx/1; none", "mx/1", true},
		{" mx/12; none", "mx/1", false},
		{" mx; none", "mx/1", false},
		{" mx.bu\u0308cher.example; none", "mx.bücher.example", true},
		{" mx.ＢÜcher.example; none", "mx.xn--bcher-kva.example", true},
		{" Ｆilter 7; none", "filter 7", true},
		{" mx\u017f; none", "mxs", true},
	}
	for _, tt := range tests {
		if got := IsFrom(tt.value, tt.id); got != tt.want {
			t.Errorf("%q from %q: %t", tt.value, tt.id, got)
		}
	}
}

func FuzzIsFrom(f *testing.F) {
	for _, tt := range fromTests {
		f.Add(tt.value, ours)
	}
	f.Add(" a/1; none", "a/1")
	f.Fuzz(func(t *testing.T, value, id string) {
		got, ok := AuthServID(value)
		if ok && strings.EqualFold(got, ours) && !IsFrom(value, ours) {
			t.Errorf("%q has the authserv-id %q", value, got)
		}
		if IsFrom(value, "") {
			t.Errorf("%q is from nobody", value)
		}
		// A field of our own is ours.
		if c := clean(Results{AuthServID: id}, RFC8601); c.AuthServID != "" && isPlain(id) && !IsFrom(c.Format(RFC8601), id) {
			t.Errorf("%q is not from %q", c.Format(RFC8601), id)
		}
	})
}

// isPlain tells ids of the kind that the configuration takes.
func isPlain(id string) bool { return nameLen(id) == len(id) && len(id) <= maxValue && isToken(id) }

func BenchmarkIsFrom(b *testing.B) {
	for name, value := range map[string]string{
		"ours": " mx.example.org; spf=pass", "other": " mx.google.com; spf=pass",
		"open": strings.Repeat("(", 60<<10), "comments": strings.Repeat("()", 30<<10), "late": strings.Repeat("(", 60<<10) + ")",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				IsFrom(value, ours)
			}
		})
	}
}
