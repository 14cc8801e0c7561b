package dns_test

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

const zone = `
$ORIGIN example.com.
$TTL 300
@            SOA   ns.example.com. admin.example.com. 1 7200 900 1209600 60
@            MX    20 mx2
@            MX    10 MX1
@            TXT   "v=spf1 " "a -all"
mx1          A     192.0.2.1
             AAAA  2001:db8::1
www          200 CNAME a.web
a.web        100 CNAME b.web
b.web        A     192.0.2.80
nothing      CNAME mx1
outside      CNAME gone.example.org.
loop1        CNAME loop2
loop2        CNAME loop1
null         MX    0 .
\032odd\"\\\195  TXT   "caf\195\169 \"quoted\" \\ \000 back"
big          TXT   BIG
1.2.0.192.in-addr.arpa. PTR Mx1
1.2.0.192.in-addr.arpa. PTR do\.t
`

// text fills a zone's BIG.
func text(zone string, n int) string {
	return strings.Replace(zone, "BIG", strings.Repeat("\""+strings.Repeat("x", 200)+"\" ", n), 1)
}

func start(t testing.TB) *dnstest.Server {
	return dnstest.Start(t, text(zone, 10))
}

func addrs(texts ...string) (addrs []netip.Addr) {
	for _, s := range texts {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	return addrs
}

func TestClientAnswers(t *testing.T) {
	client := start(t).Client()
	const ttl, negative = 300 * time.Second, 60 * time.Second
	tests := []struct {
		name string
		typ  dns.Type
		want dns.Answer
	}{
		{"EXAMPLE.com.", dns.TypeTXT, dns.Answer{TTL: ttl, Texts: []string{"v=spf1 a -all"}}},
		{"example.com", dns.TypeMX, dns.Answer{TTL: ttl, MXs: []dns.MX{{Preference: 10, Host: "mx1.example.com"}, {Preference: 20, Host: "mx2.example.com"}}}},
		{"null.example.com", dns.TypeMX, dns.Answer{TTL: ttl, MXs: []dns.MX{{}}}},
		{"mx1.example.com", dns.TypeA, dns.Answer{TTL: ttl, Addrs: addrs("192.0.2.1")}},
		{"mx1.example.com", dns.TypeAAAA, dns.Answer{TTL: ttl, Addrs: addrs("2001:db8::1")}},
		{"1.2.0.192.in-addr.arpa", dns.TypePTR, dns.Answer{TTL: ttl, Hosts: []string{"mx1.example.com"}}},
		{"mx1.example.com", dns.TypeTXT, dns.Answer{TTL: negative}},
		{"web.example.com", dns.TypeA, dns.Answer{TTL: negative}},
		{"no.example.com", dns.TypeA, dns.Answer{NXDomain: true, TTL: negative}},
		{"no.example.org", dns.TypeA, dns.Answer{NXDomain: true}},
		{"www.example.com", dns.TypeA, dns.Answer{TTL: 100 * time.Second, Addrs: addrs("192.0.2.80")}},
		{"nothing.example.com", dns.TypeTXT, dns.Answer{TTL: negative}},
		{"outside.example.com", dns.TypeA, dns.Answer{NXDomain: true}},
		{" ODD\"\\\xc3.example.com", dns.TypeTXT, dns.Answer{TTL: ttl, Texts: []string{"café \"quoted\" \\ \x00 back"}}},
		{`\032odd\"\\\195.example.com`, dns.TypeTXT, dns.Answer{NXDomain: true, TTL: negative}},
		{"big.example.com", dns.TypeTXT, dns.Answer{TTL: ttl, Texts: []string{strings.Repeat("x", 2000)}}},
	}
	for _, tt := range tests {
		got, err := client.Resolve(t.Context(), dns.Question{Name: tt.name, Type: tt.typ})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q %s:\n got %+v, %v\nwant %+v", tt.name, tt.typ, got, err, tt.want)
		}
	}
}

func TestClientSendsNothingForImpossibleNames(t *testing.T) {
	server := start(t)
	client := server.Client()
	long := strings.Repeat("a.", 127)
	for _, name := range []string{"", ".", "a..b", ".a", "a..", strings.Repeat("a", 64) + ".b", long[:253] + "a", "a." + strings.Repeat("b", 64)} {
		got, err := client.Resolve(t.Context(), dns.Question{Name: name, Type: dns.TypeA})
		if err != nil || !got.NXDomain {
			t.Errorf("%q: got %+v, %v; want NXDOMAIN", name, got, err)
		}
	}
	if n := len(server.Queries()); n != 0 {
		t.Errorf("%d queries were sent", n)
	}
	if got, err := client.Resolve(t.Context(), dns.Question{Name: long, Type: dns.TypeA}); err != nil || !got.NXDomain || got.Cached {
		t.Errorf("253 bytes: got %+v, %v; want NXDOMAIN from the server", got, err)
	}
}

