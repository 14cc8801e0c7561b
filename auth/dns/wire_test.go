package dns

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
)

// response builds a message with the records given as text. A ! in front
// marks a record of the authority section; see rawRecord for broken ones.
func response(t testing.TB, h mdns.MsgHdr, q Question, records ...string) []byte {
	t.Helper()
	m := &mdns.Msg{MsgHdr: h, Compress: true}
	m.Response, m.RecursionAvailable = true, true
	m.Question = []mdns.Question{{Name: toText(q.Name), Qtype: uint16(q.Type), Qclass: mdns.ClassINET}}
	for _, text := range records {
		text, authority := strings.CutPrefix(text, "!")
		rr := rawRecord(text)
		if rr == nil {
			var err error
			if rr, err = mdns.NewRR(text); err != nil {
				t.Fatal(err)
			}
		}
		if authority {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var txtQuestion = Question{"a.test", TypeTXT}

const soa = "!test. 90 SOA ns.test. admin.test. 1 1 1 1 50"

func TestReadReply(t *testing.T) {
	nxdomain := mdns.MsgHdr{Rcode: mdns.RcodeNameError}
	tests := []struct {
		name    string
		header  mdns.MsgHdr
		records []string
		want    reply
	}{
		{"several strings and records", mdns.MsgHdr{}, []string{`a.test. 9 TXT "x" "y"`, `A.TEST. 8 TXT "z"`},
			reply{answer: Answer{TTL: 8 * time.Second, Texts: []string{"xy", "z"}}}},
		{"records of other names, types and classes", mdns.MsgHdr{}, []string{`b.test. 9 TXT x`, `a.test. 9 A 192.0.2.1`, `a.test. 9 CH TXT y`, `a.test. 9 TXT z`},
			reply{answer: Answer{TTL: 9 * time.Second, Texts: []string{"z"}}}},
		{"a chain in reverse", mdns.MsgHdr{}, []string{`c.test. 9 TXT x`, `b.test. 7 CNAME c.test.`, `a.test. 8 CNAME B.test.`},
			reply{aliases: 2, answer: Answer{TTL: 7 * time.Second, Texts: []string{"x"}}}},
		{"a chain that ends outside", mdns.MsgHdr{}, []string{`a.test. 8 CNAME b.test.`, `c.test. 9 TXT x`},
			reply{aliases: 1, next: "b.test", answer: Answer{TTL: 8 * time.Second}}},
		{"a chain to nothing", mdns.MsgHdr{}, []string{`a.test. 8 CNAME b.test.`, soa},
			reply{aliases: 1, answer: Answer{TTL: 8 * time.Second}}},
		{"a chain to a name that doesn't exist", nxdomain, []string{`a.test. 80 CNAME b.test.`, soa},
			reply{rcode: 3, aliases: 1, answer: Answer{NXDomain: true, TTL: 50 * time.Second}}},
		{"a chain to the root", mdns.MsgHdr{}, []string{`a.test. 8 CNAME .`},
			reply{aliases: 1, answer: Answer{}}},
		{"NODATA", mdns.MsgHdr{AuthenticatedData: true}, []string{soa}, reply{answer: Answer{TTL: 50 * time.Second, Authenticated: true}}},
		{"NODATA, short SOA", mdns.MsgHdr{}, []string{"!. 9 SOA . . 1 1 1 1 50"}, reply{answer: Answer{TTL: 9 * time.Second}}},
		{"NODATA, SOA of another zone", mdns.MsgHdr{}, []string{"!st. 9 SOA . . 1 1 1 1 50"}, reply{lame: false, answer: Answer{}}},
		{"NODATA without SOA", mdns.MsgHdr{}, nil, reply{answer: Answer{}}},
		{"NXDOMAIN", nxdomain, []string{soa}, reply{rcode: 3, answer: Answer{NXDomain: true, TTL: 50 * time.Second}}},
		{"NXDOMAIN with records", nxdomain, []string{soa, "a.test. 9 TXT x"}, reply{rcode: 3, answer: Answer{NXDomain: true, TTL: 50 * time.Second}}},
		{"a TTL with the highest bit", mdns.MsgHdr{}, []string{`a.test. 4294967295 TXT x`}, reply{answer: Answer{Texts: []string{"x"}}}},
		{"truncated", mdns.MsgHdr{Truncated: true}, []string{`a.test. 9 TXT x`}, reply{truncated: true}},
		{"SERVFAIL", mdns.MsgHdr{Rcode: 2}, nil, reply{rcode: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			msg := response(t, tt.header, txtQuestion, tt.records...)
			got, ok, err := readReply(msg, 0, txtQuestion)
			if !ok || err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v, %t, %v\nwant %+v", got, ok, err, tt.want)
			}
			if whole := !tt.want.truncated && isAnswer(tt.want.rcode); compare(t, msg, 0, txtQuestion) != whole {
				t.Errorf("the second reader disagrees on whether the message can be read")
			}
		})
	}
}

func TestReadReplyHosts(t *testing.T) {
	ptr, mx := Question{"1.in-addr.arpa", TypePTR}, Question{"a.test", TypeMX}
	tests := []struct {
		q       Question
		records []string
		want    Answer
	}{
		{ptr, []string{`1.in-addr.arpa. 9 PTR Mail.Example.Com.`, `1.in-addr.arpa. 9 PTR a\.b.test.`, `1.in-addr.arpa. 9 PTR .`},
			Answer{TTL: 9 * time.Second, Hosts: []string{"mail.example.com"}}},
		{mx, []string{`a.test. 9 MX 20 B.test.`, `a.test. 9 MX 10 c.test.`, `a.test. 9 MX 5 x\.y.test.`},
			Answer{TTL: 9 * time.Second, MXs: []MX{{10, "c.test"}, {20, "b.test"}}}},
		{mx, []string{`a.test. 9 MX 0 .`}, Answer{TTL: 9 * time.Second, MXs: []MX{{0, ""}}}},
	}
	for _, tt := range tests {
		got, ok, err := readReply(response(t, mdns.MsgHdr{}, tt.q, tt.records...), 0, tt.q)
		if !ok || err != nil || !reflect.DeepEqual(got.answer, tt.want) {
			t.Errorf("%s:\n got %+v, %t, %v\nwant %+v", tt.q, got.answer, ok, err, tt.want)
		}
	}
}

func TestReadReplyBroken(t *testing.T) {
	whole := response(t, mdns.MsgHdr{}, txtQuestion, `a.test. 9 CNAME b.test.`, `b.test. 9 TXT "some text"`)
	question := len(response(t, mdns.MsgHdr{}, txtQuestion))
	for n := range whole {
		_, ok, err := readReply(whole[:n], 0, txtQuestion)
		if want := n >= question; ok != want || (err != nil) != want {
			t.Errorf("%d of %d bytes: %t, %v", n, len(whole), ok, err)
		}
	}
	short := response(t, mdns.MsgHdr{}, Question{"a.test", TypeA}, `a.test. 9 A 192.0.2.1`)
	short = append(short[:len(short)-6], 0, 3, 192, 0, 2)
	if _, ok, err := readReply(short, 0, Question{"a.test", TypeA}); !ok || err == nil {
		t.Errorf("an address of 3 bytes: %t, %v", ok, err)
	}
}

// The upper bits of the rcode are in the OPT record: without them BADVERS would
// read as NODATA.
func TestReadReplyExtendedRcode(t *testing.T) {
	m := new(mdns.Msg)
	if err := m.Unpack(response(t, mdns.MsgHdr{}, txtQuestion)); err != nil {
		t.Fatal(err)
	}
	m.SetEdns0(udpSize, false)
	m.Rcode = mdns.RcodeBadVers
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := readReply(msg, 0, txtQuestion)
	if !ok || err != nil || got.rcode != mdns.RcodeBadVers {
		t.Errorf("got %+v, %t, %v", got, ok, err)
	}
	if !refusesEDNS(got.rcode) || rcodeError(got.rcode).Error() != "BADVERS" || rcodeError(23).Error() != "rcode 23" {
		t.Error("BADVERS isn't understood")
	}
}

func TestAppendQuery(t *testing.T) {
	for _, edns := range []bool{true, false} {
		msg, err := appendQuery([]byte("xx"), 0x1234, Question{"a\x00 \\\".test", TypeMX}, edns)
		if err != nil {
			t.Fatal(err)
		}
		var m mdns.Msg
		if err := m.Unpack(msg[2:]); err != nil {
			t.Fatal(err)
		}
		want := mdns.Question{Name: `a\000\032\\\".test.`, Qtype: mdns.TypeMX, Qclass: mdns.ClassINET}
		if m.Id != 0x1234 || !m.RecursionDesired || !m.AuthenticatedData || len(m.Question) != 1 || m.Question[0] != want && m.Question[0].Name != `a\000\ \\\".test.` {
			t.Errorf("got %s", &m)
		}
		checkQuery(t, msg[2:], edns)
		if opt := m.IsEdns0(); (opt != nil) != edns || opt != nil && (opt.UDPSize() != 1232 || opt.Do() || opt.Version() != 0) {
			t.Errorf("OPT %v", opt)
		}
	}
}

// checkQuery reads a query with the second library.
func checkQuery(t *testing.T, msg []byte, edns bool) {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		t.Fatal(err)
	}
	if name := m.Questions[0].Name.String(); name != "a\x00 \\\".test." || len(m.Questions) != 1 {
		t.Errorf("questions %q", m.Questions)
	}
	if !m.AuthenticData || m.Response || m.CheckingDisabled || (len(m.Additionals) == 1) != edns {
		t.Errorf("got %+v", m)
	}
}

// A buffer that is too small is replaced, as by append.
func TestAppendQueryBuffer(t *testing.T) {
	q := Question{strings.Repeat("\xff", 63) + ".test", TypeTXT}
	want, err := appendQuery(nil, 7, q, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 1, 50, len(want), len(want) + 1, 1000} {
		buf := append(make([]byte, 0, 2+room), 'x', 'y')
		got, err := appendQuery(buf, 7, q, true)
		if err != nil || string(got) != "xy"+string(want) {
			t.Errorf("%d bytes of room: got %q, %v", room, got, err)
		}
	}
	if got, err := appendQuery(nil, 7, Question{Name: "a..b"}, true); err == nil {
		t.Errorf("an impossible name: %q", got)
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add(response(f, mdns.MsgHdr{}, txtQuestion, `a.test. 9 TXT "x" "y"`), uint16(TypeTXT))
	f.Add(response(f, mdns.MsgHdr{}, txtQuestion, `a.test. 9 CNAME b.test.`, `b.test. 9 TXT x`, soa), uint16(TypeTXT))
	f.Add(response(f, mdns.MsgHdr{Rcode: 3}, txtQuestion, soa), uint16(TypeTXT))
	f.Add(response(f, mdns.MsgHdr{Truncated: true}, txtQuestion), uint16(TypeTXT))
	f.Add(response(f, mdns.MsgHdr{}, Question{"a.test", TypeMX}, `a.test. 9 MX 1 b.test.`), uint16(TypeMX))
	f.Add(response(f, mdns.MsgHdr{}, Question{"a.test", TypePTR}, `a.test. 9 PTR b.test.`), uint16(TypePTR))
	f.Add(response(f, mdns.MsgHdr{}, Question{"a.test", TypeA}, `a.test. 9 A 192.0.2.1`), uint16(TypeA))
	f.Add(response(f, mdns.MsgHdr{}, Question{"a.test", TypeAAAA}, `a.test. 9 AAAA 2001:db8::1`), uint16(TypeAAAA))
	f.Fuzz(func(t *testing.T, msg []byte, typ uint16) {
		q := Question{"a.test", Type(typ)}
		if !q.Type.known() {
			q.Type = TypeTXT
		}
		compare(t, msg, 0, q)
		r, ok, err := readReply(msg, 0, q)
		if (!ok || err != nil) && !reflect.DeepEqual(r, reply{}) {
			t.Errorf("a reply with an error: %+v, %t, %v", r, ok, err)
		}
		a := r.answer
		if a.NXDomain && !a.negative() || a.TTL < 0 || r.aliases > maxCNAMEs || r.truncated && !a.negative() {
			t.Errorf("%+v", r)
		}
		for _, host := range a.Hosts {
			if name, ok := CanonicalName(host); !ok || name != host {
				t.Errorf("host %q", host)
			}
		}
	})
}

// Any name that passes CanonicalName arrives at a server as it is.
func FuzzName(f *testing.F) {
	for _, s := range []string{"Example.COM.", "a..b", "", ".", `a\.b`, `\032.x`, "a b.\"c\"", "\x00\xff.x", strings.Repeat("a", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, ok := CanonicalName(s)
		if !ok {
			return
		}
		if again, ok := CanonicalName(name); !ok || again != name {
			t.Errorf("%q became %q and then %q", s, name, again)
		}
		if back, ok := fromText(toText(name)); !ok || back != name {
			t.Errorf("%q as text is %q, back %q", name, toText(name), back)
		}
		msg, err := appendQuery(nil, 0, Question{name, TypeA}, false)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		if p, err := newParser(msg); err != nil || !p.repeats(Question{name, TypeA}) {
			t.Errorf("%q came back as %q, %v", name, p.question.Name, err)
		}
		var wire bytes.Buffer
		for label := range strings.SplitSeq(name, ".") {
			wire.WriteByte(byte(len(label)))
			wire.WriteString(label)
		}
		if !bytes.Equal(msg[12:12+wire.Len()], wire.Bytes()) {
			t.Errorf("%q went out as %q", name, msg[12:])
		}
	})
}

func FuzzParseZone(f *testing.F) {
	f.Add(testZone)
	f.Add("a CNAME b\nb CNAME a\n*.a TXT \\000\\\"\n$TTL 5\n@ SOA . . 1 1 1 1 1")
	f.Add("$ORIGIN x.\n( a\n A ) 192.0.2.1 ; c\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "$") { // $GENERATE makes many records of few bytes
			return
		}
		z, err := ParseZone(strings.NewReader(text), "file")
		if err != nil {
			if z != nil || !strings.HasPrefix(err.Error(), "file:") {
				t.Errorf("%v, %v", z, err)
			}
			return
		}
		for name := range z.nodes {
			checkZoneName(t, z, name)
		}
	})
}

