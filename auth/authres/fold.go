package authres

// A line is folded before it is longer than maxLine bytes; a word alone may be.
const maxLine = 78

// usualField is room for a field as most are, in bytes.
const usualField = 768

// A folder writes words with a space or a fold between them. The last word is held back, so that
// something can be appended to it.
type folder struct {
	text   []byte
	done   int  // where the word begins that is held back
	column int  // at done
	start  bool // the line holds nothing yet
}

// newFolder begins a field; column is how much of its first line is taken.
func newFolder(column int) *folder {
	return &folder{text: make([]byte, 0, usualField), column: column}
}

// word writes the parts as one word.
func (f *folder) word(parts ...string) {
	f.flush()
	f.append(parts...)
}

// append adds to the last word.
func (f *folder) append(parts ...string) {
	for _, part := range parts {
		f.text = append(f.text, part...)
	}
}

// flush writes the word that is held back, if there is one.
func (f *folder) flush() {
	word := len(f.text) - f.done
	if word == 0 {
		return
	}
	switch {
	case f.done == 0 || f.start:
	case f.column+1+word > maxLine:
		f.insert("\r\n ")
		f.column = 1
	default:
		f.insert(" ")
		f.column++
	}
	f.column += word
	f.done, f.start = len(f.text), false
}

// insert writes what stands before the word that is held back.
func (f *folder) insert(gap string) {
	f.text = append(f.text, gap...)
	copy(f.text[f.done+len(gap):], f.text[f.done:])
	copy(f.text[f.done:], gap)
}

// newLine folds, if there is something before.
func (f *folder) newLine() {
	f.flush()
	if f.done > 0 {
		f.text = append(f.text, "\r\n "...)
		f.done, f.column, f.start = len(f.text), 1, true
	}
}

// String is what was written.
func (f *folder) String() string {
	f.flush()
	return string(f.text)
}
