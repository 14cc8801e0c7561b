package spf

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/testdata/conformance"
)

// suiteTests is how many tests rfc7208-tests.yml has.
const suiteTests = 203

// A suiteSection is one document of the suite.
type suiteSection struct {
	Description string
	Tests       map[string]suiteTest
	ZoneData    map[string][]yaml.Node `yaml:"zonedata"`
}

type suiteTest struct {
	Helo, Host, MailFrom string
	Result               oneOrMore
	Explanation          *string
}

// oneOrMore is a string or a list of them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(o))
	}
	*o = oneOrMore{n.Value}
	return nil
}

func TestConformance(t *testing.T) {
	sections := loadSuite(t)
	n := 0
	for _, section := range sections {
		n += len(section.Tests)
	}
	if n != suiteTests {
		t.Fatalf("the suite has %d tests, want %d", n, suiteTests)
	}
	for _, section := range sections {
		resolver := section.resolver(t)
		for name, test := range section.Tests {
			t.Run(section.Description+"/"+name, func(t *testing.T) { test.run(t, resolver) })
		}
	}
}

func (test *suiteTest) run(t *testing.T, resolver dns.Resolver) {
	for _, prefetch := range []int{-1, 0} {
		c := &Checker{Resolver: resolver, MaxPrefetch: prefetch, Records: NewRecordCache(4)}
		got := c.CheckHost(t.Context(), Query{IP: netip.MustParseAddr(test.Host), Helo: test.Helo, MailFrom: test.MailFrom})
		if !slices.Contains(test.Result, string(got.Result)) {
			t.Errorf("prefetch %d: got %s, want %s (%v)", prefetch, got.Result, test.Result, got.Err)
		}
		if want := test.Explanation; want != nil && got.Explanation != strings.TrimPrefix(*want, "DEFAULT") {
			t.Errorf("prefetch %d: explanation %q, want %q", prefetch, got.Explanation, *want)
		}
		isError := got.Result == TempError || got.Result == PermError
		if (got.Err != nil) != isError {
			t.Errorf("prefetch %d: %s with error %v", prefetch, got.Result, got.Err)
		}
	}
}

func loadSuite(t testing.TB) []suiteSection {
	t.Helper()
	var sections []suiteSection
	for d := yaml.NewDecoder(conformance.Open(t, "spf/rfc7208-tests.yml")); ; {
		var section suiteSection
		if err := d.Decode(&section); errors.Is(err, io.EOF) {
			return sections
		} else if err != nil {
			t.Fatal(err)
		}
		sections = append(sections, section)
	}
}

// resolver answers from the zone data. SPF records stand for TXT records where
// a name has no TXT; at a name with TIMEOUT every type that it doesn't list
// gets no answer.
func (s *suiteSection) resolver(t testing.TB) *dnstest.Resolver {
	t.Helper()
	var zone strings.Builder
	failing := map[string][]dns.Type{}
	for name, nodes := range s.ZoneData {
		rrs, timeout := suiteRecords(t, nodes)
		for _, rr := range rrs {
			fmt.Fprintf(&zone, "%s. %s\n", escapeName(name), rr.text)
		}
		for _, typ := range suiteTypes {
			if timeout && !slices.ContainsFunc(rrs, func(rr suiteRR) bool { return rr.typ == typ }) {
				failing[name] = append(failing[name], typ)
			}
		}
	}
	r := dnstest.NewResolver(t, zone.String())
	for name, types := range failing {
		for _, typ := range types {
			r.FailType(name, typ)
		}
	}
	return r
}

var suiteTypes = []dns.Type{dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypePTR, dns.TypeTXT}

// A suiteRR is one record: its type (0 for CNAME) and its text in a zone file.
type suiteRR struct {
	typ  dns.Type
	text string
}

func suiteRecords(t testing.TB, nodes []yaml.Node) (rrs []suiteRR, timeout bool) {
	t.Helper()
	var spf, txt []suiteRR
	hasTXT := false
	for _, n := range nodes {
		if n.Value == "TIMEOUT" {
			timeout = true
			continue
		}
		key, value := n.Content[0].Value, n.Content[1]
		switch key {
		case "SPF":
			spf = append(spf, suiteText(value))
		case "TXT":
			hasTXT = true
			if value.Value != "NONE" {
				txt = append(txt, suiteText(value))
			}
		case "A":
			rrs = append(rrs, suiteRR{dns.TypeA, "A " + value.Value})
		case "AAAA":
			rrs = append(rrs, suiteRR{dns.TypeAAAA, "AAAA " + value.Value})
		case "PTR":
			rrs = append(rrs, suiteRR{dns.TypePTR, "PTR " + absolute(value.Value)})
		case "CNAME":
			rrs = append(rrs, suiteRR{0, "CNAME " + absolute(value.Value)})
		case "MX":
			rrs = append(rrs, suiteRR{dns.TypeMX, "MX " + value.Content[0].Value + " " + absolute(value.Content[1].Value)})
		default:
			t.Fatalf("record type %q in the suite", key)
		}
	}
	if !hasTXT {
		txt = spf
	}
	return append(rrs, txt...), timeout
}

// suiteText is a TXT record of one string, a list of them or an empty list.
func suiteText(n *yaml.Node) suiteRR {
	values := []string{n.Value}
	for i, part := range n.Content {
		values = append(values[:i], part.Value)
	}
	var text strings.Builder
	for _, v := range values {
		for len(v) > 255 {
			text.WriteString(" " + quoteText(v[:255]))
			v = v[255:]
		}
		text.WriteString(" " + quoteText(v))
	}
	return suiteRR{dns.TypeTXT, "TXT" + text.String()}
}

func absolute(name string) string { return escapeName(strings.TrimSuffix(name, ".")) + "." }

// quoteText and escapeName write a value in master file format (RFC 1035 section 5.1).
func quoteText(s string) string { return `"` + escapeBytes(s, `"\`) + `"` }
func escapeName(s string) string {
	return escapeBytes(s, "\"\\ ;()@$%/:")
}

func escapeBytes(s, special string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&b, `\%03d`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
