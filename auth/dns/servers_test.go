package dns

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseServer(t *testing.T) {
	tests := []struct{ in, want string }{
		{"192.0.2.1", "192.0.2.1:53"},
		{"192.0.2.1:5353", "192.0.2.1:5353"},
		{"2001:db8::1", "[2001:db8::1]:53"},
		{"[2001:db8::1]", "[2001:db8::1]:53"},
		{"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
		{"fe80::1%eth0", "[fe80::1%eth0]:53"},
		{"[fe80::1%eth0]:54", "[fe80::1%eth0]:54"},
	}
	for _, tt := range tests {
		got, err := ParseServer(tt.in)
		if err != nil || got.String() != tt.want {
			t.Errorf("%q: got %s, %v", tt.in, got, err)
		}
	}
	for _, bad := range []string{"", "localhost", "localhost:53", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:", ":53", "[192.0.2.1]",
		"[192.0.2.1]:53", "[2001:db8::1", "2001:db8::1]", "[]", "192.0.2.1:domain", "192.0.2.1:+53", " 192.0.2.1", "192.0.2", "224.0.0.251:5353"} {
		if got, err := ParseServer(bad); err == nil || !strings.HasPrefix(err.Error(), "dns: server ") {
			t.Errorf("%q: got %s, %v", bad, got, err)
		}
	}
}

func servers(texts ...string) (addrs []netip.AddrPort) {
	for _, s := range texts {
		addrs = append(addrs, netip.MustParseAddrPort(s))
	}
	return addrs
}

func TestSystemServers(t *testing.T) {
	local := servers("127.0.0.1:53", "[::1]:53")
	tests := []struct {
		text string
		want []netip.AddrPort
	}{
		{"", local},
		{"# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nsearch example.com\noptions ndots:5", local},
		{"nameserver\nnameserver no.address", local},
		{"search a b\nnameserver 192.0.2.1 # ours\n\tnameserver 2001:db8::1\r\nnameserver fe80::1%eth0", servers("192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%eth0]:53")},
		{strings.Repeat("nameserver 192.0.2.1\n", 4), servers("192.0.2.1:53", "192.0.2.1:53", "192.0.2.1:53")},
	}
	for _, tt := range tests {
		file := filepath.Join(t.TempDir(), "resolv.conf")
		write(t, file, tt.text)
		if got, err := SystemServers(file); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, %v", tt.text, got, err)
		}
	}
	if got, err := SystemServers(filepath.Join(t.TempDir(), "none")); err != nil || !slices.Equal(got, local) {
		t.Errorf("no file: got %v, %v", got, err)
	}
	if got, err := SystemServers(t.TempDir()); err == nil {
		t.Errorf("a folder: got %v", got)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func poolAddrs(t *testing.T, p *pool, now time.Time) (addrs []string) {
	t.Helper()
	list, err := p.servers(now)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		addrs = append(addrs, s.address)
	}
	return addrs
}

func TestResolvConfIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, file, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n")
	p, now := newPool(nil, file), time.Unix(1e9, 0)
	check := func(want ...string) {
		t.Helper()
		if got := poolAddrs(t, p, now); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	check("192.0.2.1:53", "192.0.2.2:53")
	p.answered(p.list[1], []*server{p.list[0], p.list[0]}, now)
	check("192.0.2.2:53", "192.0.2.1:53")

	write(t, file, "nameserver 192.0.2.1\nnameserver 192.0.2.3\n")
	check("192.0.2.2:53", "192.0.2.1:53")
	now = now.Add(checkTime)
	check("192.0.2.3:53", "192.0.2.1:53") // what is known of the first stays

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	now = now.Add(checkTime)
	check("192.0.2.3:53", "192.0.2.1:53") // unreadable: the old ones
}

func TestResolvConfUnreadable(t *testing.T) {
	client := &Client{ResolvConf: t.TempDir()}
	if _, err := client.Resolve(t.Context(), Question{"example.com", TypeA}); err == nil || !strings.Contains(err.Error(), client.ResolvConf) {
		t.Errorf("got %v", err)
	}
}
