// Package spf evaluates the Sender Policy Framework: may this client send mail
// for that domain?
//
// Divergences from the RFC (7208, with 8616 for internationalized mail):
//   - More than 10 hosts in one mx are a permerror only when none of the first
//     ten matches.
//   - %{p} counts as one of the 10 terms that cost a DNS query, once for each
//     domain whose record uses it. Nothing that exp= costs counts.
//   - Void lookups are counted one by one, also those for the hosts of an mx
//     and the names of a ptr. Those for SPF records don't count: the first one
//     makes the result none, any other permerror.
//   - A target name that DNS can't carry does not match and is not asked for;
//     in include and redirect it is a permerror.
//   - A redirect= with %{s} or %{l} is a permerror for a local-part that isn't
//     ASCII; RFC 8616 section 4 says only that nothing matches.
package spf

import (
	"context"
	"net/netip"
	"time"

	"assay/auth/dns"
)

// The limits of RFC 7208 section 4.6.4.
const (
	maxTerms    = 10 // that cost DNS queries, over all included and redirected records
	maxVoids    = 2  // default of Checker.MaxVoidLookups
	maxMXHosts  = 10 // looked up for one mx
	maxPTRNames = 10 // looked at for one ptr or %{p}
)

// maxPrefetch is the default of Checker.MaxPrefetch: what the terms of one
// check may cost anyway.
const maxPrefetch = maxTerms

// A Checker evaluates SPF. It is safe for concurrent use when Resolver and Now
// are; its fields are not changed once it is in use. A copy works as well as
// the original and shares Records with it.
//
// A new field that changes what a check finds for a domain has to become a part of memoryKey.
type Checker struct {
	// Resolver answers the questions. A check has no time limit of its own:
	// it ends with its context (RFC 7208 section 4.6.4 wants 20 seconds or more).
	Resolver dns.Resolver

	// MaxVoidLookups bounds the lookups without records in one check (RFC 7208
	// section 4.6.4). Zero means 2, the RFC's default; negative means no limit.
	MaxVoidLookups int

	// MaxPrefetch bounds the questions of one check that are asked before it
	// is certain that their answers matter, all at once, so that a record with
	// several terms waits for DNS only once. It changes no result and no count.
	// Only names without macros are asked for. The hosts of one mx and the names
	// of one ptr, at most ten, are asked for at once besides. Zero means 10,
	// negative that every question waits for the one before.
	MaxPrefetch int

	// Receiver is the name of this host, for %{r}. Empty means "unknown".
	Receiver string

	// Now is the clock, for %{t}. Nil means time.Now.
	Now func() time.Time

	// Records keeps parsed records. Nil means that each is parsed anew.
	Records *RecordCache
}

// CheckHost checks the MAIL FROM identity (RFC 7208 section 2.4); for the null
// sender that is postmaster@Helo. The result is none when there is no domain
// to ask for or no client address, temperror when ctx ends before the result
// is known. It returns after all that it started has ended.
func (c *Checker) CheckHost(ctx context.Context, q Query) Outcome {
	local, domain := splitSender(q)
	return c.check(ctx, MailFrom, q, local, domain)
}

// CheckHelo checks the HELO identity (RFC 7208 section 2.3): postmaster@Helo.
// q.MailFrom is not looked at. It is otherwise as CheckHost.
func (c *Checker) CheckHelo(ctx context.Context, q Query) Outcome {
	return c.check(ctx, Helo, q, postmaster, q.Helo)
}

func (c *Checker) check(ctx context.Context, identity Identity, q Query, local, domain string) Outcome {
	domain = lowerDomain(domain)
	o := Outcome{Result: None, Identity: identity, Domain: domain, Sender: local + "@" + domain}
	ip := q.IP.Unmap().WithZone("")
	if !ip.IsValid() || !isMailDomain(domain) {
		return o
	}
	key := c.memoryKey(ip, domain)
	if ctx.Err() == nil {
		if known, ok := dns.Recall(c.Resolver, key); ok {
			known.(*finding).tell(&o)
			return o
		}
	}
	e := &evaluation{checker: c, lookups: newLookups(c), ip: ip, helo: heloName(q.Helo), local: local, domain: domain}
	e.tell(ctx, &o)
	if o.Err == nil && !e.personal {
		dns.Remember(c.Resolver, key, newFinding(&o), findingBytes+len(o.Mechanism))
	}
	return o
}

// tell evaluates the record of the domain.
func (e *evaluation) tell(ctx context.Context, o *Outcome) {
	if e.lookups.ahead {
		ahead, cancel := context.WithCancel(ctx)
		defer e.lookups.running.Wait()
		defer cancel()
		ctx = ahead
	}
	v, err := e.checkHost(ctx, e.domain)
	o.Lookups, o.Voids = e.terms, e.voids
	if err != nil {
		o.Result, o.Err = errorResult(err), outcomeError(e.domain, err)
		return
	}
	o.Result, o.Mechanism = v.result, v.directive
	if v.result == Fail {
		o.Explanation = e.explain(ctx, v)
		e.personal = e.personal || v.exp != nil
	}
}

func (c *Checker) maxVoids() int {
	switch {
	case c.MaxVoidLookups == 0:
		return maxVoids
	case c.MaxVoidLookups < 0:
		return int(^uint(0) >> 1)
	}
	return c.MaxVoidLookups
}

func (c *Checker) maxPrefetch() int {
	if c.MaxPrefetch == 0 {
		return maxPrefetch
	}
	return max(c.MaxPrefetch, 0)
}

func (c *Checker) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// addrType is the type of the records that hold addresses like ip.
func addrType(ip netip.Addr) dns.Type {
	if ip.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}
