package dkim

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"assay/auth/message"
)

const (
	maxSignatureField = 64 << 10 // bytes of one field that holds a signature
	maxSignatureText  = 4096     // bytes of b= and bh= each: an RSA key of 24,000 bits needs no more
	maxTimeDigits     = 12       // of t= and x= (RFC 6376 section 3.5)
)

var (
	errNoColon  = errors.New("dkim: a field without a colon")
	errTooLarge = errors.New("dkim: a signature field over 64 KiB")
)

// FieldTags reads the value of a field that holds a signature: DKIM-Signature,
// ARC-Message-Signature or ARC-Seal. It is an error if that is no tag-list by the
// grammar of RFC 6376 section 3.2, or the field is over 64 KiB. With more than maxTags tags,
// where zero or less means DefaultMaxTags, that is ErrTooManyTags.
func FieldTags(f message.Field, maxTags int) (TagList, error) {
	if len(f.Raw) > maxSignatureField {
		return nil, errTooLarge
	}
	colon := strings.IndexByte(f.Raw, ':')
	if colon < 0 {
		return nil, errNoColon
	}
	tags, err := parseTags(f.Raw[colon+1:], maxTags)
	for i := range tags { // positions are those in the field
		tags[i].start += colon + 1
		tags[i].end += colon + 1
	}
	return tags, err
}

// Domain reads a domain, as of d= and s=: lower case, A-labels. ok is false
// without the tag, too.
func (l TagList) Domain(name string) (domain string, ok bool) {
	v, _ := l.Get(name)
	return domainName(v)
}

// Base64 decodes a value, as of b= and bh=, which may have white space anywhere.
// ok is false without the tag, when it is empty, and over 4096 characters.
func (l TagList) Base64(name string) (data []byte, ok bool) {
	v, _ := l.Get(name)
	return decodeBase64(removeSpace(v))
}

// decodeBase64 is TagList.Base64 of a value without white space.
func decodeBase64(s string) (data []byte, ok bool) {
	if s == "" || len(s) > maxSignatureText {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(s)
	return data, err == nil
}

// Time reads seconds since 1970, as of t= and x= (RFC 6376 section 3.5): the zero Time
// without the tag. ok is false for what is no number of 1 to 12 digits.
func (l TagList) Time(name string) (t time.Time, ok bool) {
	v, present := l.Get(name)
	switch {
	case !present:
		return time.Time{}, true
	case !isDigits(v, maxTimeDigits):
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(v, 10, 64)
	return time.Unix(n, 0), err == nil
}

// Names splits a value at its colons, as of h=: in lower case, without the white
// space around each. An empty value is one empty name; without the tag there is none.
func (l TagList) Names(name string) []string {
	v, ok := l.Get(name)
	if !ok {
		return nil
	}
	return nameList(v)
}

// Canonicalizations reads c= (RFC 6376 section 3.5). Without the tag both are
// Simple; ok is false for what is unknown, an empty value too.
func (l TagList) Canonicalizations() (header, body Canonicalization, ok bool) {
	v, present := l.Get("c")
	if !present {
		return Simple, Simple, true
	}
	first, second, both := strings.Cut(lowerASCII(v), "/")
	header, ok = canonicalizationOf(first)
	if ok && both {
		body, ok = canonicalizationOf(second)
	}
	return header, body, ok
}
