package dmarc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/message"
	"assay/auth/spf"
)

// A credential is what SPF or one signature says about a domain.
type credential struct {
	domain string // normal
	dkim   bool   // else SPF
	passed bool   // else it is temperror
}

// credentials lists the authenticated identifiers (RFC 9989 sections 4.4.1 and
// 4.4.2) and those that only a DNS failure kept from authentication: at most
// MaxIdentifiers. SPF counts for the MAIL FROM identity only.
func credentials(s spf.Outcome, d []dkim.Outcome) []credential {
	list := make([]credential, 0, min(1+len(d), MaxIdentifiers))
	add := func(c credential, name string) {
		var ok bool
		c.domain, ok = normalize(name)
		if ok && len(list) < MaxIdentifiers && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	if s.Identity == spf.MailFrom && (s.Result == spf.Pass || s.Result == spf.TempError) {
		add(credential{passed: s.Result == spf.Pass}, s.Domain)
	}
	for i := range d {
		if o := &d[i]; !o.Testing && (o.Result == dkim.Pass || o.Result == dkim.TempError) {
			add(credential{dkim: true, passed: o.Result == dkim.Pass}, o.Domain)
		}
	}
	return list
}

// align fills in the alignment of the credentials with the author domain, where the
// walk started. The error tells what DNS left open: it is of no matter if
// something else is aligned.
func (l *lookups) align(o *Outcome, w *walk, list []credential) (left error) {
	for _, c := range list {
		if w.asksFor(c.domain) {
			l.beginWalk(c.domain)
		}
	}
	for _, c := range list {
		relaxed, err := l.related(w, c.domain)
		if errors.Is(err, dns.ErrSpent) { // as those past MaxIdentifiers
			relaxed, err = no, nil
		}
		aligned := relaxed
		if o.Record != nil && o.Record.mode(c) == Strict {
			aligned = truth(c.domain == w.domain)
		}
		if c.passed {
			o.record(c, relaxed == yes, aligned == yes)
		} else if aligned != no {
			o.AlignedTempError = true
			left = fmt.Errorf("dmarc: %s of %s, which may be aligned, is temperror", c.method(), c.domain)
		}
		if aligned == open && err != nil {
			left = err
		}
	}
	return left
}

func (c credential) method() string {
	if c.dkim {
		return "dkim"
	}
	return "spf"
}

// mode is the alignment mode that the record asks for.
func (r *Record) mode(c credential) AlignmentMode {
	if c.dkim {
		return r.ADKIM
	}
	return r.ASPF
}

// record notes the alignment of an authenticated identifier.
func (o *Outcome) record(c credential, relaxed, aligned bool) {
	if c.dkim {
		o.DKIMRelaxed, o.DKIMAligned = o.DKIMRelaxed || relaxed, o.DKIMAligned || aligned
	} else {
		o.SPFRelaxed, o.SPFAligned = relaxed, aligned // there is one
	}
}

// related tells whether a domain has the Organizational Domain of the domain where the
// walk started; the error is what leaves it open. Equal domains have, whatever DNS says.
func (l *lookups) related(w *walk, domain string) (ternary, error) {
	switch {
	case domain == w.domain:
		return yes, nil
	case !w.mayShare(domain):
		return no, nil
	case !w.asksFor(domain):
		return open, w.err()
	}
	return related(w, l.walk(domain))
}

// related tells whether two walks lead to one Organizational Domain; the error is what leaves
// it open.
func related(a, b *walk) (ternary, error) {
	same := sameOrg(a, b)
	if same != open {
		return same, nil
	}
	if err := a.err(); err != nil {
		return open, err
	}
	return open, b.err()
}

// mayShare tells whether a domain can have the Organizational Domain of w at all. Most
// domains of third parties can't, and then no question about them is asked.
func (w *walk) mayShare(domain string) bool {
	if w.errs == 0 {
		return message.IsWithin(domain, w.org)
	}
	top := w.domain[strings.LastIndexByte(w.domain, '.')+1:]
	return message.IsWithin(domain, top)
}

// asksFor tells whether it takes a tree walk of its own to relate a domain to w's. When
// the record of w's own domain is not known, no walk would make it certain.
func (w *walk) asksFor(domain string) bool {
	return domain != w.domain && w.nodes[0].err == nil && w.mayShare(domain)
}
