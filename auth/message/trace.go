package message

import (
	"net/netip"
	"strings"
)

// white is what separates words, the line breaks of folds included.
const white = " \t\r\n"

// A traceScanner splits a Received field, or a comment in it, into words and comments, in
// linear time. Quotes are letters: MTAs don't quote, and one left open would hide the rest.
type traceScanner struct {
	rest string
	flat bool // parentheses don't match: a comment ends at the first ")"
}

// next takes a word, or a comment without its parentheses. A word "" is the end.
func (s *traceScanner) next() (text string, comment bool) {
	s.rest = strings.TrimLeft(s.rest, white)
	if s.rest != "" && s.rest[0] == '(' {
		return s.comment(), true
	}
	return s.cut(white + "("), false
}

// unspaced takes all up to the next white space.
func (s *traceScanner) unspaced() string {
	s.rest = strings.TrimLeft(s.rest, white)
	return s.cut(white)
}

// cut takes all up to the first of stops, or to the end.
func (s *traceScanner) cut(stops string) string {
	n := strings.IndexAny(s.rest, stops)
	if n < 0 {
		n = len(s.rest)
	}
	text := s.rest[:n]
	s.rest = s.rest[n:]
	return text
}

func (s *traceScanner) comment() string {
	if !s.flat {
		if n := CommentLen(s.rest); n > 0 {
			text := s.rest[1 : n-1]
			s.rest = s.rest[n:]
			return text
		}
		s.flat = true // once only, or it would take the square of the time
	}
	text, rest, _ := strings.Cut(s.rest[1:], ")")
	s.rest = rest
	return text
}

// A tcpInfo is what the first words of a comment tell.
type tcpInfo struct {
	words   int
	name    string     // the word in front of the literal
	literal netip.Addr // an address in brackets, the first or second word
	bare    netip.Addr // an address otherwise, the last word of at most two
	several bool       // there are two literals
}

func (c *tcpInfo) add(word string) {
	c.words++
	c.bare = netip.Addr{}
	if c.words > 2 {
		return
	}
	ip := literalAddr(word)
	switch {
	case !ip.IsValid():
		c.bare = bareAddr(word)
		if c.words == 1 {
			c.name = word[strings.LastIndexByte(word, '@')+1:] // an ident user is no part of it
		}
	case c.literal.IsValid():
		c.several = c.literal != ip
	default:
		c.literal = ip
	}
}

func (c *tcpInfo) ip() netip.Addr {
	if c.literal.IsValid() {
		return c.literal
	}
	if c.words == 1 {
		c.name = ""
	}
	return c.bare
}

// wordAddr reads an address with or without brackets.
func wordAddr(word string) netip.Addr {
	if ip := literalAddr(word); ip.IsValid() {
		return ip
	}
	return parseAddr(word)
}

// literalAddr reads an address in brackets, with or without a port behind them.
func literalAddr(word string) netip.Addr {
	text, rest, closed := strings.Cut(strings.TrimPrefix(word, "["), "]")
	if !closed || word[0] != '[' || rest != "" && rest[0] != ':' {
		return netip.Addr{}
	}
	const tag = "ipv6:" // RFC 5321 section 4.1.3
	if len(text) > len(tag) && equalFold(text[:len(tag)], tag) {
		text = text[len(tag):]
	}
	return parseAddr(text)
}

// bareAddr reads an address behind an ident user, with or without brackets, or in front of a port.
func bareAddr(word string) netip.Addr {
	word = word[strings.LastIndexByte(word, '@')+1:]
	if ip := literalAddr(word); ip.IsValid() {
		return ip
	}
	if host, _, found := strings.Cut(word, ":"); found && strings.Count(word, ":") == 1 {
		word = host
	}
	return parseAddr(word)
}

// parseAddr gives the zero Addr for what is no address, or none that a host can have.
func parseAddr(text string) netip.Addr {
	const longest = 80 // with a zone
	if len(text) > longest || !strings.ContainsAny(text, ".:") {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(text)
	if ip = ip.Unmap().WithZone(""); err != nil || ip.IsUnspecified() || ip.IsMulticast() {
		return netip.Addr{}
	}
	return ip
}
