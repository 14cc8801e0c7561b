package dkim

import (
	"strings"

	"assay/auth/message"
)

const (
	maxDomain = 253 // bytes of a name in DNS without the final dot
	maxLabel  = 63
)

// domainName reads the domain of d=, i= or s=: letters, digits, "-" and "_" in
// labels, in lower case and as A-labels (RFC 8616 section 5 allows U-labels). Which
// U-labels are valid is message.ToASCII's word. There is no dot at the end.
func domainName(s string) (name string, ok bool) {
	if !message.IsASCII(s) {
		name, err := message.ToASCII(s)
		if err != nil || strings.HasSuffix(s, ".") {
			return "", false
		}
		return name, true
	}
	if len(s) > maxDomain {
		return "", false
	}
	for rest, more := s, true; more; {
		var label string
		if label, rest, more = strings.Cut(rest, "."); !isLabel(label) {
			return "", false
		}
	}
	return lowerASCII(s), true
}

// IsSignature tells the fields that a Verification has an Outcome for.
func IsSignature(f message.Field) bool { return isNamed(f.Name, lowerFieldName) }

// maxClaims bounds the d= of one field that are looked at: a well-formed field has one.
const maxClaims = 4

// ClaimedDomain is d= of a field that holds a signature, lower case, A-labels, also where the signature is
// malformed or past a limit; "" for none. It tells nothing about who signed. Not ok when the field has more
// of them than anybody looks at.
func ClaimedDomain(f message.Field) (domain string, ok bool) {
	_, list, _ := strings.Cut(f.Raw, ":")
	claims := 0
	for spec := range strings.SplitSeq(list, ";") {
		name, value, _ := strings.Cut(spec, "=")
		if trimSpace(name) != "d" {
			continue
		}
		if claims++; claims > maxClaims {
			return "", false
		}
		if domain, ok := domainName(trimSpace(value)); ok {
			return domain, true
		}
	}
	return "", true
}

// isLabel is wider than sub-domain of RFC 5321 by the underscore and by
// hyphens at the ends: both occur in selectors.
func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
