package arc

import "strings"

// A SealersEdit is what Add, Remove or Set make of a trusted-sealers file. Every line
// that stays is as it was, byte for byte and in its place.
type SealersEdit struct {
	Text    string
	Added   []Sealer // in the order asked for, at the end of the text
	Removed []Sealer // in the order of the lines, each once
}

// Add puts the entries that are not in the file at its end.
func (f *SealersFile) Add(list ...Sealer) SealersEdit {
	return f.edit(nil, list)
}

// Remove takes out every line of the entries, with its comment.
func (f *SealersFile) Remove(list ...Sealer) SealersEdit {
	gone := IndexSealers(list)
	return f.edit(func(s Sealer) bool { return gone[s] }, nil)
}

// Set makes the file hold the entries and no others.
func (f *SealersFile) Set(list ...Sealer) SealersEdit {
	kept := IndexSealers(list)
	return f.edit(func(s Sealer) bool { return !kept[s] }, list)
}

// edit takes out the lines of the entries that are to go, and adds those of the
// list that are not there.
func (f *SealersFile) edit(goes func(Sealer) bool, list []Sealer) SealersEdit {
	var e SealersEdit
	var text strings.Builder
	seen := make(map[Sealer]bool, len(f.Entries)+len(list))
	copied := 0
	for _, entry := range f.Entries {
		if goes != nil && goes(entry.Sealer) {
			text.WriteString(f.text[copied:entry.start])
			copied = entry.end
			if !seen[entry.Sealer] {
				e.Removed = append(e.Removed, entry.Sealer)
			}
		}
		seen[entry.Sealer] = true
	}
	text.WriteString(f.text[copied:])
	for _, s := range list {
		if !seen[s] {
			e.Added = append(e.Added, s)
			seen[s] = true
		}
	}
	e.Text = appendLines(text.String(), f.newline(), e.Added)
	return e
}

// newline is how the lines of the file end: as the first does.
func (f *SealersFile) newline() string {
	if i := strings.IndexByte(f.text, '\n'); i > 0 && f.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// appendLines puts each entry on a line of its own at the end of the text.
func appendLines(text, newline string, entries []Sealer) string {
	if len(entries) == 0 {
		return text
	}
	var b strings.Builder
	b.WriteString(text)
	if text != "" && text != "\ufeff" && !strings.HasSuffix(text, "\n") {
		b.WriteString(newline)
	}
	for _, s := range entries {
		b.WriteString(s.String() + newline)
	}
	return b.String()
}
