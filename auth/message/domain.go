package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDomainText bounds the text of a domain in bytes: 253 characters of up to
// four bytes. Conversion costs the square of a label's length.
const maxDomainText = 4 * 253

// maxUnicode bounds the characters of a label that are not ASCII: each is at least one byte of the A-label, after
// "xn--" (RFC 3492 section 6.3). A label of more would cost its square to be refused.
const maxUnicode = 63 - len("xn--")

// ToASCII is the domain in lower case with A-labels, without the final dot
// (RFC 5890 section 2.3.2). The letters of each label are ASCII letters,
// digits, hyphen and underscore. It is an error if a label is empty or over 63
// bytes, the domain over 253, or a label with other letters no U-label; only
// letter case is mapped.
func ToASCII(domain string) (string, error) {
	n := 0 // characters of the label that are not ASCII
	for _, r := range domain {
		switch {
		case r == '.':
			n = 0
		case r < utf8.RuneSelf:
		case !isLetter(r):
			return "", fmt.Errorf("message: domain %.80q: unexpected %q", domain, r)
		default:
			n++
		}
		if n > maxUnicode {
			return "", fmt.Errorf("message: domain %.80q: label too long", domain)
		}
	}
	return toASCII(domain, uLabels.ToASCII)
}

// isLetter tells the non-ASCII characters of U-labels (RFC 5892 section 2):
// letters, marks, digits, and its exceptions. The profile checks the rest.
func isLetter(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd) ||
		strings.ContainsRune("\u00b7\u0375\u05f3\u05f4\u06fd\u06fe\u0f0b\u3007\u30fb\u200c\u200d", r)
}

// lookup maps more than ToASCII: a full-width dot is a dot.
func lookup(domain string) (string, error) {
	return toASCII(domain, anyLabels.ToASCII)
}

func toASCII(domain string, toALabels func(string) (string, error)) (string, error) {
	d := strings.TrimSuffix(domain, ".")
	if !IsASCII(d) {
		var err error
		if d, err = convert(d, toALabels); err != nil {
			return "", fmt.Errorf("message: domain %.80q: %w", domain, err)
		}
	}
	d = strings.ToLower(d)
	if err := checkDomain(d); err != nil {
		return "", fmt.Errorf("message: domain %.80q: %w", domain, err)
	}
	return d, nil
}

func convert(domain string, toALabels func(string) (string, error)) (string, error) {
	if len(domain) > maxDomainText {
		return "", errors.New("too long")
	}
	if !utf8.ValidString(domain) {
		return "", errors.New("no UTF-8")
	}
	return toALabels(strings.ToLower(domain))
}

// checkDomain makes sure that an ASCII name can be asked for (RFC 1035 section 2.3.4).
func checkDomain(d string) error {
	if len(d) > 253 {
		return errors.New("over 253 bytes")
	}
	label := 0 // its length so far
	for i := 0; i <= len(d); i++ {
		switch {
		case i == len(d) || d[i] == '.':
			if label == 0 || label > 63 {
				return fmt.Errorf("label of %d bytes", label)
			}
			label = 0
		case !isDomainByte(d[i]):
			return fmt.Errorf("unexpected %q", d[i])
		default:
			label++
		}
	}
	return nil
}

// IsASCII tells whether all bytes of s are below 128.
func IsASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// IsWithin tells whether domain is parent or a name below it. Both are in the
// same form, as by ToASCII.
func IsWithin(domain, parent string) bool {
	rest, ok := strings.CutSuffix(domain, parent)
	return ok && (rest == "" || rest[len(rest)-1] == '.')
}

// SplitAddress divides an envelope address without its <> at the @ in front of
// the domain, and does not look at the parts: it is the last one outside of
// quotes (RFC 5321 section 4.1.2), or the last one at all if a quote is left open.
// Without one all is the local part. A source route is part of the local part.
func SplitAddress(addr string) (local, domain string) {
	at, inQuotes := -1, false
	for i := 0; i < len(addr); i++ {
		switch c := addr[i]; {
		case c == '\\':
			i++
		case c == '"':
			inQuotes = !inQuotes
		case c == '@' && !inQuotes:
			at = i
		}
	}
	if inQuotes {
		at = strings.LastIndexByte(addr, '@')
	}
	if at < 0 {
		return addr, ""
	}
	return addr[:at], addr[at+1:]
}

// DomainOf is the domain of an envelope address, as by SplitAddress and ToASCII.
// It is an error if there is none; a null sender and an address literal have none.
func DomainOf(addr string) (string, error) {
	_, domain := SplitAddress(addr)
	if domain == "" {
		return "", fmt.Errorf("message: address %.80q: no domain", addr)
	}
	return ToASCII(domain)
}
