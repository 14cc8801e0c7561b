package message

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// salvageAll is salvage for a field that can't be read: programs may also decode
// what it holds.
func (r *reading) salvageAll(text string) {
	r.salvage(text)
	decoded, found := decodeWords(text, false)
	if !found {
		return
	}
	r.salvage(decoded)
	if other, found := decodeWords(text, true); found && other != decoded {
		r.salvage(other)
	}
}

// salvage lists the domains after every @, wherever it stands: in a comment, or in
// a field that can't be read, where a mail program might see it all the same. The
// time is linear, but for the conversion of U-labels.
func (r *reading) salvage(text string) {
	f := finder{text: text}
	start := 0 // behind the last @
	for {
		at, size := nextAt(text[start:])
		if at < 0 {
			return
		}
		local := text[start : start+at]
		if start += at + size; !r.salvageAt(&f, start, local[localStart(local):]) {
			return
		}
	}
}

// salvageAt lists the domains that may begin at f.text[at]; false: there is no
// room for more.
func (r *reading) salvageAt(f *finder, at int, local string) bool {
	before := ""
	for _, s := range []sight{plain, visible, structured} {
		found := f.domain(at, s)
		if s == plain {
			found, _, _ = strings.Cut(found, "..")
			found = strings.TrimRight(found, ".-_")
			if !strings.Contains(found, ".") {
				continue // a part of what the others find
			}
		}
		if found == before || found != "" && f.isAddressLiteral(at, found) {
			continue
		}
		before = found
		if domain := usable(found); domain != "" && !r.addFound(domain, local) {
			return false
		}
	}
	return r.salvageDressed(f, at, local)
}

// salvageDressed lists the domains that stand at f.text[at] behind punctuation, and those in a domain literal
// or right behind it: some programs take away what no domain begins with. A name without a dot is a word, or the
// tag of an address (RFC 5321 section 4.1.3).
func (r *reading) salvageDressed(f *finder, at int, local string) bool {
	from, opened := f.undress(at)
	if from == at {
		return true
	}
	if !r.addName(f.domain(from, structured), local) {
		return false
	}
	end := min(len(f.text), from+maxDomainText)
	for ; opened && from < end && f.text[from] != '@'; from++ {
		c := f.text[from]
		if c != ':' && c != ']' {
			continue
		}
		if !r.addName(f.domain(from+1, structured), local) {
			return false
		}
		opened = c != ']'
	}
	return true
}

// addName is addFound for what has a dot and is no IPv4 address.
func (r *reading) addName(found, local string) bool {
	found = strings.TrimLeft(found, ".")
	if !strings.Contains(found, ".") || strings.Trim(found, "0123456789.") == "" {
		return true
	}
	domain := usable(found)
	return domain == "" || r.addFound(domain, local)
}

// undress is where the text behind white space and punctuation at f.text[at] begins; opened: a bracket is among it.
func (f *finder) undress(at int) (from int, opened bool) {
	for from = at; from < len(f.text); from++ {
		c := f.text[from]
		if !strings.ContainsRune(" \t\r\n!#$%&'*+/<=?[^`{|}~", rune(c)) {
			break
		}
		opened = opened || c == '['
	}
	return from, opened
}

// nextAt finds an @ or what Unicode calls compatible with it.
func nextAt(s string) (at, size int) {
	for i := range len(s) {
		switch {
		case s[i] == '@':
			return i, 1
		case s[i] == 0xef && (strings.HasPrefix(s[i:], "\uff20") || strings.HasPrefix(s[i:], "\ufe6b")):
			return i, 3
		}
	}
	return -1, 0
}

// localStart is where the dot-atom begins that ends s.
func localStart(s string) int {
	n := len(s)
	for n > 0 && (isAtext(s[n-1]) || s[n-1] == '.') {
		n--
	}
	return n
}

