package dmarc

import "fmt"

// A policy is what policy discovery found for an author domain (RFC 9989
// section 4.10.1).
type policy struct {
	walk   *walk
	node   *node    // where the applied record is; nil for none
	issues []string // Outcome.Issues
	err    error    // it is not known which record applies, if any

	published   Policy
	nonExistent bool
	existErr    error // it is not known whether sp or np applies
}

// discover finds the policy for an author domain.
func (l *lookups) discover(domain string) policy {
	p := l.walk(domain).policy()
	if p.asksExistence() {
		exists, err := l.exists(domain)
		p.choose(exists, err)
	}
	return p
}

// policy is what the walk alone tells of the domain where it started. Of a subdomain that is sp.
func (w *walk) policy() policy {
	p := policy{walk: w}
	p.node, p.err = w.policyNode()
	p.issues = w.issues(p.node)
	switch {
	case p.node == nil:
	case p.node.record.NoProcessing:
		p.node = nil
	case p.node.domain == w.domain:
		p.published = p.node.record.Policy
	default:
		p.published, _ = p.node.record.subdomainPolicies()
	}
	return p
}

// asksExistence tells whether the domain's existence makes a difference and is not known
// yet: a domain exists when the _dmarc name below it does (RFC 8020).
func (p *policy) asksExistence() bool {
	if p.node == nil || p.node.domain == p.walk.domain || !p.walk.nodes[0].nxdomain {
		return false
	}
	existing, missing := p.node.record.subdomainPolicies()
	return existing != missing
}

// choose takes the policy for a subdomain: sp, or np if the author domain does
// not exist. Where that is not known the milder of both applies.
func (p *policy) choose(exists bool, err error) {
	existing, missing := p.node.record.subdomainPolicies()
	switch p.existErr = err; {
	case err != nil:
		if missing.strictness() < existing.strictness() {
			p.published = missing
		}
	case !exists:
		p.nonExistent, p.published = true, missing
	}
}

// subdomainPolicies gives the policies for subdomains that exist and for those
// that don't (RFC 9989 section 4.7: sp and np).
func (r *Record) subdomainPolicies() (existing, missing Policy) {
	existing = r.Policy
	if r.SubdomainPolicy != "" {
		existing = r.SubdomainPolicy
	}
	missing = existing
	if r.NonExistentPolicy != "" {
		missing = r.NonExistentPolicy
	}
	return existing, missing
}

// issues says what was wrong with the records of the walk and with the applied one.
func (w *walk) issues(applied *node) []string {
	var issues []string
	for i := range w.nodes {
		if n := &w.nodes[i]; n.several > 0 {
			issues = append(issues, fmt.Sprintf("_dmarc.%s: %d DMARC records, all ignored", n.domain, n.several))
		}
	}
	if applied != nil {
		for _, issue := range applied.record.Issues {
			issues = append(issues, fmt.Sprintf("_dmarc.%s: %s", applied.domain, issue))
		}
	}
	return issues
}

// outcome is what is known before any identifier is looked at.
func (p *policy) outcome() Outcome {
	o := Outcome{
		Author: p.walk.domain, OrgDomain: p.walk.org, PublicSuffixList: p.walk.psl, Issues: p.issues,
	}
	if p.node == nil {
		return o
	}
	o.Record, o.RecordAt = p.node.record, p.node.domain
	o.Published, o.Policy, o.NonExistent = p.published, p.published, p.nonExistent
	if o.Record.Testing {
		o.Policy = o.Policy.milder()
	}
	return o
}
