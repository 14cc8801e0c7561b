package spoof

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// noon is the time at which entries are matched.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// list is a list of entries that have to be good, one per line.
func list(t testing.TB, text string) *List {
	t.Helper()
	f, err := ParseFile(text, "f")
	if err != nil {
		t.Fatal(err)
	}
	return f.List()
}

// sender is what "joe@example.org mail.example.net,192.0.2.1" says; no address: "example.org …".
func sender(text string, internal bool) Sender {
	words := strings.Fields(text)
	s := Sender{Domain: words[0], Internal: internal}
	if at := strings.LastIndexByte(words[0], '@'); at >= 0 {
		s.Address, s.Domain = words[0], words[0][at+1:]
	}
	for _, word := range words[1:] {
		if ip, err := netip.ParseAddr(word); err == nil {
			s.IP = ip
		} else {
			s.Names = append(s.Names, word)
		}
	}
	return s
}

const matched = `
allow joe@example.org 192.0.2.0/24 external # the address
allow example.org bulk.example external
allow .example.org other.example external
allow .sub.example.org other.example external
allow * everybody.example external
allow any.example * external
allow nets.example 192.0.2.0/24 external
allow nets.example 192.0.2.128/25 external
allow nets.example 10.0.0.0/8 external
allow nets.example 2001:db8::/32 external
allow nets.example 2001:db8:1::/48 external
allow nets.example 2001:db8:1::7 external
allow nets.example deep.host.example external
allow nets.example host.example external
block nets.example bad.host.example external
block .blocked.example * external
allow x.blocked.example 192.0.2.1 external
allow own.example bulk.example internal
allow bücher.example bücher.net external
block ü.x@quotes.example * external
allow old.example bulk.example external expires=2026-05-31
allow old.example * external expires=2026-06-01
block both.example * external expires=2026-05-01
allow both.example * external
allow 4in6.example 192.0.2.1 external
`

