package authres

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/authres"
)

func header(name, value string) Property { return Property{Type: "header", Name: name, Value: value} }
func smtp(name, value string) Property   { return Property{Type: "smtp", Name: name, Value: value} }
func policy(name, value string) Property { return Property{Type: "policy", Name: name, Value: value} }

// documented is the example that the manual shows, with every method.
var documented = Results{AuthServID: "mx.example.org", Results: []Result{
	{Method: "spf", Value: "pass", Comment: "sender IP is 10.2.3.4", Properties: []Property{smtp("mailfrom", "fabrikam.com")}},
	{Method: "dkim", Value: "pass", Comment: "signature was verified", Properties: []Property{
		header("d", "fabrikam.com"), header("s", "sel1"), header("a", "rsa-sha256"), header("b", "dzdVyOfA")}},
	{Method: "dmarc", Value: "pass", Properties: []Property{header("from", "fabrikam.com"), policy("dmarc", "none")}},
	{Method: "arc", Value: "pass",
		Comment: "i=2 oda=1 ltdi=2 spf=[1,1,smtp.mailfrom=fabrikam.com] " +
			"dkim=[1,1,header.d=fabrikam.com] dmarc=[1,1,header.from=fabrikam.com]",
		Properties: []Property{header("oldest-pass", "0"), smtp("remote-ip", "10.2.3.4")}},
	{Method: "iprev", Value: "pass", Properties: []Property{
		{Type: "policy", Name: "iprev", Value: "10.2.3.4", Comment: "mail.fabrikam.com"}}},
	{Method: "compauth", Value: "pass", Reason: "100", Properties: []Property{header("from", "fabrikam.com")}},
}}

const documentedField = `Authentication-Results: mx.example.org;
 spf=pass (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com;
 dkim=pass (signature was verified) header.d=fabrikam.com header.s=sel1
 header.a=rsa-sha256 header.b=dzdVyOfA;
 dmarc=pass header.from=fabrikam.com policy.dmarc=none;
 arc=pass (i=2 oda=1 ltdi=2 spf=[1,1,smtp.mailfrom=fabrikam.com]
 dkim=[1,1,header.d=fabrikam.com] dmarc=[1,1,header.from=fabrikam.com])
 header.oldest-pass=0 smtp.remote-ip=10.2.3.4;
 iprev=pass policy.iprev=10.2.3.4 (mail.fabrikam.com);
 compauth=pass reason=100 header.from=fabrikam.com`

