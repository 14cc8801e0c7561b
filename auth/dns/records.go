package dns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	mdns "github.com/miekg/dns"
)

// Sizes on the wire (RFC 1035 sections 4.1.1 to 4.1.3), names left out.
const (
	headerSize       = 12
	questionSize     = 4  // type and class
	recordHeaderSize = 10 // type, class, TTL and the data's length
	soaNumbersSize   = 20 // five numbers after two names (section 3.3.13)
)

var (
	errShort  = errors.New("message too short")
	errNoData = errors.New("record without data")
	errSOA    = errors.New("SOA record: wrong length")
)

// A parser goes through a message and decodes what it is asked for. Msg.Unpack
// would decode every record, and one bad one that nobody needs would spoil all.
type parser struct {
	msg []byte
	off int // of the next record

	header                                       mdns.MsgHdr
	question                                     mdns.Question // when it is the only one
	questions, answers, authorities, additionals int           // as the header says
}

// newParser reads the header and the question.
func newParser(msg []byte) (p *parser, err error) {
	defer recovered(&err)
	p = &parser{msg: msg, off: headerSize}
	if len(msg) < headerSize {
		return p, errShort
	}
	var m mdns.Msg
	if err := m.Unpack(msg[:headerSize]); err != nil {
		return p, err
	}
	p.header = m.MsgHdr
	for i, count := range []*int{&p.questions, &p.answers, &p.authorities, &p.additionals} {
		*count = int(binary.BigEndian.Uint16(msg[4+2*i:]))
	}
	if p.questions != 1 {
		return p, nil
	}
	return p, p.readQuestion()
}

func (p *parser) readQuestion() error {
	name, off, err := mdns.UnpackDomainName(p.msg, p.off)
	if err != nil {
		return err
	}
	fixed := p.msg[off:]
	if len(fixed) < questionSize {
		return errShort
	}
	p.question = mdns.Question{
		Name:   name,
		Qtype:  binary.BigEndian.Uint16(fixed),
		Qclass: binary.BigEndian.Uint16(fixed[2:]),
	}
	p.off = off + questionSize
	return nil
}

// A record is a record's header, and where its data is.
type record struct {
	owner      string // canonical
	typ, class uint16
	ttl        uint32
	off, end   int
}

// is says whether the record is of a type, in the Internet's class.
func (rec *record) is(typ uint16) bool { return rec.typ == typ && rec.class == mdns.ClassINET }

// records reads the headers of the next n records, n being the sender's word.
// Those whose owner has a label with a dot are left out: nobody asks for them.
func (p *parser) records(n int) ([]record, error) {
	recs := make([]record, 0, min(n, 8))
	for range n {
		name, off, err := mdns.UnpackDomainName(p.msg, p.off)
		if err != nil {
			return nil, err
		}
		fixed := p.msg[off:]
		if len(fixed) < recordHeaderSize {
			return nil, errShort
		}
		off += recordHeaderSize
		p.off = off + int(binary.BigEndian.Uint16(fixed[8:]))
		if p.off > len(p.msg) {
			return nil, errShort
		}
		if owner, ok := fromText(name); ok {
			recs = append(recs, record{
				owner: owner,
				typ:   binary.BigEndian.Uint16(fixed),
				class: binary.BigEndian.Uint16(fixed[2:]),
				ttl:   binary.BigEndian.Uint32(fixed[4:]),
				off:   off,
				end:   p.off,
			})
		}
	}
	return recs, nil
}

// data decodes a record. A TXT record may be empty; others may not, which
// miekg/dns lets pass for the sake of dynamic updates.
func (p *parser) data(rec record) (mdns.RR, error) {
	h := mdns.RR_Header{Rrtype: rec.typ, Class: rec.class, Rdlength: uint16(rec.end - rec.off)}
	rr, _, err := mdns.UnpackRRWithHeader(h, p.msg[:rec.end], rec.off)
	if err == nil && rec.typ != mdns.TypeTXT && !hasData(rr) {
		err = errNoData
	}
	if err != nil {
		return nil, fmt.Errorf("%s record: %w", mdns.Type(rec.typ), err)
	}
	return rr, nil
}

// target returns where a CNAME leads.
func (p *parser) target(rec record) (string, error) {
	rr, err := p.data(rec)
	if err != nil {
		return "", err
	}
	target, ok := fromText(rr.(*mdns.CNAME).Target)
	if !ok {
		return "", errTarget
	}
	return target, nil
}

// minimum returns the last number of a SOA: the TTL of negative answers.
func (p *parser) minimum(rec record) (ttl uint32, err error) {
	msg, off := p.msg[:rec.end], rec.off
	for range 2 {
		if _, off, err = mdns.UnpackDomainName(msg, off); err != nil {
			return 0, fmt.Errorf("SOA record: %w", err)
		}
	}
	if rec.end-off != soaNumbersSize {
		return 0, errSOA
	}
	return binary.BigEndian.Uint32(msg[rec.end-4:]), nil
}

// hasData is false for a record that ends after its type, or an MX after its
// preference.
func hasData(rr mdns.RR) bool {
	switch rr := rr.(type) {
	case *mdns.A:
		return rr.A != nil
	case *mdns.AAAA:
		return rr.AAAA != nil
	case *mdns.TXT:
		return len(rr.Txt) > 0
	case *mdns.PTR:
		return rr.Ptr != ""
	case *mdns.MX:
		return rr.Mx != ""
	case *mdns.CNAME:
		return rr.Target != ""
	case *mdns.SOA:
		return rr.Ns != ""
	}
	return true
}

// addRecord takes the data of a record of the asked type.
func (a *Answer) addRecord(rr mdns.RR) {
	switch rr := rr.(type) {
	case *mdns.A:
		a.addAddr(rr.A.To4())
	case *mdns.AAAA:
		a.addAddr(rr.AAAA.To16())
	case *mdns.TXT:
		var text strings.Builder
		for _, s := range rr.Txt {
			text.WriteString(unescapeText(s))
		}
		a.Texts = append(a.Texts, text.String())
	case *mdns.PTR:
		if host, ok := fromText(rr.Ptr); ok {
			a.addHost(host)
		}
	case *mdns.MX:
		if host, ok := fromText(rr.Mx); ok {
			a.MXs = append(a.MXs, MX{Preference: rr.Preference, Host: host})
		}
	}
}
