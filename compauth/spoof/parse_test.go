package spoof

import (
	"strings"
	"testing"
	"time"
)

// entry is an entry that has to be good.
func entry(t testing.TB, text string) Entry {
	t.Helper()
	e, err := ParseEntry(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return e
}

func TestParseEntry(t *testing.T) {
	long := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"allow example.org 192.0.2.0/24 external":                         "allow example.org 192.0.2.0/24 external",
		" \tBlock  *\t.x"[:10] + " Example.NET Internal\r\n":              "block * example.net internal",
		"allow .Example.Org. bulk.example. internal":                      "allow .example.org bulk.example internal",
		"allow Joe.X@Example.ORG * external":                              "allow joe.x@example.org * external",
		`block "Joe.X"@example.org * external`:                            "block joe.x@example.org * external",
		`block "jo\e"@example.org * external`:                             "block joe@example.org * external",
		"allow ü@bücher.example bücher.example external":                  "allow ü@xn--bcher-kva.example xn--bcher-kva.example external",
		"allow a#b@example.org * external #c":                             "allow a#b@example.org * external # c",
		"allow .a..b.@example.org * external":                             "allow .a..b.@example.org * external",
		"allow a+b/c=d@example.org * external":                            "allow a+b/c=d@example.org * external",
		"allow " + long + "@example.org * external":                       "allow " + long + "@example.org * external",
		"allow localhost 192.0.2.1 internal":                              "allow localhost 192.0.2.1/32 internal",
		"allow .top 2001:DB8::1 internal":                                 "allow .top 2001:db8::1/128 internal",
		"allow a.example 10.0.0.0/8 external":                             "allow a.example 10.0.0.0/8 external",
		"allow a.example 2001::/16 external":                              "allow a.example 2001::/16 external",
		"allow abc.de dead.beef.example external":                         "allow abc.de dead.beef.example external",
		"allow a.example city.kawasaki.jp external":                       "allow a.example city.kawasaki.jp external",
		"allow a.example * external expires=2026-12-31":                   "allow a.example * external expires=2026-12-31",
		"allow a.example * external EXPIRES=2027-01-01T00:00:00Z":         "allow a.example * external expires=2026-12-31",
		"allow a.example * external expires=2026-12-31T18:00:00.5+02:00":  "allow a.example * external expires=2026-12-31T16:00:00.5Z",
		"allow a.example * external expires=9999-12-31":                   "allow a.example * external expires=9999-12-31",
		"allow a.example * external expires=2026-12-31 #  a \t note #2  ": "allow a.example * external expires=2026-12-31 # a \t note #2",
		"allow a.example * external\t#":                                   "allow a.example * external",
		"allow a.example * external # \x1b\xff":                           "allow a.example * external # \x1b\xff",
	} {
		e, err := ParseEntry(text)
		if err != nil || e.Text() != want {
			t.Errorf("%q:\n got %q, %v\nwant %q", text, e.Text(), err, want)
			continue
		}
		if again, err := ParseEntry(e.Text()); err != nil || again != e {
			t.Errorf("%q read back: %+v, %v", e.Text(), again, err)
		}
		if again, err := ParseEntry(e.String()); err != nil || again.String() != e.String() || !again.Expires.IsZero() || again.Note != "" {
			t.Errorf("%q read back: %+v, %v", e.String(), again, err)
		}
	}
}

func TestParseEntryRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                                    "is empty; write allow or block, the spoofed user, the infrastructure, then internal or external",
		"# allow a.example * external":                                        "is empty; ",
		"alow a.example * external":                                           `"alow" is neither allow nor block; did you mean allow?`,
		"blocks a.example * external":                                         `did you mean block?`,
		"deny a.example * external":                                           `"deny" is neither allow nor block; write one of them`,
		"\u200eallow a.example * external":                                    `"\u200eallow" is neither`,
		"allow#x a.example * external":                                        `write a space before the #`,
		"allow":                                                               `"allow" is not all; write allow or block, `,
		"allow a.example":                                                     `no infrastructure follows "a.example"; `,
		"allow a.example *":                                                   `"*" is followed by neither internal nor external; write internal if `,
		"allow a.example # * external":                                        `no infrastructure follows "a.example"; `,
		"allow a.example * extrenal":                                          `"extrenal" is neither internal nor external; did you mean external?`,
		"allow a.example * external#note":                                     `"external#note" is neither internal nor external; write a space before the #`,
		"allow a.example * expires=2026-1-1":                                  `is neither internal nor external; write one of them`,
		"allow * * external":                                                  `"* *" is every message; name the spoofed user or the infrastructure`,
		"allow a.example * external forever":                                  `"forever" is not known; write expires=DATE there, or a # before a note`,
		"allow a.example * external expires":                                  `did you mean expires=DATE?`,
		"allow a.example * external expired=2026-12-31":                       `did you mean expires=DATE?`,
		"allow a.example * external expires=2026-12-31 x":                     `"x" is too much; write a # before a note`,
		"allow a.example * external expires=":                                 `"" is no date; write one such as "2026-12-31"`,
		"allow a.example * external expires=31.12.2026":                       `"31.12.2026" is no date`,
		"allow a.example * external expires=2026-02-30":                       `"2026-02-30" is no date`,
		"allow a.example * external expires=0001-01-01T00:00:00Z":             `is not from 2000 to 9999`,
		"allow a.example * external expires=0000-12-31":                       `is not from 2000 to 9999`,
		"allow a.example * external expires=1999-12-31":                       `is not from 2000 to 9999`,
		"allow a.example * external expires=9999-12-31T23:59:59-01:00":        `is not from 2000 to 9999`,
		"allow a.example * external # one\rtwo":                               `the note has several lines; write one`,
		"allow a.example *\rinternal external":                                `"*\rinternal" has a wildcard inside`,
		"allow a.example\u00a0x * external":                                   `is no domain name`,
		"allow a.example 192.0.2.0/24 external internal":                      `"internal" is not known; write expires=DATE there`,
		"allow a.example * external expires=2026-12-31#x":                     `has a # inside; write a space before the #`,
		"\ufeffallow a.example * external":                                    `"\ufeffallow" is neither`,
		strings.Repeat("x", 9999):                                             `is neither allow nor block; write one of them`,
		"allow " + strings.Repeat("x", 9999) + " * external":                  `is longer than any address; `,
		"allow a.example " + strings.Repeat("x.", 9999) + " external":         `is longer than any domain name; `,
		"allow a.example * external expires=" + strings.Repeat("2026-", 9999): `is no date`,
	} {
		e, err := ParseEntry(text)
		checkRefused(t, text, err, want)
		if e != (Entry{}) {
			t.Errorf("%.80q: %+v", text, e)
		}
	}
}

// checkRefused holds that an error says what is wanted, and that it is one short line which
// says what to do.
func checkRefused(t *testing.T, text string, err error, want string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%.80q: accepted", text)
	case !strings.Contains(err.Error(), want):
		t.Errorf("%.80q:\n got %v\nwant %s", text, err, want)
	case len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\r\n\x00\x1b\u200e") || !strings.Contains(err.Error(), ";"):
		t.Errorf("%.80q: not one short line with advice: %q", text, err)
	}
}

func TestParseUserRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       `is empty; write an address, a domain`,
		".":                                      `is no domain name`,
		"..example.org":                          `is no domain name (label of 0 bytes)`,
		"*.Example.org":                          `has a wildcard; write ".example.org"`,
		"*.*.example.org":                        `has a wildcard; write an address, `,
		"**":                                     `has a wildcard inside; `,
		"a.*.example.org":                        `has a wildcard inside; `,
		"*@example.org":                          `has a wildcard; write its domain to mean every address there`,
		"no*@example.org":                        `has a wildcard; `,
		"@Example.org":                           `has nothing before the @; write "example.org"`,
		"@":                                      `has nothing before the @; write an address`,
		"joe@":                                   `is no domain name`,
		"joe@.example.org":                       `is no domain name`,
		"a@b@example.org":                        `has a local part that can't be listed; write its domain`,
		`"a b"@example.org`:                      `has a local part that can't be listed`,
		`""@example.org`:                         `has a local part that can't be listed`,
		`"a\"b"@example.org`:                     `has a local part that can't be listed`,
		`#a@example.org`:                         `has a local part that can't be listed`,
		"<joe@example.org>":                      `has a local part that can't be listed`,
		"j\u202eoe@example.org":                  `has a local part that can't be listed`,
		"j\xffoe@example.org":                    `has a local part that can't be listed`,
		"192.0.2.0/24":                           `is no user but a host or network; write the spoofed user first, then the infrastructure`,
		"192.0.2.1":                              `is no user but a host or network; `,
		"2001:db8::1":                            `is no user but a host or network; `,
		"[192.0.2.1]":                            `is no user but a host or network; `,
		"joe@[192.0.2.1]":                        `is no domain name`,
		"joe@192.0.2.1":                          `ends in a number like an IP address; `,
		"example.1":                              `ends in a number like an IP address; `,
		"https://Example.org/x":                  `is no domain but a URL or path; write "example.org"`,
		"http://[::1":                            `is no domain but a URL or path; write one such as "example.org"`,
		"mailto:joe@example.org":                 `has a local part that can't be listed`,
		"☃.example":                              `is no domain name`,
		"a.example\x1b[2J":                       `is no domain name`,
		strings.Repeat("a", 65) + "@example.org": `has a local part over 64 bytes; `,
		strings.Repeat("\"", 200) + "@example.org": `has a local part over 64 bytes; `,
		strings.Repeat("a", 64) + ".example":       `is no domain name (label of 64 bytes)`,
	} {
		u, err := ParseUser(text)
		checkRefused(t, text, err, want)
		if u != (User{}) {
			t.Errorf("%q: %+v", text, u)
		}
	}
}

func TestParseInfrastructureRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                        `is empty; write a domain, a network or "*"`,
		"com":                     `has one label only; `,
		"localhost":               `has one label only; `,
		"co.uk":                   `is a public suffix: names below it belong to many owners; write the domain of one of them such as "example.co.uk", or the network that sends, such as "192.0.2.0/24"`,
		"Github.IO":               `is a public suffix: `,
		"kawasaki.jp":             `is a public suffix: `,
		"foo.ck":                  `is a public suffix: `,
		"公司.cn":                   `is a public suffix: `,
		".example.org":            `begins with a wildcard, but names below a domain are always meant; write "example.org"`,
		"*.Example.org":           `begins with a wildcard, but names below a domain are always meant; write "example.org"`,
		"*.":                      `begins with a wildcard, but names below a domain are always meant; write one such as`,
		"joe@Example.org":         `is an address; write "example.org"`,
		"joe@":                    `is an address; write one such as "example.org"`,
		"example.org/24":          `is no domain but a URL or path; write "example.org"`,
		"http://Example.org:80":   `is no domain but a URL or path; write "example.org"`,
		"0.0.0.0/0":               `is too large a network; write one of /8 or smaller`,
		"10.0.0.0/7":              `is too large a network; write one of /8 or smaller`,
		"::/0":                    `is too large a network; write one of /16 or smaller`,
		"2000::/15":               `is too large a network; write one of /16 or smaller`,
		"::ffff:0:0/96":           `is IPv4 written as IPv6; write an IPv4 network of /8 or smaller`,
		"::ffff:192.0.2.1":        `is IPv4 written as IPv6; write "192.0.2.1/32"`,
		"192.0.2.1/24":            `has bits set after its length; write "192.0.2.0/24"`,
		"2001:db8::1/32":          `has bits set after its length; write "2001:db8::/32"`,
		"192.0.2":                 `is no network; write one such as`,
		"192.0.2.0/33":            `is no network; `,
		"192.0.2.256":             `is no network; `,
		"192.0.2.0/":              `is no network; `,
		"[192.0.2.1]":             `is no network; `,
		"2001:db8::1::":           `is no network; `,
		"fe80::1%eth0":            `is no domain name`,
		"example.org,example.net": `is no domain name`,
	} {
		f, err := ParseInfrastructure(text)
		checkRefused(t, text, err, want)
		if f != (Infrastructure{}) {
			t.Errorf("%q: %+v", text, f)
		}
	}
}

// An entry counts through the end of its last day in UTC.
func TestExpired(t *testing.T) {
	day := entry(t, "allow a.example * external expires=2026-12-31")
	at := entry(t, "allow a.example * external expires=2026-12-31T18:00:00+02:00")
	never := entry(t, "allow a.example * external")
	for _, test := range []struct {
		now            string
		day, at, never bool
	}{
		{"2000-01-01T00:00:00Z", false, false, false},
		{"2026-12-31T15:59:59Z", false, false, false},
		{"2026-12-31T16:00:00Z", false, true, false},
		{"2026-12-31T23:59:59Z", false, true, false},
		{"2026-12-31T23:59:59-01:00", true, true, false},
		{"2027-01-01T00:00:00Z", true, true, false},
		{"2027-01-01T00:30:00+01:00", false, true, false},
	} {
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		if day.Expired(now) != test.day || at.Expired(now) != test.at || never.Expired(now) != test.never {
			t.Errorf("%s: %v %v %v", test.now, day.Expired(now), at.Expired(now), never.Expired(now))
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{
		"allow example.org 192.0.2.0/24 external", "block * .x internal # y", `allow "A\b"@bücher.example. * external expires=2026-12-31`,
		"alow a#b@c.example ::1 external expires=2027-01-01T00:00:00.5Z #  n", "allow a.example ::ffff:0:0/96 external", "block K@x.example co.uk internal",
		"allow #a@x.example * external", "allow https://[::1 @a.b external", "allow *.* [::1]/8 internal x=y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEntry(text)
		if err != nil {
			if e != (Entry{}) || len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\r\n\x1b") {
				t.Fatalf("%+v with %q", e, err)
			}
			return
		}
		if again, err := ParseEntry(e.Text()); err != nil || again != e {
			t.Fatalf("%q reads back as %q, %v", e.Text(), again.Text(), err)
		}
		if strings.ContainsAny(e.String(), "\x1b\r\n\t") || len(strings.Fields(e.String())) != 4 {
			t.Fatalf("%q", e)
		}
		if l := NewList(e); l.Len() != 1 {
			t.Fatalf("%q is not in its list", e)
		}
	})
}
