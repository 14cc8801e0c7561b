package message

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of what is read of the From fields. What lies beyond sets Err.
const (
	maxMailboxes = 100
	maxSalvaged  = 1000     // places where a domain may be found outside of the addresses
	maxFromField = 64 << 10 // bytes; longer fields are searched for domains, not parsed
)

// An Author is one domain that the From fields name (RFC 9989 section 3.2.2).
type Author struct {
	Domain  string // lower case, A-labels, no final dot
	Address string // the first mailbox with this domain, as local-part@domain; "" when only the domain is sure
}

// Authors is what the From fields of a message say.
//
// When Err is nil, List has every domain that a mail program could take for the
// author's, and at least one. When it is not, List has the domains that were
// found anywhere in the unreadable text, for evidence: no list then makes a
// message pass.
type Authors struct {
	List   []Author // one per distinct domain, in the order of the header; at most 100
	Fields int      // how many From fields there are
	Err    error    // not nil: some From text can't be read with certainty, or there is none
}

// AuthorsOf reads the From fields (RFC 5322 section 3.6.2). Several fields are
// no error by themselves: each is read. A field that is over 64 KiB or that
// makes more than 100 mailboxes in all sets Err. Encoded words (RFC 2047) are
// never decoded: no address can come from one.
func AuthorsOf(h Header) Authors {
	var r reading
	for _, f := range h {
		if f.Is("From") {
			r.Fields++
			r.field(f.Value())
		}
	}
	if r.Fields == 0 {
		r.fail(errors.New("no From field"))
	}
	return r.Authors
}

// A reading is the Authors as they are collected.
type reading struct {
	Authors
	mailboxes int
	salvaged  int // @ seen by salvage
}

func (r *reading) field(value string) {
	err := r.parse(value)
	if err != nil {
		r.fail(err)
		r.salvage(value)
	}
}

func (r *reading) parse(value string) error {
	switch {
	case len(value) > maxFromField:
		return fmt.Errorf("field over %d bytes", maxFromField)
	case r.mailboxes > maxMailboxes:
		return errTooMany
	}
	if err := checkText(value); err != nil {
		return err
	}
	before := r.mailboxes
	tokens, comments, err := lex(value)
	if err != nil {
		return err
	}
	for _, c := range comments {
		r.salvage(c)
	}
	p := parser{r: r, text: value, tokens: tokens}
	if err := p.list(); err != nil {
		return err
	}
	if r.mailboxes == before {
		return errors.New("no address")
	}
	return nil
}

// fail keeps the first reason.
func (r *reading) fail(err error) {
	if r.Err == nil {
		r.Err = fmt.Errorf("message: From: %w", err)
	}
}

func (r *reading) add(domain, local string) {
	for _, a := range r.List {
		if a.Domain == domain {
			return
		}
	}
	if len(r.List) == maxMailboxes {
		r.fail(errTooMany)
		return
	}
	a := Author{Domain: domain}
	if local != "" {
		a.Address = local + "@" + domain
	}
	r.List = append(r.List, a)
}

// salvage lists every domain after an @, wherever it stands: in a comment, or in
// a field that can't be read, where a mail program might see it all the same.
func (r *reading) salvage(text string) {
	for {
		local, rest, ok := strings.Cut(text, "@")
		if !ok {
			return
		}
		if r.salvaged++; r.salvaged > maxSalvaged {
			r.fail(errTooMany)
			return
		}
		text = rest
		rest = strings.TrimLeft(rest[:min(len(rest), maxDomainText)], " \t\r\n")
		found := strings.Trim(rest[:domainLen(rest)], ".")
		if domain, err := lookup(found); err == nil {
			r.add(domain, local[localStart(local):])
		}
	}
}

// domainLen is the length of the longest start of s that may be part of a domain.
func domainLen(s string) int {
	n := 0
	for n < len(s) && (isDomainByte(s[n]) || s[n] >= 0x80) {
		n++
	}
	return n
}

// localStart is where the dot-atom begins that ends s.
func localStart(s string) int {
	n := len(s)
	for n > 0 && (isAtext(s[n-1]) || s[n-1] == '.') {
		n--
	}
	return n
}
