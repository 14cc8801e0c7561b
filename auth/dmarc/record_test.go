package dmarc

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// want is a record with the defaults of RFC 9989 section 4.7 and the changes of f.
func want(f func(*Record)) Record {
	r := Record{Policy: PolicyNone, PSD: 'u', ADKIM: Relaxed, ASPF: Relaxed, FailureOptions: "0"}
	f(&r)
	return r
}

func toReject(r *Record)       { r.Policy = PolicyReject }
func toDefaults(*Record)       {}
func toNoProcessing(r *Record) { r.NoProcessing = true }

var recordTests = []struct {
	name   string
	text   string
	change func(*Record)
	issues int
}{
	{"p", "v=DMARC1; p=reject", toReject, 0},
	{"final separator", "v=DMARC1; p=reject;", toReject, 0},
	{"final separator with space", "v=DMARC1;p=reject ; ", toReject, 0},
	{"no space", "v=DMARC1;p=reject", toReject, 0},
	{"space and tabs everywhere", " v\t= DMARC1\t;\t p = reject\t", toReject, 0},
	{"a line end behind it", "v=DMARC1; p=reject\r\n", toReject, 0},
	{"empty tags", "v=DMARC1;;;p=reject;;", toReject, 0},
	{"upper-case v", "V=DMARC1; p=reject", toReject, 0},
	{"case of values", "v=DMARC1; p=ReJect; adkim=S; aspf=S; psd=Y; t=Y; sp=QUARANTINE; np=None", func(r *Record) {
		r.Policy, r.SubdomainPolicy, r.NonExistentPolicy = PolicyReject, PolicyQuarantine, PolicyNone
		r.ADKIM, r.ASPF, r.PSD, r.Testing = Strict, Strict, 'y', true
	}, 0},
	{"case of tags", "v=DMARC1; P=reject; Sp=none", func(r *Record) {
		r.Policy, r.SubdomainPolicy = PolicyReject, PolicyNone
	}, 0},
	{"p is not second", "v=DMARC1; adkim=s; p=reject", func(r *Record) { r.Policy, r.ADKIM = PolicyReject, Strict }, 0},
	{"explicit defaults", "v=DMARC1; p=none; psd=u; t=n; adkim=r; aspf=r; fo=0", toDefaults, 0},
	{"psd=n", "v=DMARC1; p=none; psd=n", func(r *Record) { r.PSD = 'n' }, 0},

	{"unknown tag", "v=DMARC1; p=reject; x=y", toReject, 1},
	{"obsolete tags", "v=DMARC1; p=reject; pct=0; rf=afrf; ri=86400", toReject, 3},
	{"bad optional values", "v=DMARC1; p=reject; adkim=x; aspf=relaxed; t=1; psd=", toReject, 4},
	{"no tag at all", "v=DMARC1; p=reject; junk; =x", toReject, 2},
	{"text that is not ASCII", "v=DMARC1; p=reject; x=\xc3\xa9", toReject, 1},
	{"twice, the first counts", "v=DMARC1; p=reject; p=none", toReject, 1},
	{"twice, the first is wrong", "v=DMARC1; p=x; p=reject; rua=mailto:a@b.example", func(r *Record) {
		r.RUA = []string{"mailto:a@b.example"}
	}, 3},
	{"v again", "v=DMARC1; p=reject; v=0", toReject, 1},

	{"only a version", "v=DMARC1", toNoProcessing, 1},
	{"only a version and a separator", "v=DMARC1;", toNoProcessing, 1},
	{"p missing", "v=DMARC1; sp=reject", toNoProcessing, 1},
	{"p invalid", "v=DMARC1; p=discard", toNoProcessing, 2},
	{"p empty", "v=DMARC1; p=; adkim=s", func(r *Record) { r.NoProcessing, r.ADKIM = true, Strict }, 2},
	{"sp invalid", "v=DMARC1; p=reject; sp=x", toNoProcessing, 2},
	{"np invalid", "v=DMARC1; p=reject; np=x", toNoProcessing, 2},
	{"p missing, rua invalid", "v=DMARC1; rua=nobody", toNoProcessing, 2},
	{"p missing, rua", "v=DMARC1; rua=mailto:a@b.example", func(r *Record) {
		r.RUA = []string{"mailto:a@b.example"}
	}, 1},
	{"sp invalid, rua: p=none instead of everything", "v=DMARC1; p=reject; sp=x; np=reject; rua=mailto:a@b.example",
		func(r *Record) { r.RUA = []string{"mailto:a@b.example"} }, 2},
	{"p invalid, one of the rua valid", "v=DMARC1; p=x; rua=nobody,mailto:a@b.example", func(r *Record) {
		r.RUA = []string{"mailto:a@b.example"}
	}, 3},

	{"several rua, white space, size", "v=DMARC1; p=reject; rua=mailto:a@b.example!10m , https://b.example/x%2C?y=1", func(r *Record) {
		r.Policy, r.RUA = PolicyReject, []string{"mailto:a@b.example", "https://b.example/x%2C?y=1"}
	}, 0},
	{"fo", "v=DMARC1; p=reject; ruf=mailto:a@b.example; fo=1:D:s", func(r *Record) {
		r.Policy, r.RUF, r.FailureOptions = PolicyReject, []string{"mailto:a@b.example"}, "1:d:s"
	}, 0},
	{"fo in front of ruf", "v=DMARC1; p=reject; fo=d; ruf=mailto:a@b.example", func(r *Record) {
		r.Policy, r.RUF, r.FailureOptions = PolicyReject, []string{"mailto:a@b.example"}, "d"
	}, 0},
	{"fo without ruf", "v=DMARC1; p=reject; fo=1", toReject, 1},
	{"fo with 0 and 1", "v=DMARC1; p=reject; ruf=mailto:a@b.example; fo=0:1", func(r *Record) {
		r.Policy, r.RUF = PolicyReject, []string{"mailto:a@b.example"}
	}, 1},

	// RFC 9989 appendix B.2.
	{"B.2.1", "v=DMARC1; p=none; rua=mailto:dmarc-feedback@example.com", func(r *Record) {
		r.RUA = []string{"mailto:dmarc-feedback@example.com"}
	}, 0},
	{"B.2.5", "v=DMARC1; p=quarantine; rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net; t=y", func(r *Record) {
		r.Policy, r.Testing = PolicyQuarantine, true
		r.RUA = []string{"mailto:dmarc-feedback@example.com", "mailto:tld-test@thirdparty.example.net"}
	}, 0},
}