func TestMatch(t *testing.T) {
	l := list(t, matched)
	tests := []struct{ sender, want string }{
		{"joe@example.org 192.0.2.7", "allow joe@example.org 192.0.2.0/24 external"},
		{"JOE@example.org 192.0.2.7", "allow joe@example.org 192.0.2.0/24 external"},
		{`"joe"@example.org 192.0.2.7`, "allow joe@example.org 192.0.2.0/24 external"},
		{"joe@example.org bulk.example 192.0.2.7", "allow joe@example.org 192.0.2.0/24 external"},
		{"ann@example.org bulk.example 192.0.2.7", "allow example.org bulk.example external"},
		{"example.org bulk.example 192.0.2.7", "allow example.org bulk.example external"},
		{"example.org a.b.bulk.example", "allow example.org bulk.example external"},
		{"Example.ORG A.Bulk.example.", "allow example.org bulk.example external"},
		{"example.org other.example bulk.example", "allow example.org bulk.example external"},
		{"example.org other.example", "allow .example.org other.example external"},
		{"www.example.org other.example", "allow .example.org other.example external"},
		{"a.sub.example.org other.example", "allow .sub.example.org other.example external"},
		{"sub.example.org other.example", "allow .sub.example.org other.example external"},
		{"www.example.org everybody.example", "allow * everybody.example external"},
		{"any.example", "allow any.example * external"},
		{"nets.example 192.0.2.7", "allow nets.example 192.0.2.0/24 external"},
		{"nets.example ::ffff:192.0.2.7", "allow nets.example 192.0.2.0/24 external"},
		{"nets.example 192.0.2.200", "allow nets.example 192.0.2.128/25 external"},
		{"nets.example 10.255.0.1", "allow nets.example 10.0.0.0/8 external"},
		{"nets.example 2001:db8:2::1", "allow nets.example 2001:db8::/32 external"},
		{"nets.example 2001:db8:1::1", "allow nets.example 2001:db8:1::/48 external"},
		{"nets.example 2001:db8:1::7", "allow nets.example 2001:db8:1::7/128 external"},
		{"nets.example 2001:db8:1::7%eth0", "allow nets.example 2001:db8:1::7/128 external"},
		{"nets.example x.host.example 192.0.2.200", "allow nets.example host.example external"},
		{"nets.example x.deep.host.example", "allow nets.example deep.host.example external"},
		{"nets.example deep.host.example bad.host.example", "block nets.example bad.host.example external"},
		{"x.blocked.example 192.0.2.1", "block .blocked.example * external"},
		{"blocked.example", "block .blocked.example * external"},
		{"xn--bcher-kva.example xn--bcher-kva.net", "allow xn--bcher-kva.example xn--bcher-kva.net external"},
		{"bücher.example bücher.net", "allow xn--bcher-kva.example xn--bcher-kva.net external"},
		{`"ü\.x"@quotes.example`, "block ü.x@quotes.example * external"},
		{`"ü".X@quotes.example`, "block ü.x@quotes.example * external"},
		{"old.example bulk.example", "allow old.example * external"},
		{"both.example", "allow both.example * external"},

		{"joe@example.org 192.0.3.7", ""},
		{"jo@example.org 192.0.2.7", ""},
		{"x.joe@example.org 192.0.2.7", ""},
		{"example.org 192.0.2.7", ""},
		{"joe@www.example.org 192.0.2.7", ""},
		{"www.example.org bulk.example", ""},
		{"example.org notbulk.example", ""},
		{"example.org example", ""},
		{"example.org bulk.example.evil.test", ""},
		{"notexample.org other.example", ""},
		{"example.org.evil.test other.example", ""},
		{"notblocked.example", ""},
		{"nets.example 192.0.3.1", ""},
		{"nets.example 11.0.0.1", ""},
		{"nets.example 2001:db9::1", ""},
		{"own.example bulk.example", ""},
		{"a b.blocked.example", ""},
		{"x@y@quotes.example", ""},
	}
	for _, test := range tests {
		e, ok := l.Match(sender(test.sender, false), noon)
		if ok != (test.want != "") || ok && e.String() != test.want {
			t.Errorf("%s:\n got %q, %v\nwant %q", test.sender, e, ok, test.want)
		}
		if !ok && e != (Entry{}) {
			t.Errorf("%s: %+v without a match", test.sender, e)
		}
	}
	for text, want := range map[string]bool{"own.example bulk.example": true, "example.org bulk.example": false, "x.example everybody.example": false} {
		if e, ok := l.Match(sender(text, true), noon); ok != want {
			t.Errorf("internal %s: %v, %v", text, e, ok)
		}
	}
	if e, _ := l.Match(sender("joe@example.org 192.0.2.7", false), noon); e.Note != "the address" {
		t.Errorf("note %q", e.Note)
	}
}

// An entry counts until it expires, then the next best does.
// What may have signed a message counts for blocks only, and there for entries with a domain.
func TestMatchClaimed(t *testing.T) {
	l := list(t, `
block joe@victim.example esp.example external
block victim.example old.example external expires=2026-05-31
block net.example 192.0.2.0/24 external
block late.example old.example external expires=2026-05-31
block late.example new.example external
block gone.example old.example external expires=2026-05-31
block own.example esp.example internal
allow allowed.example esp.example external
`)
	for _, tt := range []struct {
		from    string
		claimed []string
		more    bool
		want    string // Infrastructure of the block; "" for none
	}{
		{"joe@victim.example", nil, false, ""},
		{"joe@victim.example", []string{"a.example", "mail.esp.example"}, false, "esp.example"},
		{"joe@victim.example", []string{"a.example"}, false, ""},
		{"joe@victim.example", nil, true, "esp.example"},
		{"ann@victim.example", []string{"esp.example", "old.example"}, true, ""},
		{"net.example", []string{"a.example"}, true, ""},
		{"late.example", nil, true, "new.example"},
		{"gone.example", []string{"old.example"}, true, ""},
		{"own.example", []string{"esp.example"}, true, ""},
		{"allowed.example", []string{"esp.example"}, true, ""},
	} {
		s := sender(tt.from, false)
		s.Claimed, s.More = tt.claimed, tt.more
		e, ok := l.Match(s, noon)
		if ok != (tt.want != "") || ok && (!e.Block || e.Infrastructure.Domain != tt.want) {
			t.Errorf("%s, %v, more %v: %v, %v", tt.from, tt.claimed, tt.more, e, ok)
		}
	}
}

