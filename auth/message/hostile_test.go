package message

import (
	"strings"
	"testing"
)

// hostile values, each as long as asked for: see BenchmarkAuthorsOf for their cost.
var hostile = []hostileValue{
	{"open comments", "", "(", ""},
	{"nested comments", "", "(", " a@good.example"},
	{"quotes", "", `"`, ""},
	{"escapes", `"`, `\"`, ""},
	{"at signs", "", "@", ""},
	{"short addresses", "", "a@b ", "<a@b.example>"},
	{"dots", "a@", ".", ""},
	{"letters", "a@", "x", ""},
	{"scripts", "a@", "中文ü", ""},
	{"folds", "a@good.example", "\r\n ", "x"},
	{"groups", "", "a:;,", ""},
	{"comments", "", "(@)", "a@good.example"},
	{"commas", "", ",", "a@good.example"},
	{"open angles", "", "<", ""},
	{"8-bit", "", "\xff", ""},
	{"full-width at signs", "", "＠", "<"},
	{"one domain", "", "@b.example ", "<"},
	{"labels", "", "@" + strings.Repeat("a.", 126), "<"},
	{"U-labels", "", "@" + strings.Repeat("ü中", 200), "<"},
	{"invisible", "a@", "\u200b", "<"},
	{"nested comments at an @", "", "@(", "<"},
	{"comments at an @", "@", "()", "<"},
	{"encoded words", "", "=?a?q?@b?=", "<"},
	{"encoded words without an end", "", "=?a?q?@b", "<"},
	{"encoded words and one end", "", "=?a?x?@b", "?=<"},
	{"starts of encoded words", "", "=?", "<"},
	{"charsets", "", "=?a", "?=<"},
	{"literals", "", "@[a.b:", "<"},
	{"tags of a literal", "@[", ":(", "<"},
	{"brackets", "a@", "[]", "<"},
	{"asterisks", "a@", "*", "<"},
	{"UTF-7", "=?utf-7?q?", "+", "?=<"},
}

func (h hostileValue) value(size int) string {
	return h.start + strings.Repeat(h.middle, size/len(h.middle)) + h.end
}

type hostileValue struct{ name, start, middle, end string }

func TestAuthorsOfHostile(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			for _, size := range []int{60 << 10, 200 << 10} {
				got := AuthorsOf(Header{NewField("From", h.value(size))})
				checkAuthors(t, got)
				if size > maxFromField && got.Err == nil {
					t.Error("over the limit without an error")
				}
			}
		})
	}
}

func BenchmarkAuthorsOf(b *testing.B) {
	values := map[string]string{
		"plain": ` "Joe Q. Public" <john.q.public@example.com>`,
		"IDN":   " Jürgen <a@bücher.example>",
	}
	for _, h := range hostile {
		values[h.name] = h.value(60 << 10)
	}
	for name, value := range values {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(value)))
			h := Header{NewField("From", value)}
			for b.Loop() {
				AuthorsOf(h)
			}
		})
	}
}
