package dmarc

import "strings"

// maxURIs bounds the addresses that are kept of one rua or ruf.
const maxURIs = 100

// uris reads a dmarc-urilist (RFC 9989 section 4.8) and leaves out what is no URI.
func (p *recordParser) uris(name, list string) []string {
	var uris []string
	for item := range strings.SplitSeq(list, ",") {
		uri := withoutSize(trim(item))
		switch {
		case !validURI(uri):
			p.issue("%s: %s is no reporting URI", name, item)
		case len(uris) == maxURIs:
			p.issue("%s has too many URIs", name)
			return uris
		default:
			uris = append(uris, uri)
		}
	}
	return uris
}

// withoutSize strips an obs-dmarc-report-size: "!10m".
func withoutSize(uri string) string {
	head, size, ok := strings.Cut(uri, "!")
	if !ok || size == "" {
		return uri
	}
	if strings.IndexByte("kmgtKMGT", size[len(size)-1]) >= 0 {
		size = size[:len(size)-1]
	}
	if size == "" || strings.Trim(size, "0123456789") != "" {
		return uri
	}
	return head
}

// validURI tells whether s is an absolute URI (RFC 3986 section 3) in which "," and
// "!" are encoded. A mailto URI needs one address, local-part@domain, or several
// (RFC 6068 section 2, which would let it have none).
func validURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || !validScheme(scheme) || !validURIText(rest) {
		return false
	}
	if !strings.EqualFold(scheme, "mailto") {
		return true
	}
	address, _, _ := strings.Cut(rest, "?")
	at := strings.LastIndexByte(address, '@')
	if at < 1 {
		return false
	}
	_, ok = normalize(address[at+1:])
	return ok
}

func validScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// validURIText checks the characters behind the scheme, and that "%" is followed
// by two hexadecimal digits.
func validURIText(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isLetter(c) || isDigit(c) || strings.IndexByte("-._~:/?#[]@$&'()*+;=", c) >= 0:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
