package lab

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// epoch is the date of the corpus's first message.
var epoch = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

const words = "the of and to in mail is that for it was on as with be by this order from your have new more " +
	"please not you we are invoice meeting tomorrow attached find regards team project update week server " +
	"report question answer delivery thanks time before after account customer number"

// Corpus makes n different messages by from, each of at least size bytes, with
// CRLF line ends and a dozen fields as ordinary mail has. The same arguments
// give the same bytes.
func Corpus(seed uint64, n, size int, from string) [][]byte {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	vocabulary := strings.Fields(words)
	corpus := make([][]byte, n)
	for i := range corpus {
		corpus[i] = corpusMessage(r, vocabulary, i, size, from)
	}
	return corpus
}

func corpusMessage(r *rand.Rand, vocabulary []string, i, size int, from string) []byte {
	_, domain, _ := strings.Cut(from, "@")
	desk := fmt.Sprintf("desk%d.%s", i%50, domain)
	date := epoch.Add(time.Duration(i) * 37 * time.Second)
	var b strings.Builder
	for _, f := range []struct{ name, value string }{
		{"Received", fmt.Sprintf("from %s (%s [10.1.%d.%d])\r\n\tby mail.%s with ESMTPSA id %08x;\r\n\t%s",
			desk, desk, i%7, i%250, domain, r.Uint32(), date.Format(time.RFC1123Z))},
		{"From", fmt.Sprintf("%q <%s>", title(line(r, vocabulary, 12)), from)},
		{"To", "<box@example.test>"},
		{"Cc", "Team <team@example.test>,\r\n <second@example.test>"},
		{"Reply-To", from},
		{"Subject", title(line(r, vocabulary, 20+r.IntN(40)))},
		{"Date", date.Format(time.RFC1123Z)},
		{"Message-ID", fmt.Sprintf("<%016x.%d@%s>", r.Uint64(), i, domain)},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "8bit"},
		{"User-Agent", "Lab/1.0 (corpus)"},
		{"List-Unsubscribe", fmt.Sprintf("<mailto:leave-%x@%s>", r.Uint32(), domain)},
	} {
		b.WriteString(f.name + ": " + f.value + "\r\n")
	}
	b.WriteString("\r\n")
	for b.Len() < size {
		b.WriteString(line(r, vocabulary, 40+r.IntN(36)) + "\r\n")
		if r.IntN(8) == 0 {
			b.WriteString("\r\n")
		}
	}
	return []byte(b.String())
}

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
