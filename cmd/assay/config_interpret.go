package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxMistakes bounds how many mistakes are reported.
const maxMistakes = 200

// tooMany ends a report that is not complete.
const tooMany = "too many mistakes; correct those above first"

// hostnameWord as authserv_id is this host's name.
const hostnameWord = "HOSTNAME"

// An interpreter fills a Config from a document and collects what is wrong.
type interpreter struct {
	config   *Config
	data     []byte
	lines    lineStarts
	table    []option
	section  []string        // of the keys to come
	unknown  bool            // the section is unknown: its keys are passed over
	sections map[string]int  // where each section begins
	keys     map[string]int  // where each key is set
	wrong    map[string]bool // keys whose value is not valid
	mistakes []mistake
}

func newInterpreter(c *Config, data []byte) *interpreter {
	data = withoutByteOrderMark(data)
	return &interpreter{
		config:   c,
		data:     data,
		lines:    newLineStarts(data),
		table:    options(),
		sections: map[string]int{},
		keys:     map[string]int{},
		wrong:    map[string]bool{},
	}
}

// interpret reads the whole document.
func (in *interpreter) interpret() {
	all, wrong := parseTOML(in.data)
	foreign := map[string]bool{}
	if len(wrong) > 0 {
		foreign = foreignNames()
	}
	for _, m := range wrong {
		in.mistakes = append(in.mistakes, in.recognized(m, foreign))
	}
	for _, e := range all {
		if len(in.mistakes) > maxMistakes {
			return
		}
		if e.header {
			in.begin(e)
			continue
		}
		in.set(slices.Concat(in.section, e.path), e)
	}
	in.confirm()
}

// recognized is a mistake of syntax as it is reported: of a line of another program's config, what its option is here.
func (in *interpreter) recognized(m mistake, foreign map[string]bool) mistake {
	ours := func(o option) bool { return o.name == m.first || o.key() == m.first }
	if slices.ContainsFunc(in.table, ours) || !foreign[plain(m.first)] {
		return m
	}
	return mistake{offset: m.offset, key: showPath([]string{m.first}), text: "unknown key, and no TOML; " + adviceOnKey([]string{m.first}, in.table)}
}

// confirm has the TOML library decode the document once more: what the rules
// of TOML forbid beyond its syntax is found there.
func (in *interpreter) confirm() {
	if len(in.mistakes) > 0 {
		return
	}
	var document map[string]any
	err := toml.Unmarshal(in.data, &document)
	var decodeErr *toml.DecodeError
	switch {
	case errors.As(err, &decodeErr):
		line, column := decodeErr.Position()
		offset := in.lines[line-1] + column - 1
		in.report(offset, "", strings.TrimPrefix(decodeErr.Error(), "toml: ")+"; correct this line")
	case err != nil:
		in.report(0, "", err.Error()+"; correct the file")
	}
}

// begin starts a section.
func (in *interpreter) begin(e expression) {
	in.section, in.unknown = e.path, false
	name, shown := strings.Join(e.path, "."), showPath(e.path)
	known := sectionNames(in.table)
	at, again := in.sections[name]
	switch {
	case e.broken:
		in.unknown = !slices.Contains(known, name)
	case !slices.Contains(known, name):
		in.beginUnknown(e, shown, known)
	case e.list:
		in.report(e.offset, shown, fmt.Sprintf("is a section, not a list; write [%s]", name))
	case again:
		line, _ := in.lines.position(at)
		in.report(e.offset, shown, fmt.Sprintf("the section begins on line %d already; move these keys there", line))
	default:
		in.beginLate(e, name, shown)
	}
	if !again {
		in.sections[name] = e.offset
	}
}

// beginLate reports a section that a dotted key before it has begun: TOML has no two places for one.
func (in *interpreter) beginLate(e expression, name, shown string) {
	first, key := -1, ""
	for k, offset := range in.keys {
		if section, leaf := splitName(k); section == name && (first < 0 || offset < first) {
			first, key = offset, leaf
		}
	}
	if first >= 0 {
		line, _ := in.lines.position(first)
		in.report(e.offset, shown, fmt.Sprintf("the section begins here, but line %d has a key of it; move that below this line as %s = …", line, key))
	}
}

// beginUnknown reports a section of no known name. Its keys are still checked
// when it is clear which section was meant.
func (in *interpreter) beginUnknown(e expression, shown string, known []string) {
	in.unknown = true
	name := strings.Join(e.path, ".")
	if slices.ContainsFunc(in.table, func(o option) bool { return o.name == name }) {
		in.report(e.offset, shown, "is a key, not a section; write "+e.path[len(e.path)-1]+" = …")
		return
	}
	near := ""
	if len(e.path) == 1 {
		near = nearest(name, known)
	}
	if near == "" {
		in.report(e.offset, shown, "unknown section; there is ["+strings.Join(known, "], [")+"]")
		return
	}
	in.report(e.offset, shown, fmt.Sprintf("unknown section; did you mean [%s]?", near))
	in.section, in.unknown = []string{near}, false
}

