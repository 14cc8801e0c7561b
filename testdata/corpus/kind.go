// Package corpus makes mail of the kinds that servers get, the same in every run but for its keys:
// for load, benchmarks and the soak.
//
// Divergences from the RFC: none.
package corpus

import (
	"net/netip"

	"assay/auth/message"
)

// A Kind is a kind of mail as servers get it.
type Kind int

// The kinds of mail.
const (
	Small      Kind = iota // 5 KB of text, one RSA-2048 signature
	Newsletter             // 50 KB, HTML, RSA-2048 signatures of the sender and of its mail provider
	Large                  // 1 MB, an attachment, one RSA-2048 signature
	List                   // 30 KB through a forwarder and a list: two ARC sets, the author's signature broken
	Spoof                  // 8 KB, not signed, of a domain that publishes p=reject
)

var kinds = [...]struct {
	name string
	size int // of the whole message, at least
}{
	Small:      {"5 KB, one signature", 5 << 10},
	Newsletter: {"50 KB, two signatures", 50 << 10},
	Large:      {"1 MB, one signature", 1 << 20},
	List:       {"30 KB from a list, two ARC sets", 30 << 10},
	Spoof:      {"8 KB, spoofed", 8 << 10},
}

// Kinds lists all of them.
func Kinds() []Kind { return []Kind{Small, Newsletter, Large, List, Spoof} }

func (k Kind) String() string { return kinds[k].name }

// A Sample is one message, with what an MTA tells of it and what a verifier must find.
type Sample struct {
	Kind   Kind
	ID     string     // of the MTA's queue, unique
	Client netip.Addr // the SMTP client
	Host   string     // its confirmed name, which it says in HELO, too
	From   string     // MAIL FROM
	To     string     // the recipient
	Header message.Header
	Body   []byte
	Want   []string // the results of SPF, DKIM, DMARC and ARC: "spf=pass"
	Work   Work
}

// Work is the crypto that nobody gets around who verifies every signature of a message.
type Work struct {
	Headers []int // for each signature, the bytes that it covers of the header: one SHA-256 and one RSA verification
	Bodies  int   // how many hashes of the body the signatures need: those of one canonicalization share one
}
