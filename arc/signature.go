package arc

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"assay/auth/dkim"
	"assay/auth/message"
)

// A signature is one ARC-Message-Signature or ARC-Seal.
type signature struct {
	index int // of the field in the header
	field message.Field
	tags  dkim.TagList

	names    []string // h=, lower case; of an ARC-Message-Signature, like the next three
	canons   []canons // c=: those that are tried, in this order
	bodyHash []byte   // bh=
	covered  int      // bytes of header that it covers, once it was verified
	value    []byte   // b=

	bad *failure // why it can't verify, whatever the key is
	key *dkim.KeyLookup
}

// canons are the canonicalizations of a signature.
type canons struct{ header, body dkim.Canonicalization }

// chainValidation is cv=; "" if there is none.
func (s *signature) chainValidation() Result {
	cv, _ := s.tags.Get("cv")
	switch r := Result(strings.ToLower(cv)); r {
	case None, Pass, Fail:
		return r
	}
	return ""
}

// A tagReader takes one tag; out is filled as far as the field is well-formed.
type tagReader func(out *Signature) *failure

// read takes all tags, also past a bad one: the Signature is to say as much as it
// can. The first bad tag decides.
func (s *signature) read(out *Signature, readers ...tagReader) {
	for _, read := range readers {
		if v := read(out); v != nil && s.bad == nil {
			s.bad = v
		}
	}
}

// readSeal reads an ARC-Seal (RFC 8617 section 4.1.3).
func (s *signature) readSeal(out *Signature, now time.Time) {
	s.read(out, s.readDomain, s.readSelector, s.readAlgorithm, s.readValue, s.noNames,
		func(*Signature) *failure { return s.readTimes(now, false) })
}

// readMessageSignature reads an ARC-Message-Signature (RFC 8617 section 4.1.2).
func (s *signature) readMessageSignature(out *Signature, now time.Time, maxNames int) {
	s.read(out, s.readDomain, s.readSelector, s.readAlgorithm, s.readValue, s.readBodyHash,
		s.readCanonicalization, s.readLength, s.readQuery,
		func(*Signature) *failure { return s.readNames(maxNames) },
		func(*Signature) *failure { return s.readTimes(now, true) })
}

func (s *signature) readDomain(out *Signature) *failure {
	d, ok := s.tags.Domain("d")
	if !ok || !strings.Contains(d, ".") {
		return failed("no valid d=")
	}
	out.Domain = d
	return nil
}

func (s *signature) readSelector(out *Signature) *failure {
	selector, ok := s.tags.Domain("s")
	if !ok {
		return failed("no valid s=")
	}
	out.Selector = selector
	return nil
}

func (s *signature) readAlgorithm(out *Signature) *failure {
	a, _ := s.tags.Get("a")
	switch a = strings.ToLower(a); a {
	case dkim.RSASHA256, dkim.Ed25519SHA256:
		out.Algorithm = a
	case "rsa-sha1": // RFC 8301 section 3.1
		out.Algorithm = a
		return failed("insecure algorithm rsa-sha1")
	default:
		return failed("unknown signature algorithm")
	}
	return nil
}

func (s *signature) readValue(*Signature) *failure {
	var ok bool
	if s.value, ok = s.tags.Base64("b"); !ok {
		return failed("no valid b=")
	}
	return nil
}

func (s *signature) readBodyHash(*Signature) *failure {
	var ok bool
	if s.bodyHash, ok = s.tags.Base64("bh"); !ok || len(s.bodyHash) != sha256.Size {
		return failed("no valid bh=")
	}
	return nil
}

// readCanonicalization reads c=. Without it that is simple/simple by RFC 6376 section
// 3.5, but relaxed/relaxed for much of what is in use: either will do.
func (s *signature) readCanonicalization(*Signature) *failure {
	header, body, ok := s.tags.Canonicalizations()
	if !ok {
		return failed("unknown canonicalization")
	}
	s.canons = []canons{{header, body}}
	if _, ok := s.tags.Get("c"); !ok {
		s.canons = append(s.canons, canons{dkim.Relaxed, dkim.Relaxed})
	}
	return nil
}

// readLength refuses l=: it leaves the end of the body unsigned (RFC 6376 section 8.2).
func (s *signature) readLength(*Signature) *failure {
	if _, ok := s.tags.Get("l"); ok {
		return failed("body length tag l= not accepted")
	}
	return nil
}

func (s *signature) readQuery(*Signature) *failure {
	if _, ok := s.tags.Get("q"); ok && !slices.Contains(s.tags.Names("q"), "dns/txt") {
		return failed("unknown query method")
	}
	return nil
}

func (s *signature) readNames(maxNames int) *failure {
	h, ok := s.tags.Get("h")
	switch {
	case !ok:
		return failed("no h=")
	case strings.Count(h, ":") >= maxNames:
		return failed("too many names in h=")
	}
	s.names = s.tags.Names("h")
	if slices.Contains(s.names, "arc-seal") {
		return failed(Seal + " in h=")
	}
	return nil
}

// noNames refuses h=: what an ARC-Seal covers is given (RFC 8617 section 5.1.1).
func (s *signature) noNames(*Signature) *failure {
	if _, ok := s.tags.Get("h"); ok {
		return failed("h= not allowed")
	}
	return nil
}

// readTimes reads t= and, where there is one, x= (RFC 6376 section 3.5).
func (s *signature) readTimes(now time.Time, expires bool) *failure {
	t, ok := s.tags.Time("t")
	switch {
	case !ok:
		return failed("no valid t=")
	case t.After(now.Add(dkim.MaxClockSkew)):
		return failed("signature from the future")
	case !expires:
		return nil
	}
	switch x, ok := s.tags.Time("x"); {
	case !ok:
		return failed("no valid x=")
	case x.IsZero():
		return nil
	case !x.After(t):
		return failed("signature expires before it begins")
	case now.After(x):
		return failed("signature expired")
	}
	return nil
}

// signs counts a name, in lower case, in h=.
func (s *signature) signs(name string) (n int) {
	for _, signed := range s.names {
		if signed == name {
			n++
		}
	}
	return n
}