func TestClientUnknownType(t *testing.T) {
	_, err := new(dns.Client).Resolve(t.Context(), dns.Question{Name: "example.com", Type: 99})
	if want := `dns: "example.com" TYPE99: type not supported`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestClientTCPOnTruncation(t *testing.T) {
	for _, fault := range []dnstest.Fault{dnstest.None, dnstest.Truncate} {
		server := start(t)
		server.SetFault(fault)
		client := server.Client()
		got, err := client.Resolve(t.Context(), dns.Question{Name: "big.example.com", Type: dns.TypeTXT})
		if err != nil || len(got.Texts) != 1 || len(got.Texts[0]) != 2000 {
			t.Fatalf("got %+v, %v", got, err)
		}
		if q := server.Queries(); len(q) != 2 || q[0].TCP || !q[1].TCP {
			t.Errorf("queries %+v", q)
		}
		if s := client.Stats(); s.TCP != 1 || s.Queries != 2 {
			t.Errorf("%+v", s)
		}
	}
}

func TestClientWithoutEDNS(t *testing.T) {
	server := start(t)
	server.SetFault(dnstest.NoEDNS)
	client := server.Client()
	for range 2 {
		if got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA}); err != nil || len(got.Addrs) != 1 {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	q := server.Queries()
	if len(q) != 3 || !q[0].EDNS || q[1].EDNS || q[2].EDNS {
		t.Errorf("queries %+v; want EDNS in the first only: the client remembers", q)
	}
}

func TestClientAuthenticated(t *testing.T) {
	server := start(t)
	client := server.Client()
	for _, want := range []bool{false, true} {
		if want {
			server.SetFault(dnstest.Authenticated)
		}
		got, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA})
		if err != nil || got.Authenticated != want {
			t.Errorf("got %+v, %v; want AD %t", got, err, want)
		}
	}
}

// When one part of a chain is not authenticated, all of it is not.
func TestClientAuthenticatedChain(t *testing.T) {
	server := start(t)
	server.SetFault(dnstest.Authenticated)
	server.SetNameFault("www.example.com", dnstest.BareCNAME)
	got, err := server.Client().Resolve(t.Context(), dns.Question{Name: "www.example.com", Type: dns.TypeA})
	if err != nil || got.Authenticated || len(got.Addrs) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestClientAsksForCNAMETargets(t *testing.T) {
	server := start(t)
	server.SetFault(dnstest.BareCNAME)
	client := server.Client()
	tests := []struct {
		name string
		want dns.Answer
		sent int
	}{
		{"www.example.com", dns.Answer{TTL: 100 * time.Second, Addrs: addrs("192.0.2.80")}, 3},
		{"outside.example.com", dns.Answer{NXDomain: true}, 2},
	}
	for _, tt := range tests {
		before := len(server.Queries())
		got, err := client.Resolve(t.Context(), dns.Question{Name: tt.name, Type: dns.TypeA})
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tt.name, got, err, tt.want)
		}
		if sent := len(server.Queries()) - before; sent != tt.sent {
			t.Errorf("%s: %d queries, want %d", tt.name, sent, tt.sent)
		}
	}
}

func TestClientRandom(t *testing.T) {
	server := start(t)
	client := server.Client()
	ids, ports := map[uint16]bool{}, map[uint16]bool{}
	const n = 50
	for range n {
		if _, err := client.Resolve(t.Context(), dns.Question{Name: "mx1.example.com", Type: dns.TypeA}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range server.Queries() {
		ids[q.ID], ports[q.Port] = true, true
	}
	// A collision among 50 of 28,000 ports or 65,536 ids is likely, ten are not.
	if len(ids) < n-10 || len(ports) < n-10 {
		t.Errorf("%d queries had %d ids and %d ports", n, len(ids), len(ports))
	}
}

func TestClientIPv6(t *testing.T) {
	z, err := dns.ParseZone(strings.NewReader("a.test. AAAA 2001:db8::1"), "zone")
	if err != nil {
		t.Fatal(err)
	}
	server, err := dnstest.Listen(z, "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	defer server.Stop()
	got, err := server.Client().Resolve(t.Context(), dns.Question{Name: "a.test", Type: dns.TypeAAAA})
	if err != nil || !slices.Equal(got.Addrs, addrs("2001:db8::1")) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestClientConcurrently(t *testing.T) {
	server := start(t)
	server.SetFault(dnstest.WrongID)
	client := server.Client()
	client.Timeout = time.Minute
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			q, want := dns.Question{Name: "mx1.example.com", Type: dns.TypeA}, 1
			if i%2 == 0 {
				q, want = dns.Question{Name: fmt.Sprintf("n%d.example.com", i), Type: dns.TypeA}, 0
			}
			a, err := client.Resolve(t.Context(), q)
			if err != nil || len(a.Addrs) != want || a.NXDomain != (want == 0) {
				t.Errorf("%s: %+v, %v", q, a, err)
			}
		})
	}
	all.Wait()
}

func BenchmarkClient(b *testing.B) {
	client := start(b).Client()
	q := dns.Question{Name: "example.com", Type: dns.TypeTXT}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Resolve(context.Background(), q); err != nil {
			b.Fatal(err)
		}
	}
}
