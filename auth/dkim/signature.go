package dkim

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"assay/auth/message"
)

const (
	lowerFieldName = "dkim-signature"

	maxSignatureField = 64 << 10 // bytes of one DKIM-Signature field
	maxSignatureText  = 4096     // bytes of b= and bh= each: an RSA key of 24,000 bits needs no more
	maxIdentity       = 512      // bytes of i=

	// clockSkew is how far t= may be ahead of the clock.
	clockSkew = 5 * time.Minute
)

// A signature is one DKIM-Signature field, read by RFC 6376 section 3.5.
type signature struct {
	raw         string
	index       int // of the field in the header
	bStart      int // where the value of b= and the white space around it are in raw
	bEnd        int
	names       []string // h=, lower case
	auidDomain  string   // domain of i=, lower case
	headerCanon string   // simple or relaxed
	bodyCanon   string
	unsupported string // what in it the library can't read although RFC 6376 allows it

	outcome Outcome
}

// A reader holds what the tags of one field are judged by.
type reader struct {
	tags     tagList
	now      time.Time
	maxNames int
}

// readSignature reads the field h[index]. The signature is never nil; its
// outcome is filled as far as the field is well-formed.
func readSignature(f message.Field, index int, now time.Time, maxNames int) (*signature, *verdict) {
	s := &signature{raw: f.Raw, index: index}
	if len(s.raw) > maxSignatureField {
		return s, policy("signature field too large")
	}
	colon := strings.IndexByte(s.raw, ':')
	if colon < 0 {
		return s, neutral("malformed signature")
	}
	tags, err := parseTags(s.raw[colon+1:])
	if err != nil {
		return s, &verdict{Neutral, "malformed signature", err}
	}
	return s, s.read(&reader{tags, now, maxNames}, colon+1)
}

// read takes all tags, also past a bad one: the outcome is to say as much as
// it can. The first bad tag decides.
func (s *signature) read(r *reader, valueStart int) *verdict {
	var first *verdict
	for _, read := range [...]func(*reader) *verdict{
		readVersion, s.readDomain, s.readSelector, s.readIdentity, s.readAlgorithm,
		s.readCanonicalization, s.readSignature, readBodyHash, readQuery, s.readNames,
		readLength, readTimes,
	} {
		if v := read(r); v != nil && first == nil {
			first = v
		}
	}
	if first != nil {
		return first
	}
	b, _ := r.tags.find("b")
	s.bStart, s.bEnd = valueStart+b.start, valueStart+b.end
	s.noteUnsupported(r.tags)
	return nil
}

func readVersion(r *reader) *verdict {
	switch v, ok := r.tags.get("v"); {
	case !ok:
		return neutral("signature without v=")
	case v != "1":
		return neutral("incompatible signature version")
	}
	return nil
}

func (s *signature) readDomain(r *reader) *verdict {
	d, ok := r.tags.get("d")
	if !ok {
		return neutral("signature without d=")
	}
	d, ok = domainName(d)
	if !ok || !strings.Contains(d, ".") {
		return neutral("malformed d= in signature")
	}
	s.outcome.Domain, s.outcome.Identity, s.auidDomain = d, "@"+d, d
	return nil
}

func (s *signature) readSelector(r *reader) *verdict {
	v, ok := r.tags.get("s")
	if !ok {
		return neutral("signature without s=")
	}
	if s.outcome.Selector, ok = domainName(v); !ok {
		return neutral("malformed s= in signature")
	}
	return nil
}

// readIdentity checks that i= is in d= (RFC 6376 section 6.1.1), after readDomain.
func (s *signature) readIdentity(r *reader) *verdict {
	i, ok := r.tags.get("i")
	if !ok {
		return nil
	}
	i = removeSpace(i)
	at := strings.LastIndexByte(i, '@')
	if at < 0 || len(i) > maxIdentity {
		return neutral("malformed i= in signature")
	}
	domain, ok := domainName(i[at+1:])
	if !ok {
		return neutral("malformed i= in signature")
	}
	s.outcome.Identity, s.auidDomain = i, domain
	if s.outcome.Domain != "" && !isWithin(domain, s.outcome.Domain) {
		return permanent("domain mismatch")
	}
	return nil
}

