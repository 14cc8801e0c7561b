package dnstest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
)

const zone = "a.test. 60 TXT one\nb.test. 60 A 192.0.2.1\n"

func TestResolverFails(t *testing.T) {
	r := NewResolver(t, zone)
	r.Fail("A.test.")
	r.FailType("b.test", dns.TypeMX)
	tests := []struct {
		q    dns.Question
		fail bool
	}{
		{dns.Question{Name: "a.test", Type: dns.TypeTXT}, true},
		{dns.Question{Name: "a.TEST", Type: dns.TypeA}, true},
		{dns.Question{Name: "b.test.", Type: dns.TypeMX}, true},
		{dns.Question{Name: "b.test", Type: dns.TypeA}, false},
		{dns.Question{Name: "c.test", Type: dns.TypeMX}, false},
	}
	for _, tt := range tests {
		if _, err := r.Resolve(t.Context(), tt.q); errors.Is(err, ErrFail) != tt.fail {
			t.Errorf("%s: %v", tt.q, err)
		}
	}
}

func TestResolverAsked(t *testing.T) {
	r := NewResolver(t, zone)
	for _, name := range []string{"A.test.", "x..test", "b.test"} {
		if _, err := r.Resolve(t.Context(), dns.Question{Name: name, Type: dns.TypeA}); err != nil {
			t.Error(err)
		}
	}
	want := []dns.Question{{Name: "a.test", Type: dns.TypeA}, {Name: "b.test", Type: dns.TypeA}}
	if got := r.Asked(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestResolverDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewResolver(t, zone)
		r.Delay(3 * time.Second)
		q := dns.Question{Name: "a.test", Type: dns.TypeTXT}
		began := time.Now()
		if a, err := r.Resolve(t.Context(), q); err != nil || len(a.Texts) != 1 || time.Since(began) != 3*time.Second {
			t.Errorf("got %+v, %v after %s", a, err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err := r.Resolve(ctx, q); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}
