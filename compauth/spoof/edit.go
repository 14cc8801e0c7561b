package spoof

import "strings"

// An Edit is what Put or Remove make of a spoofed-senders file. Every line that stays is as
// it was, byte for byte and in its place.
type Edit struct {
	Text    string
	Added   *Entry      // what Put wrote, in place of the first of Removed if there is any; nil: all is as it should be
	Removed []FileEntry // in the order of the lines
}

// Put makes the file say of the entry's pair what the entry says, and nothing else: it takes
// the place of the first entry for that pair, whether that allowed or blocked, and others for
// the pair go. Without one it comes at the end. An entry without a note keeps
// the note of the one that it replaces.
func (f *File) Put(e Entry) Edit {
	same := f.find(func(old *FileEntry) bool { return old.SamePair(e) })
	if len(same) == 0 {
		return Edit{Text: f.appended(e), Added: &e}
	}
	if e.Note == "" {
		e.Note = same[0].Note
	}
	if len(same) == 1 && same[0].Entry == e {
		return Edit{Text: f.text}
	}
	line := f.text[same[0].start:same[0].end]
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	end := line[len(strings.TrimRight(line, "\r\n")):]
	return Edit{Text: f.without(same, indent+e.Text()+end), Added: &e, Removed: same}
}

// Remove takes out every line with an entry that is meant, with its note.
func (f *File) Remove(meant func(Entry) bool) Edit {
	gone := f.find(func(old *FileEntry) bool { return meant(old.Entry) })
	return Edit{Text: f.without(gone, ""), Removed: gone}
}

// find lists the entries that are meant, in the order of the lines.
func (f *File) find(meant func(*FileEntry) bool) []FileEntry {
	var found []FileEntry
	for i := range f.Entries {
		if meant(&f.Entries[i]) {
			found = append(found, f.Entries[i])
		}
	}
	return found
}

// without is the text without the lines of the entries, and with another text in the
// place of the first of them.
func (f *File) without(gone []FileEntry, first string) string {
	var b strings.Builder
	copied := 0
	for i, e := range gone {
		b.WriteString(f.text[copied:e.start])
		if i == 0 {
			b.WriteString(first)
		}
		copied = e.end
	}
	b.WriteString(f.text[copied:])
	return b.String()
}

// appended is the text with the entry on a line of its own at the end.
func (f *File) appended(e Entry) string {
	newline := "\n"
	if i := strings.IndexByte(f.text, '\n'); i > 0 && f.text[i-1] == '\r' {
		newline = "\r\n"
	}
	text := f.text
	if text != "" && text != byteOrderMark && !strings.HasSuffix(text, "\n") {
		text += newline
	}
	return text + e.Text() + newline
}
