package auth

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// What a signed message asks for.
var testQuestions = []dns.Question{
	{Name: "1.2.0.192.in-addr.arpa", Type: dns.TypePTR},
	{Name: "example.org", Type: dns.TypeTXT},
	{Name: "mail.example.org", Type: dns.TypeA},
	{Name: "_dmarc.example.org", Type: dns.TypeTXT},
	{Name: "_dmarc.org", Type: dns.TypeTXT},
	{Name: "sel._domainkey.example.org", Type: dns.TypeTXT},
}

// Whichever answers the cache has, a message waits for the longest chain of lookups that depend on each
// other among the others, its report is the same, and each question is counted once.
func TestPartlyWarmDNS(t *testing.T) {
	header := append(testHeader("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=sel; h=from; bh=YQ==; b=YQ=="), fromJoe...)
	var cold *Report
	for known := range 1 << len(testQuestions) {
		synctest.Test(t, func(t *testing.T) {
			origin := dnstest.NewResolver(t, ". SOA ns.example. admin.example. 1 7200 900 1209600 300\n"+testZone)
			cache := &dns.Cache{Resolver: origin, MinTTL: time.Hour}
			unknown := make([]int, len(testQuestions)) // 0 or 1
			missing := 0
			for i, q := range testQuestions {
				if known>>i&1 == 0 {
					unknown[i] = 1
					missing++
				} else if _, err := cache.Resolve(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			origin.Delay(time.Second)
			began := time.Now()
			session, check := begin(t, testVerifier(cache), testEnvelope, header)
			defer session.Close()
			r := check.Finish()
			rounds := max(min(unknown[0], unknown[1])+unknown[2], unknown[0], unknown[1], unknown[3], unknown[4], unknown[5])
			if took := time.Since(began); took != time.Duration(rounds)*time.Second {
				t.Errorf("known %b: took %v, want %d rounds", known, took, rounds)
			}
			if r.Queries != missing || r.Queries+r.Hits != 7 { // the address is asked for twice
				t.Errorf("known %b: %d queries and %d hits", known, r.Queries, r.Hits)
			}
			if s := cache.Stats(); s.Misses != uint64(len(testQuestions)) {
				t.Errorf("known %b: %+v", known, s)
			}
			if cold == nil {
				cold = r
			}
			for _, pair := range [][2]any{{r.SPF, cold.SPF}, {r.IPRev, cold.IPRev}, {r.DKIM, cold.DKIM}, {r.DMARC, cold.DMARC}, {r.Verdict, cold.Verdict}, {r.Edits, cold.Edits}} {
				if !reflect.DeepEqual(pair[0], pair[1]) {
					t.Errorf("known %b:\n got %+v\nwant %+v", known, pair[0], pair[1])
				}
			}
		})
	}
}

// A panic in what is done at once is raised where it is waited for, as that of a goroutine is; after a miss
// it means nothing.
func TestFromCachePanics(t *testing.T) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(t, testZone)}
	counting := &dns.Counting{Resolver: cache}
	task := fromCache(t.Context(), counting, func(context.Context, dns.Resolver) int { panic("at once") })
	func() {
		defer func() {
			if p, ok := recover().(*dns.Panic); !ok || p.Value != "at once" || !strings.Contains(string(p.Stack), "TestFromCachePanics") {
				t.Errorf("recovered %v", p)
			}
		}()
		task.stop()
		t.Errorf("returned %d", task.wait())
	}()
	if task := fromCache(t.Context(), counting, func(ctx context.Context, r dns.Resolver) int {
		_, err := r.Resolve(ctx, testQuestions[0])
		panic(fmt.Sprint("after a miss: ", err))
	}); task != nil || cache.Stats().Misses != 0 {
		t.Errorf("%+v", task)
	}
}

// BenchmarkWarm is BenchmarkPass with a cache that has all answers.
func BenchmarkWarm(b *testing.B) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(b, ". SOA ns.example. admin.example. 1 7200 900 1209600 300\n"+testZone), MinTTL: time.Hour}
	v := testVerifier(cache)
	session := v.Connect(context.Background(), testEnvelope.IP)
	defer session.Close()
	session.Helo(testEnvelope.Helo)
	b.ReportAllocs()
	for b.Loop() {
		session.MailFrom(testEnvelope)
		if r := session.Begin(testEnvelope, fromJoe).Finish(); r.DMARC.Result != "pass" {
			b.Fatal(r.Disposition)
		}
	}
}

// BenchmarkWarmSession is BenchmarkWarm with a goroutine for each session, as the milter has it.
func BenchmarkWarmSession(b *testing.B) {
	cache := &dns.Cache{Resolver: dnstest.NewResolver(b, ". SOA ns.example. admin.example. 1 7200 900 1209600 300\n"+testZone), MinTTL: time.Hour}
	v := testVerifier(cache)
	b.ReportAllocs()
	for b.Loop() {
		done := make(chan bool)
		go func() {
			session := v.Connect(context.Background(), testEnvelope.IP)
			session.Helo(testEnvelope.Helo)
			session.MailFrom(testEnvelope)
			done <- session.Begin(testEnvelope, fromJoe).Finish().DMARC.Result == "pass"
			session.Close()
		}()
		if !<-done {
			b.Fatal("no pass")
		}
	}
}
