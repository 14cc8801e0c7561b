package dkim

import (
	"slices"

	"assay/auth/message"
)

// A FieldIndex finds the fields that signatures cover. It is safe for
// concurrent use.
type FieldIndex struct {
	slots  map[string]int // of each name in lower case
	lowest []int          // the lowest field, by slot; -1: the header has none
	above  []int          // the next higher field of the same name, or -1
}

// NewFieldIndex indexes the fields that any of the lists of names has; the names
// are in lower case, as TagList.Names gives them. It reads the header once.
func NewFieldIndex(h message.Header, lists ...[]string) *FieldIndex {
	x := &FieldIndex{slots: map[string]int{}, above: make([]int, len(h))}
	for _, names := range lists {
		for _, name := range names {
			if _, ok := x.slots[name]; !ok {
				x.slots[name] = len(x.lowest)
				x.lowest = append(x.lowest, -1)
			}
		}
	}
	for i := range h {
		if slot, ok := x.slot(h[i].Name); ok {
			x.above[i] = x.lowest[slot]
			x.lowest[slot] = i
		}
	}
	return x
}

// slot finds the name of a field, without garbage unless it is long.
func (x *FieldIndex) slot(name string) (slot int, ok bool) {
	var room [64]byte
	slot, ok = x.slots[string(appendLower(room[:0], trimName(name)))]
	return slot, ok
}

// Pick lists the fields that a signature with these names in h= covers, in the
// order of the names and for each name from the lowest field up (RFC 6376
// section 5.4.2), as indexes of the header. Names without a field, or without
// another one, are skipped, and so is the signature's own field at index own,
// which h= never covers; -1: it is not in the header yet. For names that
// NewFieldIndex was not given it finds nothing.
func (x *FieldIndex) Pick(names []string, own int) []int {
	fields := make([]int, 0, len(names))
	next := slices.Clone(x.lowest)
	for _, name := range names {
		slot, ok := x.slots[name]
		if !ok {
			continue
		}
		i := next[slot]
		if i >= 0 && i == own {
			i = x.above[i]
		}
		if i >= 0 {
			fields = append(fields, i)
			i = x.above[i]
		}
		next[slot] = i
	}
	return fields
}
