package arc

import (
	"fmt"
	"iter"
	"strings"

	"assay/auth/authres"
	"assay/auth/message"
)

// An Override says whether what a trusted sealer found may stand in for a DMARC
// failure (RFC 8617 section 7.2.1). The zero value: it may not.
type Override struct {
	// ODA ("original domain authentication") is true when a trusted sealer vouches
	// for the author domain.
	ODA bool

	// Newest is the instance of the newest set if its sealer is trusted, who answers
	// for all that is below; else zero.
	Newest int

	// Instance is that of the set whose results vouch; zero if there is none.
	Instance int

	SPF, DKIM, DMARC Claim // of the set that vouches
}

// A Claim is one result of a set, as far as it is about the author.
type Claim struct {
	Present  bool   // the set has a result of this method
	Pass     bool   // the result is pass, and for the author domain or one aligned with it
	Property string // the property that names the domain: "smtp.mailfrom", "header.d", ...; "" if there is none
	Domain   string // lower case, A-labels; "" if Property is ""
}

// Override looks for a trusted sealer that vouches for an author domain, which is
// in lower case and has A-labels. It goes down from the newest set while the
// domains of ARC-Seal and ARC-Message-Signature are trusted both, to the first set
// whose results have dmarc=pass for the author, or spf=pass or dkim=pass for a
// domain that aligned says is aligned with it. Results that could not be read as
// a whole vouch for nobody.
//
// The chain has to pass, and the newest ARC-Message-Signature to cover every From
// field: else anybody could have put another author there. Nil sealers trust nobody.
func (o Outcome) Override(sealers *Sealers, author string, aligned func(domain string) bool) Override {
	var ov Override
	if o.Result != Pass || author == "" || !o.Sets[len(o.Sets)-1].SignsFrom {
		return ov
	}
	for i := len(o.Sets) - 1; i >= 0; i-- {
		set := &o.Sets[i]
		if !sealers.Trusts(set.Seal.Domain) || !sealers.Trusts(set.Message.Domain) {
			break
		}
		ov.Newest = o.Instance
		if set.ResultsErr == nil && ov.vouches(set, author, aligned) {
			ov.ODA, ov.Instance = true, set.Instance
			break
		}
	}
	return ov
}

// maxClaims bounds the results of one method in one set that are looked at.
const maxClaims = 20

// vouches fills in the claims of a set if one of them passes.
func (ov *Override) vouches(set *Set, author string, aligned func(string) bool) bool {
	isAuthor := func(domain string) bool { return domain == author }
	spf := claimOf(set.Results, "spf", aligned)
	dkim := claimOf(set.Results, "dkim", aligned)
	dmarc := claimOf(set.Results, "dmarc", isAuthor)
	if !spf.Pass && !dkim.Pass && !dmarc.Pass {
		return false
	}
	ov.SPF, ov.DKIM, ov.DMARC = spf, dkim, dmarc
	return true
}

// claimOf is the first result of a method that passes for the author, else the
// first. Of DKIM there is one for each signature; of the others there is one for an
// author, and when there are several that do not all pass, none does.
func claimOf(r authres.Results, method string, isAuthor func(string) bool) Claim {
	var first, passed Claim
	contradicted := false
	for c := range claims(r, method) {
		about := c.Domain != "" && isAuthor(c.Domain)
		contradicted = contradicted || about && !c.Pass && method != "dkim"
		if c.Pass = c.Pass && about; c.Pass && !passed.Pass {
			passed = c
		}
		if !first.Present {
			first = c
		}
	}
	if passed.Pass && !contradicted {
		return passed
	}
	first.Pass = first.Pass && !contradicted
	return first
}

// claims are the results of a method, at most maxClaims. Pass does not yet say that they
// are about the author.
func claims(r authres.Results, method string) iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		n := 0
		for i := range r.Results {
			if r.Results[i].Method != method {
				continue
			}
			if n++; n > maxClaims || !yield(newClaim(&r.Results[i])) {
				return
			}
		}
	}
}

// properties are those that name the domain which a method is about: the first one
// that is there counts.
func properties(method string) []string {
	switch method {
	case "spf":
		return []string{"smtp.mailfrom"}
	case "dkim":
		return []string{"header.d", "header.i"}
	case "dmarc":
		return []string{"header.from"}
	}
	return nil
}

func newClaim(r *authres.Result) Claim {
	c := Claim{Present: true}
	for _, property := range properties(r.Method) {
		value, found := single(r, property)
		if !found {
			continue
		}
		if domain := domainOf(value); domain != "" {
			c.Property, c.Domain, c.Pass = property, domain, r.Value == "pass"
		}
		break
	}
	return c
}

// single is the value of a property: "" if several values differ, which is nothing
// that one may choose from.
func single(r *authres.Result, property string) (value string, found bool) {
	for _, p := range r.Properties {
		if p.Type+"."+p.Name != property {
			continue
		}
		if found && p.Value != value {
			return "", true
		}
		value, found = p.Value, true
	}
	return value, found
}

// domainOf is the domain of a value that is a domain, an address or "@" and a
// domain; "" if there is none, or not with certainty.
func domainOf(value string) string {
	if local, domain, ok := strings.Cut(value, "@"); ok {
		if strings.ContainsAny(local, `"\`) || strings.Contains(domain, "@") {
			return ""
		}
		value = domain
	}
	domain, err := message.ToASCII(value)
	if err != nil {
		return ""
	}
	return domain
}

// Comment is the comment that arc= gets in Authentication-Results, without the
// parentheses: "i=2 oda=1 ltdi=2 spf=[1,1,smtp.mailfrom=example.org]" for a chain that
// passes, where ltdi is Newest and each bracket has the instance of the set that
// vouches, whether the result was a pass, and its domain; "i=2 " and the Reason
// for one that fails; "" without a chain. All of it is clean text: numbers, words of
// our own and domain names.
func (o Outcome) Comment(ov Override) string {
	switch o.Result {
	case None:
		return ""
	case Fail:
		return fmt.Sprintf("i=%d %s", o.Instance, o.Reason)
	}
	comment := fmt.Sprintf("i=%d oda=%d ltdi=%d", o.Instance, bit(ov.ODA), ov.Newest)
	if ov.ODA {
		comment += ov.SPF.bracket("spf", ov.Instance) +
			ov.DKIM.bracket("dkim", ov.Instance) +
			ov.DMARC.bracket("dmarc", ov.Instance)
	}
	return comment
}

func (c Claim) bracket(method string, instance int) string {
	switch {
	case !c.Present:
		return ""
	case c.Property == "":
		return fmt.Sprintf(" %s=[%d,%d]", method, instance, bit(c.Pass))
	}
	return fmt.Sprintf(" %s=[%d,%d,%s=%s]", method, instance, bit(c.Pass), c.Property, c.Domain)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
