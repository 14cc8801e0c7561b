package authres

const fieldName = "Authentication-Results: "

// Format is the value of the Authentication-Results field, without the name,
// the space after it and the final CRLF. It is folded with CRLF and one space
// so that no line is over 78 bytes, the first counted with the name, unless a
// single value is; each result begins a line. No line reaches 998 bytes.
//
// Whatever r holds, Parse reads the same values back, but for this. Controls,
// line separators and text direction marks are taken out, invalid UTF-8 becomes
// "?", values are cut at 255 bytes and comments at 1000.
//
// Many readers know no quotes and no comments: they cut a field at ";", "=" and
// white space, or search it for "dkim=pass". For them ";", "=", "(" and ")", and
// what Unicode normalization turns into one, become "?" in values and reasons; an
// address that needs no quotes keeps "=", as in bounce+joe=example.org@fabrikam.com.
// In comments ";" becomes "," and white space one space. In both a "=" before a
// word with "pass" in it always becomes "?".
//
// Methods, results, ptypes and property names are written in lower case; a result
// or property for which one of them is no Keyword is left out, and so is a version
// that is no number of at most nine digits. The RFC8601 style leaves out properties
// without a ptype; the Microsoft style leaves out the authserv-id and its version.
func (r Results) Format(style Style) string {
	f := folder{column: len(fieldName)}
	f.text.Grow(512)
	r.write(&f, style)
	return f.text.String()
}

func (r Results) write(f *folder, style Style) {
	r = clean(r, style)
	if style != Microsoft {
		f.head(r)
	}
	if len(r.Results) == 0 {
		f.word("none")
	}
	for i, res := range r.Results {
		words := res.words()
		if i < len(r.Results)-1 {
			words[len(words)-1] += ";"
		}
		if f.text.Len() > 0 {
			f.newLine()
		}
		for _, w := range words {
			f.word(w)
		}
	}
}

func (f *folder) head(r Results) {
	id := quoteValue(r.AuthServID)
	if r.Version != "" {
		f.word(id)
		id = r.Version
	}
	f.word(id + ";")
}

// words are the parts of a clean result that must not be divided.
func (r Result) words() []string {
	method := r.Method
	if r.Version != "" {
		method += "/" + r.Version
	}
	words := []string{method + "=" + r.Value}
	if r.Reason != "" {
		words = append(words, "reason="+quoteValue(r.Reason))
	}
	words = appendComment(words, r.Comment)
	for _, p := range r.Properties {
		name := p.Name
		if p.Type != "" {
			name = p.Type + "." + name
		}
		words = append(words, name+"="+quotePValue(p.Value))
		words = appendComment(words, p.Comment)
	}
	return words
}

func appendComment(words []string, comment string) []string {
	if comment == "" {
		return words
	}
	return append(words, commentWords(comment)...)
}
