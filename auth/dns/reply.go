package dns

import (
	"fmt"

	mdns "github.com/miekg/dns"
)

// Reply answers a DNS message from the zone as a recursive server would,
// in one message of any size: CNAMEs followed, the SOA with what doesn't
// exist, SERVFAIL for a CNAME loop, records of every type. The error is for
// bytes that are no query with one question, and for an answer over 64 KiB.
// It is for servers in tests and demonstrations.
func (z *Zone) Reply(query []byte) ([]byte, error) {
	var m mdns.Msg
	if err := m.Unpack(query); err != nil {
		return nil, fmt.Errorf("dns: not a query: %w", err)
	}
	if m.Response || m.Opcode != mdns.OpcodeQuery || len(m.Question) != 1 {
		return nil, fmt.Errorf("dns: not a query with one question")
	}
	r := new(mdns.Msg).SetReply(&m)
	r.RecursionAvailable, r.Compress = true, true
	if opt := m.IsEdns0(); opt != nil {
		r.SetEdns0(udpSize, false)
	}
	q := m.Question[0]
	name, _ := fromText(q.Name)
	if f, err := z.find(name, Type(q.Qtype)); err != nil {
		r.Rcode = mdns.RcodeServerFailure
	} else {
		f.fill(r)
	}
	packed, err := r.Pack()
	if err != nil {
		return nil, fmt.Errorf("dns: reply: %w", err)
	}
	return packed, nil
}

// fill puts what was found into a message.
func (f *found) fill(m *mdns.Msg) {
	for _, a := range f.aliases {
		m.Answer = append(m.Answer, &mdns.CNAME{
			Hdr:    mdns.RR_Header{Name: toText(a.owner), Rrtype: mdns.TypeCNAME, Class: mdns.ClassINET, Ttl: a.ttl},
			Target: toText(a.target),
		})
	}
	for _, rr := range f.records {
		rr = mdns.Copy(rr)
		rr.Header().Name = toText(f.name)
		m.Answer = append(m.Answer, rr)
	}
	if f.nxdomain {
		m.Rcode = mdns.RcodeNameError
	}
	if len(f.records) == 0 && f.soa != nil {
		m.Ns = append(m.Ns, f.soa)
	}
}
