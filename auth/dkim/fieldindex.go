package dkim

import "assay/auth/message"

// A FieldIndex finds the fields that signatures cover. It is safe for
// concurrent use.
type FieldIndex struct {
	lowest map[string]int // by name in lower case; -1: the header has none
	above  []int          // the next higher field of the same name, or -1
}

// NewFieldIndex indexes the fields that any of the lists of names has; the names
// are in lower case, as TagList.Names gives them. It reads the header once.
func NewFieldIndex(h message.Header, lists ...[]string) *FieldIndex {
	x := &FieldIndex{lowest: map[string]int{}, above: make([]int, len(h))}
	for _, names := range lists {
		for _, name := range names {
			x.lowest[name] = -1
		}
	}
	for i, f := range h {
		name := lowerASCII(trimName(f.Name))
		if above, ok := x.lowest[name]; ok {
			x.above[i] = above
			x.lowest[name] = i
		}
	}
	return x
}

// Pick lists the fields that a signature with these names in h= covers, in the
// order of the names and for each name from the lowest field up (RFC 6376
// section 5.4.2), as indexes of the header. Names without a field, or without
// another one, are skipped, and so is the signature's own field at index own,
// which h= never covers; -1: it is not in the header yet. For names that
// NewFieldIndex was not given it finds nothing.
func (x *FieldIndex) Pick(names []string, own int) []int {
	fields := make([]int, 0, len(names))
	next := make(map[string]int, len(names))
	for _, name := range names {
		i, ok := next[name]
		if !ok {
			i = x.lowestOf(name)
		}
		if i >= 0 && i == own {
			i = x.above[i]
		}
		if i >= 0 {
			fields = append(fields, i)
			i = x.above[i]
		}
		next[name] = i
	}
	return fields
}

func (x *FieldIndex) lowestOf(name string) int {
	if i, ok := x.lowest[name]; ok {
		return i
	}
	return -1
}
