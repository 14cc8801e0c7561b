// Package spoof keeps the list of the spoofed senders: the pairs of a From domain or
// address and a sending infrastructure that the admin allows or blocks.
//
// Divergences from the RFC: none; no RFC defines it. The local part of an address is
// compared without regard to case and quotes, though a host may tell Joe from joe
// (RFC 5321 section 2.4): otherwise whoever changes the case of a letter gets around a block.
// Letters that Unicode can write in several ways are not made the same (RFC 6532 section 3.1).
package spoof

import (
	"math/bits"
	"net/netip"
	"strings"
	"time"

	"assay/auth/message"
)

// A Sender is what the entries of a List are compared with: who the message is from and
// what sent it.
type Sender struct {
	Address  string     // the From address; "" when only the domain is sure
	Domain   string     // the From domain, lower case, A-labels
	Internal bool       // the From domain is, or is below, one of our own
	Names    []string   // verified DKIM domains and confirmed PTR names of the client, lower case
	IP       netip.Addr // the client; the zero Addr when it is not known

	// Claimed are domains that may have signed the message: it is not known for a limit. They count for
	// entries that block only. More says that there may be others: then every domain does.
	Claimed []string
	More    bool
}

// A List is the entries in force. It does not change and is safe for concurrent use.
// The zero value and nil have no entries.
type List struct {
	entries []Entry // no two of the same pairKey
	pairs   map[pairKey]int
	users   map[userKey]infrastructures
	blocks  bool // one of them does
}

// A userKey is the half of an entry that is looked for first: few senders have one.
type userKey struct {
	user            User
	block, internal bool
}

// A pairKey is what an entry is found by.
type pairKey struct {
	userKey
	infrastructure Infrastructure
}

func (e Entry) key() pairKey {
	return pairKey{userKey{e.User, e.Block, e.Internal}, e.Infrastructure}
}

// infrastructures tells what a user has entries for: which lengths the networks have, as bits, and 1 + the
// index of the entry for a domain that lasts longest, 0 for none.
type infrastructures struct {
	v4     uint64
	v6     [3]uint64
	domain int
}

func (n *infrastructures) add(p netip.Prefix) {
	switch {
	case !p.IsValid():
	case p.Addr().Is4():
		n.v4 |= 1 << p.Bits()
	default:
		n.v6[p.Bits()/64] |= 1 << (p.Bits() % 64)
	}
}

// NewList makes a list of entries as ParseEntry gives them, in any order. Of several for the
// same pair that all allow or all block, the one that lasts longest counts. An
// entry for everybody and any infrastructure is passed over.
func NewList(entries ...Entry) *List {
	l := newList(len(entries))
	for _, e := range entries {
		l.add(e)
	}
	return l
}

// newList makes an empty list with room for entries.
func newList(room int) *List {
	return &List{entries: make([]Entry, 0, room), pairs: make(map[pairKey]int, room), users: map[userKey]infrastructures{}}
}

func (l *List) add(e Entry) {
	if e.everything() {
		return
	}
	l.blocks = l.blocks || e.Block
	key := e.key()
	i, known := l.pairs[key]
	switch {
	case !known:
		i = len(l.entries)
		l.pairs[key] = i
		l.entries = append(l.entries, e)
	case e.outlasts(l.entries[i]):
		l.entries[i] = e
	default:
		return
	}
	n := l.users[key.userKey]
	n.add(e.Infrastructure.Network)
	if e.Infrastructure.Domain != "" && (n.domain == 0 || e.outlasts(l.entries[n.domain-1])) {
		n.domain = i + 1
	}
	l.users[key.userKey] = n
}

// Blocks tells whether there is an entry that blocks, if only an expired one.
func (l *List) Blocks() bool { return l != nil && l.blocks }

// Len is how many entries there are, expired ones too.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.entries)
}

