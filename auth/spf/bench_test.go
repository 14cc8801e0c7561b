package spf

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"assay/auth/dns"
)

// A mapResolver answers at once, like a warm cache, and remembers nothing.
type mapResolver map[dns.Question]dns.Answer

func (m mapResolver) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if a, ok := m[q]; ok {
		return a, ctx.Err()
	}
	return dns.Answer{NXDomain: true}, ctx.Err()
}

// newMapResolver holds what a zone has for the names and types that are given
// as "name TYPE".
func newMapResolver(b *testing.B, zone string) mapResolver {
	z, err := dns.ParseZone(strings.NewReader(zone), "zone")
	if err != nil {
		b.Fatal(err)
	}
	m := mapResolver{}
	for line := range strings.Lines(zone) {
		name, _, _ := strings.Cut(line, ". ")
		for _, typ := range suiteTypes {
			q := dns.Question{Name: name, Type: typ}
			a, err := z.Resolve(b.Context(), q)
			if err != nil {
				b.Fatal(err)
			}
			m[q] = a
		}
	}
	return m
}

func BenchmarkCheckHostSimple(b *testing.B) {
	r := newMapResolver(b, `
a.test. TXT "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 include:b.test -all"
b.test. TXT "v=spf1 ip4:203.0.113.0/24 -all"
`)
	benchmarkCheckHost(b, r, "203.0.113.9", Pass)
}

func BenchmarkCheckHostMX(b *testing.B) {
	r := newMapResolver(b, `
a.test. TXT "v=spf1 a mx -all"
a.test. A 192.0.2.1
a.test. MX 10 m1.test.
a.test. MX 20 m2.test.
m1.test. A 192.0.2.2
m2.test. A 203.0.113.9
`)
	benchmarkCheckHost(b, r, "203.0.113.9", Pass)
}

// Nine includes in three levels, each with 20 networks.
func BenchmarkCheckHostTree(b *testing.B) {
	var zone strings.Builder
	networks := func(n int) string {
		var s strings.Builder
		for i := range 20 {
			fmt.Fprintf(&s, " ip4:10.%d.%d.0/24", n, i)
		}
		return `"` + s.String() + `"`
	}
	fmt.Fprintf(&zone, "a.test. TXT \"v=spf1 include:i1.test include:i2.test include:i3.test\" %s \" -all\"\n", networks(0))
	for i := 1; i <= 3; i++ {
		fmt.Fprintf(&zone, "i%d.test. TXT \"v=spf1 include:i%d0.test include:i%d1.test\" %s \" -all\"\n", i, i, i, networks(i))
		fmt.Fprintf(&zone, "i%d0.test. TXT \"v=spf1\" %s \" -all\"\n", i, networks(10*i))
		fmt.Fprintf(&zone, "i%d1.test. TXT \"v=spf1\" %s \" -all\"\n", i, networks(10*i+1))
	}
	benchmarkCheckHost(b, newMapResolver(b, zone.String()), "203.0.113.9", Fail)
}

func benchmarkCheckHost(b *testing.B, r dns.Resolver, ip string, want Result) {
	for name, c := range map[string]*Checker{
		"cached":         {Resolver: r, Records: NewRecordCache(100)},
		"uncached":       {Resolver: r},
		"cached,in-turn": {Resolver: r, Records: NewRecordCache(100), MaxPrefetch: -1},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := c.CheckHost(b.Context(), query(ip, "h.test", "sender@a.test")); got.Result != want {
					b.Fatal(got)
				}
			}
		})
	}
}

func BenchmarkParseRecord(b *testing.B) {
	text := "v=spf1 ip4:192.0.2.0/24 ip4:198.51.100.0/24 include:_spf.a.test include:%{d}.b.test a mx:c.test/24 ~all"
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseRecord(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cache", func(b *testing.B) {
		b.ReportAllocs()
		c := NewRecordCache(10)
		for b.Loop() {
			if _, err := c.parse(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
