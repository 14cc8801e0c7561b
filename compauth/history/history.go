// Package history remembers what was seen: which sending infrastructure sent genuine
// mail for a From domain (reasons 701 to 703) and for whom from which address (704), whom users of
// ours wrote to (501), and what spoof intelligence shows.
//
// It is kept in a file of SQLite or, for several nodes, in PostgreSQL: the same tables and
// queries. Messages are counted by day. What is recorded waits in memory and is written in
// batches; what is asked is answered from memory or within 20 ms, or counts as not known. So
// whatever happens to the database, mail does not wait for it.
//
// What is older than the retention is deleted, unless the clock has just jumped: one that is wrong
// for less than a day costs nothing. Each kind of pair, and each of the other tables, has room for a million
// rows, so that a flood of one pushes out no other; pairs without a good message go first, then the oldest.
//
// No subjects and no local parts are kept: of two addresses and what sent the message (704), of a user and
// a domain (501) and of an entry that names an address there is a keyed hash. The key is in the database, so that
// all nodes have it.
//
// Divergences from the RFC: none; no RFC defines it.
package history

import (
	"log/slog"
	"net/netip"
	"time"

	"assay/compauth"
)

// Options say where the history is kept and when it counts. A window of days ends with today;
// days are those of UTC.
type Options struct {
	Database string // sqlite:FILE with an absolute path, or a postgres:// URL

	MinMessages   int // good messages that make a pair qualify; zero means 5
	MinDays       int // different days that they came on; zero means 3
	MaxDomains    int // an infrastructure with good mail for more From organizations is shared; zero means 10
	RetentionDays int // zero means 90

	ReadOnly bool          // nothing is written; a database that is not there is not made
	Wait     time.Duration // how long an answer is waited for at most; zero means 20 ms
	Log      *slog.Logger  // outages, their causes and their end, and what is lost; nil: nowhere
}

// A Pair is a From domain and all that is known about what sent the message. Domains are
// lower case, A-labels. From and a recipient are a pair of their own with the PTR organization,
// or without one with the network, also where many share these; without both they are none.
type Pair struct {
	OrgDomain string       // the Organizational Domain of the From domain
	PTR       string       // registrable domain of the client's confirmed PTR name; "" without one
	DKIM      []string     // verified DKIM domains that are not aligned
	Network   netip.Prefix // of the client, /24 or /64; the zero Prefix when it is not known
	From      string       // the From address; "" when only the domain is sure
	Rcpt      []string     // the recipients
}

// A Message is what is remembered about one message.
type Message struct {
	Pair
	Time     time.Time
	Outbound bool // by a user or host of our own: only who wrote to which domains is remembered
	Verdict  compauth.Verdict
	Sighting *Sighting // nil when the From domain was authenticated: spoof intelligence has no interest
	Entry    string    // the entry of the spoofed-senders list that was used, as it is written; "" for none
}

// A Sighting is a row of spoof intelligence: messages of one From domain from one
// infrastructure that met with the same.
type Sighting struct {
	Domain         string // the From domain that was not authenticated
	Infrastructure string // a DKIM domain, a PTR organization or a network
	Internal       bool   // Domain is one of our own
	Reason         compauth.Reason
	Result         compauth.Result
	Implicit       compauth.Reason // what implicit = true gives: differs from Reason only where it is off
	ImplicitResult compauth.Result
	Policy         string // the DMARC policy that applies: "", none, quarantine or reject
	Entry          string // allow or block: what an entry of the list said; "" for none
	Action         string // what was done: accept, quarantine, tempfail or reject

	Count    int       // of messages, in what Sightings gives
	LastSeen time.Time // likewise
}
