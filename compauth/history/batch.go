package history

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"assay/compauth"
)

// A kind is what a domain pair is a pair with. The numbers are stored.
type kind int

const (
	kindPTR kind = iota + 1
	kindDKIM
	kindNetwork
	kindAddress // From address, recipient and what sent the message

	kindContact // of questions alone: contacts have a table of their own
)

// A pairKey is what messages are counted by. Until it is written, that of an address has
// the recipient as infra and the From address as org, and names what sent the message.
type pairKey struct {
	kind       kind
	infra, org string
	via        string // of kindAddress alone
	day        int64
}

// clone keeps no message alive.
func (k pairKey) clone() pairKey {
	k.infra, k.org, k.via = strings.Clone(k.infra), strings.Clone(k.org), strings.Clone(k.via)
	return k
}

// counts are of messages.
type counts struct{ good, failed, other int64 }

// countsOf is one message with this verdict.
func countsOf(v compauth.Verdict) counts {
	switch {
	case isGood(v):
		return counts{good: 1}
	case v.Result == compauth.Fail:
		return counts{failed: 1}
	}
	return counts{other: 1}
}

// isGood tells whether the message was authenticated by more than a hint: what only a hint
// spoke for must not become history that speaks for the next one.
func isGood(v compauth.Verdict) bool {
	switch v.Reason {
	case 100, 101, 102, 109, 130:
		return v.Result == compauth.Pass
	}
	return false
}

// A contactKey is a user of ours and an Organizational Domain that the user wrote to.
type contactKey struct{ user, org string }

// A sightingKey is a Sighting without Count and LastSeen, which are zero, of a day.
type sightingKey struct {
	Sighting
	day int64
}

type seen struct{ n, last int64 }

// A batch is what was recorded and not yet written, added up. The keys are copies: no
// message is kept alive by them.
type batch struct {
	pairs     map[pairKey]counts
	contacts  map[contactKey]int64 // the last day
	sightings map[sightingKey]seen
	uses      map[string]int64 // the last time

	room    int // for keys
	dropped int // what found no room
}

func newBatch(room int) *batch {
	return &batch{
		pairs:     make(map[pairKey]counts),
		contacts:  make(map[contactKey]int64),
		sightings: make(map[sightingKey]seen),
		uses:      make(map[string]int64),
		room:      room,
	}
}

func (b *batch) size() int {
	return len(b.pairs) + len(b.contacts) + len(b.sightings) + len(b.uses)
}

// full tells, and counts, that a new key finds no room.
func (b *batch) full() bool {
	if b.size() < b.room {
		return false
	}
	b.dropped++
	return true
}

// A record is a message and what has to be computed of it.
type record struct {
	*Message
	from  string
	via   string
	rcpt  []string
	orgs  []string  // of the recipients of an outbound message
	pairs []pairKey // without a day, of one that is not
}

func newRecord(m *Message) record {
	r := record{Message: m, from: address(m.From)}
	r.rcpt, _ = addresses(m.Rcpt)
	if !m.Outbound {
		r.pairs, r.via = m.infrastructures()
		return r
	}
	for _, rcpt := range r.rcpt {
		r.orgs = appendNew(r.orgs, keyText(registrable(rcpt)))
	}
	return r
}

// add adds one message.
func (b *batch) add(r *record) {
	day := dayOf(r.Time)
	if r.Outbound {
		for _, org := range r.orgs {
			b.addContact(r.from, org, day)
		}
		return
	}
	b.addPairs(r, day)
	if r.Sighting != nil {
		b.addSighting(r.Sighting, r.Time)
	}
	if r.Entry != "" {
		b.addUse(r.Entry, r.Time)
	}
}

func (b *batch) addPairs(r *record, day int64) {
	c := countsOf(r.Verdict)
	for _, k := range r.pairs {
		k.day = day
		b.addPair(k, c)
	}
	if r.via == "" {
		return
	}
	for _, rcpt := range r.rcpt {
		b.addPair(pairKey{kindAddress, rcpt, r.from, r.via, day}, c)
	}
}

// infrastructures are the pairs of the From domain and what sent the message, in the order of
// their reasons, without a day.
//
// Via is what sent the message, as far as the pair of two addresses is concerned: the PTR organization, else
// the network; "" for neither. A signature does not count: what was signed once can be sent again from anywhere.
func (p *Pair) infrastructures() (list []pairKey, via string) {
	org, ptr, network := keyText(p.OrgDomain), keyText(p.PTR), ""
	if p.Network.IsValid() {
		network = p.Network.Masked().String()
	}
	via = cmp.Or(ptr, network)
	if org == "" {
		return nil, via
	}
	list = make([]pairKey, 0, 2+min(len(p.DKIM), maxDKIM))
	if ptr != "" {
		list = append(list, pairKey{kind: kindPTR, infra: ptr, org: org})
	}
	for _, d := range p.DKIM[:min(len(p.DKIM), maxDKIM)] {
		if k := (pairKey{kind: kindDKIM, infra: keyText(d), org: org}); k.infra != "" && !slices.Contains(list, k) {
			list = append(list, k)
		}
	}
	if network != "" {
		list = append(list, pairKey{kind: kindNetwork, infra: network, org: org})
	}
	return list, via
}

func (b *batch) addPair(k pairKey, c counts) {
	if k.infra == "" || k.org == "" {
		return
	}
	old, known := b.pairs[k]
	if !known {
		if b.full() {
			return
		}
		k = k.clone()
	}
	b.pairs[k] = counts{old.good + c.good, old.failed + c.failed, old.other + c.other}
}

func (b *batch) addContact(user, org string, day int64) {
	if user == "" || org == "" {
		return
	}
	k := contactKey{user, org}
	old, known := b.contacts[k]
	if !known {
		if b.full() {
			return
		}
		k = contactKey{strings.Clone(user), strings.Clone(org)}
	}
	if !known || day > old {
		b.contacts[k] = day
	}
}

func (b *batch) addSighting(s *Sighting, t time.Time) {
	k := sightingKey{*s, dayOf(t)}
	k.Count, k.LastSeen = 0, time.Time{}
	texts := k.texts()
	for _, text := range texts {
		*text = clip(*text)
	}
	old, known := b.sightings[k]
	if !known {
		if b.full() {
			return
		}
		for _, text := range texts {
			*text = strings.Clone(*text)
		}
	}
	b.sightings[k] = seen{old.n + 1, max(old.last, t.Unix())}
}

// texts are the texts that the From domain, DNS and the configuration give. The results are
// those of the code.
func (s *Sighting) texts() []*string {
	return []*string{&s.Domain, &s.Infrastructure, &s.Policy, &s.Entry, &s.Action}
}

func (b *batch) addUse(entry string, t time.Time) {
	if len(entry) > maxEntry || !storable(entry) {
		return
	}
	old, known := b.uses[entry]
	if !known {
		if b.full() {
			return
		}
		entry = strings.Clone(entry)
	}
	b.uses[entry] = max(old, t.Unix())
}
