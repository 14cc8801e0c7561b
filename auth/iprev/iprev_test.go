package iprev

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

const (
	v4 = "1.2.0.192.in-addr.arpa."
	v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
)

func TestLookup(t *testing.T) {
	tests := []struct {
		name, zone, ip, fail string
		want                 string // result, names, confirmed
	}{
		{"confirmed", v4 + " PTR mx.example.\nmx.example. A 192.0.2.9\nmx.example. A 192.0.2.1", "192.0.2.1", "", "pass [mx.example] [mx.example]"},
		{"IPv6", v6 + " PTR mx.example.\nmx.example. AAAA 2001:db8::1", "2001:db8::1", "", "pass [mx.example] [mx.example]"},
		{"IPv6 with a zone", v6 + " PTR mx.example.\nmx.example. AAAA 2001:db8::1", "2001:db8::1%eth0", "", "pass [mx.example] [mx.example]"},
		{"mapped IPv4", v4 + " PTR mx.example.\nmx.example. A 192.0.2.1", "::ffff:192.0.2.1", "", "pass [mx.example] [mx.example]"},
		{"through a CNAME", v4 + " PTR a.example.\na.example. CNAME b.example.\nb.example. A 192.0.2.1", "192.0.2.1", "", "pass [a.example] [a.example]"},
		{"classless delegation", v4 + " CNAME 1.0-25.2.0.192.in-addr.arpa.\n1.0-25.2.0.192.in-addr.arpa. PTR a.example.\na.example. A 192.0.2.1", "192.0.2.1", "",
			"pass [a.example] [a.example]"},
		{"letter case", v4 + " PTR MX.Example.\nmx.example. A 192.0.2.1", "192.0.2.1", "", "pass [mx.example] [mx.example]"},
		{"one of two", v4 + " PTR a.example.\n" + v4 + " PTR b.example.\nb.example. A 192.0.2.1", "192.0.2.1", "", "pass [a.example b.example] [b.example]"},
		{"one fails, one is confirmed", v4 + " PTR a.example.\n" + v4 + " PTR b.example.\nb.example. A 192.0.2.1", "192.0.2.1", "a.example",
			"pass [a.example b.example] [b.example]"},

		{"another address", v4 + " PTR mx.example.\nmx.example. A 192.0.2.2", "192.0.2.1", "", "fail [mx.example] []"},
		{"no address", v4 + " PTR mx.example.\nmx.example. TXT x", "192.0.2.1", "", "fail [mx.example] []"},
		{"no such host", v4 + " PTR mx.example.", "192.0.2.1", "", "fail [mx.example] []"},
		{"the other family", v4 + " PTR mx.example.\nmx.example. AAAA ::ffff:192.0.2.1", "192.0.2.1", "", "fail [mx.example] []"},
		{"names that are none", v4 + ` PTR a\ b.example.` + "\n" + v4 + ` PTR x\;dmarc=pass.example.` + "\n" + v4 + ` PTR \195\188.example.` + "\n" + v4 + " PTR 192.0.2.1.", "192.0.2.1", "", "fail [] []"},
		{"a name beside one that is none", v4 + ` PTR a\"b.example.` + "\n" + v4 + " PTR mx_1.example.\nmx_1.example. A 192.0.2.1", "192.0.2.1", "", "pass [mx_1.example] [mx_1.example]"},

		{"no PTR: permerror (section 2.7.3)", "", "192.0.2.1", "", "permerror [] []"},
		{"PTR without data", v4 + " TXT x", "192.0.2.1", "", "permerror [] []"},
		{"no IP address", "", "", "", "permerror [] []"},
		{"PTR fails", "", "192.0.2.1", strings.TrimSuffix(v4, "."), "temperror [] []"},
		{"the address fails", v4 + " PTR mx.example.", "192.0.2.1", "mx.example", "temperror [mx.example] []"},
		{"one fails, one is another's", v4 + " PTR a.example.\n" + v4 + " PTR b.example.\nb.example. A 192.0.2.2", "192.0.2.1", "a.example",
			"temperror [a.example b.example] []"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := dnstest.NewResolver(t, tt.zone+"\n")
			r.Fail(tt.fail)
			ip, _ := netip.ParseAddr(tt.ip)
			o := Lookup(t.Context(), r, ip)
			slices.Sort(o.Names)
			if got := fmt.Sprint(o.Result, " ", o.Names, " ", o.Confirmed); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if (o.Err != nil) != (o.Result == TempError || o.Result == PermError) {
				t.Errorf("%s, error %v", o.Result, o.Err)
			}
			if o.Result == TempError && !errors.Is(o.Err, dnstest.ErrFail) {
				t.Errorf("error %v", o.Err)
			}
			if ip.IsValid() && (o.IP.Is4In6() || o.IP.Zone() != "") {
				t.Errorf("IP %v", o.IP)
			}
		})
	}
}

