package authres

import (
	"reflect"
	"strings"
	"testing"
)

func results(id string, list ...Result) Results { return Results{AuthServID: id, Results: list} }

func result(method, value string, properties ...Property) Result {
	return Result{Method: method, Value: value, Properties: properties}
}

func (r Result) comment(text string) Result { r.Comment = text; return r }

var parseTests = []struct {
	name, value string
	want        Results
	err         string // part of it
}{
	// RFC 8601 appendix B.
	{"B.2", " example.org 1; none", Results{AuthServID: "example.org", Version: "1"}, ""},
	{"B.3", " example.com;\r\n          spf=pass smtp.mailfrom=example.net",
		results("example.com", result("spf", "pass", smtp("mailfrom", "example.net"))), ""},
	{"B.4", " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
		results("example.com", result("auth", "pass", smtp("auth", "sender@example.net")).comment("cram-md5"),
			result("spf", "pass", smtp("mailfrom", "example.net"))), ""},
	{"B.6", " example.com;\r\n dkim=pass reason=\"good signature\"\r\n  header.i=@mail-router.example.net;\r\n dkim=fail reason=\"bad signature\"\r\n  header.i=@newyork.example.com",
		results("example.com", Result{Method: "dkim", Value: "pass", Reason: "good signature", Properties: []Property{header("i", "@mail-router.example.net")}},
			Result{Method: "dkim", Value: "fail", Reason: "bad signature", Properties: []Property{header("i", "@newyork.example.com")}}), ""},
	{"B.7", " foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n" +
		"      policy (A dot can go here) . (like that) expired\r\n      (this surprised me) = (as I wasn't expecting it) 1362471462",
		Results{"foo.example.net", "1", []Result{{Method: "dkim", Version: "1", Value: "fail", Properties: []Property{policy("expired", "1362471462")}}}}, ""},

	// What others write.
	{"Google", " mx.google.com;\r\n       dkim=pass header.i=@example.com header.s=20230601 header.b=\"Ab/+=\";\r\n" +
		"       spf=pass (google.com: domain of a@example.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@example.com;\r\n" +
		"       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com",
		results("mx.google.com", result("dkim", "pass", header("i", "@example.com"), header("s", "20230601"), header("b", "Ab/+=")),
			result("spf", "pass", smtp("mailfrom", "a@example.com")).comment("google.com: domain of a@example.com designates 192.0.2.1 as permitted sender"),
			result("dmarc", "pass", header("from", "example.com")).comment("p=REJECT sp=REJECT dis=NONE")), ""},
	{"Microsoft", " spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.com; dkim=none (message not signed)\r\n header.d=none;dmarc=bestguesspass action=none\r\n header.from=example.com;compauth=pass reason=109",
		results("", result("spf", "pass", smtp("mailfrom", "example.com")).comment("sender IP is 192.0.2.1"),
			result("dkim", "none", header("d", "none")).comment("message not signed"),
			result("dmarc", "bestguesspass", Property{Name: "action", Value: "none"}, header("from", "example.com")),
			Result{Method: "compauth", Value: "pass", Reason: "109"}), ""},
	{"OpenDMARC without a semicolon", " example.com dmarc=pass (p=none; dis=none) header.from=example.org",
		results("example.com", result("dmarc", "pass", header("from", "example.org")).comment("p=none; dis=none")), ""},
	{"Postfix instance", " mx.example.org/4Abc; spf=pass", results("mx.example.org/4Abc", result("spf", "pass")), ""},
	{"unquoted base64", " mx; dkim=pass header.b=Ab/+=", results("mx", result("dkim", "pass", header("b", "Ab/+="))), ""},
	{"unquoted IPv6", " mx; iprev=pass policy.iprev=2001:db8::1 (a.example)",
		results("mx", result("iprev", "pass", Property{"policy", "iprev", "2001:db8::1", "a.example"})), ""},
	{"empty value", " mx; spf=none smtp.mailfrom=; dkim=none", results("mx", result("spf", "none", smtp("mailfrom", "")), result("dkim", "none")), ""},
	{"angle brackets", " mx; spf=pass smtp.mailfrom=<a@b.example>", results("mx", result("spf", "pass", smtp("mailfrom", "<a@b.example>"))), ""},

	// Syntax.
	{"upper case", " MX; SPF=Pass SMTP.MailFrom=A@B.example", results("MX", result("spf", "pass", smtp("mailfrom", "A@B.example"))), ""},
	{"empty results", " mx;; ;spf=pass;;", results("mx", result("spf", "pass")), ""},
	{"id alone", " mx", results("mx"), ""},
	{"none with comments", " (a) mx (b); (c) none (d)", results("mx"), ""},
	{"none without an id", " none", results(""), ""},
	{"none among others", " mx; none; spf=pass", results("mx", result("spf", "pass")), ""},
	{"quoted id", ` "mx;\"1\"" 1; none`, Results{AuthServID: `mx;"1"`, Version: "1"}, ""},
	{"quoted id like a result", ` "spf=pass"; none`, results("spf=pass"), ""},
	{"quoted values", " mx; spf=pass smtp.mailfrom=\"a; dkim=pass\r\n \\\"b\\\\\"; dkim=fail",
		results("mx", result("spf", "pass", smtp("mailfrom", `a; dkim=pass "b\`)), result("dkim", "fail")), ""},
	{"quoted local part", ` mx; spf=pass smtp.mailfrom="a; b"@c.example`, results("mx", result("spf", "pass", smtp("mailfrom", `"a; b"@c.example`))), ""},
	{"comments everywhere", " mx; spf=pass (a (b\\)) c)(d) smtp.helo=x (e)\r\n\t(f)",
		results("mx", result("spf", "pass", Property{"smtp", "helo", "x", "e f"}).comment("a (b)) c d")), ""},
	{"comment beside a value", " mx; spf=pass(x) smtp.helo=y(z)", results("mx", result("spf", "pass", Property{"smtp", "helo", "y", "z"}).comment("x")), ""},
	{"reason and its comment", " mx; spf=fail (a) reason=b (c) reason=d (e)", results("mx", Result{Method: "spf", Value: "fail", Comment: "a c", Reason: "b"}), ""},
	{"dots in a name", " mx; x=y header.a.b=c", results("mx", result("x", "y", header("a.b", "c"))), ""},
	{"injected comment", " mx; spf=pass smtp.mailfrom=a@legitimate.example(.attack.example; dkim=pass", results("mx"), "without an end"},

	// Errors.
	{"empty", "", results(""), "nothing to read"},
	{"white", " (a)\r\n ", results(""), "nothing to read"},
	{"semicolons", ";;", results(""), "nothing to read"},
	{"open comment", " mx; spf=pass; dkim=pass (x", results("mx", result("spf", "pass")), "without an end"},
	{"open quote", ` mx; spf=pass; dkim=pass header.d="x`, results("mx", result("spf", "pass")), "without an end"},
	{"open id", ` "mx; spf=pass`, results(""), "without an end"},
	{"no result", " mx; spf; dkim=pass", results("mx", result("dkim", "pass")), "no method=result"},
	{"empty result", " mx; spf=; dkim=pass", results("mx", result("dkim", "pass")), "has no result"},
	{"no method", " mx; =pass; dkim=pass", results("mx", result("dkim", "pass")), "no method=result"},
	{"stray word", ` mx; spf=pass oops "; x" (;) ); dkim=pass`, results("mx", result("dkim", "pass")), "no property=value"},
	{"stray sign", " mx; spf=pass =x; dkim=pass", results("mx", result("dkim", "pass")), "no property=value"},
	{"no property", " mx; spf=pass smtp.=x; dkim=pass", results("mx", result("dkim", "pass")), "no property=value"},
	{"second =", " mx; spf=pass=fail; dkim=pass", results("mx", result("dkim", "pass")), "no property=value"},
}

func TestParse(t *testing.T) {
	for _, tt := range parseTests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(tt.value)
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestParseDocumented(t *testing.T) {
	_, value, _ := strings.Cut(strings.ReplaceAll(documentedField, "\n", "\r\n"), ":")
	if got, err := Parse(value); err != nil || !reflect.DeepEqual(got, documented) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseLimits(t *testing.T) {
	if _, err := Parse("mx;" + strings.Repeat(" ", maxField-3)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("mx;" + strings.Repeat(" ", maxField-2)); err == nil {
		t.Error("no error over 64 KiB")
	}
	r, err := Parse("mx" + strings.Repeat(";a=b", maxResults))
	if err != nil || len(r.Results) != maxResults {
		t.Errorf("%d results, %v", len(r.Results), err)
	}
	r, err = Parse("mx" + strings.Repeat(";a=b", maxResults+1))
	if err == nil || len(r.Results) != maxResults {
		t.Errorf("%d results, %v", len(r.Results), err)
	}
}

func TestAuthServID(t *testing.T) {
	tests := []struct {
		value, want string
		ok          bool
	}{
		{" mx.example.org; spf=pass", "mx.example.org", true},
		{" mx.example.org", "mx.example.org", true},
		{" (a) \"mx\".example.org (b) 1; none", "mx.example.org", true},
		{"\r\n mx.example.org\r\n ;", "mx.example.org", true},
		{" mx.example.org spf=pass", "mx.example.org", true},
		{" mx.example.org/job; )(", "mx.example.org/job", true},
		{` "a b\"c"; none`, `a b"c`, true},
		{" MX; ???", "MX", true},
		{" none", "none", true},

		{"", "", false},
		{" ;spf=pass", "", false},
		{" spf=pass; dkim=pass", "", false},
		{" spf (x) / 1 = pass", "", false},
		{" spf\r\n =pass", "", false},
		{" (mx.example.org; spf=pass", "", false},
		{` "mx.example.org; spf=pass`, "", false},
	}
	for _, tt := range tests {
		got, ok := AuthServID(tt.value)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: %q, %t", tt.value, got, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range parseTests {
		f.Add(tt.value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r, err := Parse(value)
		if len(r.Results) > maxResults {
			t.Fatalf("%d results", len(r.Results))
		}
		for _, res := range r.Results {
			if res.Method == "" || res.Value == "" {
				t.Errorf("%+v", res)
			}
		}
		if id, ok := AuthServID(value); ok && err == nil && id != r.AuthServID && id != "none" {
			t.Errorf("authserv-id %q and %q", id, r.AuthServID)
		}
		// What is kept of any field is written so that it reads the same.
		for _, style := range []Style{RFC8601, Microsoft} {
			again, err := Parse(r.Format(style))
			if want := clean(r, style); err != nil || !reflect.DeepEqual(again, want) {
				t.Errorf("%q:\n got %+v, %v\nwant %+v", r.Format(style), again, err, want)
			}
		}
	})
}

// hostile values, each to be repeated.
var hostile = []string{"(", "()", "(a)", `"`, `""`, `"a"`, `\`, ";", "a=b;", "a=b (c)", "a/", "a ", "a.", "=", "\xff", "\r\n ", `a="b"`, "(\\", "a=b reason=c (d)"}

func TestHostile(t *testing.T) {
	for _, s := range hostile {
		for _, start := range []string{"", "mx;", "mx; spf=pass ", "(", `"`} {
			value := start + strings.Repeat(s, maxField/len(s)-20)
			r, err := Parse(value)
			if err == nil && r.AuthServID == "" && len(r.Results) == 0 {
				t.Errorf("%q...: nothing, and no error", value[:20])
			}
			if IsFrom(value, "mx.example.org") {
				t.Errorf("%q... is from us", value[:20])
			}
		}
	}
}

func BenchmarkParse(b *testing.B) {
	values := map[string]string{"plain": documented.Format(RFC8601)}
	for _, s := range hostile {
		values[s] = "mx; spf=pass " + strings.Repeat(s, 60<<10/len(s))
	}
	for name, value := range values {
		b.Run(strings.ReplaceAll(name, "/", "slash"), func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(value)
			}
		})
	}
}
