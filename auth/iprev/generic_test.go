package iprev

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestGeneric(t *testing.T) {
	for _, test := range []struct {
		ip, name string
		want     bool
	}{
		{"198.51.100.7", "static.7.100.51.198.clients.your-server.de", true},
		{"198.51.100.7", "ec2-198-51-100-7.compute-1.amazonaws.com", true},
		{"198.51.100.7", "198-51-100-7.dsl.isp.example", true},
		{"198.51.100.7", "7.100.51.198.isp.example", true},
		{"198.51.100.7", "ip198.51-100_7.isp.example", true},
		{"198.51.100.7", "host198x51x100x7.isp.example", true},
		{"198.51.100.7", "198-051-100-007.isp.example", true},
		{"198.51.100.7", "p198051100007.isp.example", true},
		{"198.51.100.7", "p007100051198.isp.example", true},
		{"198.51.100.7", "c6336407.isp.example", true},
		{"198.51.100.7", "dsl-076433c6.isp.example", true},
		{"198.51.100.7", "c6-33-64-07.isp.example", true},
		{"198.51.100.7", "3.198-51-100-7.isp.example", true},
		{"::ffff:198.51.100.7", "198-51-100-7.isp.example", true},
		{"10.0.0.0", "0.0.0.10.isp.example", true},

		{"198.51.100.7", "mail.example.org", false},
		{"198.51.100.7", "", false},
		{"198.51.100.7", "mail7.example.org", false},
		{"198.51.100.7", "100-7.isp.example", false},
		{"198.51.100.7", "51-100-7.isp.example", false},
		{"198.51.100.7", "198-51-100-8.isp.example", false},
		{"198.51.100.7", "1198-51-100-7.isp.example", false},
		{"198.51.100.7", "198-51-100-70.isp.example", false},
		{"198.51.100.7", "198a51a100a7.isp.example", false},
		{"198.51.100.7", "100-198-7-51.isp.example", false},
		{"198.51.100.7", "198--51--100--7.isp.example", true},
		{"", "198-51-100-7.isp.example", false},

		{"2001:db8:1:2:3:4:5:6", "2001-db8-1-2-3-4-5-6.isp.example", true},
		{"2001:db8:1:2:3:4:5:6", "6.0.0.0.5.0.0.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.isp.example", true},
		{"2001:db8:1:2:3:4:5:6", "host-3-4-5-6.isp.example", true},
		{"2001:db8:1:2:3:4:5:6", "0003000400050006.isp.example", true},
		{"2001:db8:1:2:3:4:5:6", "node-6-5-4-3.isp.example", true},
		{"2001:db8::1", "2001-db8--1.isp.example", true},
		{"2001:db8::1", "ip-2001_db8__1.isp.example", true},
		{"2001:db8::1%eth0", "2001-0db8-0000-0000-0000-0000-0000-0001.isp.example", true},
		{"2001:db8::1", "2001-db8--10.isp.example", false},
		{"2001:db8::1", "a2001-db8--1.isp.example", false},
		{"2001:db8::1", "mail1.isp.example", false},
		{"2001:db8:1:2:3:4:5:6", "4-5-6.isp.example", false},
		{"2001:db8:1:2:3:4:5:6", "2001-db8-1-2.isp.example", false},
		{"2001:db8:1:2:3:4:5:6", "mail.example.org", false},
	} {
		ip, _ := netip.ParseAddr(test.ip)
		if got := Generic(test.name, ip); got != test.want {
			t.Errorf("%s of %s: %v", test.name, test.ip, got)
		}
	}
}

// A name that is made from an address is found, whatever stands around it.
func FuzzGeneric(f *testing.F) {
	f.Add([]byte{198, 51, 100, 7}, "host-", ".isp.example")
	f.Add([]byte{0, 0, 0, 0}, "0", "0")
	f.Add([]byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, "v6-", "")
	f.Add([]byte{1, 2}, "--..xx__", "\xff")
	f.Fuzz(func(t *testing.T, address []byte, before, after string) {
		ip, ok := netip.AddrFromSlice(address)
		Generic(before+after, ip)
		if !ok {
			return
		}
		ip = ip.Unmap()
		var text []string
		for _, b := range ip.AsSlice() {
			text = append(text, fmt.Sprintf("%03d", b))
		}
		name := strings.Join(text, "-")
		if ip.Is6() {
			name = hex.EncodeToString(ip.AsSlice())
		}
		if name = before + "." + name + "." + after; !Generic(name, ip) {
			t.Errorf("%q of %s is not generic", name, ip)
		}
	})
}

func BenchmarkGeneric(b *testing.B) {
	for _, ip := range []string{"198.51.100.7", "2001:db8:1:2:3:4:5:6"} {
		addr := netip.MustParseAddr(ip)
		for _, name := range []string{"mx1.mail.fabrikam.example", "out-2031-07.mail4.fabrikam.example"} {
			b.Run(ip+","+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if Generic(name, addr) {
						b.Fatal("generic")
					}
				}
			})
		}
	}
}
