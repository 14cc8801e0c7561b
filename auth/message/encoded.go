package message

import "strings"

// decodeWords replaces the encoded words of text (RFC 2047) by the bytes that they
// hold, whatever the charset, but for UTF-7; NUL, as in UTF-16, is left out. White
// space between two of them goes away. It takes more for an encoded word than the
// RFC, as programs do: of any length, beside other text, with white space inside.
// found tells whether there is one. The time is linear.
//
// The other way to read them: a word that seems to have others inside is plain text
// up to the last of them, and white space stays.
func decodeWords(text string, otherWay bool) (decoded string, found bool) {
	var b strings.Builder
	last := strings.LastIndex(text, "?=") // no word ends behind it
	done, afterWord := 0, false
	for {
		start := strings.Index(text[done:], "=?") + done
		if start < done || start > last {
			b.WriteString(text[done:])
			return b.String(), found
		}
		if before := text[done:start]; !afterWord || otherWay || strings.Trim(before, " \t\r\n") != "" {
			b.WriteString(before)
		}
		n := decodeWord(&b, text[start:last+2], otherWay)
		afterWord = n > 0
		if n == 0 {
			n = 1
			b.WriteByte('=')
		}
		found = found || afterWord
		done = start + n
	}
}

// decodeWord decodes the encoded word of n bytes that s begins with. Somewhere in
// s there is "?="; n is 0 if s only begins like a word.
func decodeWord(b *strings.Builder, s string, otherWay bool) (n int) {
	charset, rest, _ := strings.Cut(s[2:], "?")
	if len(rest) < 2 || rest[1] != '?' {
		return 0
	}
	decode := decodeQ
	switch lower(rest[0]) {
	case 'q':
	case 'b':
		decode = decodeB
	default:
		return 0
	}
	data := rest[2:]
	if next := strings.Index(data, "=?"); otherWay && next >= 0 {
		data = data[:min(next+3, len(data))] // "=?=" may end it
	}
	data, _, found := strings.Cut(data, "?=")
	if !found {
		return 0
	}
	n = len("=?") + len(charset) + len("?q?") + len(data) + len("?=")
	if strings.Contains(strings.ToLower(charset), "utf-7") {
		var utf7 strings.Builder
		decode(&utf7, data)
		decode, data = decodeUTF7, utf7.String()
	}
	decode(b, data)
	return n
}

// decodeUTF7 decodes the ASCII characters of RFC 2152; others come out as junk.
func decodeUTF7(b *strings.Builder, s string) {
	for {
		plain, rest, found := strings.Cut(s, "+")
		b.WriteString(plain)
		if !found {
			return
		}
		n := 0
		for n < len(rest) && strings.IndexByte(base64Digits, rest[n]) >= 0 {
			n++
		}
		decodeB(b, rest[:n])
		s = strings.TrimPrefix(rest[n:], "-")
	}
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodeB is base64 without any rules: what is no digit is passed over.
func decodeB(b *strings.Builder, s string) {
	var bits uint32
	n := 0 // bits not written yet
	for i := range len(s) {
		v := strings.IndexByte(base64Digits, s[i])
		if v < 0 {
			if s[i] == '=' {
				n = 0
			}
			continue
		}
		bits = bits<<6 | uint32(v)
		if n += 6; n >= 8 {
			n -= 8
			writeVisible(b, byte(bits>>n))
		}
	}
}

func decodeQ(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '_':
			c = ' '
		case c == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		writeVisible(b, c)
	}
}

func writeVisible(b *strings.Builder, c byte) {
	if c != 0 {
		b.WriteByte(c)
	}
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= lower(c) && lower(c) <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return lower(c) - 'a' + 10
}
