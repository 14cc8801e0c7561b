package message

import (
	"slices"
	"testing"
)

func TestField(t *testing.T) {
	f := NewField("Subject", " a\r\n b")
	if f.Raw != "Subject: a\r\n b" || f.Value() != " a\r\n b" {
		t.Errorf("raw %q, value %q", f.Raw, f.Value())
	}
	for name, want := range map[string]bool{
		"subject": true, "SUBJECT": true, "Subjec": false, "Subjects": false, "\u017fubject": false, "": false,
	} {
		if f.Is(name) != want {
			t.Errorf("Is(%q) is %t", name, !want)
		}
	}
	if NewField("\u017fubject", "").Is("Subject") || !NewField("Subject \t", "").Is("Subject") {
		t.Error("other spellings")
	}
}

func TestHeader(t *testing.T) {
	h := Header{NewField("A", " 1"), NewField("b", " 2"), NewField("a ", " 3")}
	if h.Count("A") != 2 || h.Count("c") != 0 {
		t.Errorf("count %d, %d", h.Count("A"), h.Count("c"))
	}
	if got := h.Values("a"); !slices.Equal(got, []string{" 1", " 3"}) {
		t.Errorf("values %q", got)
	}
	if got, want := h.Size(), len("A: 1\r\nb: 2\r\na : 3\r\n"); got != want {
		t.Errorf("size %d, want %d", got, want)
	}
}

func TestUnfold(t *testing.T) {
	for in, want := range map[string]string{
		" a":                 " a",
		" a\r\n b\r\n\tc":    " a b\tc",
		" a\r\n \r\n b":      " a  b",
		" a\r\nb":            " a\r\nb",
		" a\nb\rc\r\n":       " a\nb\rc\r\n",
		"\r\n\r\n a\r\n\r\n": "\r\n a\r\n\r\n",
	} {
		if got := Unfold(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
