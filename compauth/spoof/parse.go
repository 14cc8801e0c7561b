package spoof

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// order is how an entry is written.
const order = "allow or block, the spoofed user, the infrastructure, then internal or external"

// ParseEntry reads one entry:
//
//	allow|block SPOOFED-USER INFRASTRUCTURE internal|external [expires=DATE] [# note]
//
// with white space between the words, as by ParseUser, ParseInfrastructure and ParseExpiry.
// A "#" begins a note where a word could begin. The case of the fixed words does
// not count. The error is one line for whoever wrote the text: what is
// wrong with it; what to write.
func ParseEntry(text string) (Entry, error) {
	return parseWords(splitNote(strings.TrimRight(text, "\r\n")))
}

// maxWords is how many words an entry has at most.
const maxWords = 5

// splitNote divides a line into the words of its entry and its note. A local part may have
// a "#" in it, so that one inside of a word does not begin a note.
func splitNote(line string) (words []string, note string) {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || isBlank(rune(line[i-1]))) {
			line, note = line[:i], line[i+1:]
			break
		}
	}
	words = make([]string, 0, maxWords+1)
	for word := range strings.FieldsFuncSeq(line, isBlank) {
		if words = append(words, word); len(words) > maxWords {
			break // one too many is enough to see
		}
	}
	return words, strings.TrimFunc(note, isBlank)
}

// isBlank tells what stands between words.
func isBlank(r rune) bool { return r == ' ' || r == '\t' }

func parseWords(words []string, note string) (e Entry, err error) {
	if len(words) == 0 {
		return e, errors.New("is empty; write " + order)
	}
	verb, err := fixedWord(words[0], allowWord, blockWord)
	if err != nil {
		return Entry{}, err
	}
	if err := checkCount(words); err != nil {
		return Entry{}, err
	}
	e = Entry{Block: verb == blockWord, Note: note}
	if e.User, err = ParseUser(words[1]); err != nil {
		return Entry{}, err
	}
	if e.Infrastructure, err = ParseInfrastructure(words[2]); err != nil {
		return Entry{}, err
	}
	scope, err := fixedWord(words[3], internalWord, externalWord)
	if err != nil {
		return Entry{}, err
	}
	if e.Internal = scope == internalWord; len(words) > 4 {
		if e.Expires, err = parseOption(words[4]); err != nil {
			return Entry{}, err
		}
	}
	if len(words) > maxWords {
		return Entry{}, fmt.Errorf("%s is too much; write a # before a note", quote(words[maxWords]))
	}
	if err := e.Check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Check refuses what can't be an entry although its parts are good: one that would match
// every message, and a note that is more than one line. The error is as ParseEntry's.
func (e Entry) Check() error {
	switch {
	case e.everything():
		return errors.New("\"* *\" is every message; name the spoofed user or the infrastructure")
	case strings.ContainsAny(e.Note, "\r\n"):
		return errors.New("the note has several lines; write one")
	}
	return nil
}

// checkCount makes sure that each word that has to be there is.
func checkCount(words []string) error {
	switch len(words) {
	case 1:
		return fmt.Errorf("%s is not all; write %s", quote(words[0]), order)
	case 2:
		return fmt.Errorf("no infrastructure follows %s; write %s", quote(words[1]), order)
	case 3:
		return fmt.Errorf("%s is followed by neither internal nor external; write internal if the spoofed user is one of our own domains, else external", quote(words[2]))
	}
	return nil
}

// fixedWord is the one of two words that is meant.
func fixedWord(text, one, other string) (string, error) {
	for _, word := range []string{one, other} {
		if strings.EqualFold(text, word) {
			return word, nil
		}
	}
	advice := "write one of them"
	if word, _, found := strings.Cut(text, "#"); found && (strings.EqualFold(word, one) || strings.EqualFold(word, other)) {
		advice = "write a space before the #"
	} else if near := nearest(text, one, other); near != "" {
		advice = "did you mean " + near + "?"
	}
	return "", fmt.Errorf("%s is neither %s nor %s; %s", quote(text), one, other, advice)
}

// parseOption reads the word after the scope.
func parseOption(text string) (time.Time, error) {
	key, value, found := strings.Cut(text, "=")
	switch {
	case strings.Contains(value, "#"):
		return time.Time{}, fmt.Errorf("%s has a # inside; write a space before the #", quote(text))
	case found && strings.EqualFold(key, expiresWord):
		return ParseExpiry(value)
	case nearest(key, expiresWord) != "":
		return time.Time{}, fmt.Errorf("%s is not known; did you mean expires=DATE?", quote(text))
	}
	return time.Time{}, fmt.Errorf("%s is not known; write expires=DATE there, or a # before a note", quote(text))
}

// ParseExpiry reads until when an entry counts: a day, "2026-12-31", through its end in UTC, or a
// time as in RFC 3339, from 2000 to 9999. The result is the first moment at which it
// no longer counts, in UTC.
func ParseExpiry(text string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err == nil {
		t = t.AddDate(0, 0, 1)
	} else if t, err = time.Parse(time.RFC3339, text); err != nil {
		return time.Time{}, fmt.Errorf("%s is no date; write one such as \"2026-12-31\" or \"2026-12-31T18:00:00Z\"", quote(text))
	}
	t = t.UTC()
	if year := t.Add(-1).Year(); year < 2000 || year > 9999 {
		return time.Time{}, fmt.Errorf("%s is not from 2000 to 9999; write another date, or no expiry", quote(text))
	}
	return t, nil
}

// quote shows a word in a message.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return fmt.Sprintf("%q", text)
}

// nearest is the word that text may be a slip of: up to two letters are wrong.
func nearest(text string, words ...string) string {
	if len(text) > 16 || !utf8.ValidString(text) {
		return ""
	}
	best, least := "", 3
	for _, word := range words {
		if n := slips(strings.ToLower(text), word); n < least {
			best, least = word, n
		}
	}
	return best
}

// slips counts the letters to insert, remove or replace to make b out of a.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			corner, row[j+1] = row[j+1], min(corner+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
