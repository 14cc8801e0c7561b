package dnstest

import (
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

const serverZone = `
$ORIGIN example.com.
@    SOA ns.example.com. admin.example.com. 1 7200 900 1209600 60
www  CNAME web
web  A 192.0.2.1
*.w  TXT any
big  TXT "0123456789012345678901234567890123456789012345678901234567890123456789" "0123456789012345678901234567890123456789012345678901234567890123456789"
big  TXT "1123456789012345678901234567890123456789012345678901234567890123456789" "0123456789012345678901234567890123456789012345678901234567890123456789"
big  TXT "2123456789012345678901234567890123456789012345678901234567890123456789" "0123456789012345678901234567890123456789012345678901234567890123456789"
big  TXT "3123456789012345678901234567890123456789012345678901234567890123456789" "0123456789012345678901234567890123456789012345678901234567890123456789"
`

// Another implementation's client understands the server.
func TestServer(t *testing.T) {
	s := Start(t, serverZone)
	tests := []struct {
		network, name string
		typ           uint16
		edns          bool

		rcode, answers, authorities int
		truncated                   bool
	}{
		{"udp", "WWW.example.com.", mdns.TypeA, true, mdns.RcodeSuccess, 2, 0, false},
		{"tcp", "www.example.com.", mdns.TypeA, false, mdns.RcodeSuccess, 2, 0, false},
		{"udp", "www.example.com.", mdns.TypeTXT, false, mdns.RcodeSuccess, 1, 1, false},
		{"udp", "no.example.com.", mdns.TypeTXT, true, mdns.RcodeNameError, 0, 1, false},
		{"udp", "no.test.", mdns.TypeTXT, true, mdns.RcodeNameError, 0, 0, false},
		{"udp", "x.w.example.com.", mdns.TypeTXT, true, mdns.RcodeSuccess, 1, 0, false},
		{"udp", "example.com.", mdns.TypeSOA, true, mdns.RcodeSuccess, 1, 0, false},
		{"udp", "big.example.com.", mdns.TypeTXT, true, mdns.RcodeSuccess, 4, 0, false},
		{"udp", "big.example.com.", mdns.TypeTXT, false, mdns.RcodeSuccess, 3, 0, true},
		{"tcp", "big.example.com.", mdns.TypeTXT, false, mdns.RcodeSuccess, 4, 0, false},
	}
	for _, tt := range tests {
		m := new(mdns.Msg).SetQuestion(tt.name, tt.typ)
		if tt.edns {
			m.SetEdns0(1232, false)
		}
		r, _, err := (&mdns.Client{Net: tt.network}).Exchange(m, s.Addr().String())
		if err != nil {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		if r.Rcode != tt.rcode || len(r.Answer) != tt.answers || len(r.Ns) != tt.authorities || r.Truncated != tt.truncated {
			t.Errorf("%+v:\n%s", tt, r)
		}
		if tt.answers > 0 && !strings.EqualFold(r.Answer[0].Header().Name, tt.name) {
			t.Errorf("%s: the record is %s's", tt.name, r.Answer[0].Header().Name)
		}
	}
	if q := s.Queries(); len(q) != len(tests) || q[0].Name != "www.example.com" || !q[0].EDNS || q[0].TCP || !q[1].TCP {
		t.Errorf("%+v", q)
	}
}

func TestServerStops(t *testing.T) {
	s := Start(t, serverZone)
	at := s.Addr()
	for range 3 {
		s.Stop()
		s.Stop()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if s.Addr() != at {
			t.Fatalf("restarted at %s, was at %s", s.Addr(), at)
		}
		m := new(mdns.Msg).SetQuestion("web.example.com.", mdns.TypeA)
		if _, _, err := new(mdns.Client).Exchange(m, at.String()); err != nil {
			t.Error(err)
		}
	}
	if n := len(s.Queries()); n != 3 {
		t.Errorf("%d queries", n)
	}
}

func TestListenRefuses(t *testing.T) {
	s := Start(t, serverZone)
	for _, addr := range []string{"", "localhost:53", s.Addr().String()} {
		if other, err := Listen(nil, addr); err == nil {
			t.Errorf("%q: listens at %s", addr, other.Addr())
		}
	}
}
