package spoof

import (
	"net/netip"
	"strings"
	"time"
)

// An Entry is one line of the list, as ParseEntry reads it. Two that have the same String
// and Expires do the same. The zero value matches nobody.
type Entry struct {
	Block          bool // else it allows
	User           User
	Infrastructure Infrastructure // never any when User is everybody
	Internal       bool           // it is for our own domains only; else for others' only
	Expires        time.Time      // it counts before this time, UTC; the zero Time: always
	Note           string         // as written, without white space at its ends: any bytes but line ends
}

// A User is who is spoofed. The zero value is everybody.
type User struct {
	Local      string // of an address: lower case, without quotes; "" for all of the domain
	Domain     string // lower case, A-labels, no dot at either end
	Subdomains bool   // every name below Domain is meant, too; never of an address
}

// String is the user as it is written: "joe@example.org", "example.org", ".example.org" with its
// subdomains, or "*".
func (u User) String() string {
	switch {
	case u == User{}:
		return anyWord
	case u.Local != "":
		return u.Local + "@" + u.Domain
	case u.Subdomains:
		return "." + u.Domain
	}
	return u.Domain
}

// An Infrastructure is what sends: the domain of a DKIM signature or of the client's
// confirmed name, or the network of the client. At most one is set; the zero
// value is any infrastructure.
type Infrastructure struct {
	Domain  string       // with every name below it; lower case, A-labels, no dot at either end
	Network netip.Prefix // masked; no IPv4 written as IPv6
}

// String is the infrastructure as it is written: "example.org", "192.0.2.0/24" or "*".
func (f Infrastructure) String() string {
	switch {
	case f.Domain != "":
		return f.Domain
	case f.Network.IsValid():
		return f.Network.String()
	}
	return anyWord
}

// anyWord stands for everybody, and for any infrastructure.
const anyWord = "*"

// The words of an entry.
const (
	allowWord    = "allow"
	blockWord    = "block"
	internalWord = "internal"
	externalWord = "external"
	expiresWord  = "expires"
)

// String is the entry as it is written, without its expiry and note. The history remembers
// an entry's use by it.
func (e Entry) String() string {
	verb, scope := allowWord, externalWord
	if e.Block {
		verb = blockWord
	}
	if e.Internal {
		scope = internalWord
	}
	return strings.Join([]string{verb, e.User.String(), e.Infrastructure.String(), scope}, " ")
}

// Text is the whole entry as it is written, with its expiry and note.
func (e Entry) Text() string {
	line := e.String()
	if !e.Expires.IsZero() {
		line += " " + expiresWord + "=" + FormatExpiry(e.Expires)
	}
	if e.Note != "" {
		line += " # " + e.Note
	}
	return line
}

// Expired tells whether the entry no longer counts.
func (e Entry) Expired(now time.Time) bool {
	return !e.Expires.IsZero() && !now.Before(e.Expires)
}

// SamePair tells whether both entries are about the same user, infrastructure and scope,
// whether they allow or block it.
func (e Entry) SamePair(other Entry) bool { return e.pair() == other.pair() }

// pair is the key of an entry that allows or blocks.
func (e Entry) pair() pairKey {
	key := e.key()
	key.block = false
	return key
}

// everything tells whether the entry would match every message.
func (e Entry) everything() bool {
	return e.User == User{} && e.Infrastructure == Infrastructure{}
}

// outlasts tells whether the entry counts longer than another.
func (e Entry) outlasts(other Entry) bool {
	return !other.Expires.IsZero() && (e.Expires.IsZero() || e.Expires.After(other.Expires))
}

// FormatExpiry writes the time at which an entry expires as ParseExpiry reads it: the last
// day that is whole in UTC, "2026-12-31", or else RFC 3339.
func FormatExpiry(t time.Time) string {
	t = t.UTC()
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return t.Format(time.RFC3339Nano)
}
