package message

import (
	"cmp"
	"fmt"
)

// Limits bound the header of one message. A zero field means its default.
type Limits struct {
	Size      int // bytes of all fields, as the message has them; default 1 MiB
	Fields    int // default 2000
	FieldSize int // bytes of one field, with its name; default 64 KiB
}

// A Collector takes the fields of one header as they come, topmost first, and keeps no more
// of them than its Limits allow. Past a limit the rest is not kept, but for what has to be known
// of every message: who its authors are, and which fields pretend to be ours. The zero value
// is ready to use. It is not safe for concurrent use.
type Collector struct {
	Limits Limits

	header Header
	size   int
	excess string
}

// Add takes the next field.
func (c *Collector) Add(f Field) {
	c.size += len(f.Raw) + len("\r\n")
	if c.excess == "" {
		c.excess = c.exceeded(f)
	}
	if c.excess == "" {
		c.header = append(c.header, f)
	}
}

// exceeded says which limit the header is past with f; "" for none.
func (c *Collector) exceeded(f Field) string {
	size, fields := cmp.Or(c.Limits.Size, 1<<20), cmp.Or(c.Limits.Fields, 2000)
	length := cmp.Or(c.Limits.FieldSize, 64<<10)
	switch {
	case len(f.Raw) > length:
		return fmt.Sprintf("header field of more than %d bytes", length)
	case len(c.header) >= fields:
		return fmt.Sprintf("more than %d header fields", fields)
	case c.size > size:
		return fmt.Sprintf("header of more than %d bytes", size)
	}
	return ""
}

// Header is the fields that were kept.
func (c *Collector) Header() Header { return c.header }

// Excess says which limit the header is past, in a few words; "" when Header is all of it.
func (c *Collector) Excess() string { return c.excess }
