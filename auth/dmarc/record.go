package dmarc

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of what is read and kept of a record.
const (
	maxRecord = 65535 // bytes of text; no DNS answer holds more
	maxIssues = 20    // Issues of one record
	maxQuoted = 40    // bytes of the record's text in one issue
)

// ErrNotDMARC is the error of a text that is no DMARC policy record: it does not
// begin with v=DMARC1 (RFC 9989 section 4.7). Such a text is ignored.
var ErrNotDMARC = errors.New("dmarc: not a DMARC policy record")

// A Record is a DMARC policy record (RFC 9989 section 4.7). What it does not
// say, or says wrongly, has the value that the RFC gives instead.
type Record struct {
	Text string // as published

	Policy            Policy // p; none also where section 4.10.1 says so
	SubdomainPolicy   Policy // sp; "" when not given
	NonExistentPolicy Policy // np; "" when not given
	Testing           bool   // t=y
	PSD               byte   // psd: 'y', 'n' or 'u'

	ADKIM, ASPF AlignmentMode

	RUA, RUF       []string // the valid URIs, without obsolete size limits, at most 100 each
	FailureOptions string   // fo, lower case: "0", "1:d:s"; "0" without ruf

	// NoProcessing tells that p is missing or invalid, or sp or np invalid, and
	// no valid rua makes up for it: the record was found, but DMARC is not
	// applied to the message (section 4.10.1). Policy, SubdomainPolicy and
	// NonExistentPolicy are none or "" then.
	NoProcessing bool

	Issues []string // what was ignored and why: printable ASCII, at most 20 lines
}

// ParseRecord reads the text of a TXT record, its strings joined. The error is
// ErrNotDMARC, or tells that the text is too long (65,535 bytes); any other
// mistake is listed in Issues and leaves the default.
//
// It is more lenient than the grammar of section 4.8 where DKIM's tag-value
// syntax, on which DMARC's is based, is: white space, also CR and LF, may
// surround any tag. Tag names are read in any letter case. Of tags with one
// name the first counts, valid or not.
func ParseRecord(text string) (*Record, error) {
	if len(text) > maxRecord {
		return nil, fmt.Errorf("dmarc: record of %d bytes, over %d", len(text), maxRecord)
	}
	rest, ok := afterVersion(text)
	if !ok {
		return nil, ErrNotDMARC
	}
	return parseTags(text, rest), nil
}

// parseTags reads the tags of a record, those behind the version.
func parseTags(text, rest string) *Record {
	p := recordParser{seen: tagV, Record: Record{
		Text: text, PSD: 'u', ADKIM: Relaxed, ASPF: Relaxed, FailureOptions: defaultFailureOptions,
	}}
	for more := rest != ""; more; {
		var spec string
		spec, rest, more = strings.Cut(rest, ";")
		p.tag(spec)
	}
	p.finish()
	return &p.Record
}

// afterVersion strips the version, which is the first tag and compared with
// case (RFC 9989 section 4.7), and the semicolon behind it.
func afterVersion(text string) (rest string, ok bool) {
	spec, rest, _ := strings.Cut(text, ";")
	name, value, ok := strings.Cut(spec, "=")
	return rest, ok && strings.EqualFold(trim(name), "v") && trim(value) == "DMARC1"
}

// trim strips the white space of DKIM's tag-value syntax (RFC 6376 section 3.2).
func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// A tagSet holds which tags were seen.
type tagSet uint16

// The tags of RFC 9989 section 9.3. The obsolete ones are ignored as unknown ones are.
const (
	tagV tagSet = 1 << iota
	tagP
	tagSP
	tagNP
	tagPSD
	tagT
	tagADKIM
	tagASPF
	tagFO
	tagRUA
	tagRUF
)

func tagNamed(name string) tagSet {
	switch name {
	case "v":
		return tagV
	case "p":
		return tagP
	case "sp":
		return tagSP
	case "np":
		return tagNP
	case "psd":
		return tagPSD
	case "t":
		return tagT
	case "adkim":
		return tagADKIM
	case "aspf":
		return tagASPF
	case "fo":
		return tagFO
	case "rua":
		return tagRUA
	case "ruf":
		return tagRUF
	}
	return 0
}

// A recordParser is a record that is being read.
type recordParser struct {
	Record
	seen      tagSet
	badPolicy bool // sp or np is there, but not valid
}

// tag reads one tag-spec, the text between two semicolons.
func (p *recordParser) tag(spec string) {
	spec = trim(spec)
	if spec == "" {
		return // a final semicolon, or two in a row
	}
	name, value, ok := strings.Cut(spec, "=")
	name, value = trim(name), trim(value)
	if !ok || name == "" {
		p.issue("%s is no tag", spec)
		return
	}
	tag := p.known(name)
	switch {
	case tag == 0:
	case p.seen&tag != 0:
		p.issue("%s is given twice: the first counts", name)
	default:
		p.seen |= tag
		p.set(tag, name, value)
	}
}

