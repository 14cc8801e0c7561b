package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

const version = "v=spf1"

// A mechanism is one of those of RFC 7208 section 5.
type mechanism uint8

const (
	mechAll mechanism = iota
	mechInclude
	mechA
	mechMX
	mechPTR
	mechIP4
	mechIP6
	mechExists
)

// A record is a parsed SPF record (RFC 7208 section 4.6.1). It is not changed
// after parsing.
type record struct {
	directives []directive
	redirect   macroString // nil for none
	exp        macroString // nil for none
}

// A directive is a mechanism with its qualifier.
type directive struct {
	text      string // as written
	result    Result // of a match
	mechanism mechanism
	bits4     uint8        // mechA, mechMX: prefix length for an IPv4 client
	bits6     uint8        // the same for IPv6
	network   netip.Prefix // mechIP4, mechIP6
	target    macroString  // nil: the domain of the record
}

var (
	errNonASCII     = errors.New("a byte is neither visible ASCII nor a space")
	errTwice        = errors.New("modifier given twice")
	errUnknown      = errors.New("unknown mechanism")
	errArgument     = errors.New("takes no argument")
	errNoDomain     = errors.New("domain is missing")
	errNoNetwork    = errors.New("network is missing")
	errNetwork      = errors.New("bad network")
	errPrefixLength = errors.New("bad prefix length")
)

// isRecord tells whether the text of a TXT record is an SPF record: the
// version, then a space or the end (RFC 7208 section 4.5).
func isRecord(text string) bool {
	if len(text) < len(version) || !strings.EqualFold(text[:len(version)], version) {
		return false
	}
	return len(text) == len(version) || text[len(version)] == ' '
}

// parseRecord reads a text for which isRecord holds. Every syntax error in it
// is found here, before anything is evaluated (RFC 7208 section 4.6).
func parseRecord(text string) (*record, error) {
	if !isVisible(text, true) {
		return nil, errNonASCII
	}
	r := &record{directives: make([]directive, 0, min(strings.Count(text, " "), 32))}
	for term := range strings.SplitSeq(text[len(version):], " ") {
		if term == "" {
			continue
		}
		if err := r.add(term); err != nil {
			return nil, fmt.Errorf("%s: %w", clip(term), err)
		}
	}
	return r, nil
}

// isVisible tells whether s is visible ASCII, and spaces when they are allowed.
func isVisible(s string, spaces bool) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && !spaces {
			return false
		}
	}
	return true
}

// add parses one term. An equals sign right after a name makes a modifier, any
// other character a mechanism (RFC 7208 section 4.6.1).
func (r *record) add(term string) error {
	if name, value, ok := cutModifier(term); ok {
		return r.addModifier(name, value)
	}
	d, err := parseDirective(term)
	if err != nil {
		return err
	}
	r.directives = append(r.directives, d)
	return nil
}

// cutModifier takes NAME=VALUE apart; the name is ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
func cutModifier(term string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(term, "=")
	if !ok || name == "" || !isAlpha(name[0]) {
		return "", "", false
	}
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && c != '-' && c != '_' && c != '.' {
			return "", "", false
		}
	}
	return name, value, true
}

func (r *record) addModifier(name, value string) error {
	var known *macroString
	switch strings.ToLower(name) {
	case "redirect":
		known = &r.redirect
	case "exp":
		known = &r.exp
	default: // ignored, but its macros have to be well formed (section 6)
		_, _, err := parseMacros(value, explanationText)
		return err
	}
	if *known != nil {
		return errTwice
	}
	var err error
	*known, err = parseDomainSpec(value)
	return err
}

// parseDirective parses [ qualifier ] mechanism.
func parseDirective(term string) (directive, error) {
	d := directive{text: term, result: Pass}
	name := term
	if result, ok := qualifierResult(term[0]); ok {
		d.result, name = result, term[1:]
	}
	argument := ""
	if i := strings.IndexAny(name, ":/"); i >= 0 {
		name, argument = name[:i], name[i:]
	}
	var err error
	switch strings.ToLower(name) {
	case "all":
		d.mechanism, err = mechAll, noArgument(argument)
	case "include":
		d.mechanism, err = mechInclude, d.setTarget(argument)
	case "exists":
		d.mechanism, err = mechExists, d.setTarget(argument)
	case "a":
		d.mechanism, err = mechA, d.setHosts(argument)
	case "mx":
		d.mechanism, err = mechMX, d.setHosts(argument)
	case "ptr":
		d.mechanism, err = mechPTR, d.setOptionalTarget(argument)
	case "ip4":
		d.mechanism, err = mechIP4, d.setNetwork(argument, 32)
	case "ip6":
		d.mechanism, err = mechIP6, d.setNetwork(argument, 128)
	default:
		err = errUnknown
	}
	return d, err
}

// qualifierResult is the result that a qualifier gives to a match.
func qualifierResult(c byte) (Result, bool) {
	switch c {
	case '+':
		return Pass, true
	case '-':
		return Fail, true
	case '~':
		return SoftFail, true
	case '?':
		return Neutral, true
	}
	return "", false
}

func noArgument(argument string) error {
	if argument != "" {
		return errArgument
	}
	return nil
}

// setTarget reads ":" domain-spec.
func (d *directive) setTarget(argument string) error {
	spec, ok := strings.CutPrefix(argument, ":")
	if !ok {
		return errNoDomain
	}
	var err error
	d.target, err = parseDomainSpec(spec)
	return err
}

// setOptionalTarget reads [ ":" domain-spec ].
func (d *directive) setOptionalTarget(argument string) error {
	if argument == "" {
		return nil
	}
	return d.setTarget(argument)
}

// setHosts reads [ ":" domain-spec ] [ dual-cidr-length ]. A domain-spec can't
// end like a prefix length: its last label would hold a slash.
func (d *directive) setHosts(argument string) error {
	var err error
	if argument, d.bits6, err = cutPrefixLength(argument, "//", 128); err != nil {
		return err
	}
	if argument, d.bits4, err = cutPrefixLength(argument, "/", 32); err != nil {
		return err
	}
	return d.setOptionalTarget(argument)
}

// setNetwork reads ":" network [ "/" prefix length ].
func (d *directive) setNetwork(argument string, size int) error {
	network, ok := strings.CutPrefix(argument, ":")
	if !ok {
		return errNoNetwork
	}
	network, bits, err := cutPrefixLength(network, "/", size)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(network)
	if err != nil || addr.Zone() != "" || addr.BitLen() != size {
		return errNetwork
	}
	d.network = netip.PrefixFrom(addr, int(bits)).Masked()
	return nil
}

// cutPrefixLength takes a prefix length off the end of an argument: the
// separator and digits. Without one it is the size of an address, in bits.
func cutPrefixLength(argument, separator string, size int) (rest string, bits uint8, err error) {
	digits := len(argument)
	for digits > 0 && isDigit(argument[digits-1]) {
		digits--
	}
	rest, ok := strings.CutSuffix(argument[:digits], separator)
	if !ok || digits == len(argument) {
		return argument, uint8(size), nil
	}
	n := 0
	for _, c := range []byte(argument[digits:]) {
		if n = n*10 + int(c-'0'); n > size {
			return "", 0, errPrefixLength
		}
	}
	if argument[digits] == '0' && len(argument) > digits+1 {
		return "", 0, errPrefixLength // as the RFC has it for the parts of an ip4-network
	}
	return rest, uint8(n), nil
}

func isAlpha(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }

// clip quotes text from outside for an error, at most 80 bytes of it.
func clip(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%q...", s[:80])
	}
	return fmt.Sprintf("%q", s)
}
