package arc

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"

	"assay/auth/message"
)

// maxSealerText bounds the text of an entry, in bytes: 253 characters of up to four
// bytes, and a dot at both ends.
const maxSealerText = 4*253 + 2

// ParseSealer reads one entry: a domain, "example.org", or a domain with its
// subdomains, ".example.org". Case does not count, U-labels become A-labels, and a
// final dot is left out. Refused are names that nobody can own or that many share:
// a single label, a public suffix such as "co.uk" (publicsuffix.org), and with
// subdomains also one whose owner lets others have names below it, such as
// ".github.io". The error is one line for whoever wrote the text: the text, what is
// wrong with it; what to write.
func ParseSealer(text string) (Sealer, error) {
	s, err := parseSealer(text)
	if err != nil {
		return Sealer{}, fmt.Errorf("%s %w", quoteEntry(text), err)
	}
	return s, nil
}

// quoteEntry shows an entry in a message.
func quoteEntry(text string) string {
	const most = 80
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// parseSealer leaves the text out of the error.
func parseSealer(text string) (Sealer, error) {
	if len(text) > maxSealerText {
		return Sealer{}, errors.New("is longer than any domain name; write one domain")
	}
	if err := checkShape(text); err != nil {
		return Sealer{}, err
	}
	name, subdomains := strings.CutPrefix(text, ".")
	domain, err := message.ToASCII(name)
	if err != nil {
		return Sealer{}, fmt.Errorf("is no domain name%s; %s", reason(err), adviceExample)
	}
	s := Sealer{Domain: domain, Subdomains: subdomains}
	if err := checkOwner(s); err != nil {
		return Sealer{}, err
	}
	return s, nil
}

const adviceExample = `write one such as "example.org"`

// reason is what ToASCII found, in brackets, if it says more than that it is no domain
// and does not repeat a long text.
func reason(err error) string {
	if cause := errors.Unwrap(err); cause != nil && len(cause.Error()) <= 120 {
		return " (" + cause.Error() + ")"
	}
	return ""
}

// checkShape refuses what people write in place of a domain.
func checkShape(text string) error {
	switch {
	case text == "":
		return errors.New("is empty; " + adviceExample)
	case strings.ContainsAny(text, " \t\r\n\v\f,;"):
		return errors.New("is more than one word; write one domain only")
	case isAddress(text):
		return errors.New("is an IP address; write the domain of the seals (d=), " + strings.TrimPrefix(adviceExample, "write "))
	case strings.Contains(text, "/"):
		return errors.New("is no domain but a URL or path; " + adviceOn(hostOf(text)))
	case strings.Contains(text, "@"):
		return errors.New("is an address; " + adviceOn(text[strings.LastIndexByte(text, '@')+1:]))
	case strings.Contains(text, "*"):
		return errors.New("has a wildcard; " + adviceOn("."+strings.TrimLeft(text, "*.")))
	}
	return nil
}

// isAddress tells IP addresses and networks, also in brackets.
func isAddress(text string) bool {
	if !strings.ContainsAny(text, ":/[") && strings.TrimRight(text, "0123456789") == text {
		return false // no error has to be made up for each good domain
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	bare = strings.TrimPrefix(bare, "IPv6:")
	_, addrErr := netip.ParseAddr(bare)
	_, prefixErr := netip.ParsePrefix(bare)
	return addrErr == nil || prefixErr == nil
}

// hostOf is the name of the host in a URL, also without its scheme.
func hostOf(text string) string {
	if !strings.Contains(text, "://") {
		text = "//" + strings.TrimLeft(text, "/")
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// adviceOn says to write an entry, if it is one.
func adviceOn(entry string) string {
	if strings.ContainsAny(entry, "/@*") {
		return adviceExample
	}
	s, err := parseSealer(entry)
	if err != nil {
		return adviceExample
	}
	return fmt.Sprintf("write %q", s)
}

// checkOwner refuses names that no sealer can own, and those below which
// everybody may have one.
func checkOwner(s Sealer) error {
	top := s.Domain[strings.LastIndexByte(s.Domain, '.')+1:]
	suffix, official := publicsuffix.PublicSuffix(s.Domain)
	switch {
	case badHyphen(s.Domain):
		return errors.New("is no domain name (a label begins or ends with a hyphen); " + adviceExample)
	case strings.Trim(top, "0123456789") == "":
		return errors.New("ends in a number like an IP address; " + adviceExample)
	case top == s.Domain:
		return errors.New("has one label only; write the whole domain such as \"example.org\"")
	case suffix == s.Domain && official:
		return errors.New("is a public suffix, below which domains of many owners are; write the domain of one of them such as \"example." + s.Domain + "\"")
	case s.Subdomains && (suffix == s.Domain || manyBelow(s.Domain)):
		return errors.New("is a public suffix: names below it belong to many owners; write the names of those that are trusted such as \"example." + s.Domain + "\"")
	}
	return nil
}

// manyBelow tells whether each name directly below a domain is a public suffix.
func manyBelow(domain string) bool {
	below := "x." + domain
	suffix, _ := publicsuffix.PublicSuffix(below)
	return suffix == below
}

// badHyphen tells whether a label begins or ends with a hyphen (RFC 5321 section
// 4.1.2: sub-domain), which no key of a seal may.
func badHyphen(domain string) bool {
	return strings.HasPrefix(domain, "-") || strings.HasSuffix(domain, "-") ||
		strings.Contains(domain, ".-") || strings.Contains(domain, "-.")
}
