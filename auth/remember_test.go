package auth

import (
	"context"
	"testing"
	"time"

	"assay/auth/dns/dnstest"
	"assay/compauth/history"
)

// What a message whose session ended before its results were there has told, nobody was told.
func TestRememberNothingOfEndedSessions(t *testing.T) {
	for ended, want := range map[bool]bool{false: true, true: false} {
		o := options(t)
		store, err := history.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		v := &Verifier{Resolver: dnstest.NewResolver(t, ""), Timeout: time.Minute, History: store, Remember: true, Stamp: Stamp{AuthServID: "mx.example.test"}}
		env := Envelope{IP: strangerEnvelope.IP, AuthUser: "ann", MailFrom: "ann@example.test", Rcpt: []string{"joe@example.org"}}
		s := v.Connect(ctx, env.IP)
		s.MailFrom(env)
		check := s.Begin(env, testHeader("From: ann@example.test"))
		if ended {
			cancel()
		}
		check.Finish()
		s.Close()
		if got := reopened(t, store, o).InContact(t.Context(), []string{"ann@example.test"}, "example.org"); got != want {
			t.Errorf("ended %v: remembered %v", ended, got)
		}
	}
}
