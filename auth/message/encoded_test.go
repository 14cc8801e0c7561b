package message

import (
	"mime"
	"strings"
	"testing"
	"unicode/utf8"
)

var wordTests = []struct{ in, want string }{
	{"=?utf-8?q?a_b=40c?=", "a b@c"},
	{"=?UTF-8*en?Q?a=4?=", "a=4"},
	{"=?utf-8?b?YUBi?=", "a@b"},
	{"=?utf-8?B?YUBiYw?=", "a@bc"},
	{"=?utf-8?B?YQ==QGI=?=", "a@b"},
	{"=?utf-8?B? Y U-Bi?=", "a@b"},
	{"x =?a?q?b?= \r\n =?a?q?c?= y", "x bc y"},
	{"=?a?q?b?=c=?a?q?d?=", "bcd"},
	{"=?a?q?b?= c =?a?q?d?= ", "b c d "},
	{"=?a?q??=", ""},
	{"=?a?q?=00b?=", "b"},
	{"=?utf-7?q?a+AEA-b+AC4-c+?=", "a@b.c"},
	{"=?=?a?q?b?=", "=?b"},
	{"=?a?x?b?= =?a?q?c?=", "=?a?x?b?= c"},

	{"", ""}, {"a", ""}, {"=?", ""}, {"?=", ""}, {"=?=", ""}, {"=??=", ""}, {"=?a?=", ""}, {"=?a?q?=", ""},
	{"=?a?q?b", ""}, {"=?a?q?b?", ""}, {"=?a?x?b?=", ""}, {"=?a?qq?b?=", ""}, {"?= =?a?q?b", ""},
}

func TestDecodeWords(t *testing.T) {
	for _, tt := range wordTests {
		got, found := decodeWords(tt.in, false)
		want, wantFound := tt.want, tt.want != "" || tt.in == "=?a?q??="
		if !wantFound {
			want = tt.in
		}
		if got != want || found != wantFound {
			t.Errorf("%q: %q, %t, want %q, %t", tt.in, got, found, want, wantFound)
		}
	}
}

func TestDecodeWordsOtherWay(t *testing.T) {
	for in, want := range map[string]string{
		"=?a?q?b=?c?q?d?=":    "=?a?q?bd",
		"=?a?q?b?=":           "b",
		"=?a?q?b?= =?a?q?c?=": "b c",
		"=?a?b?YQ=?=":         "a",
		"=?a?q?=?=?=?b?=":     "=?=?b?=",
		"=?a?q?b=?c":          "=?a?q?b=?c",
	} {
		if got, _ := decodeWords(in, true); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeWords(f *testing.F) {
	for _, tt := range wordTests {
		f.Add(tt.in)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, found := decodeWords(text, false)
		if other, again := decodeWords(text, true); len(other) > len(text) || again && !found || !again && other != text {
			t.Errorf("%q gives %q, %t the other way", text, other, again)
		}
		if len(got) > len(text) || !found && got != text {
			t.Errorf("%q gives %q, %t", text, got, found)
		}
		if !utf8.ValidString(text) {
			return
		}
		for _, e := range []mime.WordEncoder{mime.QEncoding, mime.BEncoding} {
			word := e.Encode("utf-8", "ü"+text) // always encoded
			if got, found := decodeWords(word, false); !found || got != "ü"+strings.ReplaceAll(text, "\x00", "") {
				t.Errorf("%q decodes to %q", word, got)
			}
		}
	})
}
