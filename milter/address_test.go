package milter

import (
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		"inet:127.0.0.1:8893":             {"tcp4", "127.0.0.1:8893"},
		"inet:[127.0.0.1]:8893":           {"tcp4", "127.0.0.1:8893"},
		"inet:8893@127.0.0.1":             {"tcp4", "127.0.0.1:8893"},
		"inet:0.0.0.0:0":                  {"tcp4", "0.0.0.0:0"},
		"inet:localhost:65535":            {"tcp4", "localhost:65535"},
		"inet:8893@mx_1.example-2.org.":   {"tcp4", "mx_1.example-2.org.:8893"},
		"inet:[::1]:8893":                 {"tcp6", "[::1]:8893"},
		"inet:::1:8893":                   {"tcp6", "[::1]:8893"},
		"inet:8893@[::1]":                 {"tcp6", "[::1]:8893"},
		"inet6:::1:8893":                  {"tcp6", "[::1]:8893"},
		"inet6:[::1]:8893":                {"tcp6", "[::1]:8893"},
		"inet6:8893@::1":                  {"tcp6", "[::1]:8893"},
		"inet6::::8893":                   {"tcp6", "[::]:8893"},
		"inet6:localhost:8893":            {"tcp6", "localhost:8893"},
		"inet6:[2001:DB8:0:0::25]:8893":   {"tcp6", "[2001:db8::25]:8893"},
		"inet6:8893@fe80::1%eth0.2":       {"tcp6", "[fe80::1%eth0.2]:8893"},
		"unix:/run/assay/s":               {"unix", "/run/assay/s"},
		"local:/run/assay/s":              {"unix", "/run/assay/s"},
		"unix:/run//./assay/x/../s":       {"unix", "/run/assay/s"},
		"unix:/with:colon@x é":            {"unix", "/with:colon@x é"},
		"unix:/...":                       {"unix", "/..."},
		"unix:/" + long(maxPath-1):        {"unix", "/" + long(maxPath-1)},
		"inet:" + long(maxHost) + ":8893": {"tcp4", long(maxHost) + ":8893"},
		"fd":                              {"fd", ""},
	} {
		got, err := ParseAddress(text)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
		if again, err := ParseAddress(want.String()); err != nil || again != want {
			t.Errorf("%q written as %q: %q, %v", text, want, again, err)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// Why an address is refused.
const (
	noListener = "is no listener; write inet:HOST:PORT, inet6:HOST:PORT, unix:PATH or fd"
	noParts    = `has no host and port; write one such as "inet:127.0.0.1:8893"`
	noPort     = "has no valid port; write a number from 0 to 65535"
	noHost     = "has no host; write 0.0.0.0 or :: for every address of this host"
	badHost    = "has no valid host; write an address or a name"
	noAbsolute = `is no absolute path; write one such as "unix:/run/assay/assay.sock"`
	folder     = "is a folder; add the name of the socket"
	control    = "holds a control character; write a plain path"
)

// badAddresses are what is refused, with the reason.
var badAddresses = map[string]string{
	"":                                noListener,
	":":                               noListener,
	"8893":                            noListener,
	"127.0.0.1:8893":                  noListener,
	"[::1]:8893":                      noListener,
	"/run/assay/s":                    noListener,
	"tcp:127.0.0.1:8893":              noListener,
	"inte:127.0.0.1:8893":             noListener,
	"INET:127.0.0.1:8893":             noListener,
	" inet:127.0.0.1:8893":            noListener,
	"fd:":                             noListener,
	"fd:3":                            noListener,
	"inet":                            noParts,
	"inet:":                           noParts,
	"inet:8893":                       noParts,
	"inet6:8893":                      noParts,
	"inet:127.0.0.1":                  noParts,
	"inet:127.0.0.1:":                 noPort,
	"inet:127.0.0.1:65536":            noPort,
	"inet:127.0.0.1:99999999999999":   noPort,
	"inet:127.0.0.1:smtp":             noPort,
	"inet:127.0.0.1:-1":               noPort,
	"inet:127.0.0.1:+1":               noPort,
	"inet:127.0.0.1:08893":            noPort,
	"inet:127.0.0.1:8893 ":            noPort,
	"inet:+1@x":                       noPort,
	"inet:a@b@c":                      noPort,
	"inet:@":                          noPort,
	"inet::8893":                      noHost,
	"inet:*:8893":                     noHost,
	"inet:[]:8893":                    noHost,
	"inet:8893@":                      noHost,
	"inet:[::1:8893":                  badHost,
	"inet:::1]:8893":                  badHost,
	"inet:[[::1]]:8893":               badHost,
	"inet:8893@127.0.0.1:25":          badHost,
	"inet:8893@a@b":                   badHost,
	"inet:300.0.0.1:8893":             badHost,
	"inet:1:8893":                     badHost,
	"inet:a b:8893":                   badHost,
	"inet:é:8893":                     badHost,
	"inet:a\x00:8893":                 badHost,
	"inet6:2001:db8::25":              badHost, // a port, or the end of the address?
	"inet6:[fe80::1%]:8893":           badHost,
	"inet6:[fe80::1%a]b]:8893":        badHost,
	"inet6:[fe80::1%a\n]:8893":        badHost,
	"inet:" + long(maxHost+1) + ":1":  badHost,
	"inet6:127.0.0.1:8893":            "is IPv4; write inet: for it",
	"inet6:[::ffff:127.0.0.1]:8893":   "is IPv4 written as IPv6; write inet:127.0.0.1:8893",
	"inet:8893@::ffff:127.0.0.1%eth0": "is IPv4 written as IPv6; write inet:127.0.0.1:8893",
	"unix:":                           noAbsolute,
	"local:":                          noAbsolute,
	"unix:relative":                   noAbsolute,
	"unix:@abstract":                  noAbsolute,
	"unix:\x00/abstract":              noAbsolute,
	"unix:/":                          folder,
	"unix:/run/assay/":                folder,
	"unix:/run/.":                     folder,
	"unix:/..":                        folder,
	"unix:/a\x00b":                    control,
	"unix:/a\nb":                      control,
	"unix:/a\u0085b":                  control,
	"unix:/" + long(maxPath):          "has 108 bytes; a socket's path has at most 107",
}

func TestBadAddress(t *testing.T) {
	for text, want := range badAddresses {
		shown := strconv.Quote(text)
		if len(text) > 64 {
			shown = strconv.Quote(text[:64] + "…")
		}
		got, err := ParseAddress(text)
		if got != (Address{}) || err == nil || err.Error() != shown+" "+want {
			t.Errorf("%q: %q\n got %v\nwant %s %s", text, got, err, shown, want)
		}
	}
}

// What is cut from a long text is cut between characters.
func TestBadLongAddress(t *testing.T) {
	_, err := ParseAddress(long(63) + strings.Repeat("é", 1<<20))
	if want := `"` + long(63) + `…" is no listener; `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%.200v", err)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"inet:127.0.0.1:8893", "inet:8893@localhost", "inet6:[::1]:1", "inet6:1@fe80::1%a", "inet:::ffff:0.0.0.0:1", "unix:/run/s", "unix:/a/../b",
		"local:x", "/x", "[::1]:5", "fd", "inet:@", "inet:[]:1", "inet::", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			if a != (Address{}) || !strings.Contains(err.Error(), "; ") || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("%q with %q", a, err)
			}
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q reads back as %q, %v", a, again, err)
		}
		if problem := invalid(a); problem != "" {
			t.Errorf("%q: %s", a, problem)
		}
	})
}

// invalid says what is wrong with an address that was parsed.
func invalid(a Address) string {
	switch a.Network {
	case "fd":
		if a.Address != "" {
			return "an address"
		}
	case "unix":
		if !path.IsAbs(a.Address) || a.Address != path.Clean(a.Address) || a.Address == "/" || len(a.Address) > maxPath {
			return "the path"
		}
	case "tcp4", "tcp6":
		host, port, err := net.SplitHostPort(a.Address)
		if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || host == "" {
			return "the host or port"
		}
		if ip, err := netip.ParseAddr(host); err == nil && (ip.Is4In6() || ip.Is4() != (a.Network == "tcp4")) {
			return "the family"
		}
	default:
		return "the network"
	}
	return ""
}
