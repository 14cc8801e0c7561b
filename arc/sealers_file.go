package arc

import (
	"fmt"
	"strings"
)

const (
	// MaxSealersFile bounds a trusted-sealers file, in bytes.
	MaxSealersFile = 16 << 20

	// MaxSealersEntries bounds the entries of a trusted-sealers file.
	MaxSealersEntries = 1_000_000

	// maxSealersErrors bounds the bad lines that are reported one by one,
	// maxBadLines those that are counted.
	maxSealersErrors = 20
	maxBadLines      = 10_000
)

// A SealersFile is a trusted-sealers file: one entry per line as by ParseSealer, blank
// lines, and comments from "#" to the end of a line. Lines end in LF or CRLF, and a
// byte order mark may come first. It is not changed once parsed: Add, Remove
// and Set give a new text. The zero value is an empty file.
type SealersFile struct {
	Entries []SealersEntry // in the order of the lines
	text    string
}

// A SealersEntry is one line with an entry.
type SealersEntry struct {
	Sealer
	Line   int // from 1
	Repeat int // the line that has this entry already; 0 for none

	start, end int // the whole line, with its end
}

// A SealersError is one mistake in a trusted-sealers file.
type SealersError struct {
	File string
	Line int    // from 1; 0 when no line is to blame
	Text string // what is wrong; what to do
}

// Error is one line, FILE:LINE: TEXT.
func (e SealersError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// SealersErrors is what is wrong with a trusted-sealers file, in the order of the
// lines: up to 20 bad ones, then how many more there are.
type SealersErrors []SealersError

// Error is one line for each mistake.
func (e SealersErrors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// ParseSealersFile reads the text of a trusted-sealers file of at most
// MaxSealersFile bytes and MaxSealersEntries entries; file is its name for the
// error, which is always a SealersErrors. An entry that is there twice is no error.
func ParseSealersFile(text, file string) (*SealersFile, error) {
	if len(text) > MaxSealersFile {
		return nil, SealersErrors{{File: file, Text: fmt.Sprintf("is longer than %d bytes; is this the right file?", MaxSealersFile)}}
	}
	p := sealersParser{file: SealersFile{text: text}, name: file, seen: map[Sealer]int{}}
	start := len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	for line := 1; start < len(text) && p.wrong < maxBadLines; line++ {
		end := lineEnd(text, start)
		p.parse(line, start, end)
		start = end
	}
	return p.result()
}

// lineEnd is where the line after the one at start begins.
func lineEnd(text string, start int) int {
	if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
		return start + i + 1
	}
	return len(text)
}

// A sealersParser collects the entries and the mistakes.
type sealersParser struct {
	file  SealersFile
	name  string
	seen  map[Sealer]int // the line of each entry
	errs  SealersErrors
	wrong int // bad lines, reported or not
}

// parse reads the line that stands from start to end.
func (p *sealersParser) parse(line, start, end int) {
	entry, _, _ := strings.Cut(p.file.text[start:end], "#")
	entry = strings.Trim(entry, " \t\r\n")
	if entry == "" {
		return
	}
	s, err := ParseSealer(entry)
	if err == nil && len(p.file.Entries) == MaxSealersEntries {
		err = fmt.Errorf("is the entry after %d others; is this the right file?", MaxSealersEntries)
	}
	if err != nil {
		p.report(line, err)
		return
	}
	p.file.Entries = append(p.file.Entries, SealersEntry{Sealer: s, Line: line, Repeat: p.seen[s], start: start, end: end})
	if p.seen[s] == 0 {
		p.seen[s] = line
	}
}

func (p *sealersParser) report(line int, err error) {
	if p.wrong++; p.wrong <= maxSealersErrors {
		p.errs = append(p.errs, SealersError{File: p.name, Line: line, Text: err.Error()})
	}
}

func (p *sealersParser) result() (*SealersFile, error) {
	if more := p.wrong - maxSealersErrors; more > 0 {
		least := ""
		if p.wrong == maxBadLines {
			least = "at least "
		}
		p.errs = append(p.errs, SealersError{File: p.name, Text: fmt.Sprintf("and %s%d more bad lines; is this the right file?", least, more)})
	}
	if p.wrong > 0 {
		return nil, p.errs
	}
	return &p.file, nil
}

// Size is the length of the text, in bytes.
func (f *SealersFile) Size() int { return len(f.text) }

// Sealers lists the entries.
func (f *SealersFile) Sealers() []Sealer {
	list := make([]Sealer, len(f.Entries))
	for i, e := range f.Entries {
		list[i] = e.Sealer
	}
	return list
}

// Repeats lists the entries that are on an earlier line already.
func (f *SealersFile) Repeats() []SealersEntry {
	var repeats []SealersEntry
	for _, e := range f.Entries {
		if e.Repeat > 0 {
			repeats = append(repeats, e)
		}
	}
	return repeats
}
