// Package authres writes and reads Authentication-Results fields (RFC 8601).
// It is the only place that quotes text for a header: whatever a sender wrote
// passes through here or does not reach a field. All functions are safe for
// concurrent use.
//
// Divergences from the RFC:
//
//   - Written: an address whose local part is no plain dot-atom is quoted as a
//     whole, not only its local part (section 2.2 wants local-part "@" domain):
//     readers exist that stop at the inner quote. What is left unquoted is
//     less than what may be: no apostrophe or backquote, no domain with an
//     underscore. Non-ASCII text stands in quoted strings and comments only.
//   - Written: a reason stands before the comment of its result.
//   - Written: the Microsoft style is another format altogether: no authserv-id,
//     properties without a ptype.
//   - Read: results without an authserv-id, properties without a ptype or
//     without a value, empty results, a missing first semicolon, unquoted values
//     with any characters but white space, ";" and "(". A version other than 1
//     is returned, not refused (section 2.6).
package authres

// A Property is one ptype.property=value of a result (RFC 8601 section 2.2).
type Property struct {
	Type    string // lower case: "smtp", "header", "policy", ...; "" in dialects that leave it out (action=none)
	Name    string // lower case
	Value   string // unquoted
	Comment string // after the value; several are read as one, joined with a space
}

// A Result is the outcome of one method.
type Result struct {
	Method     string // lower case: "spf", "dkim", ...
	Version    string // of the method; "" for none
	Value      string // the result keyword, lower case: "pass", ...
	Comment    string // after the keyword and the reason; several are read as one
	Reason     string // reason=, unquoted; "" for none
	Properties []Property
}

// Results is the content of one Authentication-Results field. No Results at
// all is written as "none" (RFC 8601 section 2.2, no-result).
type Results struct {
	AuthServID string // unquoted; "" only in the microsoft dialect
	Version    string // of the field; "" for none
	Results    []Result
}

// A Style is a way to write the field.
type Style int

// The styles of the option header_style.
const (
	RFC8601   Style = iota // any conforming parser reads it
	Microsoft              // no authserv-id, as Microsoft 365 writes it
)
