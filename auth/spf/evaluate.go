package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"assay/auth/dns"
)

// An evaluation is one check of one identity, over all the records that it
// leads to. It is used by one goroutine.
type evaluation struct {
	checker *Checker
	lookups *lookups
	ip      netip.Addr // no mapped address, no zone
	helo    string     // with A-labels if it has any
	local   string     // of the sender
	domain  string     // of the sender

	terms      int               // that cost DNS queries, so far
	voids      int               // lookups without records, so far
	validated  map[string]string // %{p} by the domain that it is for
	explaining bool              // the result is certain: nothing counts any more
	personal   bool              // what was found may not be so for another local-part or HELO name, or later
}

// A verdict is what one record, or those that it redirects to, says.
type verdict struct {
	result    Result
	directive string // that matched, as written; "" for none
	domain    string // of the record with that directive
	exp       macroString
}

// An errPerm makes a permerror, as dns.ErrSpent does, any other error of an evaluation a temperror.
type errPerm struct{ err error }

func (e errPerm) Error() string { return e.err.Error() }
func (e errPerm) Unwrap() error { return e.err }

func errorResult(err error) Result {
	if errors.As(err, new(errPerm)) || errors.Is(err, dns.ErrSpent) {
		return PermError
	}
	return TempError
}

func outcomeError(domain string, err error) error {
	return fmt.Errorf("spf: %s: %w", domain, err)
}

var (
	errTooManyTerms = errPerm{fmt.Errorf("more than %d terms that cost DNS queries", maxTerms)}
	errTooManyVoids = errPerm{errors.New("too many lookups without records")}
	errTooManyMX    = errPerm{fmt.Errorf("more than %d MX hosts", maxMXHosts)}
	errNoRecord     = errPerm{errors.New("no SPF record")}
	errManyRecords  = errPerm{errors.New("several SPF records")}
)

// checkHost is check_host of RFC 7208 section 4. The result is none when the
// domain has no record.
func (e *evaluation) checkHost(ctx context.Context, domain string) (verdict, error) {
	if !isMultiLabel(domain) {
		return verdict{result: None}, nil
	}
	answer, err := e.ask(ctx, domain, dns.TypeTXT)
	if err != nil {
		return verdict{}, err
	}
	text, err := selectRecord(answer)
	if err != nil || text == "" {
		return verdict{result: None}, err
	}
	r, err := e.checker.Records.parse(text)
	if err != nil {
		return verdict{}, errPerm{err}
	}
	e.lookups.prefetch(ctx, r, domain, e.ip)
	return e.evaluate(ctx, r, domain)
}

// isMultiLabel tells whether DNS can carry the name and it has several labels.
func isMultiLabel(domain string) bool {
	name, ok := dns.CanonicalName(domain)
	return ok && strings.Contains(name, ".")
}

// selectRecord picks the SPF record from the TXT records of a name, "" when
// there is none (RFC 7208 section 4.5).
func selectRecord(answer dns.Answer) (string, error) {
	record := ""
	for _, text := range answer.Texts {
		if !isRecord(text) {
			continue
		}
		if record != "" {
			return "", errManyRecords
		}
		record = text
	}
	return record, nil
}

// evaluate goes through the directives in order, then the redirect (RFC 7208
// sections 4.6.2, 4.7 and 6.1).
func (e *evaluation) evaluate(ctx context.Context, r *record, domain string) (verdict, error) {
	for i := range r.directives {
		d := &r.directives[i]
		matched, err := e.match(ctx, d, domain)
		if err != nil {
			return verdict{}, fmt.Errorf("%s: %w", clip(d.text), err)
		}
		if matched {
			return verdict{result: d.result, directive: d.text, domain: domain, exp: r.exp}, nil
		}
	}
	if r.redirect == nil {
		return verdict{result: Neutral, domain: domain}, nil
	}
	v, err := e.redirect(ctx, r.redirect, domain)
	if err != nil {
		return verdict{}, fmt.Errorf("redirect: %w", err)
	}
	return v, nil
}

func (e *evaluation) redirect(ctx context.Context, target macroString, domain string) (verdict, error) {
	if err := e.countTerm(); err != nil {
		return verdict{}, err
	}
	name, err := e.expandName(ctx, target, domain)
	if errors.Is(err, errNoTarget) {
		return verdict{}, errPerm{err}
	}
	if err != nil {
		return verdict{}, err
	}
	return e.mustCheckHost(ctx, name)
}

// mustCheckHost is checkHost for a domain that has to have a record.
func (e *evaluation) mustCheckHost(ctx context.Context, domain string) (verdict, error) {
	v, err := e.checkHost(ctx, domain)
	if err == nil && v.result == None {
		err = errNoRecord
	}
	if err != nil {
		return verdict{}, fmt.Errorf("%s: %w", clip(domain), err)
	}
	return v, nil
}

// countTerm counts a term that costs DNS queries (RFC 7208 section 4.6.4).
func (e *evaluation) countTerm() error {
	if e.explaining {
		return nil
	}
	if e.terms == maxTerms {
		return errTooManyTerms
	}
	e.terms++
	return nil
}

// query asks for a term and counts an answer without records as void
// (RFC 7208 section 4.6.4). A name that DNS can't carry is not asked for.
func (e *evaluation) query(ctx context.Context, name string, typ dns.Type) (dns.Answer, error) {
	if _, ok := dns.CanonicalName(name); !ok {
		return dns.Answer{NXDomain: true}, nil
	}
	answer, err := e.ask(ctx, name, typ)
	if err != nil {
		return answer, err
	}
	return answer, e.countVoid(answer)
}

func (e *evaluation) ask(ctx context.Context, name string, typ dns.Type) (dns.Answer, error) {
	answer, err := e.lookups.get(ctx, dns.Question{Name: name, Type: typ})
	if err != nil {
		return dns.Answer{}, fmt.Errorf("lookup of %s: %w", clip(name), err)
	}
	return answer, nil
}

func (e *evaluation) countVoid(a dns.Answer) error {
	if e.explaining || len(a.Texts)+len(a.Addrs)+len(a.Hosts)+len(a.MXs) > 0 {
		return nil
	}
	e.voids++
	if e.voids > e.checker.maxVoids() {
		return errTooManyVoids
	}
	return nil
}