// usable is the part of found, in front of the first label that DNS can't carry,
// with A-labels and without empty labels; "" for none.
func usable(found string) string {
	var b strings.Builder
	for label := range strings.FieldsFuncSeq(found, isDot) {
		label, err := lookup(label)
		if err != nil || b.Len()+1+len(label) > 253 {
			break
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(label)
	}
	return b.String()
}

// isDot tells the label separators of Unicode Technical Standard 46 section 2.3.
func isDot(c rune) bool { return c == '.' || c == '\u3002' || c == '\uff0e' || c == '\uff61' }

// A sight is a way to see where a domain ends.
type sight int

const (
	plain      sight = iota // at the first character that is not of a host name
	visible                 // what can't be seen is not there; symbols are letters
	structured              // also without comments, quotes and escapes, or white space beside a dot (RFC 5322 section 4.4)
)

// A finder looks for domains in text that need not follow any grammar.
type finder struct {
	text   string
	closed map[int]int // for a ( with a ) where the comment ends; nil: not looked yet
}

// domain is what may be a domain at f.text[at], behind white space. It is at most
// maxDomainText bytes long. No domain goes beyond the next @.
func (f *finder) domain(at int, s sight) string {
	var b strings.Builder
	gap := false
	for at < len(f.text) && b.Len() < maxDomainText {
		c, size := decodeRune(f.text[at:])
		switch {
		case c == '(' && s == structured && f.comment(at) > 0:
			size = f.comment(at) - at
		case isSpace(c) && (b.Len() == 0 || s == structured && c < utf8.RuneSelf):
			gap = b.Len() > 0
		case isUnseen(c) && (s != plain || b.Len() == 0), s == structured && isMarkup(c):
		case isNameRune(c, s):
			if gap && c != '.' && !strings.HasSuffix(b.String(), ".") {
				return b.String()
			}
			gap = false
			b.WriteRune(c)
		default:
			return b.String()
		}
		at += size
	}
	return b.String()
}

// decodeRune takes a byte that is no UTF-8 for Latin-1, as old programs do.
func decodeRune(s string) (rune, int) {
	c, size := utf8.DecodeRuneInString(s)
	if c == utf8.RuneError && size == 1 {
		c = rune(s[0])
	}
	return c, size
}

// isNameRune tells whether a domain may hold c. The profile that converts it maps
// or refuses what is no letter.
func isNameRune(c rune, s sight) bool {
	switch {
	case c < utf8.RuneSelf:
		return isDomainByte(byte(c))
	case IsInvisible(c) || isSpace(c) || c == '\uff20' || c == '\ufe6b':
		return false
	}
	return s != plain || isLetter(c)
}

func isSpace(c rune) bool { return unicode.IsSpace(c) || unicode.Is(unicode.Z, c) }

// isUnseen leaves NUL to isMarkup: many programs stop at it.
func isUnseen(c rune) bool { return IsInvisible(c) && c != 0 }

// isAddressLiteral tells whether what was found at f.text[at] is no name but of an address in brackets (RFC
// 5321 section 4.1.3): digits and dots, or a tag in front of a colon.
func (f *finder) isAddressLiteral(at int, found string) bool {
	return strings.HasPrefix(strings.TrimLeft(f.text[at:], " \t\r\n"), "[") &&
		(!strings.Contains(found, ".") || strings.Trim(found, "0123456789.") == "")
}

// isMarkup tells what some programs take away and others stop at: NUL, quotes,
// backslashes, the brackets of a domain literal, and white space that is not ASCII.
func isMarkup(c rune) bool {
	switch c {
	case 0, '"', '\'', '[', ']', '\\':
		return true
	}
	return c >= utf8.RuneSelf && isSpace(c)
}

// comment is where the comment that begins at f.text[at] ends, 0 if it does not.
func (f *finder) comment(at int) int {
	if f.closed == nil {
		f.closed = map[int]int{}
		var open []int
		for i := 0; i < len(f.text); i++ {
			switch c := f.text[i]; {
			case c == '\\':
				i++
			case c == '(':
				open = append(open, i)
			case c == ')' && len(open) > 0:
				f.closed[open[len(open)-1]] = i + 1
				open = open[:len(open)-1]
			}
		}
	}
	return f.closed[at]
}