func TestFormatDocumented(t *testing.T) {
	want := strings.ReplaceAll(documentedField, "\n", "\r\n")
	if got := fieldName + documented.Format(RFC8601); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// microsoft makes results as Microsoft 365 writes them.
func microsoft(spf, ip, mailFrom string, dkim Result, dmarc, from, compauth, reason string) Results {
	return Results{Results: []Result{
		{Method: "spf", Value: spf, Comment: "sender IP is " + ip, Properties: []Property{smtp("mailfrom", mailFrom)}},
		dkim,
		{Method: "dmarc", Value: dmarc, Properties: []Property{{Name: "action", Value: "none"}, header("from", from)}},
		{Method: "compauth", Value: compauth, Reason: reason},
	}}
}

func dkim(value, comment, d string) Result {
	return Result{Method: "dkim", Value: value, Comment: comment, Properties: []Property{header("d", d)}}
}

var microsoftTests = []struct {
	results Results
	want    string
}{
	{microsoft("none", "10.2.3.4", "fabrikam.com", dkim("none", "message not signed", "none"), "none", "fabrikam.com", "fail", "001"),
		"spf=none (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com; dkim=none (message not signed) header.d=none; dmarc=none action=none header.from=fabrikam.com; compauth=fail reason=001"},
	{microsoft("pass", "10.2.3.4", "fabrikam.com", dkim("none", "message not signed", "none"), "bestguesspass", "fabrikam.com", "pass", "109"),
		"spf=pass (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com; dkim=none (message not signed) header.d=none; dmarc=bestguesspass action=none header.from=fabrikam.com; compauth=pass reason=109"},
	{microsoft("none", "10.2.3.4", "fabrikam.com", dkim("pass", "signature was verified", "outbound.fabrikam.com"), "bestguesspass", "fabrikam.com", "pass", "109"),
		"spf=none (sender IP is 10.2.3.4) smtp.mailfrom=fabrikam.com; dkim=pass (signature was verified) header.d=outbound.fabrikam.com; dmarc=bestguesspass action=none header.from=fabrikam.com; compauth=pass reason=109"},
	{microsoft("none", "192.168.1.8", "maliciousdomain.com", dkim("pass", "signature was verified", "maliciousdomain.com"), "none", "contoso.com", "fail", "001"),
		"spf=none (sender IP is 192.168.1.8) smtp.mailfrom=maliciousdomain.com; dkim=pass (signature was verified) header.d=maliciousdomain.com; dmarc=none action=none header.from=contoso.com; compauth=fail reason=001"},
	{microsoft("fail", "10.10.10.10", "contoso.com", dkim("fail", "body hash did not verify", "contoso.com"), "fail", "contoso.com", "pass", "130"),
		"spf=fail (sender IP is 10.10.10.10) smtp.mailfrom=contoso.com; dkim=fail (body hash did not verify) header.d=contoso.com; dmarc=fail action=none header.from=contoso.com; compauth=pass reason=130"},
}

func TestFormatMicrosoft(t *testing.T) {
	for _, tt := range microsoftTests {
		got := tt.results.Format(Microsoft)
		if unfolded := strings.ReplaceAll(got, "\r\n", ""); unfolded != tt.want {
			t.Errorf("got\n%s\nwant\n%s", unfolded, tt.want)
		}
		checkLines(t, got)
		if again, err := Parse(got); err != nil || !reflect.DeepEqual(again, tt.results) {
			t.Errorf("%q reads %+v, %v", got, again, err)
		}
	}
}

// one is a field with one property.
func one(p Property) Results {
	return Results{AuthServID: "mx", Results: []Result{{Method: "spf", Value: "pass", Properties: []Property{p}}}}
}

func TestFormatValue(t *testing.T) {
	tests := []struct{ value, want string }{
		{"fabrikam.com", "fabrikam.com"},
		{"a_b", "a_b"},
		{"", `""`},
		{"joe@fabrikam.com", "joe@fabrikam.com"},
		{"bounce+joe=example.org@fabrikam.com", "bounce+joe=example.org@fabrikam.com"},
		{"@fabrikam.com", "@fabrikam.com"},
		{"joe@localhost", `"joe@localhost"`},
		{"@", `"@"`},
		{"a@b@fabrikam.com", `"a@b@fabrikam.com"`},
		{"a.@fabrikam.com", `"a.@fabrikam.com"`},
		{".a@fabrikam.com", `".a@fabrikam.com"`},
		{"a..b@fabrikam.com", `"a..b@fabrikam.com"`},
		{"a@-b.example", `"a@-b.example"`},
		{"a@b..example", `"a@b..example"`},
		{"a@_b.example", `"a@_b.example"`},
		{"o'neil@fabrikam.com", `"o'neil@fabrikam.com"`},
		{"legitimate.com'a.attack.com", `"legitimate.com'a.attack.com"`},
		{"legitimate.com(.attack.com", `"legitimate.com?.attack.com"`},
		{`"a b"@fabrikam.com`, `"\"a b\"@fabrikam.com"`},
		{`"a\" ; dkim=pass header.d=\"victim.com"@evil.test`, `"\"a\\\" ? dkim?pass header.d?\\\"victim.com\"@evil.test"`},
		{"10.2.3.4", "10.2.3.4"},
		{"2001:db8::1", `"2001:db8::1"`},
		{"foo;bar(baz)", `"foo?bar?baz?"`},
		{"<script>", `"<script>"`},
		{"a b", `"a b"`},
		{"AbC/+=", `"AbC/+?"`},
		{"x; dkim=pass header.d=victim.com; x=y", `"x? dkim?pass header.d?victim.com? x?y"`},
		{"x\u037ey\uff1bz\uff1d\uff08", `"x?y?z??"`},
		{"dkim=pass@evil.test", "dkim?pass@evil.test"},
		{"dkim=Softpass@evil.test", "dkim?Softpass@evil.test"},
		{"dkim==pass@evil.test", "dkim??pass@evil.test"},
		{"dkim=pass", `"dkim?pass"`},
		{"SRS0=Ab1c=PA=example.org=joe@fabrikam.com", "SRS0=Ab1c=PA=example.org=joe@fabrikam.com"},
		{"joe@fabrikam.com=", `"joe@fabrikam.com?"`},
		{"ü@bücher.example", `"ü@bücher.example"`},
		{"a\r\nX: y\x00\t\x7f\u0085\u2028\u202eb", `"aX: yb"`},
		{"a\xffb\ufffd", `"a?b?"`},
		{"=?utf-8?q?=3B_dkim=3Dpass?=@evil.test", "??utf-8?q??3B_dkim?3Dpass??@evil.test"},
		{strings.Repeat("x", 300), strings.Repeat("x", 255)},
		{strings.Repeat("x", 254) + "ü", strings.Repeat("x", 254)},
		{strings.Repeat("x", 253) + "ü", `"` + strings.Repeat("x", 253) + `ü"`},
	}
	for _, tt := range tests {
		got := strings.ReplaceAll(one(smtp("helo", tt.value)).Format(RFC8601), "\r\n", "")
		if want := "mx; spf=pass smtp.helo=" + tt.want; got != want {
			t.Errorf("%q:\n got %q\nwant %q", tt.value, got, want)
		}
	}
}

func TestFormatParts(t *testing.T) {
	pass := Result{Method: "spf", Value: "pass"}
	with := func(f func(*Result)) Results {
		r := pass
		f(&r)
		return Results{AuthServID: "mx", Results: []Result{r}}
	}
	tests := []struct {
		name    string
		results Results
		style   Style
		want    string
	}{
		{"nothing", Results{AuthServID: "mx.example.org"}, RFC8601, "mx.example.org; none"},
		{"version", Results{AuthServID: "mx", Version: "1"}, RFC8601, "mx 1; none"},
		{"no number", Results{AuthServID: "mx", Version: "1;"}, RFC8601, "mx; none"},
		{"no id", Results{}, RFC8601, `""; none`},
		{"id with a job", Results{AuthServID: "mx/1"}, RFC8601, `"mx/1"; none`},
		{"id like a result", Results{AuthServID: "spf=pass"}, RFC8601, `"spf=pass"; none`},
		{"id like an address", Results{AuthServID: "a@b.example"}, RFC8601, `"a@b.example"; none`},
		{"nothing, microsoft", Results{AuthServID: "mx"}, Microsoft, "none"},
		{"method version", with(func(r *Result) { r.Version = "2" }), RFC8601, "mx; spf/2=pass"},
		{"upper case", with(func(r *Result) { r.Method, r.Value = "SPF", "Pass" }), RFC8601, "mx; spf=pass"},
		{"the list of spoofed senders", Results{AuthServID: "mx", Results: []Result{{Method: "compauth", Value: "fail", Reason: "001", Comment: "spoof allowed by policy",
			Properties: []Property{header("from", "a.example")}}}}, RFC8601, "mx; compauth=fail reason=001 (spoof allowed by policy) header.from=a.example"},
		{"reason", with(func(r *Result) { r.Reason, r.Comment = "a b", "c" }), RFC8601, `mx; spf=pass reason="a b" (c)`},
		{"reason like an address", with(func(r *Result) { r.Reason = "a@b.example" }), RFC8601, `mx; spf=pass reason="a@b.example"`},
		{"comment", with(func(r *Result) { r.Comment = " a\t(b);\r\n c\\ \x01" }), RFC8601, `mx; spf=pass (a \(b\), c\\)`},
		{"comment that says pass", with(func(r *Result) { r.Comment = "dkim=pass; a= passed b==PASS p=none" }), RFC8601,
			`mx; spf=pass (dkim?pass, a? passed b=\?PASS p=none)`},
		{"comment that says pass when clean", with(func(r *Result) { r.Comment = "dkim=\x00pass" }), RFC8601, "mx; spf=pass (dkim?pass)"},
		{"reason like a result", with(func(r *Result) { r.Reason = "a; dkim=pass" }), RFC8601, `mx; spf=pass reason="a? dkim?pass"`},
		{"encoded word", with(func(r *Result) { r.Comment = "=?utf-8?q?=29?=" }), RFC8601, `mx; spf=pass (=\?utf-8?q?=29?=)`},
		{"empty comment", with(func(r *Result) { r.Comment = " \r\n" }), RFC8601, "mx; spf=pass"},
		{"bad method", with(func(r *Result) { r.Method = "spf;" }), RFC8601, "mx; none"},
		{"bad result", with(func(r *Result) { r.Value = "pass fail" }), RFC8601, "mx; none"},
		{"no result", with(func(r *Result) { r.Value = "" }), RFC8601, "mx; none"},
		{"hyphen at the end", with(func(r *Result) { r.Value = "pass-" }), RFC8601, "mx; none"},
		{"bad name", one(header("d=x", "y")), RFC8601, "mx; spf=pass"},
		{"bad ptype", one(Property{Type: "a.b", Name: "c", Value: "y"}), RFC8601, "mx; spf=pass"},
		{"no ptype", one(Property{Name: "action", Value: "none"}), RFC8601, "mx; spf=pass"},
		{"no ptype, microsoft", one(Property{Name: "action", Value: "none"}), Microsoft, "spf=pass action=none"},
		{"a property like a reason", one(Property{Name: "reason", Value: "none"}), Microsoft, "spf=pass"},
		{"comment of a property", one(Property{"policy", "iprev", "192.0.2.1", "a)b"}), RFC8601, `mx; spf=pass policy.iprev=192.0.2.1 (a\)b)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.ReplaceAll(tt.results.Format(tt.style), "\r\n", "")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// checkLines holds what is true of every formatted field.
func checkLines(t *testing.T, field string) {
	t.Helper()
	for i, line := range strings.Split(fieldName+field, "\r\n") {
		if strings.ContainsAny(line, "\r\n\x00\t") || i > 0 && !strings.HasPrefix(line, " ") || strings.HasPrefix(line, "  ") {
			t.Errorf("line %q", line)
		}
		if strings.HasSuffix(line, " ") || len(line) > 997 {
			t.Errorf("line of %d bytes: %q", len(line), line)
		}
		if inner := strings.Trim(line, " "); len(line) > maxLine && strings.Contains(inner, " ") && i > 0 && !strings.Contains(line, `"`) {
			t.Errorf("line of %d bytes could be folded: %q", len(line), line)
		}
	}
}

func TestFormatFolds(t *testing.T) {
	long := strings.Repeat(`"`, 300)
	tests := []Results{
		{AuthServID: strings.Repeat("x", 300)},
		{AuthServID: long, Version: "1"},
		one(header("from", long)),
		one(Property{"policy", "x", long, long}),
		{AuthServID: "mx", Results: []Result{{Method: strings.Repeat("m", 64), Version: "123456789", Value: strings.Repeat("v", 64), Comment: strings.Repeat("(", 3000)}}},
		{AuthServID: "mx", Results: []Result{{Method: "spf", Value: "pass", Reason: long, Comment: strings.Repeat("xyz ", 1000)}}},
	}
	for _, r := range tests {
		for _, style := range []Style{RFC8601, Microsoft} {
			checkLines(t, r.Format(style))
		}
	}
}

// TestFormatForOthers has go-msgauth read a well-behaved field: all but arc, as
// it refuses an oldest-pass of 0 (RFC 8617 section 5.2).
func TestFormatForOthers(t *testing.T) {
	field := documented
	field.Results = slices.Delete(slices.Clone(documented.Results), 3, 4)
	id, results, err := msgauth.Parse(field.Format(RFC8601))
	if err != nil || id != "mx.example.org" || len(results) != len(field.Results) {
		t.Fatalf("%q, %d results, %v", id, len(results), err)
	}
	if spf, ok := results[0].(*msgauth.SPFResult); !ok || spf.Value != "pass" || spf.From != "fabrikam.com" {
		t.Errorf("%+v", results[0])
	}
	if dkim, ok := results[1].(*msgauth.DKIMResult); !ok || dkim.Value != "pass" || dkim.Domain != "fabrikam.com" {
		t.Errorf("%+v", results[1])
	}
	if dmarc, ok := results[2].(*msgauth.DMARCResult); !ok || dmarc.Value != "pass" || dmarc.From != "fabrikam.com" {
		t.Errorf("%+v", results[2])
	}
}

func FuzzFormatParse(f *testing.F) {
	f.Add("mx.example.org", "1", "spf", "1", "pass", "sender IP is 10.2.3.4", "", "smtp", "mailfrom", "a@b.example", "c")
	f.Add(`a"\`, "x", "d-k", "", "fail", `a(b\;"`, `x;"\`, "header", "remote-ip", `"a\" ; dkim=pass header.d=\"victim.com"@evil.test`, "(")
	f.Add("none", "", "none", "", "none", "=?", "=?", "", "reason", "=?\xff\u202e\r\n", " \t ")
	f.Add("spf=pass", "", "a", "", "b", strings.Repeat("(", 2000), strings.Repeat(`"`, 300), "", "action", strings.Repeat("ü", 200), "\\")
	f.Fuzz(func(t *testing.T, id, version, method, mversion, value, comment, reason, ptype, name, pvalue, pcomment string) {
		prop := Property{ptype, name, pvalue, pcomment}
		r := Results{id, version, []Result{
			{method, mversion, value, comment, reason, []Property{prop, header("d", pvalue), prop}},
			{"dkim", "", "pass", pcomment, pvalue, []Property{{"policy", "x", id, comment}}},
			{value, "", method, reason, comment, nil},
		}}
		for _, style := range []Style{RFC8601, Microsoft} {
			field := r.Format(style)
			checkLines(t, field)
			want := clean(r, style)
			got, err := Parse(field)
			if err != nil {
				t.Fatalf("%q: %v", field, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%q:\n got %+v\nwant %+v", field, got, want)
			}
			if again := got.Format(style); again != field {
				t.Fatalf("%q, then %q", field, again)
			}
			if style == RFC8601 && id == want.AuthServID && !IsFrom(field, id) && id != "" {
				t.Fatalf("%q is not from %q", field, id)
			}
		}
	})
}

// FuzzFormatForOthers has go-msgauth, which cuts a field at semicolons and white
// space wherever they stand, read what we write: it must find our results only,
// with our properties.
func FuzzFormatForOthers(f *testing.F) {
	for _, s := range []string{
		"x; dkim=pass header.d=victim.com; x=y", "x header.d=victim.com smtp.helo=victim.com", "dkim=pass",
		`"a\" ; dkim=pass header.d=\"victim.com"@evil.test`, "\" header.d=victim.com \"@evil.test", "a=b@c.test",
		"(dmarc=pass", "x\r\n dmarc=pass", "\u2003dkim=pass\u037e dkim=pass", "=?utf-8?q?=3B_dkim=3Dpass?=", "1;none;",
	} {
		f.Add(s, s, s, s)
		f.Add(s, "", "b@evil.test", "")
	}
	f.Fuzz(func(t *testing.T, helo, mailFrom, identity, reason string) {
		field := Results{AuthServID: ours, Results: []Result{
			{Method: "spf", Value: "fail", Reason: reason, Properties: []Property{smtp("mailfrom", mailFrom), smtp("helo", helo)}},
			{Method: "dkim", Value: "fail", Reason: reason, Properties: []Property{header("d", "evil.test"), header("i", identity)}},
			{Method: "dmarc", Value: "fail", Comment: helo, Properties: []Property{header("from", "evil.test"), policy("x", reason)}},
			{Method: "x-other", Value: "fail", Properties: []Property{policy("x", mailFrom)}},
		}}.Format(RFC8601)
		id, list, err := msgauth.Parse(field)
		if id != ours || err != nil || len(list) != 4 || saysPass.MatchString(field) {
			t.Fatalf("%q reads %q, %d results, %v", field, id, len(list), err)
		}
		spf, _ := list[0].(*msgauth.SPFResult)
		dkim, _ := list[1].(*msgauth.DKIMResult)
		dmarc, _ := list[2].(*msgauth.DMARCResult)
		other, _ := list[3].(*msgauth.GenericResult)
		if spf == nil || dkim == nil || dmarc == nil || other == nil {
			t.Fatalf("%q reads as other methods", field)
		}
		if spf.Value != "fail" || dkim.Value != "fail" || dkim.Domain != "evil.test" || dmarc.Value != "fail" ||
			dmarc.From != "evil.test" || other.Value != "fail" || len(other.Params) != 1 {
			t.Fatalf("%q reads as %+v, %+v, %+v, %+v", field, spf, dkim, dmarc, other)
		}
	})
}

// saysPass finds what a search for a result would take for one. That a HELO name is
// "pass" says nothing.
var saysPass = regexp.MustCompile(`(?i)(spf|dkim|dmarc|arc|other|\s)\s*=\s*pass`)

func BenchmarkFormat(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		documented.Format(RFC8601)
	}
}
