package authres

import "strings"

// A line is folded before it is longer than maxLine bytes; a word alone may be.
const maxLine = 78

// A folder writes words with a space or a fold between them.
type folder struct {
	text   strings.Builder
	column int
	start  bool // the line holds nothing yet
}

func (f *folder) word(w string) {
	switch {
	case f.text.Len() == 0 || f.start:
	case f.column+1+len(w) > maxLine:
		f.newLine()
	default:
		f.text.WriteByte(' ')
		f.column++
	}
	f.text.WriteString(w)
	f.column += len(w)
	f.start = false
}

func (f *folder) newLine() {
	f.text.WriteString("\r\n ")
	f.column, f.start = 1, true
}
