package milter

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"unicode"
)

// maxPath is the longest path of a unix socket, in bytes (unix(7), sun_path).
const maxPath = 107

// maxHost bounds the name of a host, in bytes.
const maxHost = 255

// An Address is one place to listen on. The zero value is none. Addresses are equal
// when they mean the same, but for names of hosts, which are not looked up.
type Address struct {
	Network string // "tcp4", "tcp6", "unix", or "fd" for the sockets that systemd passed on
	Address string // HOST:PORT as net.Listen takes it, or a path; "" with "fd"
}

// String is the form that ParseAddress reads as the same address.
func (a Address) String() string {
	switch a.Network {
	case "tcp4":
		return "inet:" + a.Address
	case "tcp6":
		return "inet6:" + a.Address
	case "fd":
		return "fd"
	}
	return a.Network + ":" + a.Address
}

// ParseAddress reads an address as Postfix, Sendmail and OpenDKIM write it:
//
//	inet:HOST:PORT   inet:PORT@HOST    IPv4, or an IPv6 address as HOST
//	inet6:HOST:PORT  inet6:PORT@HOST   IPv6
//	unix:PATH        local:PATH        a unix socket; PATH is absolute
//	fd                                 all sockets that systemd passed on
//
// HOST is an address, which may stand in brackets, or a name; 0.0.0.0 and :: are
// all addresses. PORT 0 is any free port. The error is one line for whoever wrote
// the text: the text, what is wrong with it; what to write.
func ParseAddress(text string) (Address, error) {
	a, err := parseAddress(text)
	if err != nil {
		return Address{}, fmt.Errorf("%s %w", quote(text), err)
	}
	return a, nil
}

// parseAddress leaves the text out of the error.
func parseAddress(text string) (Address, error) {
	family, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "fd":
		return Address{Network: "fd"}, nil
	case family == "inet":
		return parseInet(rest, "tcp4")
	case family == "inet6":
		return parseInet(rest, "tcp6")
	case family == "unix" || family == "local":
		return parsePath(rest)
	}
	return Address{}, errors.New("is no listener; write inet:HOST:PORT, inet6:HOST:PORT, unix:PATH or fd")
}

// parseInet reads HOST:PORT or PORT@HOST.
func parseInet(text, network string) (Address, error) {
	port, host, at := strings.Cut(text, "@")
	if !at {
		i := strings.LastIndexByte(text, ':')
		if i < 0 {
			return Address{}, errors.New(`has no host and port; write one such as "inet:127.0.0.1:8893"`)
		}
		host, port = text[:i], text[i+1:]
	}
	if inner, found := strings.CutPrefix(host, "["); found && strings.HasSuffix(inner, "]") {
		host = strings.TrimSuffix(inner, "]")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return Address{}, errors.New("has no valid port; write a number from 0 to 65535")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return parseIP(ip, port, network)
	}
	switch {
	case host == "" || host == "*":
		return Address{}, errors.New("has no host; write 0.0.0.0 or :: for every address of this host")
	case len(host) > maxHost || !isPlain(host) || isNumeric(host):
		return Address{}, errNoHost
	}
	return Address{Network: network, Address: net.JoinHostPort(host, port)}, nil
}

var errNoHost = errors.New("has no valid host; write an address or a name")

// parseIP takes an IPv6 address in either network.
func parseIP(ip netip.Addr, port, network string) (Address, error) {
	switch {
	case ip.Is4() && network == "tcp6":
		return Address{}, errors.New("is IPv4; write inet: for it")
	case ip.Is4In6(): // no socket of IPv6 alone can be bound to it
		return Address{}, fmt.Errorf("is IPv4 written as IPv6; write inet:%s:%s", ip.Unmap(), port)
	case !isPlain(ip.Zone()):
		return Address{}, errNoHost
	case ip.Is6():
		network = "tcp6"
	}
	return Address{Network: network, Address: net.JoinHostPort(ip.String(), port)}, nil
}

// isPlain tells whether s has only what names of hosts and interfaces are made of.
func isPlain(s string) bool {
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-._") == ""
}

// isNumeric tells whether a host is a wrong IPv4 address rather than a name.
func isNumeric(host string) bool { return strings.Trim(host, "0123456789.") == "" }

// parsePath reads the path of a unix socket.
func parsePath(text string) (Address, error) {
	switch last := text[strings.LastIndexByte(text, '/')+1:]; {
	case !path.IsAbs(text):
		return Address{}, errors.New(`is no absolute path; write one such as "unix:/run/assay/assay.sock"`)
	case len(text) > maxPath:
		return Address{}, fmt.Errorf("has %d bytes; a socket's path has at most %d", len(text), maxPath)
	case last == "" || last == "." || last == "..":
		return Address{}, errors.New("is a folder; add the name of the socket")
	case strings.ContainsFunc(text, unicode.IsControl):
		return Address{}, errors.New("holds a control character; write a plain path")
	}
	return Address{Network: "unix", Address: path.Clean(text)}, nil
}

// quote shows a text in a message, its beginning when it is long.
func quote(text string) string {
	const most = 64
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strconv.Quote(text)
}
