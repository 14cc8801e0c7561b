package iprev

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
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
	if countDigits(name) < 4 && longestHex(name) < 8 {
		return false // nearly every name that somebody has chosen
	}
	decimal := make([]string, 4)
	var padded, padded2 string
	for i := range ip {
		decimal[i] = strconv.Itoa(int(ip[i]))
		padded, padded2 = padded+threeDigits(ip[i]), padded2+threeDigits(ip[3-i])
	}
	digits := hex.EncodeToString(ip[:])
	slices.Reverse(ip[:])
	return hasNumbers(name, "0123456789", decimal) || containsAny(joined(name), padded, padded2, digits, hex.EncodeToString(ip[:]))
}

func threeDigits(b byte) string { return string([]byte{'0' + b/100, '0' + b/10%10, '0' + b%10}) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

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
		switch c := name[i]; {
		case isDigit(c) || 'a' <= c && c <= 'f':
			n++
			longest = max(longest, n)
		case strings.IndexByte(separators, c) < 0:
			n = 0
		}
	}
	return longest
}

func generic6(name string, ip netip.Addr) bool {
	all := ip.As16()
	digits := []byte(hex.EncodeToString(all[8:]))
	groups := make([]string, 4)
	for i := range groups {
		groups[i] = trimZeros(string(digits[4*i : 4*i+4]))
	}
	text := joined(name)
	if hasNumbers(name, hexDigits, groups) || strings.Contains(text, string(digits)) {
		return true
	}
	slices.Reverse(digits)
	return strings.Contains(text, string(digits)) || hasCompressed(name, ip.String())
}

const (
	hexDigits  = "0123456789abcdef"
	separators = ".-_x"
)

// joined is a name without what may stand between the parts of an address.
func joined(name string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(separators, c) {
			return -1
		}
		return c
	}, name)
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// hasNumbers tells whether numbers stand in a name, in order or reversed, each with or without zeros
// before it and with separators between two.
func hasNumbers(name, digits string, numbers []string) bool {
	reversed := slices.Clone(numbers)
	slices.Reverse(reversed)
	var run []string // the numbers that end here
	for name != "" {
		number := name[:len(name)-len(strings.TrimLeft(name, digits))]
		if number == "" {
			name, run = name[1:], nil
			continue
		}
		run = append(run, trimZeros(number))
		if last := run[max(0, len(run)-len(numbers)):]; slices.Equal(last, numbers) || slices.Equal(last, reversed) {
			return true
		}
		name = strings.TrimLeft(name[len(number):], separators)
	}
	return false
}

func trimZeros(number string) string {
	if number = strings.TrimLeft(number, "0"); number == "" {
		return "0"
	}
	return number
}

// hasCompressed tells whether a name has the text of an IPv6 address, which has "::" in it, with
// something else for ":".
func hasCompressed(name, address string) bool {
	if !strings.Contains(address, "::") {
		return false
	}
	for _, separator := range separators {
		text := strings.ReplaceAll(address, ":", string(separator))
		before, after, found := strings.Cut(name, text)
		if found && !endsIn(before, hexDigits) && strings.TrimLeft(after, hexDigits) == after {
			return true
		}
	}
	return false
}

func endsIn(text, digits string) bool { return strings.TrimRight(text, digits) != text }
