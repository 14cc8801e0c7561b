package dmarc

import (
	"errors"
	"fmt"
	"strings"

	"assay/auth/dns"
)

// MaxQueries bounds the DNS queries of one tree walk (RFC 9989 section 4.10).
const MaxQueries = 8

// walkDomains lists the domains whose records a tree walk asks for, in its order
// (RFC 9989 section 4.10, steps 3 to 7): the domain, then its parents with at
// most 7 labels. Policy discovery (section 4.10.1) asks for the same names. They are put into room.
func walkDomains(room *[MaxQueries]string, domain string) []string {
	domains := append(room[:0], domain)
	parent := parentOf(domain)
	for labels := strings.Count(domain, "."); labels >= MaxQueries; labels-- {
		parent = parentOf(parent)
	}
	for ; parent != ""; parent = parentOf(parent) {
		domains = append(domains, parent)
	}
	return domains
}

func parentOf(domain string) string {
	_, parent, _ := strings.Cut(domain, ".")
	return parent
}

// A node is what the walk found at one domain.
type node struct {
	domain   string
	record   *Record // nil when there is none, or several
	nxdomain bool    // _dmarc.domain does not exist
	several  int     // how many DMARC records were discarded because there was more than one
	err      error   // no answer was had
}

// readNode reads the answer for _dmarc.domain (RFC 9989 section 4.10, step 2).
func readNode(domain string, answer *dns.Answer, err error) node {
	n := node{domain: domain, nxdomain: answer.NXDomain}
	if err != nil {
		n.err = fmt.Errorf("dmarc: _dmarc.%s: %w", domain, err)
		return n
	}
	found := 0
	for _, text := range answer.Texts {
		rest, ok := afterVersion(text)
		if !ok {
			continue
		}
		if found++; found == 1 && len(text) <= maxRecord {
			n.record = parseTags(text, rest)
		}
	}
	if found > 1 {
		n.record, n.several = nil, found
	}
	return n
}

// stops tells whether the walk ends here (RFC 9989 section 4.10, steps 2 and 6).
func (n *node) stops() bool { return n.record != nil && n.record.PSD != 'u' }

// A walk is a tree walk, as far as it goes: up to the first node that stops it.
// Names that could not be looked up are among its nodes.
type walk struct {
	domain string // where it started
	nodes  []node

	org  string // the Organizational Domain; a failed name counts as one without a record
	psl  bool   // no record was found: org is by the Public Suffix List
	errs int    // how many nodes failed: each could have changed the outcome
}

// newWalk takes the nodes up to the first that stops the walk, at least one, and
// selects the Organizational Domain.
func newWalk(domain string, nodes []node) *walk {
	w := &walk{domain: domain, nodes: nodes}
	for i := range nodes {
		if nodes[i].err != nil {
			w.errs++
		}
	}
	w.org, w.psl = w.selectOrg()
	return w
}

// selectOrg selects the Organizational Domain (RFC 9989 section 4.10.2): the
// domain of a psd=n; else the one below a psd=y, except where the walk started;
// else that of the last record, which has the fewest labels.
func (w *walk) selectOrg() (org string, psl bool) {
	for i := range w.nodes {
		n := &w.nodes[i]
		switch {
		case n.record == nil:
		case i > 0 && n.record.PSD == 'y':
			return childOf(w.domain, n.domain), false
		default:
			org = n.domain
		}
	}
	if org == "" {
		return Registrable(w.domain), true
	}
	return org, false
}

// err is the first failure of the walk; of one whose questions were too many, that.
func (w *walk) err() (first error) {
	for i := range w.nodes {
		switch err := w.nodes[i].err; {
		case errors.Is(err, dns.ErrSpent):
			return err
		case first == nil:
			first = err
		}
	}
	return first
}

// policyNode finds the record to be applied to an Author Domain, where the walk
// started: its own, else that of its Organizational Domain, else that of its
// Public Suffix Domain (RFC 9989 section 4.10.1). Nil means that there is none.
// The error tells that a name failed whose record could have been the one.
func (w *walk) policyNode() (*node, error) {
	author, last := &w.nodes[0], &w.nodes[len(w.nodes)-1]
	if author.err == nil && author.record != nil {
		return author, nil
	}
	if err := w.err(); err != nil {
		return nil, err
	}
	for i := range w.nodes {
		if n := &w.nodes[i]; n.record != nil && n.domain == w.org {
			return n, nil
		}
	}
	if last.stops() {
		return last, nil
	}
	return nil, nil
}

// A ternary is a truth value that a DNS failure may leave open.
type ternary int8

const (
	no ternary = iota
	open
	yes
)

func truth(b bool) ternary {
	if b {
		return yes
	}
	return no
}

// sameOrg tells whether two walks from different domains lead to one
// Organizational Domain. Where names failed, it is open only if their records
// could make the difference.
func sameOrg(a, b *walk) ternary {
	if a.errs == 0 && b.errs == 0 {
		return truth(a.org == b.org)
	}
	i, j, ok := firstShared(a, b)
	if !ok {
		return no // they have no parent in common, or end before they reach it
	}
	// The same records above the first shared name give the same domain: what
	// is left is whether there are any, and what lies on the ways there.
	return min(hasRecord(a.nodes[i:]), noBoundary(a, b, i, j),
		endless(a.nodes[:i]), endless(b.nodes[:j]))
}

// firstShared finds the first node that is part of both walks.
func firstShared(a, b *walk) (i, j int, ok bool) {
	for i = range a.nodes {
		for j = range b.nodes {
			if a.nodes[i].domain == b.nodes[j].domain {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// hasRecord tells whether any of the nodes has a record.
func hasRecord(nodes []node) ternary {
	result := no
	for i := range nodes {
		if nodes[i].record != nil {
			return yes
		}
		if nodes[i].err != nil {
			result = open
		}
	}
	return result
}

// endless tells whether no node ends the walk.
func endless(nodes []node) ternary {
	result := yes
	for i := range nodes {
		if nodes[i].stops() {
			return no
		}
		if nodes[i].err != nil {
			result = open
		}
	}
	return result
}

// noBoundary tells whether the first shared node, a's i-th and b's j-th, is no Public
// Suffix Domain, which would put its children into different organizations.
func noBoundary(a, b *walk, i, j int) ternary {
	n := &a.nodes[i]
	switch {
	case i > 0 && j > 0 && childOf(a.domain, n.domain) == childOf(b.domain, n.domain):
		return yes
	case n.err != nil:
		return open
	}
	return truth(n.record == nil || n.record.PSD != 'y')
}
