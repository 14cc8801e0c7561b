package milter

import (
	"bytes"
	"net/netip"
	"strings"

	"assay/auth"
)

// absorb takes from one packet of macros, without its stage, what belongs in the envelope. What is
// missing there stays as it is. The MTAs write names of one letter without braces, and the same
// macros again before each field of a header.
func absorb(env *auth.Envelope, macros []byte) {
	var clientName, clientPTR []byte
	for len(macros) > 0 {
		var name, value []byte
		name, macros = cutString(macros)
		if value, macros = cutString(macros); len(value) == 0 {
			continue
		}
		switch string(trim(name, '{', '}')) {
		case "i":
			set(&env.QueueID, value)
		case "j":
			set(&env.Hostname, value)
		case "daemon_name":
			set(&env.Daemon, value)
		case "auth_type":
			set(&env.AuthType, value)
		case "auth_authen":
			set(&env.AuthUser, value)
		case "tls_version":
			set(&env.TLS, value)
		case "cipher":
			set(&env.Cipher, value)
		case "cert_subject":
			set(&env.CertSubject, value)
		case "cert_issuer":
			set(&env.CertIssuer, value)
		case "client_addr":
			env.IP = parseClient(string(value))
		case "client_name":
			clientName = value
		case "client_ptr":
			clientPTR = value
		}
	}
	if len(clientName) > 0 {
		set(&env.Client, confirmedName(clientName, clientPTR))
	}
}

// trim takes away what is one of two bytes, at both ends.
func trim(text []byte, one, other byte) []byte {
	for len(text) > 0 && (text[0] == one || text[0] == other) {
		text = text[1:]
	}
	for len(text) > 0 && (text[len(text)-1] == one || text[len(text)-1] == other) {
		text = text[:len(text)-1]
	}
	return text
}

// set sets a text, in new memory only where it is another.
func set(text *string, value []byte) {
	if *text != string(value) {
		*text = string(value)
	}
}

// parseClient reads a client's address as the MTAs write it, in macros and
// in the connect packet: IPv6 with "IPv6:" in front (Sendmail always), IPv4 also
// mapped. It is the zero Addr for all else, "unknown" among it.
func parseClient(s string) netip.Addr {
	const prefix = "ipv6:"
	if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		s = s[len(prefix):]
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.WithZone("").Unmap()
}

// confirmedName is the client's name, which is not empty, if the MTA found its address among the
// name's own. Otherwise Postfix says "unknown", and Sendmail gives the address in
// brackets or a name that is not that of the PTR record.
func confirmedName(name, ptr []byte) []byte {
	if bytes.EqualFold(name, []byte("unknown")) || name[0] == '[' || len(ptr) > 0 && !bytes.EqualFold(name, ptr) {
		return nil
	}
	return name
}
