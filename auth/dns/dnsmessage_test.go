package dns

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
)

// otherReply reads a reply to q that is not truncated and no error, with a
// library that keeps names and texts as raw bytes. It fails for a label with a
// dot anywhere, and for records that readReply doesn't look into.
func otherReply(msg []byte, q Question) (r reply, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return r, err
	}
	if err := p.SkipAllQuestions(); err != nil {
		return r, err
	}
	answers, err := otherRecords(&p, h.RCode == dnsmessage.RCodeSuccess, q.Type)
	if err != nil {
		return r, err
	}
	c := chain{name: q.Name, ttl: ^uint32(0)}
	if err := c.follow(otherAliases(answers)); err != nil {
		return r, err
	}
	r.aliases = c.aliases
	if h.RCode == dnsmessage.RCodeSuccess {
		otherAnswer(answers, &c, q.Type, &r.answer)
	}
	soa, rcode, err := otherRest(&p, &c, h.RCode)
	r.rcode = int(rcode)
	if c.records > 0 {
		r.answer.TTL = time.Duration(c.ttl) * time.Second
		err = nil
	} else {
		r.explain(&c, soa)
	}
	r.answer.Authenticated = h.AuthenticData
	r.answer.NXDomain = rcode == dnsmessage.RCodeNameError
	r.lame = r.lame && !h.Authoritative && !h.RecursionAvailable
	return r, err
}

func otherName(n dnsmessage.Name) string {
	return lowerASCII(strings.TrimSuffix(string(n.Data[:n.Length]), "."))
}

// otherRecords decodes the CNAMEs and the records of a type in the answers.
func otherRecords(p *dnsmessage.Parser, success bool, typ Type) (records []dnsmessage.Resource, err error) {
	for {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		wanted := h.Type == dnsmessage.TypeCNAME || success && h.Type == dnsmessage.Type(typ)
		if !wanted || h.Class != dnsmessage.ClassINET {
			if err := p.SkipAnswer(); err != nil {
				return nil, err
			}
			continue
		}
		rr, err := p.Answer()
		if err != nil {
			return nil, err
		}
		records = append(records, rr)
	}
}

func otherAliases(records []dnsmessage.Resource) map[string]alias {
	aliases := map[string]alias{}
	for _, rr := range records {
		if b, ok := rr.Body.(*dnsmessage.CNAMEResource); ok {
			aliases[otherName(rr.Header.Name)] = alias{target: otherName(b.CNAME), ttl: plainTTL(rr.Header.TTL)}
		}
	}
	return aliases
}

func otherAnswer(records []dnsmessage.Resource, c *chain, typ Type, a *Answer) {
	for _, rr := range records {
		if rr.Header.Type != dnsmessage.Type(typ) || otherName(rr.Header.Name) != c.name {
			continue
		}
		c.records++
		c.ttl = min(c.ttl, plainTTL(rr.Header.TTL))
		switch b := rr.Body.(type) {
		case *dnsmessage.AResource:
			a.addAddr(b.A[:])
		case *dnsmessage.AAAAResource:
			a.addAddr(b.AAAA[:])
		case *dnsmessage.TXTResource:
			a.Texts = append(a.Texts, strings.Join(b.TXT, ""))
		case *dnsmessage.PTRResource:
			a.addHost(otherName(b.PTR))
		case *dnsmessage.MXResource:
			a.MXs = append(a.MXs, MX{Preference: b.Pref, Host: otherName(b.MX)})
		}
	}
	a.sort()
}

// otherRest reads the SOA and the rest of the rcode.
func otherRest(p *dnsmessage.Parser, c *chain, rcode dnsmessage.RCode) (soa bool, _ dnsmessage.RCode, err error) {
	for {
		h, err := p.AuthorityHeader()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return soa, rcode, err
		}
		if h.Type != dnsmessage.TypeSOA || h.Class != dnsmessage.ClassINET || !isWithin(c.name, otherName(h.Name)) {
			if err := p.SkipAuthority(); err != nil {
				return soa, rcode, err
			}
			continue
		}
		rr, err := p.SOAResource()
		if err != nil {
			return soa, rcode, err
		}
		if soa = true; c.records == 0 {
			c.ttl = min(c.ttl, plainTTL(h.TTL), plainTTL(rr.MinTTL))
		}
	}
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return soa, rcode, nil
		}
		if err != nil {
			return soa, rcode, err
		}
		if h.Type == dnsmessage.TypeOPT {
			rcode |= dnsmessage.RCode(h.TTL >> 24 << 4) // whatever the version
		}
		if err := p.SkipAdditional(); err != nil {
			return soa, rcode, err
		}
	}
}

