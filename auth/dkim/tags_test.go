package dkim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/message"
)

func TestParseTags(t *testing.T) {
	many := strings.Repeat("x", 10)
	tests := []struct {
		in   string
		want string // name=value, joined with |
		err  error
	}{
		{in: "v=1", want: "v=1"},
		{in: "v=1;", want: "v=1"},
		{in: "v=1; ", want: "v=1"},
		{in: "v=1;\r\n ", want: "v=1"},
		{in: " v = 1 ; a\t=\tb c ", want: "v=1|a=b c"},
		{in: "\r\n v\r\n =\r\n 1\r\n ;x=", want: "v=1|x="},
		{in: "b=ab\r\n cd\r\n\tef; p=", want: "b=ab\r\n cd\r\n\tef|p="},
		{in: "a=b=c==", want: "a=b=c=="},
		{in: "V=1; v=2", want: "V=1|v=2"},
		{in: "a_1=x; z=From:foo|To:bar", want: "a_1=x|z=From:foo|To:bar"},
		{in: "d=bücher.example", want: "d=bücher.example"},
		{in: "", err: errTagName},
		{in: ";", err: errTagName},
		{in: " ", err: errTagName},
		{in: "v=1;;a=b", err: errTagName},
		{in: "v=1; ;a=b", err: errTagName},
		{in: "=1", err: errTagName},
		{in: "1v=1", err: errTagName},
		{in: "_v=1", err: errTagName},
		{in: "v", err: errTagEquals},
		{in: "v=1; a", err: errTagEquals},
		{in: "v-w=1", err: errTagEquals},
		{in: "a b=1", err: errTagEquals},
		{in: "v=1; v=1", err: errTagDuplicate},
		{in: "v=1; v =2", err: errTagDuplicate},
		{in: "v=\x00", err: errTagValue},
		{in: "v=a\x7f", err: errTagValue},
		{in: "v=a\rb", err: errTagValue},
		{in: "v=a\nb", err: errTagValue},
		{in: "v=a\r\nb", err: errTagValue},
		{in: "v=a\r\n", err: errTagValue},
		{in: "v=a\n ", err: errTagValue},
		{in: "v=\xff", err: errTagValue},
		{in: "\rv=1", err: errTagName},
		{in: many + "=1", want: many + "=1"},
	}
	for _, tt := range tests {
		list, err := parseTags(tt.in, 0)
		var got []string
		for _, tag := range list {
			got = append(got, tag.name+"="+tag.value)
		}
		if strings.Join(got, "|") != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("parseTags(%q) = %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
}

func TestParseTagsCount(t *testing.T) {
	var parts []string
	for i := range DefaultMaxTags {
		parts = append(parts, fmt.Sprintf("t%d=", i))
	}
	if list, err := parseTags(strings.Join(parts, ";"), 0); err != nil || len(list) != DefaultMaxTags {
		t.Errorf("%d tags: %d, %v", DefaultMaxTags, len(list), err)
	}
	if _, err := parseTags(strings.Join(append(parts, "last="), ";"), 0); err != ErrTooManyTags {
		t.Errorf("%d tags: %v", DefaultMaxTags+1, err)
	}
}

func FuzzParseTags(f *testing.F) {
	for _, s := range []string{usualTags, " v = 1 ;\r\n a=b ;", "v=1;;", "v=\r\n", "=", "a=b;a=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseTags(s, 0)
		if (err == nil) == (len(list) == 0) {
			t.Fatalf("%d tags and %v", len(list), err)
		}
		var plain []string
		for _, tag := range list {
			if trimSpace(s[tag.start:tag.end]) != tag.value {
				t.Errorf("offsets of %q give %q, not %q", tag.name, s[tag.start:tag.end], tag.value)
			}
			plain = append(plain, tag.name+"="+tag.value)
		}
		again, err := parseTags(strings.Join(plain, ";"), 0)
		same := func(a, b tag) bool { return a.name == b.name && a.value == b.value }
		if len(list) > 0 && (err != nil || !slices.EqualFunc(list, again, same)) {
			t.Errorf("written again: %v, %v; was %v", again, err, list)
		}
	})
}

func TestDomainName(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Join([]string{label, label, label, strings.Repeat("b", 61)}, ".")
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"example.com", "example.com", true},
		{"Example.COM", "example.com", true},
		{"a_b.example", "a_b.example", true},
		{"-a-.example", "-a-.example", true},
		{"XN--a.example", "xn--a.example", true},
		{"bücher.example", "xn--bcher-kva.example", true},
		{"BÜCHER.example", "xn--bcher-kva.example", true},
		{long, long, true},
		{long + "b", "", false},
		{label + "a.example", "", false},
		{"", "", false},
		{"example.com.", "", false},
		{".example.com", "", false},
		{"a..b", "", false},
		{"a b.example", "", false},
		{"a@b.example", "", false},
		{"a/b.example", "", false},
		{"\u2002.example", "", false},
		{strings.Repeat("ü", 2000), "", false},
	}
	for _, tt := range tests {
		got, ok := domainName(tt.in)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("domainName(%.80q) = %q, %t", tt.in, got, ok)
		}
	}
}

// TestIDN: U-labels are read as everywhere else, whatever they look like.
func TestIDN(t *testing.T) {
	for _, in := range []string{
		"bücher.example", "BÜCHER.example", "İ.example", "☃.example", "a。example", "ａ.example", "straße.example",
		"a_b.bücher", "-a-.bücher", "a\u200db.example", "\u0301a.example", "a..bücher", ".bücher", "bücher", "a b.bücher", "\xff.example",
		strings.Repeat("ü", 60) + ".example",
	} {
		want, err := message.ToASCII(in)
		if got, ok := domainName(in); got != want || ok != (err == nil) {
			t.Errorf("domainName(%q) = %q, %t; ToASCII: %q, %v", in, got, ok, want, err)
		}
	}
	for _, in := range []string{"☃.example", "a。example", "ａ.example", "bücher.example.", "bücher.example.."} {
		if got, ok := domainName(in); got != "" || ok {
			t.Errorf("domainName(%q) = %q, %t", in, got, ok)
		}
	}
}

func TestIsWithin(t *testing.T) {
	tests := []struct {
		name, domain string
		want         bool
	}{
		{"example.com", "example.com", true},
		{"a.example.com", "example.com", true},
		{"aexample.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"com", "example.com", false},
	}
	for _, tt := range tests {
		if got := message.IsWithin(tt.name, tt.domain); got != tt.want {
			t.Errorf("message.IsWithin(%q, %q) = %t", tt.name, tt.domain, got)
		}
	}
}
