package message

import (
	"cmp"
	"fmt"
	"strings"
)

// Limits bound the header of one message. A zero field means its default.
type Limits struct {
	Size      int // bytes of all fields, as the message has them; default 1 MiB
	Fields    int // default 2000
	FieldSize int // bytes of one field, with its name; default 128 KiB: Postfix cuts a field at 100 KiB itself
}

func (l Limits) size() int      { return cmp.Or(l.Size, 1<<20) }
func (l Limits) fields() int    { return cmp.Or(l.Fields, 2000) }
func (l Limits) fieldSize() int { return cmp.Or(l.FieldSize, DefaultFieldSize) }

// DefaultFieldSize is the default of Limits.FieldSize, in bytes.
const DefaultFieldSize = 128 << 10

// MaxPast bounds the fields of each name that are still kept past a limit. Who counts fewer of a name
// counts as the MTA does.
const MaxPast = 200

// maxFrom bounds the bytes of all From fields together: reading hostile ones takes time. Honest mail has
// less than a thousandth of it.
const maxFrom = 128 << 10

// neededPast are the names that are still looked for past a limit. Authors say who the message is
// from, signatures who may have signed it; the others may pretend to be a verifier's own, and are deleted
// by their number.
var neededPast = [...]string{from: "From", signature: "DKIM-Signature", 2: "Authentication-Results", 3: "Received-SPF", 4: "X-Spam-Flag"}

// The indexes in neededPast of the fields whose text is kept.
const (
	from = iota
	signature
	texts // how many these are
)

// A Collector takes the fields of one header as they come, topmost first, and keeps no more
// of them than its Limits allow. Past a limit the rest is not kept, but for what has to be known
// of every message: who its authors are, who may have signed it, and which fields pretend to be ours. Of
// these, up to MaxPast of a name, From fields stay whole as long as they are no longer than Limits.FieldSize
// each and together, and so do DKIM-Signature fields; what is left of all others is their name
// (Field.Unread). More than 128 KiB of From fields, wherever they stand, are past a limit, too.
//
// So whatever comes, a Collector keeps the text of Limits.Size + 2·Limits.FieldSize bytes at most,
// and Limits.Fields + 5·MaxPast fields.
//
// The zero value is ready to use. It is not safe for concurrent use.
type Collector struct {
	Limits Limits

	header Header
	size   int
	excess string
	from   int                  // bytes of the From fields that are kept
	past   [len(neededPast)]int // how many of the names were kept past a limit
	bytes  [texts]int           // of those that are kept whole
}

// Add takes the next field.
func (c *Collector) Add(f Field) {
	c.size += len(f.Raw) + len("\r\n")
	author := f.Is(neededPast[from])
	if c.excess == "" {
		c.excess = c.exceeded(f, author)
	}
	if c.excess == "" {
		if author {
			c.from += len(f.Raw)
		}
		if c.header == nil {
			c.header = make(Header, 0, 32) // ordinary mail has about as many fields
		}
		c.header = append(c.header, f)
		return
	}
	for i, name := range neededPast {
		if f.Is(name) {
			c.addPast(f, i)
			return
		}
	}
}

// exceeded says which limit the header is past with f; "" for none.
func (c *Collector) exceeded(f Field, author bool) string {
	l := c.Limits
	switch {
	case len(f.Raw) > l.fieldSize():
		return fmt.Sprintf("header past a limit of %d bytes in one field", l.fieldSize())
	case len(c.header) >= l.fields():
		return fmt.Sprintf("header past a limit of %d fields", l.fields())
	case c.size > l.size():
		return fmt.Sprintf("header past a limit of %d bytes", l.size())
	case author && c.from+len(f.Raw) > maxFrom:
		return fmt.Sprintf("header past a limit of %d bytes in From fields", maxFrom)
	}
	return ""
}

// addPast keeps what is needed of a field with the i-th name past a limit.
func (c *Collector) addPast(f Field, i int) {
	if c.past[i] == MaxPast {
		return
	}
	c.past[i]++
	if c.hasRoom(f, i) {
		c.bytes[i] += len(f.Raw)
		if i == from {
			c.from += len(f.Raw)
		}
		f.Raw = strings.Clone(f.Raw) // it may be a small part of the memory that the caller read it into
		f.Name = f.Raw[:len(f.Name)]
	} else {
		f = unread(f)
	}
	c.header = append(c.header, f)
}

// hasRoom tells whether the text of a field with the i-th name past a limit is kept.
func (c *Collector) hasRoom(f Field, i int) bool {
	if i >= texts || c.bytes[i]+len(f.Raw) > c.Limits.fieldSize() {
		return false
	}
	return i != from || c.from+len(f.Raw) <= maxFrom
}

// unread is a field of which only the name is known. White space behind the name is no part of
// it, and none of the text is held on to.
func unread(f Field) Field {
	name := strings.Clone(strings.TrimRight(f.Name, " \t\r\n"))
	return Field{Name: name, Raw: name + ":", Unread: true}
}

// Header is the fields that were kept.
func (c *Collector) Header() Header { return c.header }

// Excess says which limit the header is past, in a few words that may stand in a comment; "" when
// Header is all of it.
func (c *Collector) Excess() string { return c.excess }