func TestParseRecord(t *testing.T) {
	for _, tt := range recordTests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseRecord(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Issues) != tt.issues {
				t.Errorf("issues: %q, want %d", r.Issues, tt.issues)
			}
			w := want(tt.change)
			w.Text, w.Issues = tt.text, r.Issues
			if !reflect.DeepEqual(*r, w) {
				t.Errorf("got  %+v\nwant %+v", *r, w)
			}
		})
	}
}

func TestNotDMARC(t *testing.T) {
	for _, text := range []string{
		"", ";", "v", "v=", "=DMARC1", "v=DMARC1 p=reject", "v=dmarc1; p=reject", "v=DMARC2; p=reject", "v=DMARC10",
		"v=DMARC1=; p=reject", "p=reject; v=DMARC1", "; v=DMARC1; p=reject", "v=spf1 -all", "vv=DMARC1", "v=DMARC 1",
		"\"v=DMARC1; p=reject\"",
	} {
		if r, err := ParseRecord(text); !errors.Is(err, ErrNotDMARC) || r != nil {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
}

func TestFailureOptions(t *testing.T) {
	for value, valid := range map[string]bool{
		"0": true, "1": true, "d": true, "s": true, "0:d": true, "d:0": true, "d:1:s": true, "d:s": true, "s:d:1": true,
		"": false, ":": false, "0:1": false, "1:0": false, "d:d": false, "0:": false, ":0": false, "x": false,
		"0d": false, "0:d:s:s": false, "01": false, "0: d": false,
	} {
		if got := validFailureOptions(value); got != valid {
			t.Errorf("fo=%s: %v", value, got)
		}
	}
}

func TestReportingURI(t *testing.T) {
	tests := []struct {
		uri   string
		want  string // without the obsolete size
		valid bool
	}{
		{"mailto:a@example.com", "", true},
		{"MAILTO:a@example.com", "", true},
		{"mailto:a@example.com?subject=x", "", true},
		{"mailto:a%21b@example.com", "", true},
		{"mailto:a@example.com!50k", "mailto:a@example.com", true},
		{"mailto:a@example.com!50", "mailto:a@example.com", true},
		{"https://example.com/dmarc", "", true},
		{"x-new+scheme.1:anything", "", true},
		{"mailto:a@example.com!", "", false},
		{"mailto:a@example.com!k", "", false},
		{"mailto:a@example.com!5x", "", false},
		{"mailto:a!b@example.com", "", false},
		{"mailto:", "", false},
		{"mailto:a", "", false},
		{"mailto:@example.com", "", false},
		{"mailto:a@", "", false},
		{"mailto:a@exa..mple.com", "", false},
		{"mailto:a@[192.0.2.1]", "", false},
		{"mailto:a b@example.com", "", false},
		{"mailto:a%2@example.com", "", false},
		{"mailto:a%zz@example.com", "", false},
		{"https://example.com/%2", "", false},
		{"mailto:\xc3\xa9@example.com", "", false},
		{"a@example.com", "", false},
		{"://example.com", "", false},
		{"1x:y", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if tt.want == "" {
			tt.want = tt.uri
		}
		uri := withoutSize(tt.uri)
		if valid := validURI(uri); valid != tt.valid || valid && uri != tt.want {
			t.Errorf("%q: %q, %v", tt.uri, uri, valid)
		}
	}
}

// TestRecordLimits reads records as large as DNS can carry.
func TestRecordLimits(t *testing.T) {
	fill := func(head, piece string) string {
		return head + strings.Repeat(piece, (maxRecord-len(head))/len(piece))
	}
	for _, text := range []string{
		fill("v=DMARC1;p=reject;", "p=none;"),
		fill("v=DMARC1;p=reject;", "x;"),
		fill("v=DMARC1;p=reject;", ";"),
		fill("v=DMARC1;p=reject;rua=", "mailto:a@b.example,"),
		fill("v=DMARC1;p=reject;rua=", ","),
		fill("v=DMARC1;p=reject;", "\x00\xff\n"),
		fill("v=DMARC1;p=reject;x=", "!"),
	} {
		r, err := ParseRecord(text)
		if err != nil {
			t.Fatal(err)
		}
		if r.Policy != PolicyReject || r.NoProcessing {
			t.Errorf("%.40q: policy %q", text, r.Policy)
		}
		checkBounds(t, r)
	}
	if r, err := ParseRecord(fill("v=DMARC1;p=reject;", ";") + ";;;;;;;;"); err == nil || errors.Is(err, ErrNotDMARC) {
		t.Errorf("too long: %v, %v", r, err)
	}
}

func checkBounds(t *testing.T, r *Record) {
	t.Helper()
	if len(r.Issues) > maxIssues || len(r.RUA) > maxURIs || len(r.RUF) > maxURIs {
		t.Errorf("%d issues, %d rua, %d ruf", len(r.Issues), len(r.RUA), len(r.RUF))
	}
	for _, issue := range r.Issues {
		if len(issue) > 200 || strings.ContainsFunc(issue, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("issue %q", issue)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, text := range []string{
		"v=DMARC1; p=reject; sp=quarantine; np=none; psd=y; t=y; adkim=s; aspf=s; fo=1:d:s; rua=mailto:a@b.example!10m,https://x.example/%2c; ruf=mailto:a@b.example",
		"v=DMARC1", "v = DMARC1 ; p = none ;", "v=DMARC1;p=none;p=reject", "v=spf1", "v=DMARC1; rua=mailto:a@b.example",
		"v=DMARC1; p=none; =; ;;x", "v=DMARC1; fo=0:1; \xff=\x00",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err != nil {
			if _, ok := afterVersion(text); r != nil || ok && len(text) <= maxRecord {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		checkBounds(t, r)
		if !slices.Contains([]Policy{PolicyNone, PolicyQuarantine, PolicyReject}, r.Policy) || strings.IndexByte("ynu", r.PSD) < 0 {
			t.Errorf("policy %q, psd %q", r.Policy, r.PSD)
		}
		if r.NoProcessing && (r.Policy != PolicyNone || len(r.RUA) > 0) {
			t.Errorf("no processing: %+v", r)
		}
		for _, uri := range slices.Concat(r.RUA, r.RUF) {
			if !validURI(uri) || !utf8.ValidString(uri) {
				t.Errorf("URI %q", uri)
			}
		}
		if again, err := ParseRecord(r.rewritten()); err != nil || !sameMeaning(r, again) {
			t.Errorf("%q read again from %q: %+v, %v", text, r.rewritten(), again, err)
		}
	})
}

// rewritten writes what was understood as a record with the same meaning.
func (r *Record) rewritten() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "v=DMARC1;adkim=%c;aspf=%c;psd=%c;", r.ADKIM, r.ASPF, r.PSD)
	for name, value := range map[string]string{
		"sp": string(r.SubdomainPolicy), "np": string(r.NonExistentPolicy),
		"rua": strings.Join(r.RUA, ","), "ruf": strings.Join(r.RUF, ","),
	} {
		if value != "" {
			fmt.Fprintf(b, "%s=%s;", name, value)
		}
	}
	if !r.NoProcessing {
		fmt.Fprintf(b, "p=%s;", r.Policy)
	}
	if r.Testing {
		b.WriteString("t=y;")
	}
	if len(r.RUF) > 0 {
		fmt.Fprintf(b, "fo=%s;", r.FailureOptions)
	}
	return b.String()
}

// sameMeaning compares all but the text, the issues and, where no report can be
// sent, what it would be about.
func sameMeaning(a, b *Record) bool {
	x, y := *a, *b
	x.Text, x.Issues, y.Text, y.Issues = "", nil, "", nil
	if len(x.RUF) == 0 {
		x.FailureOptions, y.FailureOptions = "", ""
	}
	return reflect.DeepEqual(x, y)
}

func BenchmarkParseRecord(b *testing.B) {
	const text = "v=DMARC1; p=quarantine; sp=reject; adkim=s; rua=mailto:dmarc@example.com,mailto:x@thirdparty.example.net; fo=1"
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseRecord(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseHostileRecord(b *testing.B) {
	text := "v=DMARC1;" + strings.Repeat("p;", (maxRecord-9)/2)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := ParseRecord(text); err != nil {
			b.Fatal(err)
		}
	}
}
