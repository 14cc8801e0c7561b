package corpus_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/auth"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/corpus"
)

// sizes are what the kinds promise, in bytes.
var sizes = map[corpus.Kind]int{
	corpus.Small: 5 << 10, corpus.Newsletter: 50 << 10, corpus.Large: 1 << 20, corpus.List: 30 << 10, corpus.Spoof: 8 << 10,
}

// signatures are how many each kind has, with those of ARC.
var signatures = map[corpus.Kind]int{corpus.Small: 1, corpus.Newsletter: 2, corpus.Large: 1, corpus.List: 5}

// Every sample gives the results that it says it does.
func TestMail(t *testing.T) {
	m, err := corpus.NewMailer(1)
	if err != nil {
		t.Fatal(err)
	}
	var samples []corpus.Sample
	for _, kind := range corpus.Kinds() {
		list, err := m.Make(kind, 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, list...)
	}
	v := &auth.Verifier{Resolver: dnstest.NewResolver(t, m.Zone()), Timeout: time.Minute, Stamp: auth.Stamp{AuthServID: "mx.example.test"}}
	ids := map[string]bool{}
	for _, s := range samples {
		checkSample(t, &s)
		ids[s.ID] = true
		if got := results(t, v, &s); !slices.Equal(got, s.Want) {
			t.Errorf("%s: %q, want %q", s.Kind, got, s.Want)
		}
	}
	if len(ids) != len(samples) {
		t.Errorf("%d ids of %d samples", len(ids), len(samples))
	}
}

// results are what the verifier finds, in the order of Sample.Want.
func results(t *testing.T, v *auth.Verifier, s *corpus.Sample) []string {
	t.Helper()
	session := v.Connect(t.Context(), s.Client)
	defer session.Close()
	env := auth.Envelope{IP: s.Client, Helo: s.Host, MailFrom: s.From, Rcpt: []string{s.To}}
	session.Helo(env.Helo)
	session.MailFrom(env)
	check := session.Begin(env, s.Header)
	if _, err := check.Write(s.Body); err != nil {
		t.Fatal(err)
	}
	r := check.Finish()
	dkim := "none"
	for i, o := range r.DKIM {
		if i == 0 || dkim == string(o.Result) {
			dkim = string(o.Result)
		} else {
			dkim = "mixed"
		}
	}
	return []string{"spf=" + string(r.SPF.Result), "dkim=" + dkim, "dmarc=" + string(r.DMARC.Result), "arc=" + string(r.ARC.Result)}
}

// checkSample looks at what does not depend on DNS.
func checkSample(t *testing.T, s *corpus.Sample) {
	t.Helper()
	size := len(s.Body)
	for _, f := range s.Header {
		size += len(f.Raw) + 2
	}
	if want := sizes[s.Kind]; size < want || size > want+want/4+3<<10 {
		t.Errorf("%s has %d bytes", s.Kind, size)
	}
	if n := len(s.Header); n < 20 || n > 30 {
		t.Errorf("%s has %d fields", s.Kind, n)
	}
	w := s.Work
	if len(w.Headers) != signatures[s.Kind] || (w.Bodies == 1) != (len(w.Headers) > 0) || slices.ContainsFunc(w.Headers, func(n int) bool { return n < 300 || n > 10_000 }) {
		t.Errorf("%s: work %+v", s.Kind, w)
	}
	if bytes.Count(s.Body, []byte("\n")) != bytes.Count(s.Body, []byte("\r\n")) {
		t.Errorf("%s has bare line feeds", s.Kind)
	}
}

// One seed gives one text, but for the signatures, and each message is another one.
func TestMailIsTheSame(t *testing.T) {
	var texts [2][]string
	for i := range texts {
		m, err := corpus.NewMailer(7)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range corpus.Kinds() {
			samples, err := m.Make(kind, 2, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range samples {
				texts[i] = append(texts[i], unsigned(s.Header)+string(s.Body))
			}
		}
	}
	if !slices.Equal(texts[0], texts[1]) {
		t.Error("two runs differ")
	}
	slices.Sort(texts[0])
	if n := len(slices.Compact(texts[0])); n != len(texts[1]) {
		t.Errorf("%d different messages of %d", n, len(texts[1]))
	}
}

func unsigned(h message.Header) string {
	var b strings.Builder
	for _, f := range h {
		if !f.Is("DKIM-Signature") && !strings.HasPrefix(f.Name, "ARC-") {
			b.WriteString(f.Raw + "\r\n")
		}
	}
	return b.String()
}
