package spf

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"assay/auth/message"
)

const maxName = 253 // bytes of a domain name

// errNoTarget says that a target-name has no value to look up.
var errNoTarget = errors.New("local-part is not ASCII")

// expandName expands a domain-spec to a target-name, without a final dot. Too
// long a name loses labels from the left (RFC 7208 section 7.3), so that it is
// put together from the right and no further than it matters.
func (e *evaluation) expandName(ctx context.Context, m macroString, domain string) (string, error) {
	if text, ok := m.constant(); ok {
		return cleanName(text), nil
	}
	e.personal = e.personal || m.isPersonal()
	if !message.IsASCII(e.local) && m.namesLocalPart() {
		return "", errNoTarget // RFC 8616 section 4
	}
	name := ""
	for i := len(m) - 1; i >= 0 && len(name) <= maxName+1; i-- {
		value, err := e.expandPart(ctx, &m[i], domain)
		if err != nil {
			return "", err
		}
		name = value + name
	}
	return cleanName(name), nil
}

// constant is the text of a macroString without macros, ok when it is one.
func (m macroString) constant() (text string, ok bool) {
	if len(m) == 1 && m[0].letter == 0 {
		return m[0].literal, true
	}
	return "", false
}

func (m macroString) namesLocalPart() bool {
	for i := range m {
		if m[i].letter == 's' || m[i].letter == 'l' {
			return true
		}
	}
	return false
}

// isPersonal tells whether a target-name depends on more than the domains and the client's address.
func (m macroString) isPersonal() bool {
	for i := range m {
		if letter := m[i].letter; letter != 0 && strings.IndexByte("ipdov", letter) < 0 {
			return true
		}
	}
	return false
}

// cleanName drops a final dot, then labels from the left until the name fits.
func cleanName(name string) string {
	name = strings.TrimSuffix(name, ".")
	for len(name) > maxName {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return name
		}
		name = rest
	}
	return name
}

// expandPart expands a literal or macro in the record of a domain.
func (e *evaluation) expandPart(ctx context.Context, p *macroPart, domain string) (string, error) {
	if p.letter == 0 {
		return p.literal, nil
	}
	if p.letter == 'p' {
		name, err := e.validatedName(ctx, domain)
		return p.transform(name), err
	}
	return p.transform(e.value(p.letter, domain)), nil
}

// value is what a macro letter stands for (RFC 7208 section 7.2).
func (e *evaluation) value(letter byte, domain string) string {
	switch letter {
	case 's':
		return e.local + "@" + e.domain
	case 'l':
		return e.local
	case 'o':
		return e.domain
	case 'd':
		return domain
	case 'i':
		return dottedAddr(e.ip)
	case 'v':
		return arpaLabel(e.ip)
	case 'h':
		return e.helo
	case 'c':
		return e.ip.String()
	case 'r':
		return e.receiver()
	default: // 't'
		return strconv.FormatInt(e.checker.now().Unix(), 10)
	}
}

func (e *evaluation) receiver() string {
	if e.checker.Receiver == "" {
		return "unknown"
	}
	return e.checker.Receiver
}

// validatedName is the value of %{p}: of the names of the client that have its
// address, the domain, else one below it, else any; "unknown" for none.
func (e *evaluation) validatedName(ctx context.Context, domain string) (string, error) {
	if name, ok := e.validated[domain]; ok {
		return name, nil
	}
	if err := e.countTerm(); err != nil {
		return "", err
	}
	names, err := e.clientNames(ctx)
	if err != nil {
		return "", err
	}
	name, err := e.firstValidated(ctx, preferWithin(names, domain))
	if err != nil {
		return "", err
	}
	if name == "" {
		name = "unknown"
	}
	if e.validated == nil {
		e.validated = map[string]string{}
	}
	e.validated[domain] = name
	return name, nil
}

// preferWithin orders names: the domain itself, those below it, the others.
func preferWithin(names []string, domain string) []string {
	var same, below, others []string
	for _, name := range names {
		switch {
		case strings.EqualFold(name, domain):
			same = append(same, name)
		case isWithin(name, domain):
			below = append(below, name)
		default:
			others = append(others, name)
		}
	}
	return append(append(same, below...), others...)
}

// dottedAddr is an address for %{i}: the usual form for IPv4, the nibbles of
// an IPv6 address joined with dots.
func dottedAddr(ip netip.Addr) string {
	if ip.Is4() {
		return ip.String()
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, 63)
	for i, c := range ip.As16() {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, hex[c>>4], '.', hex[c&15])
	}
	return string(b)
}

// arpaLabel is the value of %{v}.
func arpaLabel(ip netip.Addr) string {
	if ip.Is4() {
		return "in-addr"
	}
	return "ip6"
}
