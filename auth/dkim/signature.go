package dkim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"assay/auth/message"
)

const (
	lowerFieldName = "dkim-signature"

	maxIdentity = 512 // bytes of i=
)

// MaxClockSkew is how far t= may be ahead of the clock. RFC 6376 section 3.5 lets a
// verifier ignore a signature from the future and says nothing of clocks that differ. Nobody gains by
// such a signature, but where either clock is a time zone off, good mail would be refused.
const MaxClockSkew = 24 * time.Hour

// A signature is one DKIM-Signature field, read by RFC 6376 section 3.5.
type signature struct {
	field       message.Field
	tags        TagList
	index       int      // of the field in the header
	names       []string // h=, lower case
	auidDomain  string   // domain of i=, lower case
	headerCanon Canonicalization
	bodyCanon   Canonicalization
	bodyHash    []byte // bh=
	signed      []byte // b=

	outcome Outcome
}

// tagLimits are what the tags of every signature are judged by.
type tagLimits struct {
	now      time.Time
	grace    time.Duration // after x=
	maxNames int
	maxTags  int // as by FieldTags
}

// A reader is the tags of one field, and what they are judged by.
type reader struct {
	tags TagList
	tagLimits
}

// readSignature reads the field h[index]. The signature is never nil; its
// outcome is filled as far as the field is well-formed.
func readSignature(f message.Field, index int, limits tagLimits) (*signature, *verdict) {
	s := &signature{field: f, index: index}
	if len(f.Raw) > maxSignatureField {
		return s, policy("signature field too large")
	}
	tags, err := FieldTags(f, limits.maxTags)
	switch {
	case errors.Is(err, ErrTooManyTags):
		return s, policy("too many tags in signature")
	case err != nil:
		return s, &verdict{Neutral, "malformed signature", err}
	}
	s.tags = tags
	return s, s.read(&reader{tags, limits})
}

// read takes all tags, also past a bad one: the outcome is to say as much as
// it can. The first bad tag decides.
func (s *signature) read(r *reader) *verdict {
	var first *verdict
	for _, read := range [...]func(*reader) *verdict{
		readVersion, s.readDomain, s.readSelector, s.readIdentity, s.readAlgorithm,
		s.readCanonicalization, s.readSignature, s.readBodyHash, readQuery, s.readNames,
		readLength, readTimes,
	} {
		if v := read(r); v != nil && first == nil {
			first = v
		}
	}
	return first
}

func readVersion(r *reader) *verdict {
	switch v, ok := r.tags.Get("v"); {
	case !ok:
		return neutral("signature without v=")
	case v != "1":
		return neutral("incompatible signature version")
	}
	return nil
}

func (s *signature) readDomain(r *reader) *verdict {
	if _, ok := r.tags.Get("d"); !ok {
		return neutral("signature without d=")
	}
	d, ok := r.tags.Domain("d")
	if !ok || !strings.Contains(d, ".") {
		return neutral("malformed d= in signature")
	}
	s.outcome.Domain, s.outcome.Identity, s.auidDomain = d, "@"+d, d
	return nil
}

func (s *signature) readSelector(r *reader) *verdict {
	if _, ok := r.tags.Get("s"); !ok {
		return neutral("signature without s=")
	}
	var ok bool
	if s.outcome.Selector, ok = r.tags.Domain("s"); !ok {
		return neutral("malformed s= in signature")
	}
	return nil
}

// readIdentity checks that i= is in d= (RFC 6376 section 6.1.1), after readDomain.
func (s *signature) readIdentity(r *reader) *verdict {
	i, ok := r.tags.Get("i")
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
	if s.outcome.Domain != "" && !message.IsWithin(domain, s.outcome.Domain) {
		return permanent("domain mismatch")
	}
	return nil
}

func (s *signature) readAlgorithm(r *reader) *verdict {
	a, ok := r.tags.Get("a")
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
	case RSASHA256, Ed25519SHA256:
		return nil
	case "rsa-sha1": // RFC 8301 section 3.1
		return policy("insecure algorithm rsa-sha1")
	}
	return neutral("unknown signature algorithm")
}

func (s *signature) readCanonicalization(r *reader) *verdict {
	header, body, ok := r.tags.Canonicalizations()
	if !ok {
		return neutral("unknown canonicalization")
	}
	s.headerCanon, s.bodyCanon = header, body
	s.outcome.Canonicalization = header.String() + "/" + body.String()
	return nil
}

func (s *signature) readSignature(r *reader) *verdict {
	b, ok := r.tags.Get("b")
	if !ok {
		return neutral("signature without b=")
	}
	if s.signed, ok = r.tags.Base64("b"); !ok {
		return neutral("malformed b= in signature")
	}
	s.outcome.Signature = removeSpace(b)
	return nil
}

func (s *signature) readBodyHash(r *reader) *verdict {
	if _, ok := r.tags.Get("bh"); !ok {
		return neutral("signature without bh=")
	}
	var ok bool
	if s.bodyHash, ok = r.tags.Base64("bh"); !ok {
		return neutral("malformed bh= in signature")
	}
	return nil
}

func readQuery(r *reader) *verdict {
	q, ok := r.tags.Get("q")
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
	h, ok := r.tags.Get("h")
	switch {
	case !ok:
		return neutral("signature without h=")
	case strings.Count(h, ":") >= r.maxNames:
		return policy("too many names in h=")
	}
	s.names = r.tags.Names("h")
	for _, name := range s.names {
		if !isFieldName(name) {
			return neutral("malformed h= in signature")
		}
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
	l, ok := r.tags.Get("l")
	switch {
	case !ok:
		return nil
	case !isDigits(l, 76):
		return neutral("malformed l= in signature")
	}
	return policy("body length tag l= not accepted")
}

func readTimes(r *reader) *verdict {
	t, ok := r.tags.Time("t")
	if !ok {
		return neutral("malformed t= in signature")
	}
	x, ok := r.tags.Time("x")
	switch {
	case !ok:
		return neutral("malformed x= in signature")
	case !x.IsZero() && !x.After(t):
		return neutral("signature expires before it begins")
	case t.After(r.now.Add(MaxClockSkew)):
		return policy("signature from the future")
	case !x.IsZero() && r.now.After(x.Add(r.grace)):
		return policy("signature expired")
	}
	return nil
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

// checkFrom refuses a signature that leaves a From field open to forgery
// (RFC 6376 sections 5.4 and 8.15).
func checkFrom(s *signature, fromFields int) *verdict {
	signed := 0
	for _, name := range s.names {
		if name == "from" {
			signed++
		}
	}
	switch {
	case fromFields == 0:
		return permanent("no From field")
	case signed < fromFields:
		return policy("not every From field signed")
	}
	return nil
}

// trimName removes white space before the colon, which old mail may have
// (RFC 5322 section 4.5).
func trimName(name string) string { return strings.TrimRight(name, " \t") }

// keyUse is what the signature needs of its key.
func (s *signature) keyUse() KeyUse {
	return KeyUse{Algorithm: s.outcome.Algorithm, Subdomain: s.auidDomain != s.outcome.Domain}
}
