package authres

import "strings"

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
	f := newFolder(len(fieldName))
	r.write(f, style)
	return f.String()
}

func (r Results) write(f *folder, style Style) {
	r = clean(r, style)
	if style != Microsoft {
		f.head(r)
	}
	if len(r.Results) == 0 {
		f.word("none")
	}
	for i := range r.Results {
		if i > 0 {
			f.append(";")
		}
		f.newLine()
		r.Results[i].write(f)
	}
}

func (f *folder) head(r Results) {
	id := quoteValue(r.AuthServID)
	if r.Version != "" {
		f.word(id)
		id = r.Version
	}
	f.word(id, ";")
}

// write writes a clean result, as the words that must not be divided.
func (r *Result) write(f *folder) {
	if r.Version != "" {
		f.word(r.Method, "/", r.Version, "=", r.Value)
	} else {
		f.word(r.Method, "=", r.Value)
	}
	if r.Reason != "" {
		f.word("reason=", quoteValue(r.Reason))
	}
	f.comment(r.Comment)
	for i := range r.Properties {
		p := &r.Properties[i]
		if p.Type != "" {
			f.word(p.Type, ".", p.Name, "=", quotePValue(p.Value))
		} else {
			f.word(p.Name, "=", quotePValue(p.Value))
		}
		f.comment(p.Comment)
	}
}

// comment writes the words of a clean comment.
func (f *folder) comment(clean string) {
	if clean == "" {
		return
	}
	before, rest := "(", escape(clean, `()\`)
	for more := true; more; before = "" {
		var word string
		word, rest, more = strings.Cut(rest, " ")
		f.word(before, word)
	}
	f.append(")")
}
