package dns

import (
	"fmt"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// udpSize is the size of replies that is offered by EDNS: no fragments on any
// usual path (RFC 9715 section 3.1).
const udpSize = 1232

// appendQuery appends a query to b: RD, AD (RFC 6840 section 5.7), with edns
// an OPT record. The question is canonical.
func appendQuery(b []byte, id uint16, q Question, edns bool) (msg []byte, err error) {
	defer recovered(&err)
	m := mdns.Msg{
		MsgHdr:   mdns.MsgHdr{Id: id, RecursionDesired: true, AuthenticatedData: true},
		Question: []mdns.Question{{Name: toText(q.Name), Qtype: uint16(q.Type), Qclass: mdns.ClassINET}},
	}
	if edns {
		m.SetEdns0(udpSize, false)
	}
	packed, err := m.PackBuffer(b[len(b):cap(b)])
	if err != nil {
		return nil, err
	}
	return append(b, packed...), nil
}

// recovered is deferred around calls of miekg/dns, which reads and writes what
// strangers sent: its panic becomes an error of the one question.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v", v)
	}
}

// A reply is a response that belongs to a query.
type reply struct {
	rcode     int  // with the upper bits from the OPT record
	truncated bool // nothing else is known then
	lame      bool // a referral by a server that doesn't recurse: no answer
	answer    Answer
	aliases   int    // the CNAMEs followed
	next      string // the name to ask for next: the answer ended at a CNAME; "" for none
}

// readReply decodes a message. ok is false when it is no response to this query.
// An error means that it is one, but broken.
func readReply(msg []byte, id uint16, q Question) (r reply, ok bool, err error) {
	p, err := newParser(msg)
	h := &p.header
	if err != nil || !h.Response || h.Id != id || h.Opcode != mdns.OpcodeQuery || !p.repeats(q) {
		return reply{}, false, nil
	}
	r = reply{rcode: h.Rcode, truncated: h.Truncated}
	if h.Truncated || !isAnswer(h.Rcode) {
		return r, true, nil
	}
	if err := r.read(p, q); err != nil {
		return reply{}, true, fmt.Errorf("bad reply: %w", err)
	}
	r.answer.Authenticated = h.AuthenticatedData
	r.answer.NXDomain = r.rcode == mdns.RcodeNameError
	r.lame = r.lame && !h.Authoritative && !h.RecursionAvailable
	return r, true, nil
}

// isAnswer says whether a reply with this rcode answers the question.
func isAnswer(rcode int) bool {
	return rcode == mdns.RcodeSuccess || rcode == mdns.RcodeNameError
}

// repeats says whether the message repeats the question, and only this one
// (RFC 5452 section 9.1). Servers that report an error may leave it out.
func (p *parser) repeats(q Question) bool {
	switch p.questions {
	case 0:
		return !isAnswer(p.header.Rcode)
	case 1:
		name, ok := fromText(p.question.Name)
		return ok && name == q.Name && p.question.Qtype == uint16(q.Type) && p.question.Qclass == mdns.ClassINET
	}
	return false
}

// read takes what the sections after the question hold.
func (r *reply) read(p *parser, q Question) (err error) {
	defer recovered(&err)
	answers, err := p.records(p.answers)
	if err != nil {
		return err
	}
	c, err := readChain(p, answers, q.Name)
	if err != nil {
		return err
	}
	r.aliases = c.aliases
	if r.rcode == mdns.RcodeSuccess {
		if err := c.readRecords(p, answers, q.Type, &r.answer); err != nil {
			return err
		}
	}
	soa, err := c.readSOA(p)
	if err == nil {
		err = r.readOPT(p)
	}
	if c.records > 0 { // what follows the answer doesn't matter
		r.answer.TTL = time.Duration(c.ttl) * time.Second
		return nil
	}
	if err == nil {
		r.explain(&c, soa)
	}
	return err
}

// explain says what a reply without records of the asked type is: an answer,
// as the SOA shows, the way to another name, or neither.
func (r *reply) explain(c *chain, soa bool) {
	if r.rcode == mdns.RcodeSuccess && !soa {
		r.lame = c.aliases == 0
		if c.aliases > 0 {
			r.next = c.name
		}
	}
	if soa || r.next != "" {
		r.answer.TTL = time.Duration(c.ttl) * time.Second
	}
}

// A chain is the way from the asked name over CNAMEs to the last one that the
// answer section knows.
type chain struct {
	name    string
	aliases int
	records int    // of the asked type at name
	ttl     uint32 // the least so far, in seconds
}

// readChain follows the CNAMEs of the answer section, whatever their order.
func readChain(p *parser, answers []record, name string) (chain, error) {
	var aliases map[string]alias
	for _, rec := range answers {
		if !rec.is(mdns.TypeCNAME) {
			continue
		}
		target, err := p.target(rec)
		if err != nil {
			return chain{}, err
		}
		if aliases == nil {
			aliases = map[string]alias{}
		}
		aliases[rec.owner] = alias{owner: rec.owner, target: target, ttl: plainTTL(rec.ttl)}
	}
	c := chain{name: name, ttl: ^uint32(0)}
	return c, c.follow(aliases)
}

func (c *chain) follow(aliases map[string]alias) error {
	for {
		a, ok := aliases[c.name]
		if !ok {
			return nil
		}
		if c.aliases++; c.aliases > maxCNAMEs {
			return errCNAMEs
		}
		c.name, c.ttl = a.target, min(c.ttl, a.ttl)
	}
}

// readRecords takes the records of the asked type at the end of the chain.
func (c *chain) readRecords(p *parser, answers []record, typ Type, a *Answer) error {
	for _, rec := range answers {
		if !rec.is(uint16(typ)) || rec.owner != c.name {
			continue
		}
		rr, err := p.data(rec)
		if err != nil {
			return err
		}
		c.records++
		c.ttl = min(c.ttl, plainTTL(rec.ttl))
		a.addRecord(rr)
	}
	a.sort()
	return nil
}

// readSOA looks in the authority section for the SOA of a zone above the end of
// the chain: with it, a missing record is an answer and has a TTL (RFC 2308
// sections 2 and 5).
func (c *chain) readSOA(p *parser) (found bool, err error) {
	authorities, err := p.records(p.authorities)
	if err != nil {
		return false, err
	}
	for _, rec := range authorities {
		if !rec.is(mdns.TypeSOA) || !isWithin(c.name, rec.owner) {
			continue
		}
		minimum, err := p.minimum(rec)
		if err != nil {
			return false, err
		}
		if c.records == 0 {
			c.ttl = min(c.ttl, plainTTL(rec.ttl), plainTTL(minimum))
		}
		found = true
	}
	return found, nil
}

// readOPT looks in the additional section for the rest of the rcode.
func (r *reply) readOPT(p *parser) error {
	additionals, err := p.records(p.additionals)
	for _, rec := range additionals {
		if rec.typ == mdns.TypeOPT {
			opt := mdns.OPT{Hdr: mdns.RR_Header{Ttl: rec.ttl}}
			r.rcode |= opt.ExtendedRcode()
		}
	}
	return err
}

// isWithin says whether name is zone or below it; both are canonical.
func isWithin(name, zone string) bool {
	return zone == "" || name == zone || strings.HasSuffix(name, "."+zone)
}

// plainTTL reads a TTL as RFC 2181 section 8 wants it.
func plainTTL(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return ttl
}
