package iprev

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
)

// Generic tells whether a name, in canonical form, holds the whole address: as access providers and
// hosters name the addresses that they have not given a name. Whoever gets the address gets the
// name, so it says nothing about who that is.
//
// Of IPv4 it finds the four octets, in order or reversed, in decimal with some of ". - _ x" between them or padded
// to three digits, or in hexadecimal; of IPv6 the last 64 bits, by groups or by digits, in order
// or reversed, or the whole address with "::" in it. What a name holds of a part of
// the address is not looked for. Nothing is generic for the zero Addr.
func Generic(name string, ip netip.Addr) bool {
	switch ip = ip.Unmap().WithZone(""); {
	case !ip.IsValid():
		return false
	case ip.Is4():
		return generic4(name, ip.As4())
	}
	return generic6(name, ip)
}

func generic4(name string, ip [4]byte) bool {
	numbers := [4]int{int(ip[0]), int(ip[1]), int(ip[2]), int(ip[3])}
	if countDigits(name) >= 4 && hasNumbers(name, 10, numbers) {
		return true
	}
	if longestHex(name) < 8 {
		return false // nearly every name that somebody has chosen
	}
	var room [maxName]byte
	text := joined(room[:0], name)
	padded, digits := make([]byte, 0, 12), make([]byte, 0, 8)
	for range 2 {
		padded, digits = padded[:0], hex.AppendEncode(digits[:0], ip[:])
		for _, b := range ip {
			padded = append(padded, '0'+b/100, '0'+b/10%10, '0'+b%10)
		}
		if bytes.Contains(text, padded) || bytes.Contains(text, digits) {
			return true
		}
		slices.Reverse(ip[:])
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isSeparator(c byte) bool { return c == '.' || c == '-' || c == '_' || c == 'x' }

// digit is the value of a digit, up to 15; not ok for another character.
func digit(c byte) (value int, ok bool) {
	switch {
	case isDigit(c):
		return int(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10, true
	}
	return 0, false
}

func countDigits(name string) (n int) {
	for i := range len(name) {
		if isDigit(name[i]) {
			n++
		}
	}
	return n
}

// longestHex is the length of the longest run of hexadecimal digits in joined(name).
func longestHex(name string) (longest int) {
	n := 0
	for i := range len(name) {
		if _, ok := digit(name[i]); ok {
			n++
			longest = max(longest, n)
		} else if !isSeparator(name[i]) {
			n = 0
		}
	}
	return longest
}

func generic6(name string, ip netip.Addr) bool {
	all := ip.As16()
	half := all[8:]
	var groups [4]int
	for i := range groups {
		groups[i] = int(half[2*i])<<8 | int(half[2*i+1])
	}
	return hasNumbers(name, 16, groups) || longestHex(name) >= 16 && hasDigits(name, half) || hasCompressed(name, ip)
}

// hasDigits tells whether all hexadecimal digits of an address stand in a name, in order or reversed.
func hasDigits(name string, ip []byte) bool {
	var room [maxName]byte
	text := joined(room[:0], name)
	digits := hex.AppendEncode(make([]byte, 0, 16), ip)
	if bytes.Contains(text, digits) {
		return true
	}
	slices.Reverse(digits)
	return bytes.Contains(text, digits)
}

const (
	hexDigits  = "0123456789abcdef"
	separators = ".-_x"
	maxName    = 253 // bytes of a domain name
)

// joined appends a name to b, without what may stand between the parts of an address.
func joined(b []byte, name string) []byte {
	for i := range len(name) {
		if !isSeparator(name[i]) {
			b = append(b, name[i])
		}
	}
	return b
}

// hasNumbers tells whether four numbers, below 65,536, stand in a name, in order or reversed, each with or
// without zeros before it and with separators between two.
func hasNumbers(name string, base int, numbers [4]int) bool {
	reversed := [4]int{numbers[3], numbers[2], numbers[1], numbers[0]}
	var last [4]int // the numbers that end here
	count := 0
	for i := 0; i < len(name); {
		value, end := number(name, i, base)
		if end == i {
			i, count = i+1, 0
			continue
		}
		last = [4]int{last[1], last[2], last[3], value}
		if count++; count >= 4 && (last == numbers || last == reversed) {
			return true
		}
		for i = end; i < len(name) && isSeparator(name[i]); {
			i++
		}
	}
	return false
}

// number reads the number at i and tells where it ends; 65,536 is any that is larger.
func number(name string, i, base int) (value, end int) {
	for ; i < len(name); i++ {
		d, ok := digit(name[i])
		if !ok || d >= base {
			break
		}
		value = min(value*base+d, 1<<16)
	}
	return value, i
}

// hasCompressed tells whether a name has the text of an IPv6 address that has "::" in it, with
// something else for ":".
func hasCompressed(name string, ip netip.Addr) bool {
	var room [len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")]byte
	address := ip.AppendTo(room[:0])
	if !bytes.Contains(address, []byte("::")) {
		return false
	}
	for _, separator := range separators {
		text := strings.ReplaceAll(string(address), ":", string(separator))
		before, after, found := strings.Cut(name, text)
		if found && !endsIn(before, hexDigits) && strings.TrimLeft(after, hexDigits) == after {
			return true
		}
	}
	return false
}

func endsIn(text, digits string) bool { return strings.TrimRight(text, digits) != text }
