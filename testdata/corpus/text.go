package corpus

import (
	"math/rand/v2"
	"strings"
	"time"
)

// epoch is the date of the corpus's first message.
var epoch = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

const words = "the of and to in mail is that for it was on as with be by this order from your have new more " +
	"please not you we are invoice meeting tomorrow attached find regards team project update week server " +
	"report question answer delivery thanks time before after account customer number"

// line makes a line of words of about this many bytes.
func line(r *rand.Rand, vocabulary []string, length int) string {
	var b strings.Builder
	for b.Len() < length {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(vocabulary[r.IntN(len(vocabulary))])
	}
	return b.String()
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
