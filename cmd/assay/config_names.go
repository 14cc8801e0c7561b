package main

import (
	"slices"
	"strings"
)

// adviceOnKey says what an unknown key may have been meant as.
func adviceOnKey(path []string, table []option) string {
	leaf := plain(path[len(path)-1])
	if len(path) > 2 { // a dotted name below the header of another section
		if whole := strings.Join(path[1:], "."); slices.ContainsFunc(table, func(o option) bool { return o.name == whole }) {
			return "did you mean " + placed(whole) + "?"
		}
	}
	if advice := adviceOnForeign(leaf); advice != "" {
		return advice
	}
	if name := nearestKey(path, table); name != "" {
		if section, _ := splitName(name); len(path) > 1 && section == "" && plain(name) == leaf {
			return name + " goes at the top of the file, before the first section"
		}
		return "did you mean " + placed(name) + "?"
	}
	return "remove it (assay config show lists every key)"
}

// nearestKey looks in the key's own section first, then for the same key in
// another, then for one that is near there.
func nearestKey(path []string, table []option) string {
	section, leaf := "", path[len(path)-1]
	if len(path) > 1 {
		section = path[0]
	}
	var here, keys, names []string
	for _, o := range table {
		if o.section() == section {
			here = append(here, o.key())
		}
		keys = append(keys, o.key())
		names = append(names, o.name)
	}
	if i := slices.IndexFunc(keys, func(k string) bool { return plain(k) == plain(leaf) }); i >= 0 {
		return names[i]
	}
	if near := nearest(leaf, here); near != "" {
		return strings.TrimPrefix(section+"."+near, ".")
	}
	if near := nearest(strings.Join(path, "."), names); near != "" {
		return near
	}
	if near := nearest(leaf, keys); near != "" {
		return names[slices.Index(keys, near)]
	}
	return ""
}

// placed names a key and the section it stands in.
func placed(name string) string {
	section, key := splitName(name)
	if section == "" {
		return key
	}
	return key + " in [" + section + "]"
}

func splitName(name string) (section, key string) {
	section, key, found := strings.Cut(name, ".")
	if !found {
		return "", name
	}
	return section, key
}

// sectionNames lists the sections of the table.
func sectionNames(table []option) []string {
	var names []string
	for _, o := range table {
		if s := o.section(); s != "" && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return names
}

// showPath writes a key as in the file; parts that are no bare keys in quotes.
func showPath(path []string) string {
	shown := make([]string, len(path))
	for i, part := range path {
		bare := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
		}
		shown[i] = clip(part)
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !bare(r) }) {
			shown[i] = quoteTOML(clip(part))
		}
	}
	return strings.Join(shown, ".")
}
