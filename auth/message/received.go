package message

import (
	"cmp"
	"net/netip"
	"strings"
)

// maxHelo bounds a HELO name in bytes (RFC 5321 section 4.5.3.1.2).
const maxHelo = 255

// A Received is what a Received field tells about the host that the message came from (RFC
// 5321 section 4.4). The zero value is a field that tells nothing. The texts are as
// written; Helo and Name may be any text that a stranger chose.
type Received struct {
	From bool       // there is a from clause
	Helo string     // what the host said in HELO; "" when that is not known, or over 255 bytes
	Name string     // what the writer calls the host, confirmed or not; "" for none
	IP   netip.Addr // of the host, without a zone; the zero Addr when there is none, or more than one that may be meant
	By   string     // who wrote the field; "" when it does not say
	With string     // the first word of the protocol: ESMTPS, local, Microsoft; "" for none

	// Local tells that no other host is named since there was none: the message was
	// made on the host that wrote the field, or handed over there without a network.
	Local bool
}

// ParseReceived reads the raw value of a Received field, as the common MTAs write it; few of
// them keep to the grammar. It takes linear time, and what can't be read is left out.
//
// The address is looked for in the from clause only, where the writer puts it: in brackets
// as the first or second word of a comment or behind the first word, alone in a comment, or, as Exim,
// CommuniGate and Yahoo do, in place of the first word. The HELO name, which the client chooses,
// is no such place, nor is what follows helo= or HELO in a comment, unless nothing else is there that
// could be the address: then HELO is the name of a host that wants to hide. A HELO name with spaces
// in it can hide the address, if the writer lets it through, but not replace it, nor can it pass for
// the writer's own by clause: of a field with two of them no address is taken.
func ParseReceived(value string) Received {
	p := receivedParser{traceScanner: traceScanner{rest: value}}
	keyword := p.beginning()
	if equalFold(keyword, "from") {
		p.r.From = true
		keyword = p.from()
	}
	if equalFold(keyword, "by") {
		p.by()
		p.end()
	}
	return p.result()
}

// Authenticated tells whether the host, whose address is known, authenticated when it handed the
// message over: by SMTP AUTH (RFC 3848, RFC 6531 section 4.3, and what old versions of Exim write). Only
// the writer's own protocol tells it, which the client does not choose.
func (r *Received) Authenticated() bool {
	if !r.IP.IsValid() {
		return false
	}
	switch strings.ToUpper(r.With) {
	case "ESMTPA", "ESMTPSA", "UTF8SMTPA", "UTF8SMTPSA", "LMTPA", "LMTPSA", "UTF8LMTPA", "UTF8LMTPSA", "ASMTP":
		return true
	}
	return false
}

// A receivedParser reads one field.
type receivedParser struct {
	traceScanner
	r Received

	first   string  // the word after from: the HELO name, or the host's name or address
	helo    string  // the HELO name, where it is marked as one
	marked  bool    // something marks the HELO name: the first word is the writer's own
	own     bool    // the writer is one whose first word is its own
	behind  tcpInfo // an address behind the mark: it counts when there is no other
	several bool    // more than one address may be the host's
	local   bool    // something says that there was no other host
	idle    bool    // something says so, unless there is a protocol
	taken   bool    // something says that there was one, though no from clause does
}

// beginning reads the comments in front of the first word, and gives that.
func (p *receivedParser) beginning() string {
	for {
		text, comment := p.next()
		if !comment {
			return text
		}
		host, isFrom := strings.CutPrefix(text, "from ")
		switch {
		case isFrom: // Sendmail, of a client without a HELO name
			p.comment(host)
			p.r.From = p.r.IP.IsValid() || p.several
		case strings.HasSuffix(text, " invoked from network"): // qmail; the next field tells from where
			p.taken = true
		case strings.Contains(text, " invoked "): // qmail, nullmailer
			p.local = true
		}
	}
}

// from reads the from clause, and gives the word that ends it.
func (p *receivedParser) from() string {
	p.first = p.firstWord()
	for n := 2; ; n++ {
		text, comment := p.next()
		switch {
		case comment:
			p.comment(text)
		case text == "", strings.Contains(text, ";"), equalFold(text, "by"), equalFold(text, "for"):
			return text
		case n == 2:
			p.found(literalAddr(text))
			p.local = p.local || p.first == "mail" && text == "pickup" // "mail pickup service", of Microsoft's SMTPSVC
		}
	}
}

// firstWord takes the word after from, "" where TCP-info follows at once.
func (p *receivedParser) firstWord() string {
	p.rest = strings.TrimLeft(p.rest, white)
	if strings.HasPrefix(p.rest, "(") {
		if n := CommentLen(p.rest); n > 0 && strings.ContainsAny(p.rest[:n], white) {
			return ""
		}
	}
	return p.cut(white)
}