// known finds the tag of this name; 0 for one that is to be ignored.
func (p *recordParser) known(name string) tagSet {
	var lower string
	if len(name) <= len("adkim") { // the longest
		lower = strings.ToLower(name)
	}
	tag := tagNamed(lower)
	switch {
	case lower == "pct" || lower == "rf" || lower == "ri":
		p.issue("%s is obsolete and ignored", name)
	case tag == 0:
		p.issue("%s is an unknown tag and ignored", name)
	}
	return tag
}

// set gives a known tag its value; one that is not valid leaves the default.
func (p *recordParser) set(tag tagSet, name, value string) {
	switch tag {
	case tagRUA:
		p.RUA = p.uris(name, value)
		return
	case tagRUF:
		p.RUF = p.uris(name, value)
		return
	}
	if !p.setWord(tag, lowerShort(value)) {
		p.issue("%s=%s is not valid", name, value)
		p.badPolicy = p.badPolicy || tag == tagSP || tag == tagNP
	}
}

// setWord sets a tag whose value is one of few words; letter case does not
// matter (RFC 9989 section 4.8).
func (p *recordParser) setWord(tag tagSet, word string) (valid bool) {
	switch tag {
	case tagP:
		return setPolicy(&p.Policy, word)
	case tagSP:
		return setPolicy(&p.SubdomainPolicy, word)
	case tagNP:
		return setPolicy(&p.NonExistentPolicy, word)
	case tagADKIM:
		return setMode(&p.ADKIM, word)
	case tagASPF:
		return setMode(&p.ASPF, word)
	case tagT:
		p.Testing = word == "y"
		return word == "y" || word == "n"
	case tagPSD:
		if valid = word == "y" || word == "n" || word == "u"; valid {
			p.PSD = word[0]
		}
		return valid
	}
	if valid = validFailureOptions(word); valid {
		p.FailureOptions = word
	}
	return valid
}

func setPolicy(field *Policy, word string) (valid bool) {
	switch policy := Policy(word); policy {
	case PolicyNone, PolicyQuarantine, PolicyReject:
		*field = policy
		return true
	}
	return false
}

func setMode(field *AlignmentMode, word string) (valid bool) {
	if valid = word == "r" || word == "s"; valid {
		*field = AlignmentMode(word[0])
	}
	return valid
}

// lowerShort lower-cases a value; one that is too long to be any word is left as it is.
func lowerShort(value string) string {
	if len(value) > len("quarantine") {
		return value
	}
	return strings.ToLower(value)
}

// finish applies the rules that depend on several tags.
func (p *recordParser) finish() {
	if p.RUF == nil && p.seen&tagRUF == 0 && p.FailureOptions != defaultFailureOptions {
		p.FailureOptions = defaultFailureOptions
		p.issue("fo is ignored without ruf")
	}
	if p.Policy != "" && !p.badPolicy {
		return
	}
	p.Policy, p.SubdomainPolicy, p.NonExistentPolicy = PolicyNone, "", ""
	if len(p.RUA) > 0 {
		p.issue("without valid p, sp and np the policy is none")
		return
	}
	p.NoProcessing = true
	p.issue("without valid p, sp and np, and without a valid rua, DMARC is not applied")
}

// issue notes what was ignored. The arguments come from the record: each is cut
// and made printable.
func (p *recordParser) issue(format string, args ...string) {
	if len(p.Issues) >= maxIssues {
		return
	}
	quoted := make([]any, len(args))
	for i, arg := range args {
		quoted[i] = printable(arg)
	}
	p.Issues = append(p.Issues, fmt.Sprintf(format, quoted...))
}

// printable cuts text and replaces what is not printable ASCII.
func printable(text string) string {
	b := []byte(text[:min(len(text), maxQuoted)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	if len(text) > maxQuoted {
		b = append(b, "..."...)
	}
	return string(b)
}

const defaultFailureOptions = "0"

// validFailureOptions checks a dmarc-fo in lower case: each option at most once,
// and not both of 0 and 1 (RFC 9989 section 4.8).
func validFailureOptions(value string) bool {
	if len(value) > len("1:d:s") {
		return false
	}
	var seen [4]bool
	for option := range strings.SplitSeq(value, ":") {
		i := strings.Index("01ds", option)
		if len(option) != 1 || i < 0 || seen[i] {
			return false
		}
		seen[i] = true
	}
	return !(seen[0] && seen[1])
}