// set takes one key; path is its name with the section.
func (in *interpreter) set(path []string, e expression) {
	name, shown := strings.Join(path, "."), showPath(path)
	if in.unknown {
		return
	}
	i := slices.IndexFunc(in.table, func(o option) bool { return slices.Equal(o.path(), path) })
	section := len(path) == 1 && slices.Contains(sectionNames(in.table), name)
	switch {
	case i >= 0:
		in.setOption(&in.table[i], e)
	case section && e.value.kind == unstable.InlineTable:
		for _, inner := range e.value.table {
			in.set(slices.Concat(path, inner.path), inner)
		}
	case section:
		in.report(e.offset, shown, fmt.Sprintf("is a section, not a key; write [%s] on a line of its own", name))
	default:
		in.report(e.offset, shown, "unknown key; "+adviceOnKey(path, in.table))
	}
}

// setOption gives an option its value.
func (in *interpreter) setOption(o *option, e expression) {
	if at, again := in.keys[o.name]; again {
		line, _ := in.lines.position(at)
		in.report(e.offset, o.name, fmt.Sprintf("is set on line %d already; remove one", line))
	} else {
		in.keys[o.name] = e.offset
	}
	for _, m := range o.set(in.config, e.value) {
		if o.secret {
			m.text = "the value is not valid; write " + o.values
		}
		in.wrong[o.name] = true
		in.report(m.offset, o.name, m.text)
	}
}

// report adds a mistake, unless there are very many.
func (in *interpreter) report(offset int, key, text string) {
	switch n := len(in.mistakes); {
	case n < maxMistakes:
		in.mistakes = append(in.mistakes, mistake{offset: offset, key: key, text: text})
	case n == maxMistakes:
		in.mistakes = append(in.mistakes, mistake{offset: offset, text: tooMany})
	}
}

// finish resolves the host's name and checks what depends on several keys.
func (in *interpreter) finish(hostname func() (string, error)) {
	c := in.config
	if strings.EqualFold(c.AuthServID, hostnameWord) {
		name, err := hostAuthServID(hostname)
		if err != nil {
			in.reportKey("authserv_id", err.Error())
		}
		c.AuthServID = name
	}
	if in.good("authserv_id", "trusted_authserv_ids") && slices.Contains(c.TrustedAuthServIDs, strings.ToLower(c.AuthServID)) {
		in.reportKey("trusted_authserv_ids", fmt.Sprintf("%s is our own authserv_id, whose fields are forged when they arrive; remove it", display(c.AuthServID)))
	}
	if in.good("dns.timeout", "milter.message_timeout") && c.DNS.Timeout > c.Milter.MessageTimeout {
		in.reportOrder("dns.timeout", "milter.message_timeout", formatDuration(c.DNS.Timeout), formatDuration(c.Milter.MessageTimeout))
	}
	if in.good("dns.min_ttl", "dns.max_ttl") && c.DNS.MinTTL > c.DNS.MaxTTL {
		in.reportOrder("dns.min_ttl", "dns.max_ttl", formatDuration(c.DNS.MinTTL), formatDuration(c.DNS.MaxTTL))
	}
	in.finishSeal()
}

// finishSeal asks for what sealing needs.
func (in *interpreter) finishSeal() {
	c := in.config.ARC
	if !c.Seal || in.wrong["arc.seal"] {
		return
	}
	var missing []string
	for _, needed := range []struct{ key, value string }{
		{"arc.domain", c.Domain}, {"arc.selector", c.Selector}, {"arc.key_file", c.KeyFile},
	} {
		if needed.value == "" && !in.wrong[needed.key] {
			missing = append(missing, needed.key)
		}
	}
	if len(missing) > 0 {
		in.reportKey("arc.seal", "needs "+strings.Join(missing, ", ")+", too; write them, or seal = false")
	}
}

// good tells whether the values of both keys are as the file means them.
func (in *interpreter) good(one, other string) bool {
	return !in.wrong[one] && !in.wrong[other]
}

// reportOrder reports that less is more than more, where the file sets either.
func (in *interpreter) reportOrder(less, more, lessIs, moreIs string) {
	key := less
	if _, set := in.keys[less]; !set {
		key = more
	}
	in.reportKey(key, fmt.Sprintf("%s = %q is more than %s = %q; change one of them", less, lessIs, more, moreIs))
}

// reportKey reports a mistake where the file sets the key, if it does.
func (in *interpreter) reportKey(key, text string) {
	offset, set := in.keys[key]
	if !set {
		offset = -1
	}
	in.report(offset, key, text)
}

// hostAuthServID makes an authserv-id of this host's name.
func hostAuthServID(hostname func() (string, error)) (string, error) {
	name, err := hostname()
	if err != nil {
		return "", fmt.Errorf("this host's name is not known (%w); write a name", err)
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := parseAuthServID(name); err != nil {
		return "", fmt.Errorf("this host's name is %s, which can't be used; write a name such as \"mx.example.org\"", display(name))
	}
	return name, nil
}

// lineNumbers tells the line of each key that is set.
func (in *interpreter) lineNumbers() map[string]int {
	lines := make(map[string]int, len(in.keys))
	for name, offset := range in.keys {
		lines[name], _ = in.lines.position(offset)
	}
	return lines
}
