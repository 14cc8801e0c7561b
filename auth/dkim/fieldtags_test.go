package dkim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/message"
)

func TestFieldTags(t *testing.T) {
	f := message.NewField("ARC-Seal", " i=1; b=ab\r\n c ; d=Example.org; h=From : TO::x")
	tags, err := FieldTags(f, 0)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := tags.find("b"); f.Raw[b.start:b.end] != "ab\r\n c " {
		t.Errorf("b= is at %q", f.Raw[b.start:b.end])
	}
	if d, ok := tags.Domain("d"); d != "example.org" || !ok {
		t.Errorf("d=%q, %t", d, ok)
	}
	if _, ok := tags.Domain("s"); ok {
		t.Error("a domain without the tag")
	}
	if names := tags.Names("h"); !slices.Equal(names, []string{"from", "to", "", "x"}) {
		t.Errorf("h=%q", names)
	}
	if names := tags.Names("none"); names != nil {
		t.Errorf("names of no tag: %q", names)
	}
	for raw, want := range map[string]error{
		"ARC-Seal":         errNoColon,
		"ARC-Seal: i=1; i": errTagEquals,
		"ARC-Seal: i=" + strings.Repeat("1", maxSignatureField-12):   nil,
		"ARC-Seal: i=" + strings.Repeat("1", maxSignatureField-12+1): errTooLarge,
		"ARC-Seal: i=1; i=2": errTagDuplicate,
	} {
		if tags, err := FieldTags(message.Field{Name: "ARC-Seal", Raw: raw}, 0); err != want || err != nil && tags != nil {
			t.Errorf("%.40q: %d tags, %v; want %v", raw, len(tags), err, want)
		}
	}
}

func TestTime(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "000000000001": 1, "1700000000": 1700000000, "999999999999": 999999999999,
		"": -1, "-1": -1, "+1": -1, "1 2": -1, "1e9": -1, "٣": -1, "0000000000001": -1, "9999999999999": -1,
	} {
		got, ok := TagList{{name: "t", value: in}}.Time("t")
		if ok != (want >= 0) || ok && (got.Unix() != want || got.IsZero()) || !ok && !got.IsZero() {
			t.Errorf("%q: %s, %t", in, got, ok)
		}
	}
	if got, ok := (TagList{}).Time("t"); !got.IsZero() || !ok {
		t.Errorf("without the tag: %s, %t", got, ok)
	}
}

func TestBase64(t *testing.T) {
	for in, want := range map[string]string{
		"YWJj":                            "abc",
		" Y W\r\n\tJ j ":                  "abc",
		"YQ==":                            "a",
		"":                                "false",
		"YQ":                              "false",
		"Y?==":                            "false",
		strings.Repeat("YWJj", 1024):      strings.Repeat("abc", 1024),
		strings.Repeat("YWJj", 1025):      "false",
		strings.Repeat("YWJj\r\n ", 1024): strings.Repeat("abc", 1024),
	} {
		data, ok := TagList{{name: "b", value: in}}.Base64("b")
		if got := string(data); ok && got != want || !ok && want != "false" {
			t.Errorf("%.40q: %.40q, %t", in, got, ok)
		}
	}
	if _, ok := (TagList{}).Base64("b"); ok {
		t.Error("without the tag")
	}
}

func TestCanonicalizations(t *testing.T) {
	for in, want := range map[string]string{
		"none":             "simple/simple true", // no c= at all
		"c=simple/relaxed": "simple/relaxed true", "c=relaxed": "relaxed/simple true", "c=Relaxed/RELAXED": "relaxed/relaxed true",
		"c=": "false", "c=/": "false", "c=simple/": "false", "c=/simple": "false", "c=nofws": "false", "c=relaxed/simple/x": "false", "c=relaxed / simple": "false",
	} {
		tags, _ := parseTags(in, 0)
		header, body, ok := tags.Canonicalizations()
		if got := fmt.Sprintf("%s/%s %t", header, body, ok); ok && got != want || !ok && want != "false" {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
