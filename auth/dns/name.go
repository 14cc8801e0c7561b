package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The longest name, without its final dot, is 255 bytes on the wire less one
// for the first label's length and one for the root (RFC 1035 section 3.1).
const (
	maxName  = 253
	maxLabel = 63
)

// CanonicalName lower-cases ASCII letters, strips one final dot and says
// whether DNS can carry the name: labels of 1 to 63 bytes, 253 bytes in all,
// at least one label. Dots always separate labels and every other byte stands
// for itself; nothing is an escape. It does not allocate for a name that is
// canonical already.
func CanonicalName(name string) (canonical string, ok bool) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxName {
		return "", false
	}
	label := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c != '.':
			label++
		case label == 0 || label > maxLabel:
			return "", false
		default:
			label = 0
		}
	}
	if label == 0 || label > maxLabel {
		return "", false
	}
	return lowerASCII(name), true
}

// lowerASCII leaves bytes above 127 alone: DNS compares no other letters
// without regard to case (RFC 4343 section 3).
func lowerASCII(s string) string {
	var b []byte
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			if b == nil {
				b = []byte(s)
			}
			b[i] = c + 'a' - 'A'
		}
	}
	if b == nil {
		return s
	}
	return string(b)
}

// ReverseName is the name whose PTR records name the address (RFC 1035 section
// 3.5, RFC 3596 section 2.5), canonical. An IPv4 address that is mapped to IPv6
// counts as IPv6: callers unmap it.
func ReverseName(ip netip.Addr) string {
	b := make([]byte, 0, len("f.")*32+len("ip6.arpa"))
	if ip.Is4() {
		octets := ip.As4()
		for _, octet := range slices.Backward(octets[:]) {
			b = append(strconv.AppendUint(b, uint64(octet), 10), '.')
		}
		return string(append(b, "in-addr.arpa"...))
	}
	const digits = "0123456789abcdef"
	octets := ip.As16()
	for _, octet := range slices.Backward(octets[:]) {
		b = append(b, digits[octet&15], '.', digits[octet>>4], '.')
	}
	return string(append(b, "ip6.arpa"...))
}

// fromText turns a name in presentation format (RFC 1035 section 5.1), final
// dot or not, into the form that this package uses: raw bytes, lower case, no
// final dot, "" for the root. A label that contains a dot can't be written so.
func fromText(text string) (name string, ok bool) {
	if !strings.Contains(text, `\`) {
		return lowerASCII(strings.TrimSuffix(text, ".")), true
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c, n := unescape(text[i:])
		if n > 1 && c == '.' {
			return "", false
		}
		b = append(b, c)
		i += n
	}
	return lowerASCII(strings.TrimSuffix(string(b), ".")), true
}

// unescapeText undoes the escapes \DDD and \X of presentation format.
func unescapeText(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c, n := unescape(text[i:])
		b = append(b, c)
		i += n
	}
	return string(b)
}

// unescape returns the first byte that s, which is not empty, stands for and
// how many bytes of s say so.
func unescape(s string) (c byte, n int) {
	switch {
	case s[0] != '\\' || len(s) == 1:
		return s[0], 1
	case len(s) >= 4 && isDigit(s[1]) && isDigit(s[2]) && isDigit(s[3]):
		return (s[1]-'0')*100 + (s[2]-'0')*10 + (s[3] - '0'), 4
	default:
		return s[1], 2
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// toText is the reverse of fromText, with a final dot.
func toText(name string) string {
	b := make([]byte, 0, len(name)+1)
	for i := range len(name) {
		switch c := name[i]; {
		case c < '!' || c > '~':
			b = fmt.Appendf(b, `\%03d`, c)
		case strings.IndexByte("\"$'();@\\", c) >= 0:
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '.'))
}
