package dmarc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

func TestWalkDomains(t *testing.T) {
	for domain, want := range map[string]string{
		"com":                 "com",
		"example.com":         "example.com com",
		"a.mail.example.com":  "a.mail.example.com mail.example.com example.com com",
		"1.2.3.4.5.6.7":       "1.2.3.4.5.6.7 2.3.4.5.6.7 3.4.5.6.7 4.5.6.7 5.6.7 6.7 7",
		"1.2.3.4.5.6.7.8":     "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
		"0.1.2.3.4.5.6.7.8":   "0.1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
		"x.0.1.2.3.4.5.6.7.8": "x.0.1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8",
		// The example of RFC 9989 section 4.10.
		"a.b.c.d.e.f.g.h.i.j.mail.example.com": "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com " +
			"h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com",
	} {
		if got := strings.Join(walkDomains(new([MaxQueries]string), domain), " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", domain, got, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	long := strings.Repeat("a.", 126) + "ab" // 254 bytes
	for domain, want := range map[string]string{
		"example.com":            "example.com",
		"Example.COM":            "example.com",
		"example.com.":           "example.com",
		"localhost":              "localhost",
		"_x.example.com":         "_x.example.com",
		"bücher.example":         "xn--bcher-kva.example",
		"BÜCHER.example":         "xn--bcher-kva.example",
		"BÜCHER。example":         "", // no dot to message.ToASCII, which all names go through
		"xn--bcher-kva.example":  "xn--bcher-kva.example",
		long[1:]:                 "",
		long[2:]:                 long[2:],
		"":                       "",
		".":                      "",
		".example.com":           "",
		"example..com":           "",
		"example.com..":          "",
		"192.0.2.1":              "",
		"[192.0.2.1]":            "",
		"[IPv6:2001:db8::1]":     "",
		"2001:db8::1":            "",
		"a b.example":            "",
		"a\x00b.example":         "",
		`a\.example`:             "",
		"a@example.com":          "",
		"\xff.example":           "",
		"a_ü.example":            "xn--a_-yka.example",
		"ü" + long:               "",
		strings.Repeat("ü", 600): "",
	} {
		got, ok := normalize(domain)
		if got != want && ok || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", domain, got, ok, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		domain, parent string
		want           bool
	}{
		{"example.com", "example.com", true},
		{"a.example.com", "example.com", true},
		{"badexample.com", "example.com", false},
		{"example.com", "a.example.com", false},
		{"com", "example.com", false},
	} {
		if got := message.IsWithin(tt.domain, tt.parent); got != tt.want {
			t.Errorf("%s within %s: %v", tt.domain, tt.parent, got)
		}
	}
}

// txt writes a zone: pairs of a domain and the text of its DMARC record.
func txt(pairs ...string) string {
	b := new(strings.Builder)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(b, "_dmarc.%s. TXT %q\n", pairs[i], pairs[i+1])
	}
	return b.String()
}

const u, n, y = "v=DMARC1; p=none", "v=DMARC1; p=none; psd=n", "v=DMARC1; p=none; psd=y"

func TestOrgDomain(t *testing.T) {
	tests := []struct {
		name, zone, domain, want string
	}{
		// The examples of RFC 9989 section 4.10.2.
		{"fewest labels", txt("mail.example.com", u, "example.com", u), "a.mail.example.com", "example.com"},
		{"psd=n", txt("mail.example.com", n, "example.com", u), "a.mail.example.com", "mail.example.com"},
		{"psd=y of the top level", txt("com", y), "a.mail.example.com", "example.com"},
		{"psd=y one level up", txt("example.com", y), "mail.example.com", "mail.example.com"},
		// Appendix B.4.
		{"B.4.1 author", txt("example.com", u, "signing.example.com", u), "example.com", "example.com"},
		{"B.4.1 identifier", txt("example.com", u, "signing.example.com", u), "signing.example.com", "example.com"},
		{"B.4.2", txt("example.com", u, "signing.example.com", u), "a.b.c.d.e.f.g.h.i.j.k.example.com", "example.com"},
		{"B.4.3 author", txt("bank.example", y, "giant.bank.example", u), "giant.bank.example", "giant.bank.example"},
		{"B.4.3 spf", txt("bank.example", y, "giant.bank.example", u), "mail.giant.bank.example", "giant.bank.example"},
		{"B.4.3 dkim", txt("bank.example", y, "giant.bank.example", u), "mail.mega.bank.example", "mega.bank.example"},

		{"psd=y where the walk started", txt("bank.example", y), "bank.example", "bank.example"},
		{"psd=y at the start ends the walk", txt("bank.example", y, "example", u), "bank.example", "bank.example"},
		{"psd=y above psd=y is not seen", txt("a.example", y, "example", y), "x.y.a.example", "y.a.example"},
		{"psd=n below psd=y", txt("a.b.example", n, "example", y), "x.a.b.example", "a.b.example"},
		{"psd=y wins over records below", txt("x.a.example", u, "a.example", u, "example", y), "x.a.example", "a.example"},
		{"a psd without a tag", txt("example.com", u, "com", u), "example.com", "com"},
		{"psd with a record that has no policy", txt("com", "v=DMARC1; psd=y"), "a.example.com", "example.com"},
		{"several records", txt("a.example", u, "a.example", "v=DMARC1; p=reject", "b.a.example", u), "b.a.example", "b.a.example"},
		{"another text beside it", txt("a.example", "v=spf1 -all", "a.example", u), "b.a.example", "a.example"},
		{"8 labels", txt("2.3.4.5.6.7.h", u), "1.2.3.4.5.6.7.h", "2.3.4.5.6.7.h"},
		{"9 labels, the 8th is not asked", txt("1.2.3.4.5.6.7.h", u), "0.1.2.3.4.5.6.7.h", "7.h"},
		{"psd=y below names that are not asked", txt("2.3.4.5.6.7.h", y), "x.0.1.2.3.4.5.6.7.h", "1.2.3.4.5.6.7.h"},

		{"no record: the list", "", "a.b.example.co.uk", "example.co.uk"},
		{"no record: private suffix", "", "a.b.github.io", "b.github.io"},
		{"no record: a public suffix", "", "co.uk", "co.uk"},
		{"no record: unknown top level", "", "a.b.c.invalid", "c.invalid"},
		{"single label", "", "localhost", "localhost"},
		{"single label with a record", txt("localhost", y), "localhost", "localhost"},
		{"U-label", txt("xn--bcher-kva.example", u), "www.Bücher.example.", "xn--bcher-kva.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := dnstest.NewResolver(t, tt.zone)
			got, err := (&Evaluator{Resolver: r}).OrgDomain(t.Context(), tt.domain)
			if got != tt.want || err != nil {
				t.Errorf("%s: %q, %v; want %q", tt.domain, got, err, tt.want)
			}
			if asked := r.Asked(); len(asked) > MaxQueries {
				t.Errorf("%d queries: %v", len(asked), asked)
			}
		})
	}
}