// compare reads a message both ways. What both can read must be the same.
func compare(t *testing.T, msg []byte, id uint16, q Question) (both bool) {
	t.Helper()
	got, ok, err := readReply(msg, id, q)
	if !ok || err != nil || got.truncated || !isAnswer(got.rcode&15) {
		return false
	}
	want, err := otherReply(msg, q)
	if err == nil && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %x\n got %+v\nwant %+v", q, msg, got, want)
	}
	return err == nil
}

// rawReply builds a reply of raw bytes: a CNAME to the name, there a TXT
// record, a MX and a PTR with the name.
func rawReply(name, text string) ([]byte, error) {
	raw, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return nil, err
	}
	var texts []string
	for ; len(text) > 255; text = text[255:] {
		texts = append(texts, text[:255])
	}
	alias := dnsmessage.MustNewName("a.test.")
	header := func(name dnsmessage.Name) dnsmessage.ResourceHeader {
		return dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 60}
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, RecursionAvailable: true})
	b.EnableCompression()
	err = errors.Join(
		b.StartAnswers(),
		b.CNAMEResource(header(alias), dnsmessage.CNAMEResource{CNAME: raw}),
		b.TXTResource(header(raw), dnsmessage.TXTResource{TXT: append(texts, text)}),
		b.MXResource(header(raw), dnsmessage.MXResource{Pref: 1, MX: raw}),
		b.PTRResource(header(raw), dnsmessage.PTRResource{PTR: raw}),
	)
	if err != nil {
		return nil, err
	}
	return b.Finish()
}

// Names and texts of any bytes arrive as they were sent.
func FuzzRawReply(f *testing.F) {
	f.Add("b.test", "v=spf1 -all")
	f.Add("\x00 \"'@;()$\\.\\000\xff\x7f.test", "\x00 \"\\\\000\\\"\xff\x7f\n;")
	f.Add("test", strings.Repeat("\\", 255)+strings.Repeat("\"", 300))
	f.Add(strings.Repeat("\x00", 63)+"."+strings.Repeat("\\", 63), "")
	f.Fuzz(func(t *testing.T, name, text string) {
		name, ok := CanonicalName(name)
		if !ok || len(text) > 4096 || name == "a.test" {
			return
		}
		msg, err := rawReply(name, text)
		if err != nil {
			t.Fatal(err)
		}
		want := Answer{TTL: time.Minute, Texts: []string{text}, Hosts: []string{name}, MXs: []MX{{1, name}}}
		if got := readRaw(t, msg); !reflect.DeepEqual(got, want) {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
	})
}

// readRaw reads the records of all types out of a message without a question.
func readRaw(t *testing.T, msg []byte) (all Answer) {
	for _, typ := range []Type{TypeTXT, TypePTR, TypeMX} {
		p, err := newParser(msg)
		if err != nil {
			t.Fatal(err)
		}
		var r reply
		if err := r.read(p, Question{"a.test", typ}); err != nil {
			t.Fatal(err)
		}
		all.TTL = r.answer.TTL
		all.Texts = append(all.Texts, r.answer.Texts...)
		all.Hosts = append(all.Hosts, r.answer.Hosts...)
		all.MXs = append(all.MXs, r.answer.MXs...)
	}
	return all
}

// A panic of the library is an error, of a reply that isn't lost among those
// to other queries.
func TestLibraryPanics(t *testing.T) {
	newTXT := mdns.TypeToRR[mdns.TypeTXT]
	t.Cleanup(func() { mdns.TypeToRR[mdns.TypeTXT] = newTXT })
	msg := response(t, mdns.MsgHdr{}, txtQuestion, `a.test. 9 TXT "x"`)
	mdns.TypeToRR[mdns.TypeTXT] = func() mdns.RR { panic("for the test") }
	got, ok, err := readReply(msg, 0, txtQuestion)
	if want := "bad reply: panic: for the test"; !ok || err == nil || err.Error() != want || !reflect.DeepEqual(got, reply{}) {
		t.Errorf("got %+v, %t, %v", got, ok, err)
	}
}