// Match finds the entry for a sender that has not expired: a block before an allow, then the
// most specific. That is the one for the address, then the domain, then the nearest domain
// above that has its subdomains in it, then everybody; of these, the one for the first of
// the Names that has any, and there the nearest, then the smallest network, then any
// infrastructure; of the entries that block, last one for what is Claimed. It costs no memory for names in
// lower-case ASCII, and its time does not grow with the length of the list.
func (l *List) Match(s Sender, now time.Time) (Entry, bool) {
	if l.Len() == 0 {
		return Entry{}, false
	}
	domain, err := message.ToASCII(s.Domain)
	if err != nil {
		return Entry{}, false
	}
	m := matcher{list: l, names: s.Names, maybe: s.Claimed, more: s.More, ip: s.IP.Unmap().WithZone(""), now: now}
	local, _ := message.SplitAddress(s.Address)
	local = plainLocal(local)
	for _, block := range [...]bool{true, false} {
		m.key.userKey = userKey{block: block, internal: s.Internal}
		if i, ok := m.author(local, domain); ok {
			return l.entries[i], true
		}
	}
	return Entry{}, false
}

// A matcher looks for the entry for one sender; key is what it looks for just now.
type matcher struct {
	list  *List
	names []string
	maybe []string // of Sender.Claimed
	more  bool
	ip    netip.Addr
	now   time.Time
	key   pairKey
}

// author tries every user that a From address may be meant by.
func (m *matcher) author(local, domain string) (int, bool) {
	if local != "" {
		if i, ok := m.user(User{Local: local, Domain: domain}); ok {
			return i, true
		}
	}
	if i, ok := m.user(User{Domain: domain}); ok {
		return i, true
	}
	for above, more := domain, true; more; _, above, more = strings.Cut(above, ".") {
		if i, ok := m.user(User{Domain: above, Subdomains: true}); ok {
			return i, true
		}
	}
	return m.user(User{})
}

// user tries every infrastructure with one user.
func (m *matcher) user(u User) (int, bool) {
	m.key.user = u
	known, ok := m.list.users[m.key.userKey]
	if !ok {
		return 0, false
	}
	if i, ok := m.anyName(m.names); ok {
		return i, true
	}
	if i, ok := m.network(&known); ok {
		return i, true
	}
	if i, ok := m.pair(Infrastructure{}); ok || !m.key.block {
		return i, ok
	}
	return m.claimed(known.domain)
}

// claimed tries what may have signed the message, which is no way around a block. Domain is as in infrastructures.
func (m *matcher) claimed(domain int) (int, bool) {
	if domain == 0 {
		return 0, false
	}
	if i, ok := m.anyName(m.maybe); ok {
		return i, true
	}
	return domain - 1, m.more && !m.list.entries[domain-1].Expired(m.now)
}

// anyName tries names in their order.
func (m *matcher) anyName(names []string) (int, bool) {
	for _, name := range names {
		if i, ok := m.name(name); ok {
			return i, true
		}
	}
	return 0, false
}

// name tries a domain and those above it.
func (m *matcher) name(name string) (int, bool) {
	name, err := message.ToASCII(name)
	if err != nil {
		return 0, false
	}
	for more := true; more; _, name, more = strings.Cut(name, ".") {
		if i, ok := m.pair(Infrastructure{Domain: name}); ok {
			return i, true
		}
	}
	return 0, false
}

// network tries the networks around the client, the smallest first.
func (m *matcher) network(n *infrastructures) (int, bool) {
	switch {
	case m.ip.Is4():
		return m.lengths(n.v4, 0)
	case m.ip.Is6():
		for word := len(n.v6) - 1; word >= 0; word-- {
			if i, ok := m.lengths(n.v6[word], 64*word); ok {
				return i, true
			}
		}
	}
	return 0, false
}

// lengths tries the networks with the lengths that are set, counted from base.
func (m *matcher) lengths(set uint64, base int) (int, bool) {
	for set != 0 {
		length := bits.Len64(set) - 1
		set &^= 1 << length
		network, err := m.ip.Prefix(base + length)
		if err != nil {
			continue
		}
		if i, ok := m.pair(Infrastructure{Network: network}); ok {
			return i, true
		}
	}
	return 0, false
}

// pair looks up the key with an infrastructure.
func (m *matcher) pair(f Infrastructure) (int, bool) {
	m.key.infrastructure = f
	i, ok := m.list.pairs[m.key]
	return i, ok && !m.list.entries[i].Expired(m.now)
}
