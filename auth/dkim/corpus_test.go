package dkim

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A corpus generates signed messages, of which many are then changed. The same
// seed gives the same messages.
type corpus struct {
	*rand.Rand
	rsa *rsa.PrivateKey // Ed25519 signs most: it is much faster
}

func newCorpus(seed uint64, key *rsa.PrivateKey) corpus {
	return corpus{rand.New(rand.NewPCG(seed, 0)), key}
}

// texts are the key records that signatures of the corpus ask for.
func (c corpus) texts() map[string]string {
	return map[string]string{
		"ed._domainkey.example.com":           edRecord(),
		"ed._domainkey.xn--bcher-kva.example": edRecord(),
		"ed._domainkey.b\xc3\xbccher.example": edRecord(),
		"strict._domainkey.example.com":       edRecord() + "; t=s",
		"rsa._domainkey.example.com":          rsaRecord(c.rsa),
	}
}

// one picks one of them.
func (c corpus) one(of ...string) string { return of[c.IntN(len(of))] }

// often is true so many times in a hundred.
func (c corpus) often(percent int) bool { return c.IntN(100) < percent }

// message returns a message with one to three signatures.
func (c corpus) message() string {
	raw := c.header() + "\r\n" + c.body()
	for range 1 + max(0, c.IntN(8)-5) {
		raw = c.signed(raw)
	}
	for range max(0, c.IntN(5)-1) {
		raw = c.change(raw)
	}
	return raw
}

func (c corpus) header() string {
	var b strings.Builder
	for range c.IntN(4) {
		fmt.Fprintf(&b, "%s:%s\r\n", c.one("Received", "X-A", "x-b", "Subject", "TO", "DKIM-Signature"), c.value())
	}
	fmt.Fprintf(&b, "%s:%s\r\n", c.one("From", "from", "FROM"), c.value())
	for range c.IntN(5) {
		fmt.Fprintf(&b, "%s:%s\r\n", c.one("To", "to", "Subject", "Date", "X-A", "Received", "List-Id"), c.value())
	}
	return b.String()
}

// value is that of a field, folded anyhow.
func (c corpus) value() string {
	var b strings.Builder
	b.WriteString(c.one(" ", " ", " ", "", "\t", "  ", "\r\n "))
	for range c.IntN(6) {
		b.WriteString(c.one("Joe", "a@example.com", "word", "x:y", "\xc3\xbc", "\xff", "b=20;", "a\x01b", "ready?"))
		b.WriteString(c.one(" ", " ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", " \r\n  ", "", c.rarely("\r", 8)))
	}
	return b.String()
}

// rarely is the text once in n times, else a space, which means nothing where it is used.
func (c corpus) rarely(text string, n int) string {
	if c.IntN(n) == 0 {
		return text
	}
	return " "
}

func (c corpus) body() string {
	var b strings.Builder
	for range c.IntN(12) {
		for range c.IntN(5) {
			b.WriteString(c.one("Hi.", "lost", "the game", "\xe2\x82\xac", "\x00", "=20", "a"))
			b.WriteString(c.one(" ", " ", "  ", "\t", " \t", "", c.rarely("\r", 20), c.rarely(" \r", 20), c.rarely("\n", 20)))
		}
		b.WriteString(c.one("\r\n", "\r\n", "\r\n", "\r\n\r\n", " \r\n", "\t\r\n\r\n", c.rarely("\r\r\n", 20)))
	}
	if c.often(20) {
		b.WriteString(strings.Repeat(c.one("\r\n", " \r\n"), c.IntN(4)))
		b.WriteString(c.one("", "", "end", " ", "\r"))
	}
	return b.String()
}

// signed signs a message with tags of all kinds: usual ones mostly.
func (c corpus) signed(raw string) string {
	tags := []string{"v=1", c.canonicalization(), c.domain(), "h=" + c.names(), "bh=BH"}
	if c.often(30) {
		tags = append(tags, c.one("i=@example.com", "i=joe@example.com", "i=joe@sub.example.com", "i=@sub.Example.com", "i=@other.example"))
	}
	if c.often(20) {
		tags = append(tags, c.one("t=1000", "t=1000; x=9999999999", "x=9999999999", "x=5000", "t=9999999999", "t=4000000000; x=4000000000", "t=10x"))
	}
	if c.often(15) {
		tags = append(tags, c.one("q=dns/txt", "q=DNS/TXT", "q=dns/txt:x", "q=x:dns/txt", "q=x"))
	}
	if c.often(15) {
		tags = append(tags, c.one("z=From:a|To:b=20c", "xb=1", "x_=b", "n=ab =c", "l=5", "z=b = c", "B=1"))
	}
	var key crypto.Signer = edwards()
	if c.often(5) {
		key = c.rsa
		tags = append(tags, "s=rsa", "a=rsa-sha256")
	} else {
		tags = append(tags, "s="+c.one("ed", "ed", "ed", "ed", "ED", "strict"), "a=ed25519-sha256")
	}
	if c.often(3) {
		tags[len(tags)-1] = strings.Replace(tags[len(tags)-1], "sha", c.one("SHA", "sha1", ""), 1)
	}
	c.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	at := c.IntN(len(tags) + 1)
	tags = append(tags[:at:at], append([]string{"b=B"}, tags[at:]...)...)
	return c.place(sign(key, raw, " "+strings.Join(tags, c.one("; ", ";", ";\r\n ", " ;\t", ";\r\n\t "))+c.one("", "", ";", "; ")))
}

