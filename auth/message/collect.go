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
func (l Limits) fieldSize() int { return cmp.Or(l.FieldSize, 128<<10) }

// MaxPast bounds the fields of each name that are still kept past a limit. Who counts fewer of a name
// counts as the MTA does.
const MaxPast = 200

// neededPast are the names that are still looked for past a limit. Authors say who the message is
// from; the others may pretend to be a verifier's own, and are deleted by their number.
var neededPast = [...]string{"From", "Authentication-Results", "Received-SPF", "X-Spam-Flag"}

// A Collector takes the fields of one header as they come, topmost first, and keeps no more
// of them than its Limits allow. Past a limit the rest is not kept, but for what has to be known
// of every message: who its authors are, and which fields pretend to be ours. Of these, up to
// MaxPast of a name, From fields stay whole as long as they are no longer than Limits.FieldSize each and
// together; what is left of all others is their name (Field.Unread).
//
// So whatever comes, a Collector keeps the text of Limits.Size + Limits.FieldSize bytes at most,
// and Limits.Fields + 4·MaxPast fields.
//
// The zero value is ready to use. It is not safe for concurrent use.
type Collector struct {
	Limits Limits

	header Header
	size   int
	excess string
	past   [len(neededPast)]int // how many of the names were kept past a limit
	from   int                  // bytes of the From fields among them
}

// Add takes the next field.
func (c *Collector) Add(f Field) {
	c.size += len(f.Raw) + len("\r\n")
	if c.excess == "" {
		c.excess = c.exceeded(f)
	}
	if c.excess == "" {
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
func (c *Collector) exceeded(f Field) string {
	l := c.Limits
	switch {
	case len(f.Raw) > l.fieldSize():
		return fmt.Sprintf("header past a limit of %d bytes in one field", l.fieldSize())
	case len(c.header) >= l.fields():
		return fmt.Sprintf("header past a limit of %d fields", l.fields())
	case c.size > l.size():
		return fmt.Sprintf("header past a limit of %d bytes", l.size())
	}
	return ""
}

// addPast keeps what is needed of a field with the i-th name past a limit.
func (c *Collector) addPast(f Field, i int) {
	if c.past[i] == MaxPast {
		return
	}
	c.past[i]++
	if i > 0 || c.from+len(f.Raw) > c.Limits.fieldSize() {
		f = unread(f)
	} else {
		c.from += len(f.Raw)
		f.Raw = strings.Clone(f.Raw) // it may be a small part of the memory that the caller read it into
		f.Name = f.Raw[:len(f.Name)]
	}
	c.header = append(c.header, f)
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