func TestMaxNames(t *testing.T) {
	b := new(strings.Builder)
	for i := range 100 {
		fmt.Fprintf(b, "%s PTR h%02d.example.\n", v4, i)
	}
	r := dnstest.NewResolver(t, b.String())
	o := Lookup(t.Context(), r, netip.MustParseAddr("192.0.2.1"))
	if o.Result != Fail || len(o.Names) != MaxNames || len(r.Asked()) != 1+MaxNames {
		t.Errorf("%+v, %d questions", o, len(r.Asked()))
	}
	answer, err := r.Resolve(t.Context(), dns.Question{Name: v4, Type: dns.TypePTR})
	if err != nil || !slices.Equal(o.Names, answer.Hosts[:MaxNames]) {
		t.Errorf("names %v of %v", o.Names, answer.Hosts)
	}
}

// TestTwoRoundTrips waits for the PTR records and then for all addresses at once.
func TestTwoRoundTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, v4+" PTR a.example.\n"+v4+" PTR b.example.\n"+v4+" PTR c.example.\nc.example. A 192.0.2.1\n")
		r.Delay(time.Second)
		began := time.Now()
		if o := Lookup(t.Context(), r, netip.MustParseAddr("192.0.2.1")); o.Result != Pass {
			t.Errorf("%+v", o)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, v4+" PTR a.example.\n")
		r.Delay(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		o := Lookup(ctx, r, netip.MustParseAddr("192.0.2.1"))
		if o.Result != TempError || !errors.Is(o.Err, context.DeadlineExceeded) || len(o.Names) != 1 {
			t.Errorf("%+v", o)
		}
	})
}

// A panicking resolver panics when it is asked for addresses.
type panicking struct{ dns.Resolver }

func (p panicking) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if q.Type == dns.TypeA {
		panic("in the resolver")
	}
	return p.Resolver.Resolve(ctx, q)
}

// TestPanic raises a panic of the resolver where it can be recovered.
func TestPanic(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "in the resolver") {
			t.Errorf("recovered %v", p)
		}
	}()
	r := panicking{dnstest.NewResolver(t, v4+" PTR a.example.\n"+v4+" PTR b.example.\n")}
	Lookup(t.Context(), r, netip.MustParseAddr("192.0.2.1"))
	t.Error("no panic")
}

// hosts answers every PTR question with the same names, and has the address in
// the form of 16 bytes.
type hosts []string

func (h hosts) Resolve(_ context.Context, q dns.Question) (dns.Answer, error) {
	if q.Type == dns.TypePTR {
		return dns.Answer{Hosts: h}, nil
	}
	return dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("::ffff:192.0.2.1")}}, nil
}

func FuzzNames(f *testing.F) {
	f.Add("mx.example\nMX.example.\n")
	f.Add("a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl")
	f.Add("a b\n\x00\n..\n1.2.3.4\n\xff\n(x)\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		o := Lookup(context.Background(), hosts(strings.Split(text, "\n")), netip.MustParseAddr("192.0.2.1"))
		if len(o.Names) > MaxNames || !slices.Equal(o.Names, o.Confirmed) {
			t.Errorf("%q: %+v", text, o)
		}
		for _, name := range o.Names {
			if strings.ContainsAny(name, "()\"\\;= \t\r\n\x00") || strings.HasSuffix(name, ".") || len(name) > 253 {
				t.Errorf("name %q", name)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	r, ip := hosts{"mx.example"}, netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		if o := Lookup(context.Background(), r, ip); o.Result != Pass {
			b.Fatal(o)
		}
	}
}

// What is remembered of a client is what a lookup finds.
func TestRemembered(t *testing.T) {
	zone := `. SOA ns. admin. 1 7200 900 1209600 300
1.2.0.192.in-addr.arpa. PTR b.example.
1.2.0.192.in-addr.arpa. PTR a.example.
a.example. A 192.0.2.1
2.2.0.192.in-addr.arpa. PTR b.example.
`
	counting := &dns.Counting{Resolver: &dns.Cache{Resolver: dnstest.NewResolver(t, zone), MinTTL: time.Hour}}
	for _, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "::ffff:192.0.2.1", "2001:db8::1"} {
		addr := netip.MustParseAddr(ip)
		want := Lookup(t.Context(), counting, addr)
		var hits int
		for i := range 3 {
			before, h := counting.Hits(), counting.AtHand()
			if _, ok := dns.Recall(counting.AtHand(), memoryKey(addr.Unmap())); ok != (i > 0 || ip == "::ffff:192.0.2.1") {
				t.Errorf("%s: remembered %t, time %d", ip, ok, i)
			}
			if got := Lookup(t.Context(), h, addr); !reflect.DeepEqual(got, want) || h.Missed() {
				t.Errorf("%s: %+v, want %+v", ip, got, want)
			}
			h.Count()
			if n := counting.Hits() - before; n == 0 || i > 0 && n != hits {
				t.Errorf("%s: %d hits, first %d", ip, n, hits)
			}
			hits = counting.Hits() - before
		}
	}
}
