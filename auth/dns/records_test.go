package dns

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// rawRecord makes a record of "NAME TTL TYPE #DATA" with any data, in
// hexadecimal; nil for other text.
func rawRecord(text string) mdns.RR {
	fields := strings.Fields(text)
	if len(fields) != 4 || !strings.HasPrefix(fields[3], "#") {
		return nil
	}
	return &mdns.RFC3597{
		Hdr:   mdns.RR_Header{Name: fields[0], Rrtype: mdns.StringToType[fields[2]], Class: mdns.ClassINET, Ttl: 9},
		Rdata: fields[3][1:],
	}
}

func TestReadReplyUnusable(t *testing.T) {
	tests := []struct {
		q       Question
		records []string
		want    string
	}{
		{txtQuestion, []string{`a.test. 9 CNAME b.test.`, `b.test. 9 CNAME a.test.`}, "CNAME loop or chain too long"},
		{txtQuestion, []string{`a.test. 9 CNAME b\.c.test.`}, "a label of the CNAME's target contains a dot"},
		{txtQuestion, []string{`a.test. 9 CNAME #`}, "CNAME record: record without data"},
		{txtQuestion, []string{`a.test. 9 CNAME #01`}, "CNAME record: CNAME.Target: "},
		{txtQuestion, []string{`a.test. 9 CNAME #0000`}, "CNAME record: dns: bad rdlength"},
		{txtQuestion, []string{`a.test. 9 CNAME #C0FF`}, "CNAME record: CNAME.Target: "},
		{txtQuestion, []string{`a.test. 9 TXT #0241`}, "TXT record: TXT.Txt: "},
		{txtQuestion, []string{`!a.test. 9 SOA #`}, "SOA record: "},
		{txtQuestion, []string{`!a.test. 9 SOA #000000000000000000000000000000000000`}, "SOA record: wrong length"},
		{txtQuestion, []string{`!a.test. 9 SOA #0000000000000000000000000000000000000000000000`}, "SOA record: wrong length"},
		{Question{"a.test", TypeA}, []string{`a.test. 9 A #`}, "A record: record without data"},
		{Question{"a.test", TypeA}, []string{`a.test. 9 A #0102030405`}, "A record: dns: bad rdlength"},
		{Question{"a.test", TypeAAAA}, []string{`a.test. 9 AAAA #01020304`}, "AAAA record: AAAA: "},
		{Question{"a.test", TypePTR}, []string{`a.test. 9 PTR #`}, "PTR record: record without data"},
		{Question{"a.test", TypeMX}, []string{`a.test. 9 MX #0000`}, "MX record: record without data"},
		{Question{"a.test", TypeMX}, []string{`a.test. 9 MX #00`}, "MX record: MX.Preference: "},
	}
	for _, tt := range tests {
		got, ok, err := readReply(response(t, mdns.MsgHdr{}, tt.q, tt.records...), 0, tt.q)
		if !ok || err == nil || !strings.HasPrefix(err.Error(), "bad reply: "+tt.want) || !reflect.DeepEqual(got, reply{}) {
			t.Errorf("%q: got %+v, %t, %v; want %s", tt.records, got, ok, err, tt.want)
		}
	}
}

// Records that nobody asked for may be as they like.
func TestReadReplyIgnores(t *testing.T) {
	for _, bad := range []string{
		`a.test. 9 A #00`,
		`a.test. 9 HINFO #FF`,
		`b.test. 9 TXT #FF`,
		`a\.test. 9 CNAME #FF`,
		`!test. 9 NSEC #FFFFFF`,
		`!b.test. 9 SOA #FF`,
	} {
		for _, good := range []string{`a.test. 50 TXT x`, soa} {
			got, ok, err := readReply(response(t, mdns.MsgHdr{}, txtQuestion, bad, good), 0, txtQuestion)
			if !ok || err != nil || got.answer.TTL != 50*time.Second || (len(got.answer.Texts) == 1) != (good != soa) {
				t.Errorf("%s, %s: got %+v, %t, %v", bad, good, got, ok, err)
			}
		}
	}
}

// A reply over TCP full of records with the longest names takes linear time
// and memory, whoever wrote it.
func TestReadReplyLarge(t *testing.T) {
	msg := response(t, mdns.MsgHdr{}, txtQuestion)
	longest := len(msg)
	for range 3 {
		msg = append(append(msg, 63), make([]byte, 63)...)
	}
	msg = append(append(msg, 60), make([]byte, 60)...)
	msg = append(msg, 0, 0, 16, 0, 1, 0, 0, 0, 9, 0, 0)
	count := 1
	for ; len(msg)+12 <= 65535; count++ {
		msg = append(msg, 0xC0, byte(longest), 0, 16, 0, 1, 0, 0, 0, 9, 0, 0)
	}
	binary.BigEndian.PutUint16(msg[6:], uint16(count))
	got, ok, err := readReply(msg, 0, txtQuestion)
	if !ok || err != nil || !got.answer.negative() {
		t.Errorf("got %+v, %t, %v", got, ok, err)
	}
	allocs := testing.AllocsPerRun(1, func() { readReply(msg, 0, txtQuestion) })
	if allocs > float64(4*count) {
		t.Errorf("%.0f allocations for %d records", allocs, count)
	}
	binary.BigEndian.PutUint16(msg[6:], 65535)
	if got, ok, err := readReply(msg, 0, txtQuestion); !ok || err == nil {
		t.Errorf("a count that is too high: got %+v, %t, %v", got, ok, err)
	}
}