// place folds the value of b= of the topmost field, or moves that field down:
// neither breaks the signature.
func (c corpus) place(raw string) string {
	field, rest, _ := strings.Cut(raw, "\r\n")
	for strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\t") {
		line, after, _ := strings.Cut(rest, "\r\n")
		field, rest = field+"\r\n"+line, after
	}
	if i := strings.Index(field, "b="); c.often(30) && i > 0 && !strings.HasPrefix(field[i:], "b=20") && strings.Contains(" ;\t", field[i-1:i]) {
		n := i + 2 + c.IntN(20)
		field = field[:n] + c.one("\r\n ", " ", "\r\n\t ") + field[n:]
	}
	if c.often(15) {
		next, after, ok := strings.Cut(rest, "\r\n")
		if ok && next != "" && !strings.HasPrefix(after, " ") && !strings.HasPrefix(after, "\t") {
			return next + "\r\n" + field + "\r\n" + after
		}
	}
	return field + "\r\n" + rest
}

func (c corpus) canonicalization() string {
	return c.one("c=relaxed/relaxed", "c=relaxed/relaxed", "c=relaxed/simple", "c=simple/relaxed", "c=simple/simple",
		"c=relaxed", "c=simple", "xc=1", c.rarely("c=Relaxed/Simple", 4))
}

func (c corpus) domain() string {
	return c.one("d=example.com", "d=example.com", "d=example.com", "d=example.com", "d=example.com", "d=Example.com", "d=b\xc3\xbccher.example")
}

func (c corpus) names() string {
	names := []string{c.one("from", "From", "from:from")}
	for range c.IntN(7) {
		names = append(names, c.one("to", "subject", "Subject", "date", "x-a", "X-B", "received", "nothing", "dkim-signature", "list-id"))
	}
	return strings.Join(names, c.one(":", ":", " : ", ":\r\n "))
}

// change makes one change anywhere.
func (c corpus) change(raw string) string {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	switch c.IntN(10) {
	case 0, 1:
		body = c.edit(body)
	case 2, 3, 4:
		head = c.edit(head)
	case 5:
		body += c.one("\r\n", "x", " ", " \r\n", "\r\n\r\n", "x\r\n")
	case 6:
		fields := strings.Split(head, "\r\n")
		i := c.IntN(len(fields))
		fields = append(fields[:i], append([]string{c.one("To: x", "from: eve@example.com", "DKIM-Signature: v=1", "X-C: c", "Subject: x")}, fields[i:]...)...)
		head = strings.Join(fields, "\r\n")
	case 7:
		fields := strings.Split(head, "\r\n")
		head = strings.Join(append(fields[:1], fields[1+c.IntN(len(fields)):]...), "\r\n")
	case 8:
		old := c.one("b=", "; ", "example.com", "relaxed", "From", "a=", "=1", " ", "To:")
		head = strings.Replace(head, old, c.one(strings.ToUpper(old), old+" ", " "+old, "", old+"\r\n ", old+";"), 1)
	case 9:
		old := c.one("\r\n", " ", "lost", "\t")
		body = strings.Replace(body, old, c.one("", old+" ", " "+old, "\r\n"), 1+c.IntN(3))
	}
	return readable(head) + "\r\n\r\n" + body
}

// edit deletes, repeats or writes a byte.
func (c corpus) edit(s string) string {
	if s == "" {
		return c.one("\r\n", "x", " ")
	}
	i := c.IntN(len(s))
	switch c.IntN(3) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i] + s[i:i+1] + s[i:]
	}
	return s[:i] + c.one(" ", "a", "B", "=", ";", ":", "\t", "\x00", "7", "\xfe", "\r\n ") + s[i+1:]
}

// readable keeps the lines of a changed header fields: an MTA would end the
// header at the first line that is none. What LF ends is a line, too.
func readable(head string) string {
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(head, "\r\n", "\n"), "\n", "\r\n"), "\r\n")
	kept := lines[:0]
	for _, line := range lines {
		name, _, ok := strings.Cut(line, ":")
		folded := len(kept) > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"))
		if folded || ok && isFieldName(strings.TrimRight(name, " \t")) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\r\n")
}