// checkZoneName compares what a zone says in process and in a packet.
func checkZoneName(t *testing.T, z *Zone, name string) {
	for _, typ := range []Type{TypeA, TypeAAAA, TypeTXT, TypeMX, TypePTR} {
		q, ok, err := Question{name, typ}.check()
		if !ok || err != nil {
			continue
		}
		query, err := appendQuery(nil, 1, q, true)
		if err != nil {
			t.Fatal(err)
		}
		want, zoneErr := z.Resolve(t.Context(), q)
		msg, err := z.Reply(query)
		if err != nil {
			continue // too large
		}
		got, ok, err := readReply(msg, 1, q)
		if zoneErr != nil {
			if got.rcode != mdns.RcodeServerFailure {
				t.Errorf("%s: %v in process, rcode %d", q, zoneErr, got.rcode)
			}
			continue
		}
		want.TTL, got.answer.TTL = 0, 0
		if !ok || err != nil || !reflect.DeepEqual(got.answer, want) && got.next == "" {
			t.Errorf("%s:\n  in process %+v\nin a packet %+v, %t, %v", q, want, got, ok, err)
		}
	}
}

func TestZoneReply(t *testing.T) {
	z := mustZone(t, testZone)
	for name := range z.nodes {
		checkZoneName(t, z, name)
		checkZoneName(t, z, "below."+name)
	}
	response := response(t, mdns.MsgHdr{}, txtQuestion)
	for _, bad := range [][]byte{nil, []byte("x"), make([]byte, 12), response} {
		if reply, err := z.Reply(bad); err == nil {
			t.Errorf("%q is answered: %q", bad, reply)
		}
	}
}

func BenchmarkReadReply(b *testing.B) {
	msg := response(b, mdns.MsgHdr{}, txtQuestion, `a.test. 9 TXT "v=spf1 include:_spf.example.com ip4:192.0.2.0/24 -all"`, `a.test. 9 TXT "x-verification=0123456789"`)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := readReply(msg, 0, txtQuestion); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
