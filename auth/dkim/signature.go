package dkim

import (
	"cmp"
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

// read makes the zero signature that of the field h[index]. Its outcome is filled as far as the
// field is well-formed.
func (s *signature) read(f message.Field, index int, limits tagLimits) *verdict {
	s.field, s.index = f, index
	if len(f.Raw) > maxSignatureField {
		return policy("signature field too large")
	}
	var err error
	s.tags, err = FieldTags(f, limits.maxTags)
	switch {
	case err == nil:
		return s.readTags(limits)
	case errors.Is(err, ErrTooManyTags):
		return policy("too many tags in signature")
	}
	return &verdict{Neutral, "malformed signature", err}
}

// readTags takes all tags, also past a bad one: the outcome is to say as much as
// it can. The first bad tag decides.
func (s *signature) readTags(limits tagLimits) *verdict {
	return cmp.Or(s.readVersion(), s.readDomain(), s.readSelector(), s.readIdentity(), s.readAlgorithm(),
		s.readCanonicalization(), s.readSignature(), s.readBodyHash(), s.readQuery(), s.readNames(limits.maxNames),
		s.readLength(), s.readTimes(limits.now, limits.grace))
}

func (s *signature) readVersion() *verdict {
	switch v, ok := s.tags.Get("v"); {
	case !ok:
		return neutral("signature without v=")
	case v != "1":
		return neutral("incompatible signature version")
	}
	return nil
}

func (s *signature) readDomain() *verdict {
	d, ok := s.tags.Get("d")
	if !ok {
		return neutral("signature without d=")
	}
	if d, ok = domainName(d); !ok || strings.IndexByte(d, '.') < 0 {
		return neutral("malformed d= in signature")
	}
	s.outcome.Domain, s.auidDomain = d, d
	return nil
}

func (s *signature) readSelector() *verdict {
	v, ok := s.tags.Get("s")
	if !ok {
		return neutral("signature without s=")
	}
	if s.outcome.Selector, ok = domainName(v); !ok {
		return neutral("malformed s= in signature")
	}
	return nil
}

// readIdentity checks that i= is in d= (RFC 6376 section 6.1.1), after readDomain.
func (s *signature) readIdentity() *verdict {
	i, domain, ok := s.identity()
	if i == "" {
		if s.outcome.Domain != "" {
			s.outcome.Identity = "@" + s.outcome.Domain
		}
		if !ok {
			return neutral("malformed i= in signature")
		}
		return nil
	}
	s.outcome.Identity, s.auidDomain = i, domain
	if s.outcome.Domain != "" && !message.IsWithin(domain, s.outcome.Domain) {
		return permanent("domain mismatch")
	}
	return nil
}

// identity is i= and its domain; ok without the tag, too.
func (s *signature) identity() (i, domain string, ok bool) {
	i, present := s.tags.Get("i")
	if !present {
		return "", "", true
	}
	i = removeSpace(i)
	at := strings.LastIndexByte(i, '@')
	if at < 0 || len(i) > maxIdentity {
		return "", "", false
	}
	if domain, ok = domainName(i[at+1:]); !ok {
		return "", "", false
	}
	return i, domain, true
}

func (s *signature) readAlgorithm() *verdict {
	a, ok := s.tags.Get("a")
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

func (s *signature) readCanonicalization() *verdict {
	header, body, ok := s.tags.Canonicalizations()
	if !ok {
		return neutral("unknown canonicalization")
	}
	s.headerCanon, s.bodyCanon = header, body
	s.outcome.Canonicalization = inFull[header][body]
	return nil
}

// inFull are the values of c= by header and body.
var inFull = [2][2]string{
	Simple:  {Simple: "simple/simple", Relaxed: "simple/relaxed"},
	Relaxed: {Simple: "relaxed/simple", Relaxed: "relaxed/relaxed"},
}

func (s *signature) readSignature() *verdict {
	b, ok := s.tags.Get("b")
	if !ok {
		return neutral("signature without b=")
	}
	b = removeSpace(b)
	if s.signed, ok = decodeBase64(b); !ok {
		return neutral("malformed b= in signature")
	}
	s.outcome.Signature = b
	return nil
}

func (s *signature) readBodyHash() *verdict {
	bh, ok := s.tags.Get("bh")
	if !ok {
		return neutral("signature without bh=")
	}
	if s.bodyHash, ok = decodeBase64(removeSpace(bh)); !ok {
		return neutral("malformed bh= in signature")
	}
	return nil
}

func (s *signature) readQuery() *verdict {
	q, ok := s.tags.Get("q")
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

func (s *signature) readNames(maxNames int) *verdict {
	h, ok := s.tags.Get("h")
	count := strings.Count(h, ":") + 1
	switch {
	case !ok:
		return neutral("signature without h=")
	case count > maxNames:
		return policy("too many names in h=")
	}
	s.names = splitNames(h, count)
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
func (s *signature) readLength() *verdict {
	l, ok := s.tags.Get("l")
	switch {
	case !ok:
		return nil
	case !isDigits(l, 76):
		return neutral("malformed l= in signature")
	}
	return policy("body length tag l= not accepted")
}

func (s *signature) readTimes(now time.Time, grace time.Duration) *verdict {
	t, ok := s.tags.Time("t")
	if !ok {
		return neutral("malformed t= in signature")
	}
	x, ok := s.tags.Time("x")
	switch {
	case !ok:
		return neutral("malformed x= in signature")
	case !x.IsZero() && !x.After(t):
		return neutral("signature expires before it begins")
	case t.After(now.Add(MaxClockSkew)):
		return policy("signature from the future")
	case !x.IsZero() && now.After(x.Add(grace)):
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
func trimName(name string) string {
	for name != "" && isBlank(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	return name
}

// keyUse is what the signature needs of its key.
func (s *signature) keyUse() KeyUse {
	return KeyUse{Algorithm: s.outcome.Algorithm, Subdomain: s.auidDomain != s.outcome.Domain}
}
