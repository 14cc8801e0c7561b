// Package iprev looks up the names of a client address and confirms them: the
// iprev method of RFC 8601 (sections 2.7.3 and 3). It also finds the hosts of a domain that
// may be near the client, for composite authentication. All functions are safe for
// concurrent use. They panic with what the Resolver panicked with.
//
// Divergences from the RFC:
//   - Each name is looked up in the family of the client's address only: the other
//     family can't contain it.
//   - permerror is also the result for a client without an IP address.
package iprev

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"

	"assay/auth/dns"
)

// MaxNames bounds the PTR names that are confirmed; later ones are ignored
// (RFC 8601 section 3, RFC 7208 section 4.6.4).
const MaxNames = 10

// A Result is a result of the iprev method (RFC 8601 section 2.7.3).
type Result string

// The results, as they are written in Authentication-Results.
const (
	Pass      Result = "pass"      // a PTR name has the address among its own
	Fail      Result = "fail"      // there are PTR names, none has the address
	TempError Result = "temperror" // DNS kept the lookup from a result; try later
	PermError Result = "permerror" // there are no PTR names, or the client has no IP address
)

// An Outcome is all that the lookup found. Its slices are shared: nobody changes them.
type Outcome struct {
	Result    Result
	IP        netip.Addr // IPv4 where it was mapped to IPv6, without a zone
	Names     []string   // the PTR names that are host names, at most MaxNames, in the order of the answer
	Confirmed []string   // those of Names that have IP among their addresses
	Err       error      // explains temperror and permerror only
}

var (
	errNoAddress = errors.New("iprev: the client has no IP address")
	errNoNames   = errors.New("iprev: the address has no PTR name")
)

// Lookup asks for the names of an address and then, all at once, for the
// addresses of each name. It is temperror only if no name could be confirmed and an answer
// is missing that could have. It returns when all answers are there.
func Lookup(ctx context.Context, r dns.Resolver, ip netip.Addr) Outcome {
	o := Outcome{IP: ip.Unmap().WithZone("")}
	if !ip.IsValid() {
		o.Result, o.Err = PermError, errNoAddress
		return o
	}
	key := memoryKey(o.IP)
	if known, ok := dns.Recall(r, key); ok {
		return *known.(*Outcome)
	}
	o.find(ctx, r)
	if o.Result != TempError {
		known := o // else all would be on the heap
		dns.Remember(r, key, &known, known.bytes())
	}
	return o
}

// memoryKey is what an outcome depends on besides the answers of DNS.
func memoryKey(ip netip.Addr) string {
	b := ip.As16() // unmapped: of another family than any IPv6 address
	return "iprev:" + string(b[:])
}

// bytes is the memory of an outcome, about.
func (o *Outcome) bytes() int {
	n := 160
	for _, name := range o.Names {
		n += 32 + len(name)
	}
	return n
}

// find asks for the names, then for their addresses.
func (o *Outcome) find(ctx context.Context, r dns.Resolver) {
	answer, err := r.Resolve(ctx, dns.Question{Name: dns.ReverseName(o.IP), Type: dns.TypePTR})
	if err != nil {
		o.Result, o.Err = TempError, fmt.Errorf("iprev: names of %s: %w", o.IP, err)
		return
	}
	if len(answer.Hosts) == 0 {
		o.Result, o.Err = PermError, errNoNames
		return
	}
	o.Names = hostNames(answer.Hosts)
	o.confirm(ctx, r)
}

// confirm finds out which names have the address.
func (o *Outcome) confirm(ctx context.Context, r dns.Resolver) {
	answers := resolveAll(ctx, r, o.Names, family(o.IP))
	var failure error
	for i, name := range o.Names {
		switch a := &answers[i]; {
		case a.err != nil && failure == nil:
			failure = fmt.Errorf("iprev: addresses of %s: %w", name, a.err)
		case a.err == nil && has(a.Addrs, o.IP):
			o.Confirmed = append(o.Confirmed, name)
		}
	}
	o.Names, o.Confirmed = slices.Clip(o.Names), slices.Clip(o.Confirmed) // they are shared
	switch {
	case len(o.Confirmed) > 0:
		o.Result = Pass
	case failure != nil:
		o.Result, o.Err = TempError, failure
	default:
		o.Result = Fail
	}
}

// family is the type of the records that can hold an address.
func family(ip netip.Addr) dns.Type {
	if ip.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}

func has(addrs []netip.Addr, ip netip.Addr) bool {
	return slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == ip })
}

// A reply is an answer, an error, or what the resolver panicked with.
type reply struct {
	dns.Answer
	err      error
	panicked error
}

// recovered is deferred; the panic is kept with its stack.
func (p *reply) recovered() {
	if value := recover(); value != nil {
		p.panicked = fmt.Errorf("iprev: panic: %v\n%s", value, debug.Stack())
	}
}

// resolveAll asks for all names at once, waits, and raises a panic of the resolver
// in the caller's goroutine. What is at hand takes no goroutine.
func resolveAll(ctx context.Context, r dns.Resolver, names []string, typ dns.Type) []reply {
	replies := make([]reply, len(names))
	if len(names) == 1 {
		replies[0].Answer, replies[0].err = r.Resolve(ctx, dns.Question{Name: names[0], Type: typ})
		return replies
	}
	resolveInto(ctx, replies, r, names, typ)
	for i := range replies {
		if p := replies[i].panicked; p != nil {
			panic(p)
		}
	}
	return replies
}

func resolveInto(ctx context.Context, replies []reply, r dns.Resolver, names []string, typ dns.Type) {
	var running sync.WaitGroup
	for i, name := range names {
		q := dns.Question{Name: name, Type: typ}
		if a, ok := dns.Peek(r, q); ok {
			replies[i].Answer = a
			continue
		}
		running.Go(func() {
			defer replies[i].recovered()
			replies[i].Answer, replies[i].err = r.Resolve(ctx, q)
		})
	}
	running.Wait()
}

// hostNames keeps the first MaxNames that are host names: the text of others,
// which anybody may put into a reverse zone, reaches no log and no header.
func hostNames(hosts []string) []string {
	var names []string
	for _, host := range hosts {
		name, ok := dns.CanonicalName(host)
		if ok && isHostName(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) == MaxNames {
			break
		}
	}
	return names
}

// isHostName tells whether a canonical name consists of letters, digits, "-"
// and, as it is in use, "_", and is not an IPv4 address.
func isHostName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !('a' <= c && c <= 'z') && !isDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	for i := len(name) - 1; i >= 0 && name[i] != '.'; i-- {
		if !isDigit(name[i]) {
			return true
		}
	}
	return false
}
