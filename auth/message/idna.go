package message

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

var (
	// uLabels takes U-labels as they have to be, but for underscores and for
	// hyphens in the third and fourth place, which are in use.
	uLabels = idna.New(idna.ValidateForRegistration(), idna.StrictDomainName(false), idna.CheckHyphens(false))

	// anyLabels maps what looks like a domain to what a program may look up
	// (Unicode Technical Standard 46).
	anyLabels = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.CheckHyphens(false))
)

// Compatible is text as a program may see it that looks up domains: compatibility
// forms such as full-width letters as the usual ones, in lower case, A-labels as
// U-labels (Unicode Technical Standard 46). It is to be compared with other text
// that was treated alike, and no domain: nothing is refused. Bytes that are no
// UTF-8 are left out. The cost is the square of a label's length.
func Compatible(text string) string {
	if IsASCII(text) && !strings.Contains(text, "--") {
		return strings.ToLower(text)
	}
	text, _ = anyLabels.ToUnicode(strings.ToLower(strings.ToValidUTF8(text, "")))
	return text
}

// IsInvisible tells the characters that programs don't show: controls, format
// characters, and the others that Unicode gives no shape. White space is not
// among them.
func IsInvisible(r rune) bool {
	if ' ' <= r && r <= '~' || unicode.IsSpace(r) {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