func TestMatchExpires(t *testing.T) {
	l := list(t, matched)
	for now, want := range map[string]string{
		"2026-04-30T23:59:59Z": "block both.example * external|allow old.example bulk.example external",
		"2026-05-01T23:59:59Z": "block both.example * external|allow old.example bulk.example external",
		"2026-05-02T00:00:00Z": "allow both.example * external|allow old.example bulk.example external",
		"2026-05-31T23:59:59Z": "allow both.example * external|allow old.example bulk.example external",
		"2026-06-01T00:00:00Z": "allow both.example * external|allow old.example * external",
		"2026-06-02T00:00:00Z": "allow both.example * external",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, text := range []string{"both.example", "old.example bulk.example"} {
			if e, ok := l.Match(sender(text, false), at); ok {
				got = append(got, e.String())
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %q, want %s", now, got, want)
		}
	}
}

// Of entries for the same pair the one counts that lasts longest, in whatever order they are.
func TestListRepeats(t *testing.T) {
	lines := []string{
		"block a.example * external expires=2026-05-01 # 1", "block A.example * external expires=2026-07-01 # 2", "block a.example * external expires=2026-06-01 # 3",
		"block b.example * external # 1", "block b.example * external expires=2026-07-01 # 2",
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {1, 0, 4, 3, 2}, {4, 2, 3, 0, 1}} {
		var entries []Entry
		for _, i := range order {
			entries = append(entries, entry(t, lines[i]))
		}
		l := NewList(entries...)
		a, _ := l.Match(sender("a.example", false), noon)
		b, _ := l.Match(sender("b.example", false), noon)
		if l.Len() != 2 || a.Note != "2" || b.Note != "1" {
			t.Errorf("%v: %d entries, %q, %q", order, l.Len(), a.Text(), b.Text())
		}
	}
}

func TestMatchNothing(t *testing.T) {
	for name, l := range map[string]*List{"nil": nil, "zero": {}, "empty": NewList(), "everything": NewList(Entry{}, Entry{Block: true, Internal: true})} {
		for _, internal := range []bool{false, true} {
			for _, s := range []Sender{{Internal: internal}, sender("joe@example.org a.example 192.0.2.1", internal), {IP: netip.MustParseAddr("::1"), Internal: internal}} {
				if e, ok := l.Match(s, noon); ok {
					t.Errorf("%s: %+v matches %v", name, s, e)
				}
			}
		}
		if l.Len() != 0 {
			t.Errorf("%s: %d entries", name, l.Len())
		}
	}
	if e, ok := list(t, matched).Match(Sender{}, noon); ok {
		t.Errorf("the zero Sender matches %v", e)
	}
}

// many is a list of n entries of all kinds.
func many(t testing.TB, n int) *List {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, [...]string{
			"allow joe@user-%d.example bulk.example external\n",
			"block user-%d.example mail.host.example external\n",
			"allow .user-%d.example 10.0.0.0/8 external\n",
			"allow user-%d.example 2001:db8::/32 external\n",
		}[i%4], i)
		fmt.Fprintf(&b, "allow * 100.%d.%d.%d external\n", i>>16&255, i>>8&255, i&255)
	}
	return list(t, b.String())
}

// senders are those whose search takes longest, and some that are found.
var senders = map[string]Sender{
	"address":   sender("joe@user-400.example x.bulk.example 192.0.2.1", false),
	"subdomain": sender("joe@a.b.user-402.example x.example.net 10.1.2.3", false),
	"everybody": sender("joe@a.b.example mail.example.net 100.0.1.7", false),
	"unknown":   sender("joe@mail.unknown.example mail.example.net lists.example.net 192.0.2.1", false),
	"longest":   sender("joe@"+strings.Repeat("a.", 120)+"example "+strings.Repeat(strings.Repeat("b.", 120)+"example ", 10)+"2001:db8::1", false),
}

func TestMatchWithoutAllocation(t *testing.T) {
	l := many(t, 1000)
	for name, s := range senders {
		if n := testing.AllocsPerRun(100, func() { l.Match(s, noon) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 50_000} { // and as many networks
		l := many(b, n)
		for name, s := range senders {
			b.Run(fmt.Sprintf("%s/%d", name, l.Len()), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					l.Match(s, noon)
				}
			})
		}
	}
}
