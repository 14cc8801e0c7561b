package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// An option is one key of the config. The same table is read by the parser, by
// "assay config show", and by what generates the documentation.
type option struct {
	name      string              // with its section: "dns.timeout"
	byDefault any                 // a string, bool, int64 or []string
	values    string              // what it takes, in a few words
	doc       string              // one line, with its unit and limits
	secret    bool                // the value is never printed, not in errors either
	redact    func(string) string // of a secret text, what config show may print; nil: nothing
	kind
}

// A kind is how the values of an option are set and shown.
type kind struct {
	set func(*Config, value) []mistake // mistakes without their key
	get func(*Config) any              // of the type of byDefault
}

// section is the part of the name before the last dot; "" at the top.
func (o *option) section() string {
	section, _, found := strings.Cut(o.name, ".")
	if !found {
		return ""
	}
	return section
}

// key is the name without the section.
func (o *option) key() string {
	return strings.TrimPrefix(o.name, o.section()+".")
}

// path is the name as TOML divides it.
func (o *option) path() []string {
	if o.section() == "" {
		return []string{o.name}
	}
	return []string{o.section(), o.key()}
}

// boolean is an option that is true or false.
func boolean(field func(*Config) *bool) kind {
	return kind{
		set: func(c *Config, v value) []mistake {
			if v.kind != unstable.Bool {
				return wrongKind(v, "true or false")
			}
			*field(c) = v.text == "true"
			return nil
		},
		get: func(c *Config) any { return *field(c) },
	}
}

// integer is an option that is a number from low to high.
func integer(low, high int64, field func(*Config) *int) kind {
	return kind{
		set: func(c *Config, v value) []mistake {
			if v.kind != unstable.Integer {
				return wrongKind(v, fmt.Sprintf("a number from %d to %d", low, high))
			}
			n, err := strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 0, 64)
			if err != nil || n < low || n > high {
				return v.mistake("%s is out of range; write a number from %d to %d", clip(v.text), low, high)
			}
			*field(c) = int(n)
			return nil
		},
		get: func(c *Config) any { return int64(*field(c)) },
	}
}

// single is an option that is written as a string: parse reads it and format
// writes what parse would read as the same.
func single[T any](example string, parse func(string) (T, error), format func(T) string, field func(*Config) *T) kind {
	return kind{
		set: func(c *Config, v value) []mistake {
			if v.kind != unstable.String {
				return wrongKind(v, "a string such as "+quoteTOML(example))
			}
			parsed, err := parse(v.text)
			if err != nil {
				return v.mistake("%v", err)
			}
			*field(c) = parsed
			return nil
		},
		get: func(c *Config) any { return format(*field(c)) },
	}
}

// multiple is an option that is a list of strings, no two with the same
// meaning, at least least of them.
func multiple[T comparable](example string, least int, parse func(string) (T, error), format func(T) string, field func(*Config) *[]T) kind {
	return kind{
		set: func(c *Config, v value) []mistake {
			if v.kind != unstable.Array {
				return wrongKind(v, "a list such as ["+quoteTOML(example)+"]")
			}
			if len(v.items) < least {
				return v.mistake("is empty; write at least one, such as [%s]", quoteTOML(example))
			}
			list, wrong := parseItems(v.items, example, parse)
			if len(wrong) == 0 {
				*field(c) = list
			}
			return wrong
		},
		get: func(c *Config) any {
			texts := make([]string, len(*field(c)))
			for i, item := range *field(c) {
				texts[i] = format(item)
			}
			return texts
		},
	}
}

// parseItems reads the strings of a list.
func parseItems[T comparable](items []value, example string, parse func(string) (T, error)) (list []T, wrong []mistake) {
	seen := make(map[T]bool, len(items))
	for _, v := range items {
		if v.kind != unstable.String {
			wrong = append(wrong, wrongKind(v, "a string such as "+quoteTOML(example))...)
			continue
		}
		item, err := parse(v.text)
		switch {
		case err != nil:
			wrong = append(wrong, v.mistake("%v", err)...)
		case seen[item]:
			wrong = append(wrong, v.mistake("%s is in the list twice; remove one", display(v.text))...)
		}
		seen[item] = true
		list = append(list, item)
	}
	return list, wrong
}

// mistake is one mistake at the place of the value.
func (v value) mistake(format string, args ...any) []mistake {
	return []mistake{{offset: v.offset, text: fmt.Sprintf(format, args...)}}
}

func wrongKind(v value, want string) []mistake {
	return v.mistake("is %s; write %s", kindName(v.kind), want)
}

// kindName names a kind of TOML value with its article.
func kindName(k unstable.Kind) string {
	switch k {
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "true or false"
	case unstable.Integer:
		return "a number without quotes"
	case unstable.Float:
		return "a number with a fraction"
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a section"
	default:
		return "a date or time"
	}
}

// literal is the TOML value of a default.
func literal(x any) value {
	switch x := x.(type) {
	case string:
		return value{kind: unstable.String, text: x, offset: -1}
	case bool:
		return value{kind: unstable.Bool, text: strconv.FormatBool(x), offset: -1}
	case int64:
		return value{kind: unstable.Integer, text: strconv.FormatInt(x, 10), offset: -1}
	case []string:
		v := value{kind: unstable.Array, offset: -1}
		for _, item := range x {
			v.items = append(v.items, literal(item))
		}
		return v
	}
	return value{offset: -1}
}

// formatTOML writes a value as in the config.
func formatTOML(x any) string {
	switch x := x.(type) {
	case string:
		return quoteTOML(x)
	case []string:
		quoted := make([]string, len(x))
		for i, item := range x {
			quoted[i] = quoteTOML(item)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(x)
	}
}

// quoteTOML writes a basic string on one line.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
