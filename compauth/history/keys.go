package history

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"assay/auth/message"
)

const (
	keySize    = 32   // bytes of the key that addresses are hashed with
	hashSize   = 16   // bytes of a hash that are kept
	maxText    = 255  // bytes of a domain, an infrastructure or another text
	maxAddress = 512  // bytes of an address; longer ones are not remembered
	maxEntry   = 1024 // bytes of an entry of the list; longer ones are not remembered
	maxRcpt    = 100  // recipients of a message that are remembered; of more no history qualifies
	maxDKIM    = 20   // verified DKIM domains of a message that count
)

// A hasher makes of addresses what the database keeps of them.
type hasher struct{ key []byte }

// A use keeps the hashes of one purpose from being those of another.
type use string

const (
	usePair    use = "pair"    // From address, recipient and what sent the message
	useContact use = "contact" // a user of ours and an Organizational Domain
	useEntry   use = "entry"   // an entry of the list that names an address
)

// hashMark begins what is stored of an entry as a hash: no entry begins so.
const hashMark = "@"

// entry is what is stored of an entry of the list: one that names an address only as a hash.
func (h hasher) entry(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return hashMark + h.hash(useEntry, text)
}

// hash is the keyed hash of parties, which have no NUL in them, in hex.
func (h hasher) hash(u use, parties ...string) string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(string(u)))
	for _, p := range parties {
		mac.Write([]byte("\x00" + p))
	}
	return hex.EncodeToString(mac.Sum(nil)[:hashSize])
}

// dayOf is the day of a time, UTC, counted since 1970-01-01.
func dayOf(t time.Time) int64 {
	const seconds = 24 * 60 * 60
	s := t.Unix()
	if s < 0 {
		s -= seconds - 1
	}
	return s / seconds
}

// keyText is a domain or infrastructure as it is stored; "" when it can't be one.
func keyText(s string) string {
	if len(s) > maxText || !storable(s) {
		return ""
	}
	return s
}

// storable tells whether PostgreSQL takes the text.
func storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// clip makes a text fit to be stored: valid UTF-8 without NUL, of at most maxText bytes.
func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText] // may cut a character, which is dropped next
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
}

// address is an address in the form that it is compared in, without regard to case: "" when
// it is none that can be remembered.
func address(addr string) string {
	if len(addr) > maxAddress || strings.IndexByte(addr, 0) >= 0 {
		return ""
	}
	local, _ := message.SplitAddress(addr)
	domain, err := message.DomainOf(addr)
	if err != nil || local == "" {
		return ""
	}
	local = strings.ToLower(local)
	if at := len(local); len(addr) == at+1+len(domain) && addr[:at] == local && addr[at] == '@' && addr[at+1:] == domain {
		return addr // nearly always
	}
	return local + "@" + domain
}

// addresses are the recipients that can be remembered, each once. They are not all when
// there are too many or one of them is no address.
func addresses(rcpt []string) (list []string, all bool) {
	all = len(rcpt) <= maxRcpt
	for _, r := range rcpt[:min(len(rcpt), maxRcpt)] {
		if a := address(r); a != "" {
			list = appendNew(list, a)
		} else {
			all = false
		}
	}
	return list, all
}

// appendNew appends a text that is not in the list, which is short.
func appendNew(list []string, s string) []string {
	for _, known := range list {
		if known == s {
			return list
		}
	}
	return append(list, s)
}

// registrable is the registrable domain of an address by the Public Suffix List: the domain
// itself where that is a public suffix.
func registrable(addr string) string {
	_, domain := message.SplitAddress(addr)
	if org, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return org
	}
	return domain
}
