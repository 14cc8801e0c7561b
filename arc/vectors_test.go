package arc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"assay/auth/authres"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/conformance"
)

// suiteLayout is how the suite wants the fields: tags in alphabetical order, nothing
// folded.
func suiteLayout() layout {
	return layout{
		messageTags: []string{"a", "b", "bh", "c", "d", "h", "i", "s", "t"},
		sealTags:    []string{"a", "b", "cv", "d", "i", "s", "t"},
		line:        1 << 20,
	}
}

// TestConformanceSigning makes the sets of the suite's signing tests. PKCS #1 signatures
// are deterministic, so that they come out the same, provided that the chains
// before them are validated right.
func TestConformanceSigning(t *testing.T) {
	count, sealed := 0, 0
	for _, s := range conformance.ARC(t, "arc-draft-sign-tests.yml") {
		key, err := parseKey([]byte(s.PrivateKey))
		if err != nil {
			t.Fatal(err)
		}
		v := &Validator{Resolver: dnstest.NewResolver(t, s.Zone())}
		for _, test := range s.Tests {
			count++
			t.Run(test.Name, func(t *testing.T) {
				h, body := split(string(test.CRLF()))
				o := validate(v, h, body)
				m := &MessageSealer{
					Domain: s.Domain, Selector: s.Selector, Key: key,
					Headers: strings.Split(test.Names, ":"), Oversign: []string{},
					Now: func() time.Time { return time.Unix(test.Time, 0) },
				}
				r := mergedResults(h, test.ID)
				set, err := m.Seal(h, o, relaxedHash(body), r)
				if test.AS == "" {
					if !errors.Is(err, ErrNoMoreSets) {
						t.Fatalf("%v, want no set", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				sealed++
				if set, err = m.seal(h, o, relaxedHash(body), r, suiteLayout()); err != nil {
					t.Fatal(err)
				}
				sameTags(t, "AMS", set.AMS, test.AMS)
				sameTags(t, "AS", set.AS, test.AS)
				if got, want := unfolded(set.AAR), unfolded(test.AAR); got != want {
					t.Errorf("AAR %q, want %q", got, want)
				}
			})
		}
	}
	if count != 17 || sealed != 16 {
		t.Errorf("%d tests, %d sets, the suite has 17 and 16", count, sealed)
	}
}

// mergedResults are those of all Authentication-Results fields by an id.
func mergedResults(h message.Header, id string) authres.Results {
	merged := authres.Results{AuthServID: id}
	for _, value := range h.Values("Authentication-Results") {
		if r, err := authres.Parse(value); err == nil && r.AuthServID == id {
			merged.Results = append(merged.Results, r.Results...)
		}
	}
	return merged
}

// tagMap reads a tag-list the obvious way.
func tagMap(s string) map[string]string {
	tags := map[string]string{}
	for tag := range strings.SplitSeq(s, ";") {
		if name, value, ok := strings.Cut(tag, "="); ok {
			tags[strings.TrimSpace(name)] = strings.Join(strings.Fields(value), "")
		}
	}
	return tags
}

func sameTags(t *testing.T, name, got, want string) {
	t.Helper()
	g, w := tagMap(got), tagMap(want)
	if len(g) != len(w) || len(w) < 7 {
		t.Errorf("%s has %d tags, want %d: %s", name, len(g), len(w), got)
	}
	for tag := range w {
		if g[tag] != w[tag] {
			t.Errorf("%s %s=%s, want %s", name, tag, g[tag], w[tag])
		}
	}
}

func unfolded(s string) string { return strings.Join(strings.Fields(s), " ") }
