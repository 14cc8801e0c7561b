package milter

import (
	"net/netip"
	"strings"

	"assay/auth"
)

// absorb takes from one packet of macros what belongs in the envelope. What is
// missing there stays as it is. The MTAs write names of one letter without braces.
func absorb(env *auth.Envelope, macros map[string]string) {
	for name, value := range macros {
		if value == "" {
			continue
		}
		switch strings.Trim(name, "{}") {
		case "i":
			env.QueueID = value
		case "j":
			env.Hostname = value
		case "daemon_name":
			env.Daemon = value
		case "auth_type":
			env.AuthType = value
		case "auth_authen":
			env.AuthUser = value
		case "tls_version":
			env.TLS = value
		case "cipher":
			env.Cipher = value
		case "cert_subject":
			env.CertSubject = value
		case "cert_issuer":
			env.CertIssuer = value
		case "client_addr":
			env.IP = parseClient(value)
		case "client_name":
			env.Client = confirmedName(value, macros["{client_ptr}"])
		}
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

// confirmedName is the client's name if the MTA found its address among the
// name's own. Otherwise Postfix says "unknown", and Sendmail gives the address in
// brackets or a name that is not that of the PTR record.
func confirmedName(name, ptr string) string {
	if strings.EqualFold(name, "unknown") || strings.HasPrefix(name, "[") || ptr != "" && !strings.EqualFold(name, ptr) {
		return ""
	}
	return name
}
