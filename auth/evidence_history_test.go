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
	known := history.Pair{Network: near.Network, From: "joe@example.org", Rcpt: []string{"ann@example.test"}}
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

// What a verifier saw is there to be shown, and to whom our users have written is known.
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
	situation{change: func(v *Verifier, env *Envelope) {
		remember(v, env)
		env.AuthUser, env.MailFrom, env.Rcpt = "ann", "ann@example.test", []string{"joe@example.org"}
	}}.check(t)
	store = reopened(t, store, o)
	seen, _, err := store.Sightings(t.Context(), time.Time{})
	if err != nil || len(seen) != 1 || seen[0].Count != 2 || seen[0].Reason != 1 || seen[0].Implicit != 201 || seen[0].Infrastructure != "host.example" {
		t.Errorf("%+v, %v", seen, err)
	}
	if !store.InContact(t.Context(), []string{"ann@example.test"}, "example.org") || store.InContact(t.Context(), []string{"eve@example.test"}, "example.org") {
		t.Error("contact is not remembered")
	}
}

// inContact is a store that knows that ann has written to example.org.
func inContact(t *testing.T) *history.Store {
	t.Helper()
	o := options(t)
	store, err := history.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	store.Record(history.Message{Outbound: true, Time: time.Now(),
		Pair: history.Pair{OrgDomain: "example.test", From: "ann@example.test", Rcpt: []string{"joe@example.org"}}})
	return reopened(t, store, o)
}

// reportAbout is the body of a bounce with the boundary b about one recipient.
func reportAbout(recipient string) string {
	return "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n" +
		"Final-Recipient: rfc822; " + recipient + "\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
}

// A bounce passes by contact before DNS is asked for hints; a bounce alone says nothing.
func TestContactBounce(t *testing.T) {
	store, joe := inContact(t), reportAbout("joe@example.org")
	system := testHeader("From: Mail system <MAILER-DAEMON@example.org>")
	report := append(testHeader("Content-Type: multipart/report; report-type=delivery-status; boundary=b"), system...)
	override := func(v *Verifier) { v.OverrideReject = true }
	for _, test := range []struct {
		name   string
		rcpt   []string
		from   string
		header message.Header
		body   string
		zone   string
		change func(*Verifier)
		want   string
	}{
		{"contact", []string{"ann@example.test"}, "", report, joe, pQuarantine, nil, "pass 501"},
		{"reject", []string{"ann@example.test"}, "", report, joe, pReject, nil, "fail 000"},
		{"reject may be overridden", []string{"ann@example.test"}, "", report, joe, pReject, override, "pass 501"},
		{"our own", []string{"ann@example.test"}, "", report, joe, pQuarantine, func(v *Verifier) { ours(v, nil) }, "fail 010"},
		{"about a user of another", []string{"ann@example.test"}, "", report, reportAbout("joe@other.example"), pQuarantine, nil, "fail 000"},
		{"about nobody", []string{"ann@example.test"}, "", report, "", pQuarantine, nil, "fail 000"},
		{"not of all recipients", []string{"ann@example.test", "eve@example.test"}, "", report, joe, pQuarantine, nil, "fail 000"},
		{"no bounce", []string{"ann@example.test"}, "joe@example.org", report, joe, pQuarantine, nil, "fail 000"},
		{"no report", []string{"ann@example.test"}, "", system, joe, pQuarantine, nil, "fail 000"},
	} {
		r, resolver := situation{zone: test.zone, header: test.header, body: test.body, change: func(v *Verifier, env *Envelope) {
			v.History, env.MailFrom, env.Rcpt = store, test.from, test.rcpt
			if test.change != nil {
				test.change(v)
			}
		}}.check(t)
		if got := fmt.Sprintf("%s %s", r.Verdict.Result, r.Verdict.Reason); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if slices.Contains(questions(resolver), `"example.org" MX`) {
			t.Errorf("%s: asked %v", test.name, questions(resolver))
		}
	}
}

// A name that says who the customer of a hoster is says it no more than the hoster's own name does: neither
// is history, nor is a signature of a service that signs for all its customers.
func TestHistoryOfShared(t *testing.T) {
	for name, test := range map[string]struct {
		pair history.Pair
		zone string
		dkim string
		want string
	}{
		"a hoster":            {history.Pair{PTR: "your-server.de"}, ptr("mail.clients.your-server.de"), "", "fail 000"},
		"a hoster, generic":   {history.Pair{PTR: "esp.example"}, ptr("static.7.100.51.198.esp.example"), "", "fail 000"},
		"of the config":       {history.Pair{PTR: "esp.example"}, ptr("out.esp.example"), "", "pass 701"},
		"a service":           {history.Pair{DKIM: []string{"amazonses.com"}}, "", "amazonses.com", "fail 000"},
		"another":             {history.Pair{DKIM: []string{"esp.example"}}, "", "esp.example", "pass 702"},
		"its network":         {history.Pair{Network: iprev.Network(strangerEnvelope.IP)}, ptr("mail.clients.your-server.de"), "", "fail 000"},
		"a service's network": {history.Pair{Network: iprev.Network(strangerEnvelope.IP)}, "", "amazonses.com", "fail 000"},
		"another network":     {history.Pair{Network: iprev.Network(strangerEnvelope.IP)}, ptr("mail.other.example"), "", "pass 703"},
	} {
		test.pair.OrgDomain = "example.org"
		store := knowing(t, test.pair)
		for _, shared := range []bool{false, true} {
			want := test.want
			if shared && (want == "pass 701" || want == "pass 702") {
				want = "fail 000"
			}
			s := situation{zone: pQuarantine + test.zone, change: func(v *Verifier, _ *Envelope) {
				if v.History = store; shared {
					v.SharedMX = []string{"esp.example"}
				}
			}}
			if test.dkim != "" {
				s = signedBy(t, s, test.dkim)
			}
			r, _ := s.check(t)
			if got := fmt.Sprintf("%s %s", r.Verdict.Result, r.Verdict.Reason); got != want {
				t.Errorf("%s, config %v: %s, want %s", name, shared, got, want)
			}
		}
	}
}
