package spoof

import (
	"fmt"
	"strings"
)

const (
	// MaxFile bounds a spoofed-senders file, in bytes.
	MaxFile = 16 << 20

	// MaxEntries bounds the entries of a spoofed-senders file.
	MaxEntries = 1_000_000

	// maxErrors bounds the bad lines that are reported one by one, maxBadLines those
	// that are counted.
	maxErrors   = 20
	maxBadLines = 10_000
)

// A File is a spoofed-senders file: one entry per line as by ParseEntry, blank lines and
// notes. Lines end in LF or CRLF, and a byte order mark may come first. It is not
// changed once parsed: Put and Remove give a new text. The zero value is an empty file.
type File struct {
	Entries []FileEntry // in the order of the lines
	text    string
}

// A FileEntry is one line with an entry.
type FileEntry struct {
	Entry
	Line    int // from 1
	Repeat  int // the first line that says the same of the same pair, whatever its expiry; 0 for none before this
	Against int // the first line that blocks what this one allows, or allows what it blocks, of those before; 0 for none

	start, end int // the whole line, with its end
}

// A FileError is one mistake in a spoofed-senders file.
type FileError struct {
	File string
	Line int    // from 1; 0 when no line is to blame
	Text string // what is wrong; what to do
}

// Error is one line, FILE:LINE: TEXT.
func (e FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// FileErrors is what is wrong with a spoofed-senders file, in the order of the lines: up to
// 20 bad ones, then how many more there are.
type FileErrors []FileError

// Error is one line for each mistake.
func (e FileErrors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// ParseFile reads the text of a spoofed-senders file of at most MaxFile bytes and MaxEntries
// entries; file is its name for the error, which is always a FileErrors. Entries that
// repeat or contradict others are no error.
func ParseFile(text, file string) (*File, error) {
	if len(text) > MaxFile {
		return nil, FileErrors{{File: file, Text: fmt.Sprintf("is longer than %d bytes; is this the right file?", MaxFile)}}
	}
	p := fileParser{file: File{text: text}, name: file, seen: map[pairKey]int{}}
	start := len(text) - len(strings.TrimPrefix(text, byteOrderMark))
	for line := 1; start < len(text) && p.wrong < maxBadLines; line++ {
		end := len(text)
		if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
			end = start + i + 1
		}
		if err := p.parse(line, start, end); err != nil {
			p.report(line, err)
		}
		start = end
	}
	return p.result()
}

const byteOrderMark = "\ufeff"

// A fileParser collects the entries and the mistakes.
type fileParser struct {
	file  File
	name  string
	seen  map[pairKey]int // the first line of each
	errs  FileErrors
	wrong int // bad lines, reported or not
}

// parse reads the line that stands from start to end.
func (p *fileParser) parse(line, start, end int) error {
	words, note := splitNote(strings.TrimRight(p.file.text[start:end], "\r\n"))
	if len(words) == 0 {
		return nil
	}
	e, err := parseWords(words, note)
	switch {
	case err != nil:
		return err
	case len(p.file.Entries) == MaxEntries:
		return fmt.Errorf("is the entry after %d others; is this the right file?", MaxEntries)
	}
	key := e.key()
	opposite := key
	opposite.block = !e.Block
	p.file.Entries = append(p.file.Entries, FileEntry{
		Entry: e, Line: line, Repeat: p.seen[key], Against: p.seen[opposite], start: start, end: end,
	})
	if p.seen[key] == 0 {
		p.seen[key] = line
	}
	return nil
}

func (p *fileParser) report(line int, err error) {
	if p.wrong++; p.wrong <= maxErrors {
		p.errs = append(p.errs, FileError{File: p.name, Line: line, Text: err.Error()})
	}
}

func (p *fileParser) result() (*File, error) {
	if more := p.wrong - maxErrors; more > 0 {
		least := ""
		if p.wrong == maxBadLines {
			least = "at least "
		}
		p.errs = append(p.errs, FileError{File: p.name, Text: fmt.Sprintf("and %s%d more bad lines; is this the right file?", least, more)})
	}
	if p.wrong > 0 {
		return nil, p.errs
	}
	return &p.file, nil
}

// Size is the length of the text, in bytes.
func (f *File) Size() int { return len(f.text) }

// List makes the list of the entries.
func (f *File) List() *List {
	l := newList(len(f.Entries))
	for i := range f.Entries {
		l.add(f.Entries[i].Entry)
	}
	return l
}

// Remarks lists the entries that an earlier line makes needless or contradicts.
func (f *File) Remarks() []FileEntry {
	var remarks []FileEntry
	for i := range f.Entries {
		if e := &f.Entries[i]; e.Repeat > 0 || e.Against > 0 {
			remarks = append(remarks, *e)
		}
	}
	return remarks
}

// Remark is one line about an entry that Remarks lists, without the name of the file.
func (e FileEntry) Remark() string {
	switch {
	case e.Repeat > 0:
		return fmt.Sprintf("%s is on line %d already; remove one", e.Entry, e.Repeat)
	case e.Against > 0 && e.Block:
		return fmt.Sprintf("%s counts before line %d, which allows the same; remove one", e.Entry, e.Against)
	case e.Against > 0:
		return fmt.Sprintf("%s does not count: line %d blocks the same; remove one", e.Entry, e.Against)
	}
	return ""
}
