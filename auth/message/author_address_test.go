package message

import (
	"fmt"
	"testing"
)

func TestAuthorAddress(t *testing.T) {
	tests := []struct{ value, want string }{
		{" Bob <Bob.X@Good.Example>", "Bob.X@good.example"},
		{` "a b"@good.example`, `"a b"@good.example`},
		{" x@good.example, y@good.example", "x@good.example"},
		{" ü@bücher.example", "ü@xn--bcher-kva.example"},
		{" <a.b@good.example", "a.b@good.example"},
		{" c.d@good.example <a@b.example>", "a@b.example"},
		{" <@good.example>", ""},
	}
	for _, tt := range tests {
		got := AuthorsOf(Header{NewField("From", tt.value)})
		if len(got.List) == 0 || got.List[0].Address != tt.want {
			t.Errorf("%q: %+v, want %q", tt.value, got.List, tt.want)
		}
	}
}

func TestAuthorMore(t *testing.T) {
	tests := []struct{ value, want string }{
		{" x@good.example", "x@good.example []"},
		{" x@good.example, y@good.example, x@good.example", "x@good.example [y@good.example]"},
		{" x@good.example (ceo@good.example)", "x@good.example [ceo@good.example]"},
		{` "x@good.example" <x@good.example>`, "x@good.example []"},
		{" x@good.example, z@other.example, y@good.example", "x@good.example [y@good.example]"},
		{" x@good.example, c@d.example\r\n (a@d.example b@d.example)", "x@good.example []"},
	}
	for _, tt := range tests {
		got := AuthorsOf(Header{NewField("From", tt.value)})
		if len(got.List) == 0 || fmt.Sprintf("%s %s", got.List[0].Address, got.List[0].More) != tt.want {
			t.Errorf("%q: %+v, want %s", tt.value, got.List, tt.want)
		}
	}
}