func (s *signature) readAlgorithm(r *reader) *verdict {
	a, ok := r.tags.get("a")
	if !ok {
		return neutral("signature without a=")
	}
	a = lowerASCII(a)
	key, hash, ok := strings.Cut(a, "-")
	if !ok || !isLabel(key) || !isLabel(hash) {
		return neutral("malformed a= in signature")
	}
	s.outcome.Algorithm = a
	switch a {
	case "rsa-sha256", "ed25519-sha256":
		return nil
	case "rsa-sha1": // RFC 8301 section 3.1
		return policy("insecure algorithm rsa-sha1")
	}
	return neutral("unknown signature algorithm")
}

func (s *signature) readCanonicalization(r *reader) *verdict {
	c, _ := r.tags.get("c")
	header, body, both := strings.Cut(lowerASCII(c), "/")
	if c == "" {
		header = "simple"
	}
	if !both {
		body = "simple"
	}
	if !isCanonicalization(header) || !isCanonicalization(body) {
		return neutral("unknown canonicalization")
	}
	s.headerCanon, s.bodyCanon = header, body
	s.outcome.Canonicalization = header + "/" + body
	return nil
}

func isCanonicalization(s string) bool { return s == "simple" || s == "relaxed" }

func (s *signature) readSignature(r *reader) *verdict {
	b, ok := r.tags.get("b")
	if !ok {
		return neutral("signature without b=")
	}
	if b, ok = base64Text(b); !ok {
		return neutral("malformed b= in signature")
	}
	s.outcome.Signature = b
	return nil
}

func readBodyHash(r *reader) *verdict {
	bh, ok := r.tags.get("bh")
	if !ok {
		return neutral("signature without bh=")
	}
	if _, ok = base64Text(bh); !ok {
		return neutral("malformed bh= in signature")
	}
	return nil
}

// base64Text removes white space and tells whether the rest is base64, not empty.
func base64Text(s string) (text string, ok bool) {
	text = removeSpace(s)
	if text == "" || len(text) > maxSignatureText {
		return "", false
	}
	var buf [maxSignatureText]byte
	_, err := base64.StdEncoding.Decode(buf[:], []byte(text))
	return text, err == nil
}

func readQuery(r *reader) *verdict {
	q, ok := r.tags.get("q")
	if !ok {
		return nil
	}
	for method := range strings.SplitSeq(q, ":") {
		if strings.EqualFold(trimSpace(method), "dns/txt") {
			return nil
		}
	}
	return neutral("unknown query method")
}

func (s *signature) readNames(r *reader) *verdict {
	h, ok := r.tags.get("h")
	if !ok {
		return neutral("signature without h=")
	}
	n := strings.Count(h, ":") + 1
	if n > r.maxNames {
		return policy("too many names in h=")
	}
	s.names = make([]string, 0, n)
	for name := range strings.SplitSeq(lowerASCII(h), ":") {
		name = trimSpace(name)
		if !isFieldName(name) {
			return neutral("malformed h= in signature")
		}
		s.names = append(s.names, name)
	}
	if !slices.Contains(s.names, "from") {
		return permanent("From field not signed")
	}
	return nil
}

// isFieldName tells field-name of RFC 5322 section 3.6.8.
func isFieldName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ':' {
			return false
		}
	}
	return s != ""
}

// readLength refuses l=: it leaves the end of the body unsigned (RFC 6376 section 8.2).
func readLength(r *reader) *verdict {
	l, ok := r.tags.get("l")
	switch {
	case !ok:
		return nil
	case !isDigits(l, 76):
		return neutral("malformed l= in signature")
	}
	return policy("body length tag l= not accepted")
}

func readTimes(r *reader) *verdict {
	t, signed, ok := r.readTime("t")
	if !ok {
		return neutral("malformed t= in signature")
	}
	x, expires, ok := r.readTime("x")
	switch {
	case !ok:
		return neutral("malformed x= in signature")
	case signed && expires && !x.After(t):
		return neutral("signature expires before it begins")
	case signed && t.After(r.now.Add(clockSkew)):
		return policy("signature from the future")
	case expires && r.now.After(x):
		return policy("signature expired")
	}
	return nil
}

// readTime reads seconds since 1970. ok is false for what is no such number.
func (r *reader) readTime(name string) (t time.Time, present, ok bool) {
	v, present := r.tags.get(name)
	if !present {
		return time.Time{}, false, true
	}
	if !isDigits(v, 12) {
		return time.Time{}, true, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return time.Unix(n, 0), true, err == nil
}

// isDigits tells whether s is 1 to limit digits.
func isDigits(s string, limit int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= limit
}
