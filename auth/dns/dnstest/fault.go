package dnstest

import (
	"context"
	"time"

	mdns "github.com/miekg/dns"

	"assay/auth/dns"
)

// A Fault is a way for a Server to misbehave.
type Fault int

// The faults. The forged replies, by UDP only, say NXDOMAIN; the right one
// follows them.
const (
	None          Fault = iota
	Drop                // no reply
	ServFail            // SERVFAIL
	Refused             // REFUSED, without the question
	NoEDNS              // FORMERR to queries with EDNS, without the question
	Truncate            // TC by UDP, the whole by TCP
	TruncateTCP         // TC by both
	HangUp              // TC by UDP, the connection closed in the middle of the reply by TCP
	Malformed           // the last record lacks its last bytes
	BareCNAME           // the answer ends at the first CNAME
	CNAMELoop           // a CNAME in place of the answer, to a.loop.test, from there to b.loop.test and back
	Lame                // a referral: no answer, no recursion
	Authenticated       // AD set: no fault, but asked for in the same way
	WrongID             // a forged reply with another id first
	WrongName           // a forged reply for another name first
	WrongType           // a forged reply for another type first
	WrongClass          // a forged reply for another class first
	NoQuestion          // a forged reply without a question first
	TwoQuestions        // a forged reply with two questions first
	NoResponse          // a forged reply that is a query first
	WrongSource         // a forged reply from another port first
	Garbage             // bytes that are no message first
	Lies                // all of those, and the right reply never
	SilentTCP           // TC by UDP, no reply by TCP
)

// A packet is one message of a reply.
type packet struct {
	data      []byte
	elsewhere bool // UDP: sent from another port
	cut       bool // TCP: the connection is closed in its middle
}

// replies says what is sent for a query; nothing for what is none.
func (s *Server) replies(ctx context.Context, query []byte, port uint16, tcp bool) []packet {
	var q, r mdns.Msg
	reply, err := s.zone.Reply(query)
	if err != nil || q.Unpack(query) != nil || r.Unpack(reply) != nil {
		return nil
	}
	fault, delay := s.note(&q, port, tcp)
	if sleep(ctx, delay) != nil {
		return nil
	}
	var packets []packet
	if !tcp {
		packets = forge(fault, &r)
	}
	right, ok := spoil(fault, &r, tcp, q.IsEdns0() != nil)
	if !ok {
		return packets
	}
	if !tcp {
		right.Truncate(udpSize(&q))
	}
	p := packet{data: pack(right), cut: tcp && fault == HangUp}
	if fault == Malformed {
		p.data = p.data[:len(p.data)-3]
	}
	return append(packets, p)
}

// note writes the query down and says what is to become of it.
func (s *Server) note(m *mdns.Msg, port uint16, tcp bool) (Fault, time.Duration) {
	q := dns.Question{Name: m.Question[0].Name, Type: dns.Type(m.Question[0].Qtype)}
	q = canonical(q)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, Query{Question: q, ID: m.Id, Port: port, TCP: tcp, EDNS: m.IsEdns0() != nil})
	if f, ok := s.faults[q.Name]; ok {
		return f, s.delay
	}
	return s.fault, s.delay
}

// udpSize is the size of replies that a query allows.
func udpSize(q *mdns.Msg) int {
	if opt := q.IsEdns0(); opt != nil {
		return max(int(opt.UDPSize()), mdns.MinMsgSize)
	}
	return mdns.MinMsgSize
}

// spoil makes the right reply r a faulty one; ok is false for none at all.
func spoil(fault Fault, r *mdns.Msg, tcp, edns bool) (spoiled *mdns.Msg, ok bool) {
	empty := mdns.Msg{MsgHdr: r.MsgHdr, Question: r.Question}
	switch fault {
	case Drop, Lies:
		return r, false
	case SilentTCP:
		empty.Truncated = true
		return &empty, !tcp
	case ServFail:
		empty.Rcode = mdns.RcodeServerFailure
		return &empty, true
	case Refused:
		empty.Rcode, empty.Question = mdns.RcodeRefused, nil
		return &empty, true
	case NoEDNS:
		if edns {
			empty.Rcode, empty.Question = mdns.RcodeFormatError, nil
			return &empty, true
		}
	case Truncate, TruncateTCP, HangUp:
		empty.Truncated = true
		if !tcp || fault == TruncateTCP {
			return &empty, true
		}
	case BareCNAME:
		if len(r.Answer) > 0 && r.Answer[0].Header().Rrtype == mdns.TypeCNAME {
			empty.Rcode, empty.Answer = mdns.RcodeSuccess, r.Answer[:1]
			return &empty, true
		}
	case CNAMELoop:
		empty.Rcode, empty.Answer = mdns.RcodeSuccess, []mdns.RR{loop(r.Question[0].Name)}
		return &empty, true
	case Lame:
		empty.Rcode, empty.RecursionAvailable = mdns.RcodeSuccess, false
		return &empty, true
	case Malformed:
		r.Extra = nil
	case Authenticated:
		r.AuthenticatedData = true
	}
	return r, true
}

// loop returns a CNAME that leads, with others of its kind, in a circle.
func loop(name string) mdns.RR {
	rr := &mdns.CNAME{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: 60}, Target: "a.loop.test."}
	if name == rr.Target {
		rr.Target = "b.loop.test."
	}
	return rr
}

// forge returns what is sent before the right reply.
func forge(fault Fault, right *mdns.Msg) []packet {
	m := mdns.Msg{MsgHdr: right.MsgHdr, Question: []mdns.Question{right.Question[0]}}
	m.Rcode = mdns.RcodeNameError
	elsewhere := false
	switch fault {
	case Lies:
		return lies(right)
	case WrongID:
		m.Id++
	case WrongName:
		m.Question[0].Name = "x" + m.Question[0].Name
	case WrongType:
		m.Question[0].Qtype++
	case WrongClass:
		m.Question[0].Qclass = mdns.ClassCHAOS
	case NoQuestion:
		m.Question = nil
	case TwoQuestions:
		m.Question = append(m.Question, m.Question[0])
	case NoResponse:
		m.Response = false
	case WrongSource:
		elsewhere = true
	case Garbage:
		return []packet{{data: []byte("\x00garbage")}, {}, {data: pack(&m)[:13]}}
	default:
		return nil
	}
	return []packet{{data: pack(&m), elsewhere: elsewhere}}
}

// lies returns every forged reply.
func lies(right *mdns.Msg) (packets []packet) {
	for f := WrongID; f < Lies; f++ {
		packets = append(packets, forge(f, right)...)
	}
	return packets
}

// pack ignores errors: the messages were unpacked before.
func pack(m *mdns.Msg) []byte {
	data, _ := m.Pack()
	return data
}
