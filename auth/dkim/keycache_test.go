package dkim

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

// A record from the cache is what parsing it gives, bad ones too, for any limit of tags; what is too long
// is not kept, and neither are more than the cache has room for.
func TestKeyCache(t *testing.T) {
	c := NewKeyCache(100)
	many := "v=DKIM1; p="
	for i := range 20 {
		many += fmt.Sprintf("; x%d=y", i)
	}
	for _, text := range []string{
		rsaRecord(rsa2048()), "v=DKIM1; p=", "v=DKIM1; k=ed25519; p=AAAA", "v=spf1 -all", "v=DKIM1; p=a; p=b", "", many,
		"v=DKIM1; p=; n=" + strings.Repeat("x", maxCachedRecord),
	} {
		for _, maxTags := range []int{0, 20, 0} {
			want, wantErr := parseKeyRecord(text, maxTags)
			for range 2 {
				if got, err := c.parse(text, maxTags); !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
					t.Errorf("%.40q, %d tags: %+v, %v; want %+v, %v", text, maxTags, got, err, want, wantErr)
				}
			}
		}
	}
	if n := c.records.Len(); n != 7 {
		t.Errorf("keeps %d records", n)
	}
	for i := range 1000 {
		_, _ = c.parse(fmt.Sprintf("v=DKIM1; p=; n=%d", i), 0)
	}
	if n := c.records.Len(); n > 100 || n < 50 {
		t.Errorf("keeps %d records of 100", n)
	}
	if record, err := (*KeyCache)(nil).parse("v=DKIM1; p=", 0); record == nil || err != nil || NewKeyCache(0) != nil {
		t.Errorf("nil: %+v, %v", record, err)
	}
}

// What a cache is said to hold is what it holds, about, and never more than its bound, whatever is published.
func TestKeyCacheMemory(t *testing.T) {
	const size = 1000
	key := rsaRecord(rsa2048())
	for name, pad := range map[string]string{
		"usual": "", "note": "; n=" + strings.Repeat("x", 1400), "hashes": "; h=" + strings.Repeat(":", 1400),
		"services and hashes": "; s=" + strings.Repeat(":", 700) + "; h=" + strings.Repeat("a:", 350),
	} {
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := heap()
		c := NewKeyCache(size)
		for i := range 2 * size {
			record, err := c.parse(fmt.Sprintf("%s; x=%d%s", key, i, pad), 0)
			if err != nil {
				t.Fatal(err)
			}
			Verify(record.public, [32]byte{}, nil) // makes it ready
		}
		held, said, n := heap()-before, int64(c.records.Bytes()), c.records.Len()
		if held > 3*said/2 || said > size*dns.ParsedBytes || name == "usual" && n < size*9/10 {
			t.Errorf("%s: %d records, %d bytes, said to be %d", name, n, held, said)
		}
		runtime.KeepAlive(c)
	}
}

// A key that the cache of DNS has is there at once, also when the lookups have been stopped, and is
// shared by those who ask for it.
func TestKeyAtHand(t *testing.T) {
	origin := dnstest.NewResolver(t, "s._domainkey.example.com. TXT \""+rsaRecord(rsa2048())+"\"\n")
	resolver := &dns.Counting{Resolver: &dns.Cache{Resolver: origin, MinTTL: time.Hour}}
	limits := KeyLimits{Cache: NewKeyCache(10)}
	use := KeyUse{Algorithm: RSASHA256}
	first := NewKeys(t.Context(), resolver, limits)
	want := first.Ask("s", "example.com").Key(use)
	first.Stop()
	if want.Result != "" || want.Bits != 2048 {
		t.Fatalf("%+v", want)
	}
	second := NewKeys(t.Context(), resolver, limits)
	second.Stop()
	l := second.Ask("s", "example.com")
	if !l.Done() || l.done != nil {
		t.Error("it has to be waited for")
	}
	if got := l.Key(use); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	second.Wait()
	if resolver.Queries() != 1 || resolver.Hits() != 1 || len(origin.Asked()) != 1 {
		t.Errorf("%d queries, %d hits", resolver.Queries(), resolver.Hits())
	}
}
