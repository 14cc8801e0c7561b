// Package dns answers questions from the Domain Name System: the Resolver
// interface that every evaluator uses, a client over UDP and TCP, a cache,
// and zone files for work without a network.
//
// Names are raw bytes with a dot between labels, nothing is an escape: they
// come from senders. Names in answers are lower case, without a final dot.
//
// Divergences from the RFC:
//   - The root is not asked for: no domain of a sender's has that name.
//   - A name with a dot inside a label can't be written. Such a host in an MX
//     or PTR record is left out; such an alias is an error.
//   - CNAMEs are followed 10 deep. DNAMEs are not, but for the CNAMEs that
//     servers make of them (RFC 6672 section 3.1).
//   - The list of search domains in resolv.conf is ignored: names are complete.
//   - A Cache may be told to keep answers longer than their TTL (MinTTL). It
//     keeps no failures (RFC 2308 section 7 allows it).
package dns

import (
	"context"
	"net/netip"
	"time"
)

// A Type is the type of the records that are asked for (RFC 1035 section 3.2.2).
type Type uint16

// The types that mail authentication asks for.
const (
	TypeA    Type = 1
	TypePTR  Type = 12
	TypeMX   Type = 15
	TypeTXT  Type = 16
	TypeAAAA Type = 28
)

// A Question is a name and a record type. The name may be in any letter case
// and end in a dot or not; equal questions are those that DNS holds equal.
type Question struct {
	Name string
	Type Type
}

// An MX is one mail exchanger.
type MX struct {
	Preference uint16
	Host       string // lower case, no final dot; "" is the null MX (RFC 7505)
}

// Answer holds the records of the asked type, CNAMEs followed (RFC 2308 for
// the negative ones). An answer is shared: nobody changes it.
type Answer struct {
	NXDomain      bool          // the name does not exist; false with no records: it exists, NODATA
	Authenticated bool          // the resolver set AD
	Cached        bool          // no packet was sent for this answer
	TTL           time.Duration // how much longer it may be kept

	Texts []string     // TXT, the strings of each record joined without a space
	Addrs []netip.Addr // A and AAAA
	Hosts []string     // PTR: names, lower case, no final dot
	MXs   []MX         // MX, sorted by preference
}

// A Resolver answers one question and is safe for concurrent use. NXDOMAIN and
// NODATA are answers; an error means that no answer was had, and callers
// report temperror. A name that DNS can't carry (no label, an empty one, one
// over 63 bytes, more than 253 in all) does not exist: NXDomain, nothing is sent.
type Resolver interface {
	Resolve(ctx context.Context, q Question) (Answer, error)
}
