package arc

import (
	"strings"

	"assay/auth/message"
)

// A Sealer is one entry of the trusted sealers, as ParseSealer reads it. Two are equal
// when they mean the same. The zero value is no entry.
type Sealer struct {
	Domain     string // lower case, A-labels, no dot at either end
	Subdomains bool   // every name below Domain is meant, too
}

// String is the entry as it is written: "example.org", or ".example.org" with its
// subdomains.
func (s Sealer) String() string {
	if s.Subdomains {
		return "." + s.Domain
	}
	return s.Domain
}

// IndexSealers makes a list fit for finding entries in it: true for those that it has.
func IndexSealers(list []Sealer) map[Sealer]bool {
	index := make(map[Sealer]bool, len(list))
	for _, s := range list {
		index[s] = true
	}
	return index
}

// Sealers says whose word about a message counts although the message was changed
// since: the domains whose ARC sets are trusted (RFC 8617 section 7.2 leaves to the
// receiver which these are). It does not change and is safe for concurrent use. The
// zero value and nil trust nobody.
type Sealers struct {
	domains map[string]bool // true: with its subdomains
}

// NewSealers makes a list of entries as ParseSealer gives them, in any order. An
// entry may be there several times.
func NewSealers(entries ...Sealer) *Sealers {
	domains := make(map[string]bool, len(entries))
	for _, e := range entries {
		domains[e.Domain] = domains[e.Domain] || e.Subdomains
	}
	return &Sealers{domains: domains}
}

// Len is how many domains are trusted, each with its subdomains counted as one.
func (s *Sealers) Len() int {
	if s == nil {
		return 0
	}
	return len(s.domains)
}

// Trusts tells whether a domain is in the list, or below one that is trusted with
// its subdomains. Case does not count, U-labels are as good as A-labels, and text
// that is no domain name is not trusted. The time it takes depends on the labels of
// the domain, not on the length of the list; an ASCII name in lower case costs no
// memory.
func (s *Sealers) Trusts(domain string) bool {
	_, ok := s.Entry(domain)
	return ok
}

// Entry is the entry by which Trusts trusts a domain, the nearest if there are
// several; false if there is none.
func (s *Sealers) Entry(domain string) (Sealer, bool) {
	if s.Len() == 0 {
		return Sealer{}, false
	}
	name, err := message.ToASCII(domain)
	if err != nil {
		return Sealer{}, false
	}
	if subdomains, ok := s.domains[name]; ok {
		return Sealer{Domain: name, Subdomains: subdomains}, true
	}
	for {
		_, parent, ok := strings.Cut(name, ".")
		if !ok {
			return Sealer{}, false
		}
		if name = parent; s.domains[name] {
			return Sealer{Domain: name, Subdomains: true}, true
		}
	}
}