// comment reads a comment of the from clause, which may be TCP-info (RFC 5321 section 4.4).
func (p *receivedParser) comment(text string) {
	s := traceScanner{rest: text}
	named := strings.HasSuffix(text, "(may be forged)") // Sendmail: the first word is a PTR name, even "HELO"
	var c tcpInfo
	for c.words < 3 {
		word, nested := s.next()
		if nested {
			continue
		}
		if word == "" {
			break
		}
		if !named && p.heloName(word, s) {
			p.behindMark(c, word, s)
			break
		}
		c.add(word)
	}
	p.several = p.several || c.several
	if ip := c.ip(); ip.IsValid() {
		p.found(ip)
		p.r.Name = c.name
	}
	switch {
	case strings.HasSuffix(text, "[local]"), strings.HasSuffix(text, "[unix socket]"): // OpenSMTPD, Cyrus
		p.local = true
	case text == "localhost", strings.HasPrefix(text, "uid "): // Sendmail's own bounces, DragonFly's mail agent
		p.idle = true
	}
}

// heloName tells whether a word of a comment is, or begins, what the client or its ident
// server said: nothing after it is the writer's.
func (p *receivedParser) heloName(word string, rest traceScanner) bool {
	key, value, isPair := strings.Cut(word, "=")
	switch {
	case isPair && equalFold(key, "helo"):
		p.helo, p.marked = value+rest.cut(white), true
	case isPair && equalFold(key, "port"):
		p.marked = true
		return false
	case isPair && equalFold(key, "ident"):
	case !isPair && (equalFold(word, "helo") || equalFold(word, "ehlo")):
		p.helo, p.marked = rest.unspaced(), true
	default:
		return false
	}
	return true
}

// behindMark notes the address in a comment that begins with a mark: of Exim and the like it is
// the HELO name, and another place has the host's; else the mark is the PTR name that the host
// has chosen.
func (p *receivedParser) behindMark(c tcpInfo, mark string, rest traceScanner) {
	if c.words > 0 {
		return
	}
	c.add(mark)
	if word, nested := rest.next(); !nested {
		c.add(word)
	}
	if c.literal.IsValid() {
		p.behind = c
	}
}

// found notes an address that may be the host's.
func (p *receivedParser) found(ip netip.Addr) {
	switch {
	case !ip.IsValid():
	case !p.r.IP.IsValid():
		p.r.IP = ip
	case p.r.IP != ip:
		p.several = true
	}
}

// by reads the rest, up to what names the sender, the recipient or the date.
func (p *receivedParser) by() {
	name := p.unspaced()
	p.r.By = strings.TrimSuffix(name, ";")
	if p.r.By != name {
		return
	}
	with := false
	for {
		text, comment := p.next()
		switch {
		case comment && (strings.HasPrefix(text, "Exim ") || strings.HasPrefix(text, "CommuniGate ")):
			p.own = true
		case comment && strings.HasPrefix(text, "envelope-"):
			return
		case comment:
		case text == "" || equalFold(text, "for"):
			return
		case equalFold(text, "by"):
			p.several = true
		case with && p.r.With == "":
			p.r.With = strings.TrimSuffix(text, ";")
		case equalFold(text, "with"):
			with = true
		}
		if !comment && strings.Contains(text, ";") {
			return
		}
	}
}

// end reads what is left. A second by clause shows that one of both is part of a HELO name.
func (p *receivedParser) end() {
	for {
		text, comment := p.next()
		switch {
		case comment:
		case text == "":
			return
		case equalFold(text, "by"):
			p.several = true
		}
	}
}

// result puts together what was read.
func (p *receivedParser) result() Received {
	r := &p.r
	p.choose()
	if p.several {
		r.IP, r.Name = netip.Addr{}, ""
	}
	if len(r.Helo) > maxHelo {
		r.Helo = ""
	}
	if r.Name = strings.TrimSuffix(r.Name, "."); strings.Trim(r.Name, "<>") == "unknown" {
		r.Name = ""
	}
	r.Local = !r.IP.IsValid() && !p.several && !p.taken && p.isLocal()
	return *r
}

// choose says what the first word is, and finds the address where it is in no usual place.
func (p *receivedParser) choose() {
	r := &p.r
	found := r.IP.IsValid() || p.several
	address := wordAddr(p.first)
	r.Helo = p.first
	switch {
	case !found && p.behind.literal.IsValid() && !(p.own && address.IsValid()):
		r.IP, r.Name = p.behind.literal, p.behind.name
		p.several = parseAddr(p.first).IsValid() // Yahoo has the host's address there, others a HELO name
	case p.marked || p.own:
		r.Helo, r.Name = cmp.Or(p.helo, p.first), p.first
		if address.IsValid() {
			r.Name = ""
		}
		if !found {
			r.IP = address
		}
	}
}

// isLocal tells whether a field without an address is about a message that was made there.
func (p *receivedParser) isLocal() bool {
	const local = "local" // of Exim: local, local-smtp, local-esmtp
	with := p.r.With
	switch {
	case p.local, len(with) >= len(local) && equalFold(with[:len(local)], local):
		return true
	case p.r.From:
		return p.idle && with == ""
	}
	return p.r.By != "" && with == ""
}
