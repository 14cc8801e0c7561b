package authres

import "strings"

// The functions of this file are for other fields than Authentication-Results
// into which outside text goes.

// QuoteString is text as a dot-atom, or else as a quoted string (RFC 5322
// section 3.2), cleaned and cut as by [Results.Format].
func QuoteString(text string) string {
	if text = cleanValue(text); isDotAtom(text) {
		return text
	}
	return `"` + escape(text, `"\`) + `"`
}

// CommentWords are the words of a comment with this text, cleaned and cut as by
// [Results.Format]; lines may be folded between them.
func CommentWords(text string) []string {
	return strings.Split("("+escapedComment(text)+")", " ")
}

// Fold joins the words of a field whose name is given: with spaces, and with
// CRLF and one space before a word that would end after column 78.
func Fold(name string, words []string) string {
	f := newFolder(len(name) + len(": "))
	for _, w := range words {
		f.word(w)
	}
	return f.String()
}

func isDotAtom(s string) bool {
	return s != "" && consistsOf(s, "-_.") && !strings.Contains("."+s+".", "..")
}

// quoteValue is s as a value: a token if it can be one, else a quoted string
// (RFC 2045 section 5.1).
func quoteValue(s string) string {
	if isToken(s) {
		return s
	}
	return `"` + escape(s, `"\`) + `"`
}

// quotePValue is s as a pvalue (RFC 8601 section 2.2), which may also be
// local-part@domain or @domain.
func quotePValue(s string) string {
	if isToken(s) || isAddress(s) {
		return s
	}
	return quoteValue(s)
}

// escape puts a backslash before the specials, and inside of what might be
// taken for an encoded word (RFC 2047), which readers decode in comments and,
// against section 5 (3), in quoted strings.
func escape(s, specials string) string {
	if !strings.ContainsAny(s, specials) && !strings.Contains(s, "=?") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(specials, s[i]) >= 0 || s[i] == '?' && i > 0 && s[i-1] == '=' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isToken(s string) bool { return s != "" && consistsOf(s, "!#$%&*+-.^_{|}~") }

// isAddress tells [dot-atom] "@" domain-name, within what no reader takes for a
// quote.
func isAddress(s string) bool {
	local, domain, found := strings.Cut(s, "@")
	if !found || strings.Contains(s, "=?") || !strings.Contains(domain, ".") {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || !consistsOf(label, "-") {
			return false
		}
	}
	if local == "" {
		return true
	}
	return consistsOf(local, "!#$%&*+-/=?^_{|}~.") && !strings.Contains("."+local+".", "..")
}

// consistsOf tells whether s is letters, digits and the others only.
func consistsOf(s, others string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}
