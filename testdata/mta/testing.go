package mta

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
)

// A Starter is StartPostfix or StartSendmail.
type Starter func(context.Context, Options) (*MTA, error)

// Servers are the servers by name, to run a test with each.
func Servers() map[string]Starter {
	return map[string]Starter{"postfix": StartPostfix, "sendmail": StartSendmail}
}

// ForTest starts a server and stops it at the end of the test; if that failed,
// it prints the server's log. Where the server can't be run the test is
// skipped, but fails when $ASSAY_REQUIRE_TOOLS is set.
func ForTest(t testing.TB, start Starter, o Options) *MTA {
	t.Helper()
	m, err := start(t.Context(), o)
	skipMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s log:\n%s", m.Name, m.Log())
		}
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// skipMissing skips the test for an ErrMissing, unless nothing may be missing.
func skipMissing(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("ASSAY_REQUIRE_TOOLS") == "" {
		t.Skip(err)
	}
}

// Client connects to m from an address as by [MTA.Dial] and says EHLO. The
// connection is closed at the end of the test.
func (m *MTA) Client(t testing.TB, from netip.Addr, helo string) *Client {
	t.Helper()
	c, err := m.Dial(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if r, err := c.Hello(helo); err != nil || !r.OK() {
		t.Fatalf("EHLO %s: %v, %v", helo, r, err)
	}
	return c
}
