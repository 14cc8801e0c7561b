package message

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits of what is read of the From fields. What lies beyond sets Err.
const (
	maxMailboxes = 100      // and domains in all
	maxFromField = 64 << 10 // bytes; longer fields are searched for domains, not parsed
)

// An Author is one domain that the From fields name (RFC 9989 section 3.2.2).
type Author struct {
	Domain  string // lower case, A-labels, no final dot
	Address string // the first mailbox with this domain, as local-part@domain; "" when only the domain is sure

	// More are further mailboxes with this domain, each once: some mail programs show one of them only.
	More []string
}

// Authors is what the From fields of a message say.
//
// When Err is nil, List has every domain that a mail program could take for the
// author's, and at least one. When it is not, List also has the domains that were
// found anywhere in the unreadable text, for evidence: no list then makes a
// message pass.
//
// The domains of addresses come first, those of all fields, so that no other text
// can hide them; then the domains that were found in display names, comments and
// unreadable text, each in the order of the header.
type Authors struct {
	List   []Author // one per distinct domain; at most 100
	Fields int      // how many From fields there are
	Err    error    // not nil: some From text can't be read with certainty, or there is none
}

// AuthorsOf reads the From fields (RFC 5322 section 3.6.2). Several fields are
// no error by themselves: each is read. A field that is over 64 KiB or that
// makes more than 100 mailboxes in all sets Err, and so do more than 100 domains, and a field
// that is Unread.
// Encoded words (RFC 2047) in a readable field are not decoded: no address can come
// from one. In an unreadable field they are searched for domains too.
func AuthorsOf(h Header) Authors {
	var r reading
	for _, f := range h {
		if !f.Is("From") {
			continue
		}
		if r.Fields++; f.Unread {
			r.fail(errUnread)
		} else {
			r.field(f.Value())
		}
	}
	if r.Fields == 0 {
		r.fail(errors.New("no From field"))
	}
	return r.finish()
}

var errUnread = errors.New("a field past the limits of the header")

// A reading is the Authors as they are collected; List has those of addresses.
type reading struct {
	Authors
	mailboxes int
	found     []Author // in other text
}

func (r *reading) field(value string) {
	if err := r.parse(value); err != nil {
		r.fail(err)
		r.salvageAll(value)
	}
}

// finish puts what was found elsewhere behind the addresses.
func (r *reading) finish() Authors {
	for _, a := range r.found {
		if !r.add(a) {
			break
		}
	}
	return r.Authors
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
	p := parser{r: r, finder: finder{text: value}, text: value, tokens: tokens}
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

// add lists an author if its domain is new; false: there is no room for it.
func (r *reading) add(a Author) bool {
	list, ok := appendNew(r.List, a)
	if !ok {
		r.fail(errTooMany)
	}
	r.List = list
	return ok
}

// addFound keeps a domain from other text than an address, as add does.
func (r *reading) addFound(domain, local string) bool {
	list, ok := appendNew(r.found, newAuthor(domain, local))
	if !ok {
		r.fail(errTooMany)
	}
	r.found = list
	return ok
}

func newAuthor(domain, local string) Author {
	if local == "" || !utf8.ValidString(local) {
		return Author{Domain: domain}
	}
	return Author{Domain: domain, Address: local + "@" + domain}
}

// appendNew appends a, or adds it to the author of the same domain; not ok if there is no room.
func appendNew(list []Author, a Author) (_ []Author, ok bool) {
	for i := range list {
		if list[i].Domain == a.Domain {
			return list, list[i].addAddress(a.Address) && list[i].addAddresses(a.More)
		}
	}
	if len(list) == maxMailboxes {
		return list, false
	}
	return append(list, a), true
}

// addAddress lists a mailbox, unless it is listed; false: there is no room for it.
func (a *Author) addAddress(address string) bool {
	switch {
	case address == "" || address == a.Address || slices.Contains(a.More, address):
	case a.Address == "":
		a.Address = address
	case len(a.More) == maxMailboxes:
		return false
	default:
		a.More = append(a.More, address)
	}
	return true
}

func (a *Author) addAddresses(addresses []string) bool {
	for _, address := range addresses {
		if !a.addAddress(address) {
			return false
		}
	}
	return true
}
