package dns

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const testZone = `
$ORIGIN example.com.
$TTL 300
@            SOA   ns.example.com. admin.example.com. 1 7200 900 1209600 60
@            MX    20 mx2.example.com.
@            MX    10 MX1
@            TXT   "v=spf1 " "a -all"
@            TXT   second
@            TXT   second ; given twice: one record (RFC 2181 section 5)
mx1          A     192.0.2.1
             AAAA  2001:db8::1
www          CNAME Web.Example.Com.
web          60 A  192.0.2.80
web          A     192.0.2.81
outside      CNAME nowhere.example.org.
nodata       CNAME mx2.deep
a.b.c        TXT   "an empty non-terminal above"
*.wild       TXT   "any"
*.wild       MX    0 .
sub.wild     A     192.0.2.2
loop1        CNAME loop2
loop2        CNAME loop1
mx2.deep     A     192.0.2.3
_dmarc       TXT   "v=DMARC1; p=none"
\032odd\"\\  TXT   "caf\195\169 \"quoted\" \\ back"
bytes\255\000 TXT  "8 bit"
$ORIGIN 2.0.192.in-addr.arpa.
1            PTR   Mx1.Example.com.
1            PTR   do\.t.example.com.
1            PTR   .
`

func mustZone(t testing.TB, text string) *Zone {
	t.Helper()
	z, err := ParseZone(strings.NewReader(text), "zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func addrs(texts ...string) (addrs []netip.Addr) {
	for _, s := range texts {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}

func TestZoneResolve(t *testing.T) {
	z := mustZone(t, testZone)
	const ttl, negative = 300 * time.Second, 60 * time.Second
	tests := []struct {
		name string
		typ  Type
		want Answer
	}{
		{"example.com", TypeTXT, Answer{TTL: ttl, Texts: []string{"v=spf1 a -all", "second"}}},
		{"EXAMPLE.com.", TypeMX, Answer{TTL: ttl, MXs: []MX{{10, "mx1.example.com"}, {20, "mx2.example.com"}}}},
		{"mx1.example.com", TypeA, Answer{TTL: ttl, Addrs: addrs("192.0.2.1")}},
		{"mx1.example.com", TypeAAAA, Answer{TTL: ttl, Addrs: addrs("2001:db8::1")}},
		{"mx1.example.com", TypeTXT, Answer{TTL: negative}},
		{"www.example.com", TypeA, Answer{TTL: 60 * time.Second, Addrs: addrs("192.0.2.80", "192.0.2.81")}},
		{"www.example.com", TypeTXT, Answer{TTL: negative}},
		{"outside.example.com", TypeA, Answer{NXDomain: true}},
		{"nodata.example.com", TypeMX, Answer{TTL: negative}},
		{"no.example.com", TypeA, Answer{NXDomain: true, TTL: negative}},
		{"no.example.org", TypeA, Answer{NXDomain: true}},
		{"c.example.com", TypeTXT, Answer{TTL: negative}},
		{"b.c.example.com", TypeA, Answer{TTL: negative}},
		{"x.b.c.example.com", TypeA, Answer{NXDomain: true, TTL: negative}},
		{"com", TypeA, Answer{}},
		{"x.wild.example.com", TypeTXT, Answer{TTL: ttl, Texts: []string{"any"}}},
		{"y.x.wild.example.com", TypeTXT, Answer{TTL: ttl, Texts: []string{"any"}}},
		{"x.wild.example.com", TypeA, Answer{TTL: negative}},
		{"x.wild.example.com", TypeMX, Answer{TTL: ttl, MXs: []MX{{0, ""}}}},
		{"*.wild.example.com", TypeTXT, Answer{TTL: ttl, Texts: []string{"any"}}},
		{"sub.wild.example.com", TypeTXT, Answer{TTL: negative}},
		{"x.sub.wild.example.com", TypeTXT, Answer{NXDomain: true, TTL: negative}},
		{"wild.example.com", TypeTXT, Answer{TTL: negative}},
		{"_DMARC.example.com", TypeTXT, Answer{TTL: ttl, Texts: []string{"v=DMARC1; p=none"}}},
		{` ODD"\.example.com`, TypeTXT, Answer{TTL: ttl, Texts: []string{"caf\xc3\xa9 \"quoted\" \\ back"}}},
		{`\032odd\"\\.example.com`, TypeTXT, Answer{NXDomain: true, TTL: negative}},
		{"bytes\xff\x00.example.com", TypeTXT, Answer{TTL: ttl, Texts: []string{"8 bit"}}},
		{"1.2.0.192.in-addr.arpa", TypePTR, Answer{TTL: ttl, Hosts: []string{"mx1.example.com"}}},
		{"a..example.com", TypeA, Answer{NXDomain: true, Cached: true}},
		{strings.Repeat("a", 64) + ".wild.example.com", TypeTXT, Answer{NXDomain: true, Cached: true}},
		{"", TypeTXT, Answer{NXDomain: true, Cached: true}},
	}
	for _, tt := range tests {
		got, err := z.Resolve(t.Context(), Question{tt.name, tt.typ})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q %s:\n got %+v, %v\nwant %+v", tt.name, tt.typ, got, err, tt.want)
		}
	}
}

func TestZoneResolveErrors(t *testing.T) {
	z := mustZone(t, testZone)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		ctx  context.Context
		q    Question
		want string
	}{
		{t.Context(), Question{"loop1.example.com", TypeA}, `dns: "loop1.example.com" A: CNAME loop or chain too long`},
		{t.Context(), Question{"example.com", 6}, `dns: "example.com" TYPE6: type not supported`},
		{done, Question{"example.com", TypeA}, `dns: "example.com" A: context canceled`},
	}
	for _, tt := range tests {
		if _, err := z.Resolve(tt.ctx, tt.q); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.q, err, tt.want)
		}
	}
}

