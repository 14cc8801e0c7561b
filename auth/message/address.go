package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	errTooMany = fmt.Errorf("more than %d mailboxes", maxMailboxes)
	errGap     = errors.New("white space or a comment inside an address")
)

// A parser reads one From field. Its methods stop at the first text that
// programs may read differently.
type parser struct {
	r      *reading
	finder finder
	text   string
	tokens []token // the last is end
	i      int     // the next one
	group  bool    // between : and ;
}

func (p *parser) peek() kind { return p.tokens[p.i].kind }

// list reads an address-list, its empty elements included (RFC 5322 section
// 4.4, RFC 6854).
func (p *parser) list() error {
	for {
		var err error
		switch p.peek() {
		case end:
			if p.group {
				return errors.New("group without an end")
			}
			return nil
		case ',':
			p.i++
		case ';':
			err = p.groupEnd()
		default:
			err = p.mailbox()
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) groupEnd() error {
	if !p.group {
		return errors.New("semicolon outside a group")
	}
	p.group = false
	p.i++
	return p.separator()
}

// separator makes sure that nothing follows a complete element.
func (p *parser) separator() error {
	switch p.peek() {
	case ',', end:
		return nil
	case ';':
		if p.group {
			return nil
		}
	}
	return fmt.Errorf("text after an address: %.40q", p.text[p.tokens[p.i].from:])
}

// mailbox reads a mailbox, or the name of a group and its colon.
func (p *parser) mailbox() error {
	words := p.words()
	switch p.peek() {
	case '<':
		if err := p.phrase(words); err != nil {
			return err
		}
		return p.angle()
	case ':':
		if p.group || len(words) == 0 {
			return errors.New("colon outside a group")
		}
		p.group = true
		p.i++
		return p.phrase(words)
	case ',', ';', end:
		return p.addrSpec(words)
	}
	return errors.New("> without <")
}

// words takes all tokens that may belong to a phrase or an address.
func (p *parser) words() []token {
	start := p.i
	for {
		switch p.peek() {
		case atom, quoted, literal, '.', '@':
			p.i++
		default:
			return p.tokens[start:p.i]
		}
	}
}

// angle reads an angle-addr.
func (p *parser) angle() error {
	p.i++
	words := p.words()
	if p.peek() != '>' {
		return fmt.Errorf("no address in <>: %.40q", p.text[p.tokens[p.i].from:])
	}
	if err := p.addrSpec(words); err != nil {
		return err
	}
	if p.tokens[p.i].comment || words[0].comment {
		return errGap
	}
	p.i++
	return p.separator()
}

// phrase lists the domains of the addresses in a display name, outside of its
// quoted strings: "a@good.example <b@evil.example>".
func (p *parser) phrase(words []token) error {
	for i, t := range words {
		if t.kind != '@' {
			continue
		}
		if err := p.phraseAddress(words, i); err != nil {
			return err
		}
	}
	return nil
}

// phraseAddress lists the domain of the address around words[at].
func (p *parser) phraseAddress(words []token, at int) error {
	first, last := at, at
	for first > 0 && !words[first].space && words[first-1].kind != '@' {
		first--
	}
	for last+1 < len(words) && !words[last+1].space && words[last+1].kind != '@' {
		last++
	}
	domain, err := p.dotAtom(words[at+1 : last+1])
	if err == nil {
		// 'a@good.example' and =?utf-8?q?a@good.example?= are common.
		domain, err = ToASCII(strings.TrimRight(domain, "'?="))
	}
	if err != nil || first == at {
		return fmt.Errorf("@ in a display name: %.40q", p.text[words[at].from:])
	}
	local := p.text[words[first].from:words[at].from]
	p.r.addFound(domain, local)
	p.r.salvageAt(&p.finder, int(words[at].to), local) // white space or a comment may be no end
	return nil
}

// addrSpec reads an addr-spec (RFC 5322 section 3.4.1) and lists its domain.
func (p *parser) addrSpec(words []token) error {
	if p.r.mailboxes++; p.r.mailboxes > maxMailboxes {
		return errTooMany
	}
	at := 0
	for at < len(words) && words[at].kind != '@' {
		at++
	}
	if at == 0 || at >= len(words)-1 {
		return errors.New("no address")
	}
	for _, t := range words[1:] {
		if t.space {
			return errGap
		}
	}
	local := p.text[words[0].from:words[at].from]
	if err := checkLocal(words[:at], local); err != nil {
		return err
	}
	domain, err := p.dotAtom(words[at+1:])
	if err != nil {
		return err
	}
	if domain, err = ToASCII(domain); err != nil {
		return err
	}
	p.r.add(newAuthor(domain, local))
	return nil
}

// dotAtom is the text of a domain that consists of nothing else.
func (p *parser) dotAtom(words []token) (string, error) {
	for _, t := range words {
		if t.kind != atom && t.kind != '.' {
			return "", fmt.Errorf("no domain: %.40q", p.text[t.from:])
		}
	}
	if len(words) == 0 || words[len(words)-1].kind == '.' {
		return "", errors.New("no domain, or a dot at its end")
	}
	return p.text[words[0].from:words[len(words)-1].to], nil
}

// checkLocal refuses local parts that a program may show as something else, or
// divide otherwise.
func checkLocal(words []token, text string) error {
	for i, t := range words {
		if t.kind == literal || i > 0 && t.kind != '.' && words[i-1].kind != '.' {
			return fmt.Errorf("malformed local part: %.40q", text)
		}
	}
	ascii := IsASCII(text)
	switch {
	case !ascii && !utf8.ValidString(text):
		return fmt.Errorf("local part is no UTF-8: %.40q", text)
	case hasEncodedWord(text):
		return errors.New("encoded word in an address")
	case strings.IndexByte(text, '@') >= 0, !ascii && strings.ContainsAny(text, "\uff20\ufe6b"):
		return fmt.Errorf("@ in a local part: %.40q", text)
	case !ascii && strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }):
		return fmt.Errorf("text direction changes in a local part: %.40q", text)
	}
	return nil
}

// hasEncodedWord also takes what only resembles an encoded word (RFC 2047): it
// must not stand in an address (section 5).
func hasEncodedWord(s string) bool {
	_, rest, found := strings.Cut(s, "=?")
	return found && strings.Contains(rest, "?=")
}
