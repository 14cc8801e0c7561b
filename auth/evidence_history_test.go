package auth

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/auth/iprev"
	"assay/auth/message"
	"assay/compauth"
	"assay/compauth/history"
)

// options are those of a history in a file of the test.
func options(t *testing.T) history.Options {
	return history.Options{Database: "sqlite:" + filepath.Join(t.TempDir(), "history.db"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// reopened closes a store, so that all is written, and opens it for reading.
func reopened(t *testing.T, store *history.Store, o history.Options) *history.Store {
	t.Helper()
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.ReadOnly, o.Wait = true, time.Minute // a slow machine is not what is tested
	store, err := history.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) }) // nothing is left to write
	return store
}

// knowing is a store that has seen genuine mail by a pair.
func knowing(t *testing.T, p history.Pair) *history.Store {
	t.Helper()
	o := options(t)
	store, err := history.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range genuine(p) {
		store.Record(m)
	}
	return reopened(t, store, o)
}

// genuine is a history of genuine mail for example.org: six messages on three days.
func genuine(p history.Pair) []history.Message {
	var messages []history.Message
	for i := range 6 {
		when := time.Now().AddDate(0, 0, -1-i/2)
		messages = append(messages, history.Message{Pair: p, Time: when, Verdict: compauth.Verdict{Result: compauth.Pass, Reason: 100}})
	}
	return messages
}

// What qualifies makes the rules 15 and 24 pass, and no message that needs no history asks for it.
func TestHistory(t *testing.T) {
	named := history.Pair{OrgDomain: "example.org", PTR: "esp.example"}
	near := history.Pair{OrgDomain: "example.org", Network: iprev.Network(strangerEnvelope.IP)}
	known := history.Pair{OrgDomain: "example.org", From: "joe@example.org", Rcpt: []string{"ann@example.test"}}
	zone := ptr("out.esp.example")
	override := func(v *Verifier, _ *Envelope) { v.OverrideReject = true }
	for _, test := range []struct {
		situation
		pair history.Pair
	}{
		{situation{name: "PTR", zone: zone, want: "pass 701"}, named},
		{situation{name: "PTR not confirmed", zone: strings.Replace(zone, "A 198.51.100.7", "A 203.0.113.7", 1), want: "fail 001"}, named},
		{situation{name: "another organization", zone: ptr("out.other.example"), want: "fail 001"}, named},
		{situation{name: "network", want: "pass 703"}, near},
		{situation{name: "address", want: "pass 704"}, known},
		{situation{name: "quarantine", zone: zone + pQuarantine, want: "pass 701"}, named},
		{situation{name: "reject", zone: zone + pReject, want: "fail 000"}, named},
		{situation{name: "reject may be overridden", zone: zone + pReject, change: override, want: "pass 701"}, named},
		{situation{name: "SPF forbids", zone: zone + "example.org. IN TXT \"v=spf1 -all\"\n", change: mailFrom("joe@example.org"), want: "fail 001"}, named},
		{situation{name: "not implicit", zone: zone, change: func(v *Verifier, _ *Envelope) { v.Implicit = false }, want: "fail 001"}, named},
	} {
		store, change := knowing(t, test.pair), test.change
		test.change = func(v *Verifier, env *Envelope) {
			v.History = store
			if change != nil {
				change(v, env)
			}
		}
		r, _ := test.check(t)
		if got := fmt.Sprintf("%s %s", r.Verdict.Result, r.Verdict.Reason); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// What a verifier saw is there to be shown, and who had contact is known.
func TestRemember(t *testing.T) {
	o := options(t)
	store, err := history.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	remember := func(v *Verifier, _ *Envelope) { v.History, v.Remember, v.Implicit = store, true, false }
	for range 2 {
		situation{zone: hintZone, change: remember}.check(t)
	}
	situation{zone: pReject + spfPass, change: func(v *Verifier, env *Envelope) {
		remember(v, env)
		env.MailFrom = "joe@example.org"
	}}.check(t)
	store = reopened(t, store, o)
	seen, err := store.Sightings(t.Context(), time.Time{})
	if err != nil || len(seen) != 1 || seen[0].Count != 2 || seen[0].Reason != 1 || seen[0].Implicit != 201 || seen[0].Infrastructure != "host.example" {
		t.Errorf("%+v, %v", seen, err)
	}
	if !store.InContact(t.Context(), []string{"ann@example.test"}, "example.org") || store.InContact(t.Context(), []string{"eve@example.test"}, "example.org") {
		t.Error("contact is not remembered")
	}
}

// A bounce passes by contact before DNS is asked for hints; a bounce alone says nothing.
func TestContactBounce(t *testing.T) {
	store := knowing(t, history.Pair{OrgDomain: "example.org", Rcpt: []string{"ann@example.test"}})
	report := append(testHeader("Content-Type: multipart/report; report-type=delivery-status; boundary=b"), fromJoe...)
	for _, test := range []struct {
		name   string
		rcpt   []string
		from   string
		header message.Header
		want   string
	}{
		{"contact", []string{"ann@example.test"}, "", report, "pass 501"},
		{"not of all recipients", []string{"ann@example.test", "eve@example.test"}, "", report, "fail 000"},
		{"no bounce", []string{"ann@example.test"}, "joe@example.org", report, "fail 000"},
		{"no report", []string{"ann@example.test"}, "", fromJoe, "fail 000"},
	} {
		r, resolver := situation{zone: pReject, header: test.header, change: func(v *Verifier, env *Envelope) {
			v.History, env.MailFrom, env.Rcpt = store, test.from, test.rcpt
		}}.check(t)
		if got := fmt.Sprintf("%s %s", r.Verdict.Result, r.Verdict.Reason); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if slices.Contains(questions(resolver), `"example.org" MX`) {
			t.Errorf("%s: asked %v", test.name, questions(resolver))
		}
	}
}
