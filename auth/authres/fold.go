package authres

import "strings"

// A line is folded before it is longer than maxLine bytes; a word alone may be.
const maxLine = 78

// A folder writes words with a space or a fold between them. The last word is held back, so that
// something can be appended to it.
type folder struct {
	text   strings.Builder
	column int
	start  bool // the line holds nothing yet
	held   []byte
	room   [128]byte // of held, at first
}

// newFolder begins a field; column is how much of its first line is taken.
func newFolder(column int) *folder {
	f := &folder{column: column}
	f.held = f.room[:0]
	f.text.Grow(512)
	return f
}

// word writes the parts as one word.
func (f *folder) word(parts ...string) {
	f.flush()
	f.append(parts...)
}

// append adds to the last word.
func (f *folder) append(parts ...string) {
	for _, part := range parts {
		f.held = append(f.held, part...)
	}
}

// flush writes the word that is held back, if there is one.
func (f *folder) flush() {
	if len(f.held) == 0 {
		return
	}
	switch {
	case f.text.Len() == 0 || f.start:
	case f.column+1+len(f.held) > maxLine:
		f.fold()
	default:
		f.text.WriteByte(' ')
		f.column++
	}
	f.text.Write(f.held)
	f.column += len(f.held)
	f.start, f.held = false, f.held[:0]
}

// newLine folds, if there is something before.
func (f *folder) newLine() {
	f.flush()
	if f.text.Len() > 0 {
		f.fold()
	}
}

func (f *folder) fold() {
	f.text.WriteString("\r\n ")
	f.column, f.start = 1, true
}

// String is what was written.
func (f *folder) String() string {
	f.flush()
	return f.text.String()
}
