package dns

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// String gives the type's mnemonic, "TYPE99" for one without (RFC 3597 section 5).
func (t Type) String() string {
	switch t {
	case TypeA:
		return "A"
	case TypePTR:
		return "PTR"
	case TypeMX:
		return "MX"
	case TypeTXT:
		return "TXT"
	case TypeAAAA:
		return "AAAA"
	}
	return "TYPE" + strconv.Itoa(int(t))
}

func (t Type) known() bool {
	switch t {
	case TypeA, TypePTR, TypeMX, TypeTXT, TypeAAAA:
		return true
	}
	return false
}

// String gives the question as errors show it: the name quoted, then the type.
func (q Question) String() string {
	return fmt.Sprintf("%q %s", q.Name, q.Type)
}

// impossible answers for a name that DNS can't carry.
var impossible = Answer{NXDomain: true, Cached: true}

// check makes a question canonical. ok is false for a name that DNS can't
// carry; the error is for a type that Answer has no room for.
func (q Question) check() (canonical Question, ok bool, err error) {
	if !q.Type.known() {
		return q, false, questionError(q, errType)
	}
	canonical.Name, ok = CanonicalName(q.Name)
	canonical.Type = q.Type
	return canonical, ok, nil
}

func questionError(q Question, err error) error {
	return fmt.Errorf("dns: %s: %w", q, err)
}

// addAddr takes an address of 4 or 16 bytes and ignores others.
func (a *Answer) addAddr(b []byte) {
	if addr, ok := netip.AddrFromSlice(b); ok {
		a.Addrs = append(a.Addrs, addr)
	}
}

// addHost takes a canonical name; the root names no host.
func (a *Answer) addHost(host string) {
	if host != "" {
		a.Hosts = append(a.Hosts, host)
	}
}

// sort puts the exchangers in the order of preference, stable, so that equal
// answers are equal however the server turned its records round.
func (a *Answer) sort() {
	slices.SortStableFunc(a.MXs, func(x, y MX) int { return cmp.Compare(x.Preference, y.Preference) })
}
