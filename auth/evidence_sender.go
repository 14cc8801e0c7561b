package auth

import (
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/publicsuffix"

	"assay/auth/dkim"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/compauth/history"
	"assay/compauth/spoof"
)

// verified lists the domains whose signatures pass, in the order of the header and without
// repetition. A key in testing says nothing (RFC 6376 section 3.6.1).
func verified(outcomes []dkim.Outcome) []string {
	var domains []string
	for i := range outcomes {
		if o := &outcomes[i]; o.Result == dkim.Pass && !o.Testing && !slices.Contains(domains, o.Domain) {
			domains = append(domains, o.Domain)
		}
	}
	return domains
}

// senders are the names that tell what sent a message, which several steps need.
type senders struct {
	signed  []string // the domains of verified
	telling []string // the confirmed PTR names of telling
	known   bool
}

// knownSenders are those of the report.
func (r *Report) knownSenders() senders {
	if r.senders.known {
		return r.senders
	}
	return r.findSenders()
}

func (r *Report) findSenders() senders {
	return senders{signed: verified(r.DKIM), telling: telling(r.IPRev.Confirmed, r.IPRev.IP), known: true}
}

// infrastructure names what sent the message: the first verified DKIM domain, of those in an
// author's organization if there are any; else the PTR organization; else the network. A name that
// only repeats the client's address tells no organization.
func (r *Report) infrastructure() string {
	known := r.knownSenders()
	domains := known.signed
	for _, domain := range domains {
		for i := range r.Authored {
			if org := r.Authored[i].OrgDomain; org != "" && message.IsWithin(domain, org) {
				return domain
			}
		}
	}
	if len(domains) > 0 {
		return domains[0]
	}
	if org := ptrOrg(known.telling); org != "" {
		return org
	}
	if network := iprev.Network(r.Envelope.IP); network.IsValid() {
		return network.String()
	}
	return ""
}

// telling leaves out the PTR names that only repeat the client's address: an access provider or hoster
// gives them to whoever is its customer.
func telling(names []string, client netip.Addr) []string {
	return without(names, func(name string) bool { return iprev.Generic(name, client) })
}

// without leaves out the names for which drop is true. It changes nothing in names, and gives them
// themselves where nothing is left out.
func without(names []string, drop func(name string) bool) []string {
	first := slices.IndexFunc(names, drop)
	if first < 0 {
		return names
	}
	kept := slices.Clone(names[:first])
	for _, name := range names[first+1:] {
		if !drop(name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// named leaves out, too, the names of organizations that many others use: that a client has one says
// nothing about a From domain of that organization but the one of that name.
func (v *Verifier) named(names []string, client netip.Addr, author string) []string {
	return without(telling(names, client), func(name string) bool { return name != author && v.shared(name) })
}

// shared tells whether a name is of an organization that takes or sends mail for many others.
func (v *Verifier) shared(name string) bool {
	return iprev.SharedMX(name) || withinAny(name, v.SharedMX)
}

// ptrOrg is the registrable domain of the client's confirmed PTR name; "" when there is none. Of
// several it is the first of the alphabet: DNS may turn them round.
func ptrOrg(confirmed []string) string {
	first := ""
	for _, name := range confirmed {
		if org, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil && (first == "" || org < first) {
			first = org
		}
	}
	return first
}

// entry is the entry of the spoofed-senders list for a From domain; nil for none. Of several
// mailboxes one that is blocked is enough, and each has to be allowed: a mail program may show
// any one of them.
func (v *Verifier) entry(r *Report, i int) *spoof.Entry {
	if v.Spoofed.Len() == 0 {
		return nil
	}
	author := r.Authors.List[i]
	sender := spoof.Sender{
		Address:  author.Address,
		Domain:   author.Domain,
		Internal: v.accepts(author.Domain),
		Names:    slices.Concat(r.knownSenders().signed, r.IPRev.Confirmed),
		IP:       r.Envelope.IP,
		Claimed:  r.claims.domains,
		More:     r.claims.more,
	}
	now := time.Now()
	found, ok := v.Spoofed.Match(sender, now)
	for _, sender.Address = range author.More {
		entry, matches := v.Spoofed.Match(sender, now)
		if ok = ok && matches; matches && entry.Block {
			return &entry
		}
	}
	if found.Block || ok {
		return &found
	}
	return nil
}

// pair is what the history knows a From domain and its senders by. An organization that sends for many
// others is no sign of one of them, nor is a domain that may be the author's own.
func (v *Verifier) pair(r *Report, i int, related relation) history.Pair {
	known, network := r.knownSenders(), iprev.Network(r.Envelope.IP)
	names, domains := known.telling, without(known.signed, v.shared)
	if len(domains) < len(known.signed) || slices.ContainsFunc(r.IPRev.Confirmed, v.shared) {
		network = netip.Prefix{} // it is not this sender's alone
		names = without(names, v.shared)
	}
	p := history.Pair{
		OrgDomain: r.Authored[i].OrgDomain,
		PTR:       ptrOrg(names),
		DKIM: without(domains, func(domain string) bool {
			own, err := related(domain)
			return own || err != nil
		}),
		Network: network,
		Rcpt:    r.Envelope.Rcpt,
	}
	if author := &r.Authors.List[i]; len(author.More) == 0 { // else: which of them is it?
		p.From = author.Address
	}
	return p
}