func TestOrgDomainError(t *testing.T) {
	zone := txt("example.com", n)
	for _, tt := range []struct {
		fail, domain, want string
	}{
		{"_dmarc.com", "a.example.com", "example.com"}, // above psd=n: of no matter
		{"_dmarc.a.example.com", "a.example.com", ""},  // could have been psd=n
		{"_dmarc.example.com", "a.example.com", ""},
		{"", "192.0.2.1", ""},
		{"", "", ""},
	} {
		r := dnstest.NewResolver(t, zone)
		r.Fail(tt.fail)
		got, err := (&Evaluator{Resolver: r}).OrgDomain(t.Context(), tt.domain)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s fails, %s: %q, %v", tt.fail, tt.domain, got, err)
		}
		if tt.fail != "" && tt.want == "" && !errors.Is(err, dnstest.ErrFail) {
			t.Errorf("%s fails: %v", tt.fail, err)
		}
	}
}

func FuzzOrgDomain(f *testing.F) {
	for _, domain := range []string{
		"a.mail.example.com", "example.com", "com", "x.bank.example", "a.b.c.d.e.f.g.h.i.j.k.l.n.example.com", "bücher.example",
		"1.2.3.4", "..", "", "_dmarc.example.com", "co.uk", "a.b.ck", "www.ck", "kawasaki.jp", "\xff",
	} {
		f.Add(domain)
	}
	r := dnstest.NewResolver(f, txt("example.com", u, "mail.example.com", n, "bank.example", y))
	f.Fuzz(func(t *testing.T, domain string) {
		asked := &asker{Resolver: r}
		org, err := (&Evaluator{Resolver: asked}).OrgDomain(context.Background(), domain)
		normal, ok := normalize(domain)
		if ok != (err == nil) || ok && !message.IsWithin(normal, org) {
			t.Fatalf("%q: %q, %v", domain, org, err)
		}
		if n := len(asked.unique(t)); n > MaxQueries || !ok && n > 0 {
			t.Errorf("%q: %d queries", domain, n)
		}
		if again, _ := normalize(normal); again != normal {
			t.Errorf("%q: normal %q, again %q", domain, normal, again)
		}
	})
}