func TestZeroZone(t *testing.T) {
	got, err := new(Zone).Resolve(t.Context(), Question{"example.com", TypeA})
	if want := (Answer{NXDomain: true}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestParseZoneErrors(t *testing.T) {
	tests := []struct{ zone, want string }{
		{"a A 192.0.2.1\n\nb A nonsense", `f:3: bad A A: "nonsense"`},
		{"a A 192.0.2.1\nb TXT \"open\n", `f:2: bad TXT Txt`},
		{"a.\n", `f:1: `},
		{"a CH TXT x\n", `f:1: a.: class CH: only IN is known`},
		{"\na CNAME b\na A 192.0.2.1 ; c\n", `f:3: a.: a CNAME and other records (RFC 1034 section 3.6.2)`},
		{"a CNAME b\na CNAME c", `f:2: a.: a CNAME and other records (RFC 1034 section 3.6.2)`},
		{"a A 192.0.2.1\na CNAME c", `f:2: a.: a CNAME and other records (RFC 1034 section 3.6.2)`},
		{"a\\.b A 192.0.2.1", `f:1: a\.b.: a label contains a dot`},
		{"a CNAME x\\.b", `f:1: a.: a label of the CNAME's target contains a dot`},
		{"a A", `f:1: a.: A without data`},
		{"a AAAA", `f:1: a.: AAAA without data`},
		{"a TXT", `f:1: a.: TXT without data`},
		{"a PTR", `f:1: a.: PTR without data`},
		{"a MX", `f:1: a.: MX without data`},
		{"a CNAME", `f:1: a.: CNAME without data`},
		{"a SOA", `f:1: a.: SOA without data`},
		{"$INCLUDE /dev/null\n", `f:1: `},
		{strings.Repeat("a", 64) + " A 192.0.2.1", `f:1: `},
	}
	for _, tt := range tests {
		_, err := ParseZone(strings.NewReader(tt.zone), "f")
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.zone, err, tt.want)
		}
	}
}

func TestParseZoneReadError(t *testing.T) {
	broken := errors.New("broken")
	_, err := ParseZone(io.MultiReader(strings.NewReader("a A 192.0.2.1\n"), iotest.ErrReader(broken)), "f")
	if !errors.Is(err, broken) || err.Error() != "f: broken" {
		t.Errorf("got %v", err)
	}
}
