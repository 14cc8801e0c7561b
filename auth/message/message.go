// Package message holds a mail header as it was received, byte for byte, and
// reads from it what mail authentication needs: the author domains.
//
// Nothing here re-serialises a field: signatures cover the exact bytes. All
// functions are safe for concurrent use.
//
// Divergences from the RFC: the author parser (RFC 5322 section 3.4, with the
// obsolete syntax of section 4.4, RFC 6532 and RFC 6854) is stricter and laxer
// than the grammar where mail programs read the same text differently.
//
//   - Valid, but Err is set: comments inside <> or between the parts of an
//     address, white space between the parts of an address, source routes, an
//     "@" inside a quoted local part, domain literals (a name in one is listed),
//     control characters, lines of nothing but white space in a fold.
//   - Not valid, but read: dots and brackets in a display name, an address in a
//     display name (its domain is listed too), dots at the ends of a local part
//     or in a row there, 8-bit text that is no UTF-8 in a display name.
//   - An address in a comment is listed as well, behind the others: some programs
//     show it.
//   - A U-label has to be one (RFC 5890 section 2.3.2.1): letter case is mapped,
//     nothing else, so that a full-width dot is no dot. An A-label is taken as
//     it is: that it decodes is not checked. Underscores are letters, as in DNS.
package message

import "strings"

// A Field is one header field as received: "Name:value", folded with CRLF, no
// final CRLF. Signatures cover exactly these bytes; nothing may re-serialise
// them.
type Field struct {
	Name   string // as received, letter case kept; Raw begins with it
	Raw    string // the whole field: name, colon, value with its folds
	Unread bool   // it is past a limit: Raw is no more than the name and the colon
}

// NewField joins a name and a raw value, which keeps its leading space.
func NewField(name, value string) Field {
	return Field{Name: name, Raw: name + ":" + value}
}

// Value is all that follows the colon: leading space, folds and all.
func (f Field) Value() string { return f.Raw[len(f.Name)+1:] }

// Is tells whether the field has this name; the case of ASCII letters does not
// matter (RFC 5322 section 1.2.2), and white space that an MTA left before the
// colon neither (section 4.5).
func (f Field) Is(name string) bool {
	own := f.Name
	for own != "" && isSpaceByte(own[len(own)-1]) {
		own = own[:len(own)-1]
	}
	return equalFold(own, name)
}

// equalFold compares as MTAs do, byte by byte: strings.EqualFold also takes a
// long s for an s, and the field would be counted that an MTA does not count.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// isSpaceByte tells blanks and the bytes of line breaks.
func isSpaceByte(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// A Header is the fields of a message in the order received, topmost first.
type Header []Field

// Count is the number of fields of this name.
func (h Header) Count(name string) int {
	n := 0
	for i := range h {
		if h[i].Is(name) {
			n++
		}
	}
	return n
}

// Values lists the raw values of all fields of this name, topmost first.
func (h Header) Values(name string) []string {
	var values []string
	for _, f := range h {
		if f.Is(name) {
			values = append(values, f.Value())
		}
	}
	return values
}

// Size is the length of the header in bytes, with the CRLF after each field.
func (h Header) Size() int {
	n := 0
	for _, f := range h {
		n += len(f.Raw) + 2
	}
	return n
}

// Unfold takes the line breaks out of a raw value; the white space that follows
// each stays (RFC 5322 section 2.2.3). Other line breaks stay too.
func Unfold(value string) string {
	if !strings.Contains(value, "\r\n") {
		return value
	}
	return unfolder.Replace(value)
}

var unfolder = strings.NewReplacer("\r\n ", " ", "\r\n\t", "\t")
