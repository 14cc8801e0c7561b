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

func (r *Results) write(f *folder, style Style) {
	if style != Microsoft {
		f.head(cleanText(r.AuthServID), cleanVersion(r.Version))
	}
	written := 0
	for i := range r.Results {
		method, value := cleanKeyword(r.Results[i].Method), cleanKeyword(r.Results[i].Value)
		if method == "" || value == "" {
			continue
		}
		if written > 0 {
			f.append(";")
		}
		written++
		f.newLine()
		f.method(method, cleanVersion(r.Results[i].Version), value)
		r.Results[i].writeDetails(f, style)
	}
	if written == 0 {
		f.word("none")
	}
}

// head writes the authserv-id and the version of the field, both clean.
func (f *folder) head(id, version string) {
	id = quoteValue(id)
	if version != "" {
		f.word(id)
		id = version
	}
	f.word(id, ";")
}

// method writes how a result begins, of clean parts.
func (f *folder) method(method, version, value string) {
	if version != "" {
		f.word(method, "/", version, "=", value)
	} else {
		f.word(method, "=", value)
	}
}

// writeDetails writes the rest of a result, as the words that must not be divided.
func (r *Result) writeDetails(f *folder, style Style) {
	if reason := cleanValue(r.Reason); reason != "" {
		f.word("reason=", quoteValue(reason))
	}
	f.comment(r.Comment)
	for i := range r.Properties {
		p := &r.Properties[i]
		ptype, name, ok := p.key(style)
		if !ok {
			continue
		}
		value := quotePValue(cleanValue(p.Value))
		if ptype != "" {
			f.word(ptype, ".", name, "=", value)
		} else {
			f.word(name, "=", value)
		}
		f.comment(p.Comment)
	}
}

// comment cleans a comment and writes its words.
func (f *folder) comment(text string) {
	if text = escapedComment(text); text == "" {
		return
	}
	before := "("
	for more := true; more; before = "" {
		var word string
		word, text, more = strings.Cut(text, " ")
		f.word(before, word)
	}
	f.append(")")
}