// world is a zone by numbers: what each of these names has, 0 to 3 for none, u, n and y, or 4 for a failure.
func world(names []string, states []byte) []node {
	nodes := make([]node, len(names))
	for i, name := range names {
		nodes[i].domain = name
		switch states[i] {
		case 1, 2, 3:
			nodes[i].record = &Record{PSD: "-uny"[states[i]]}
		case 4:
			nodes[i].err = dnstest.ErrFail
		}
	}
	return nodes
}

// TestSameOrgIsExact tries every combination of records and failures on two
// walks: with failures the result is what every outcome of the failed lookups would
// give, and open only if they differ.
func TestSameOrgIsExact(t *testing.T) {
	names := []string{"a.x.t", "b.a.x.t", "c.x.t", "x.t", "t"}
	at := func(domain string, nodes []node) *walk {
		var path []node
		for _, d := range walkDomains(new([MaxQueries]string), domain) {
			i := slices.IndexFunc(nodes, func(n node) bool { return n.domain == d })
			path = append(path, nodes[i])
			if nodes[i].stops() {
				break
			}
		}
		return newWalk(domain, path)
	}
	// possible says which results the worlds of these states have.
	var possible func(a, b string, states []byte) (no, yes bool)
	possible = func(a, b string, states []byte) (no, yes bool) {
		i := slices.Index(states, 4)
		if i < 0 {
			nodes := world(names, states)
			// As in an evaluation, without the list: DMARC does not apply without a record.
			wa, wb := at(a, nodes), at(b, nodes)
			same := !wa.psl && !wb.psl && wa.org == wb.org
			return !same, same
		}
		for s := range byte(4) {
			tried := slices.Clone(states)
			tried[i] = s
			n, y := possible(a, b, tried)
			no, yes = no || n, yes || y
		}
		return no, yes
	}
	states := make([]byte, len(names))
	for {
		for _, pair := range [][2]string{{"a.x.t", "c.x.t"}, {"a.x.t", "b.a.x.t"}, {"b.a.x.t", "c.x.t"}, {"x.t", "b.a.x.t"}} {
			nodes := world(names, states)
			wa, wb := at(pair[0], nodes), at(pair[1], nodes)
			if wa.errs+wb.errs == 0 {
				continue
			}
			no, yes := possible(pair[0], pair[1], states)
			got := sameOrg(wa, wb)
			if want := map[[2]bool]ternary{{true, false}: 0, {true, true}: open, {false, true}: 2}[[2]bool{no, yes}]; got != want {
				t.Fatalf("%v, %v: %v, want %v", pair, states, got, want)
			}
		}
		i := 0
		for ; i < len(states) && states[i] == 4; i++ {
			states[i] = 0
		}
		if i == len(states) {
			return
		}
		states[i]++
	}
}

// An asker notes what is asked.
type asker struct {
	dns.Resolver

	mu    sync.Mutex
	asked []dns.Question
}

func (a *asker) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	a.mu.Lock()
	a.asked = append(a.asked, q)
	a.mu.Unlock()
	return a.Resolver.Resolve(ctx, q)
}

// unique returns what was asked; no question may be asked twice.
func (a *asker) unique(t *testing.T) []dns.Question {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	checkUnique(t, a.asked)
	return a.asked
}

func checkUnique(t *testing.T, asked []dns.Question) {
	t.Helper()
	seen := map[dns.Question]bool{}
	for _, q := range asked {
		if seen[q] {
			t.Errorf("asked twice: %v", q)
		}
		seen[q] = true
	}
}
