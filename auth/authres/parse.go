package authres

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of what Parse reads.
const (
	maxField   = 64 << 10 // bytes
	maxResults = 256
)

// Parse reads the value of an Authentication-Results field, folded or not, in
// the RFC's grammar and the dialects that are in use: without an authserv-id,
// with properties without a ptype, with empty results. A field over 64 KiB is
// not read; results after the 256th are not either.
//
// What can't be read is left out, result by result, and the error tells the
// first of it: with an error the Results are for display, not for decisions.
// Repeated properties are all kept, of repeated reasons the first.
func Parse(value string) (Results, error) {
	if len(value) > maxField {
		return Results{}, fmt.Errorf("authres: field over %d bytes", maxField)
	}
	p := parser{scanner: scanner{s: value}}
	p.field()
	if p.err != nil {
		return p.results, fmt.Errorf("authres: %w", p.err)
	}
	return p.results, nil
}

// AuthServID is the authserv-id of a field, unquoted, whether or not the rest
// can be read. It is not ok if the field has none, because it is empty or begins
// with a result, or if its beginning can't be read.
func AuthServID(value string) (id string, ok bool) {
	p := parser{scanner: scanner{s: value}}
	p.head()
	id = p.results.AuthServID
	return id, id != "" && !(p.open && p.end())
}

var errOpen = errors.New("comment or quoted string without an end")

type parser struct {
	scanner
	results Results
	none    bool  // "none" was read for a result
	err     error // the first
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *parser) field() {
	p.head()
	if p.results.AuthServID == "none" && p.end() {
		p.results.AuthServID, p.none = "", true // no-result without an authserv-id
	}
	for {
		p.cfws()
		for p.take(';') {
			p.cfws()
		}
		if p.end() {
			break
		}
		p.next()
	}
	switch {
	case p.open:
		p.fail(errOpen)
	case p.results.AuthServID == "" && len(p.results.Results) == 0 && !p.none:
		p.fail(errors.New("nothing to read"))
	}
}

// next reads one result, or passes over it.
func (p *parser) next() {
	if p.isNone() {
		p.none = true
		return
	}
	r, err := p.result()
	if err == nil && len(p.results.Results) == maxResults {
		err = fmt.Errorf("more than %d results", maxResults)
	}
	if err != nil {
		p.fail(err)
		p.skip()
		return
	}
	p.results.Results = append(p.results.Results, r)
}

// head reads the authserv-id and the version, if there are any.
func (p *parser) head() {
	p.cfws()
	if p.isMethod() {
		return
	}
	p.results.AuthServID = p.id()
	p.cfws()
	q := p.scanner
	version := q.run("")
	q.cfws()
	if cleanVersion(version) != "" && (q.end() || q.peek() == ';') {
		p.results.Version = version
		p.scanner = q
	}
}

// id takes the pieces of an authserv-id and unquotes them.
func (p *parser) id() string {
	var text strings.Builder
	for {
		before := p.i
		if p.peek() == '"' {
			text.WriteString(p.quoted())
		} else {
			text.WriteString(p.run(""))
		}
		if p.i == before {
			return text.String()
		}
	}
}

// isMethod looks whether a result begins here: an authserv-id has no "=" after it.
func (p *parser) isMethod() bool {
	q := p.scanner
	if q.run("/=") == "" {
		return false
	}
	q.cfws()
	if q.take('/') {
		q.cfws()
		q.run("=")
		q.cfws()
	}
	return q.peek() == '='
}

// isNone takes "none" if nothing else stands before the next semicolon
// (RFC 8601 section 2.2, no-result).
func (p *parser) isNone() bool {
	q := p.scanner
	if q.keyword("=") != "none" {
		return false
	}
	q.cfws()
	if q.open || !q.end() && q.peek() != ';' {
		return false
	}
	p.scanner = q
	return true
}

// result reads a resinfo after its semicolon, up to the next one.
func (p *parser) result() (Result, error) {
	r := Result{Method: p.keyword("/=.")}
	p.cfws()
	if p.take('/') {
		p.cfws()
		r.Version = p.run("=")
		p.cfws()
	}
	if r.Method == "" || !p.take('=') {
		return r, fmt.Errorf("no method=result: %.40q", p.s[p.i:])
	}
	p.cfws()
	r.Value = p.keyword("=")
	r.Comment = p.cfws()
	if r.Value == "" {
		return r, fmt.Errorf("%.40q has no result", r.Method)
	}
	for !p.end() && p.peek() != ';' {
		if err := p.property(&r); err != nil {
			return r, err
		}
	}
	if p.open {
		return r, errOpen
	}
	return r, nil
}

// property reads a reasonspec or a propspec, and the comments after it.
func (p *parser) property(r *Result) error {
	prop := Property{Name: p.keyword(".=")}
	p.cfws()
	if p.take('.') {
		p.cfws()
		prop.Type, prop.Name = prop.Name, p.keyword("=")
		p.cfws()
	}
	if prop.Name == "" || !p.take('=') {
		return fmt.Errorf("no property=value: %.40q", p.s[p.i:])
	}
	p.cfws()
	prop.Value = p.value()
	prop.Comment = p.cfws()
	switch {
	case prop.Type != "" || prop.Name != "reason":
		r.Properties = append(r.Properties, prop)
	case r.Reason == "":
		r.Reason = prop.Value
		r.Comment = join(r.Comment, prop.Comment)
	}
	return nil
}

// skip goes to the next semicolon that ends a result.
func (p *parser) skip() {
	for !p.end() && p.peek() != ';' {
		before := p.i
		p.cfws()
		p.value()
		if p.i == before {
			p.i++
		}
	}
}
