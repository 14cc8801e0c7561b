package dkim

import (
	"slices"

	"assay/auth/message"
)

// A FieldIndex finds the fields that signatures cover. It is safe for
// concurrent use.
type FieldIndex struct {
	names  []string       // in lower case, each once: its index is its slot
	slots  map[string]int // of each name; nil while they are few and short
	lowest []int          // the lowest field, by slot; -1: the header has none
	above  []int          // the next higher field of the same name, or -1
}

// Up to fewNames of up to shortName bytes are looked through: a map takes longer.
const (
	fewNames  = 24
	shortName = 32
)

// NewFieldIndex indexes the fields that any of the lists of names has; the names
// are in lower case, as TagList.Names gives them. It reads the header once.
func NewFieldIndex(h message.Header, lists ...[]string) *FieldIndex {
	x := &FieldIndex{}
	if len(lists) > 0 {
		x.names = make([]string, 0, len(lists[0])) // the others have nearly the same
	}
	for _, names := range lists {
		for _, name := range names {
			if x.slot(name) < 0 {
				x.add(name)
			}
		}
	}
	fields := make([]int, len(x.names)+len(h))
	x.lowest, x.above = fields[:len(x.names)], fields[len(x.names):]
	for slot := range x.lowest {
		x.lowest[slot] = -1
	}
	for i := range h {
		if slot := x.slotOf(h[i].Name); slot >= 0 {
			x.above[i] = x.lowest[slot]
			x.lowest[slot] = i
		}
	}
	return x
}

// add gives a new name a slot.
func (x *FieldIndex) add(name string) {
	x.names = append(x.names, name)
	switch {
	case x.slots != nil:
		x.slots[name] = len(x.names) - 1
	case len(x.names) > fewNames, len(name) > shortName:
		x.slots = make(map[string]int, 2*fewNames)
		for slot, name := range x.names {
			x.slots[name] = slot
		}
	}
}

// slot finds a name in lower case; -1: it has none.
func (x *FieldIndex) slot(name string) int {
	if x.slots == nil {
		return slices.Index(x.names, name)
	}
	if slot, ok := x.slots[name]; ok {
		return slot
	}
	return -1
}

// slotOf finds the name of a field, without garbage unless it is long.
func (x *FieldIndex) slotOf(name string) int {
	name = trimName(name)
	if x.slots != nil {
		var room [shortName]byte
		if slot, ok := x.slots[string(appendLower(room[:0], name))]; ok {
			return slot
		}
		return -1
	}
	for slot, lowerName := range x.names {
		if isLower(name, lowerName) {
			return slot
		}
	}
	return -1
}

// Pick lists the fields that a signature with these names in h= covers, in the
// order of the names and for each name from the lowest field up (RFC 6376
// section 5.4.2), as indexes of the header. Names without a field, or without
// another one, are skipped, and so is the signature's own field at index own,
// which h= never covers; -1: it is not in the header yet. For names that
// NewFieldIndex was not given it finds nothing.
func (x *FieldIndex) Pick(names []string, own int) []int {
	fields := make([]int, 0, len(names))
	var room [fewNames]int
	next := append(room[:0], x.lowest...)
	for _, name := range names {
		slot := x.slot(name)
		if slot < 0 {
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
