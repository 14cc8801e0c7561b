package iprev

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
)

func TestNetwork(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.200":              "192.0.2.0/24",
		"::ffff:192.0.2.200":       "192.0.2.0/24",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::/64",
		"fe80::1%eth0":             "fe80::/64",
		"":                         "invalid Prefix",
		"64:ff9b::192.0.2.1":       "64:ff9b::/64",
		"2001:db8:1:2ff:ffff::":    "2001:db8:1:2ff::/64",
		"255.255.255.255":          "255.255.255.0/24",
		"::":                       "::/64",
		"::ffff:255.255.255.255%1": "255.255.255.0/24",
	} {
		addr, _ := netip.ParseAddr(ip)
		if got := Network(addr).String(); got != want {
			t.Errorf("%q: %s, want %s", ip, got, want)
		}
	}
}

func TestMailHosts(t *testing.T) {
	for name, test := range map[string]struct{ zone, fail, want string }{
		"by preference":         {"d.example. MX 20 b.example.\nd.example. MX 10 A.example.", "", "[a.example b.example]"},
		"no MX":                 {"d.example. A 192.0.2.1", "", "[d.example]"},
		"null MX":               {"d.example. MX 0 .", "", "[]"},
		"null MX beside others": {"d.example. MX 0 .\nd.example. MX 10 a.example.", "", "[a.example]"},
		"no such domain":        {"", "", "[]"},
		"no host name":          {"d.example. MX 1 192.0.2.1.\nd.example. MX 2 a\\032b.example.\nd.example. MX 3 a.example.", "", "[a.example]"},
		"no answer":             {"", "d.example", "error"},
	} {
		r := dnstest.NewResolver(t, test.zone+"\n")
		r.Fail(test.fail)
		hosts, err := MailHosts(t.Context(), r, "d.example")
		got := fmt.Sprint(hosts)
		if err != nil {
			got = "error"
		}
		if got != test.want || err != nil && !errors.Is(err, dnstest.ErrFail) {
			t.Errorf("%s: %s (%v), want %s", name, got, err, test.want)
		}
	}
}

func TestMailHostsAreBounded(t *testing.T) {
	var zone strings.Builder
	for i := range 100 {
		fmt.Fprintf(&zone, "d.example. MX %d h%02d.example.\n", 100-i, i)
	}
	hosts, err := MailHosts(t.Context(), dnstest.NewResolver(t, zone.String()), "d.example")
	if err != nil || len(hosts) != MaxHosts || hosts[0] != "h99.example" {
		t.Errorf("%v, %v", hosts, err)
	}
}

func TestAnyWithin(t *testing.T) {
	zone := "a.example. A 192.0.2.200\nb.example. A 198.51.100.1\nb.example. AAAA 2001:db8::1\nm.example. AAAA ::ffff:192.0.2.1\n"
	for _, test := range []struct {
		names, network, fail, want string
	}{
		{"a.example", "192.0.2.0/24", "", "true"},
		{"b.example a.example", "192.0.2.0/24", "", "true"},
		{"b.example a.example", "192.0.2.0/24", "b.example", "true"},
		{"b.example a.example", "192.0.2.0/24", "a.example", "error"},
		{"b.example", "192.0.2.0/24", "", "false"},
		{"b.example", "2001:db8::/64", "", "true"},
		{"b.example", "2001:db8:0:1::/64", "", "false"},
		{"m.example", "192.0.2.0/24", "", "false"}, // the other family is not asked for
		{"", "192.0.2.0/24", "", "false"},
		{"a.example", "", "a.example", "false"},
	} {
		r := dnstest.NewResolver(t, zone)
		r.Fail(test.fail)
		network, _ := netip.ParsePrefix(test.network)
		found, err := AnyWithin(t.Context(), r, strings.Fields(test.names), network)
		got := fmt.Sprint(found)
		if err != nil {
			got = "error"
		}
		if got != test.want || err != nil && !errors.Is(err, dnstest.ErrFail) {
			t.Errorf("%+v: %s, %v", test, got, err)
		}
	}
}

// All names are asked for at once.
func TestAnyWithinAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dnstest.NewResolver(t, "c.example. A 192.0.2.1\n")
		r.Delay(time.Second)
		began := time.Now()
		found, err := AnyWithin(t.Context(), r, []string{"a.example", "b.example", "c.example"}, netip.MustParsePrefix("192.0.2.0/24"))
		if took := time.Since(began); !found || err != nil || took != time.Second {
			t.Errorf("%v, %v after %v", found, err, took)
		}
	})
}

func TestSharedMX(t *testing.T) {
	for host, want := range map[string]bool{
		"aspmx.l.google.com": true, "google.com": true, "notgoogle.com": false, "google.com.evil.example": false,
		"fabrikam-com.mail.protection.outlook.com": true, "a.b.mx.microsoft": true, "mta5.am0.yahoodns.net": true,
		"inbound-smtp.us-east-1.amazonaws.com": true, "mx1.emailsrvr.com": true, "mx00.kundenserver.de": true,
		"cluster1.us.messagelabs.com": true, "mxa-00000001.gslb.pphosted.com": true, "a8-50.smtp-out.amazonses.com": true, "o1.ptr1234.sendgrid.net": true, "mail1.suw11.mcdlv.net": true,
		"static.7.100.51.198.clients.your-server.de": true, "vps-1.vps.ovh.net": true, "7.100.51.198.bc.googleusercontent.com": true,
		"vm.westeurope.cloudapp.azure.com": true, "azure.com": false, "mx.example.org": false, "com": false, "": false,
	} {
		if got := SharedMX(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func FuzzMailHosts(f *testing.F) {
	f.Add("d.example. MX 10 a.example.\nd.example. MX 0 .\n")
	f.Add("d.example. MX 10 a\\.b.example.\nd.example. MX 10 \\195\\188.example.\n")
	f.Add("d.example. CNAME d.example.\n")
	f.Fuzz(func(t *testing.T, text string) {
		z, err := dns.ParseZone(strings.NewReader(text), "zone")
		if err != nil {
			return
		}
		hosts, _ := MailHosts(context.Background(), z, "d.example")
		if len(hosts) > MaxHosts {
			t.Errorf("%d hosts", len(hosts))
		}
		for _, host := range hosts {
			if name, ok := dns.CanonicalName(host); !ok || name != host || !isHostName(host) {
				t.Errorf("host %q", host)
			}
			SharedMX(host)
		}
	})
}

func BenchmarkSharedMX(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if SharedMX("mx1.mail.fabrikam.example") {
			b.Fatal("shared")
		}
	}
}
