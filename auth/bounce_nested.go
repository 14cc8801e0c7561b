package auth

import "assay/auth/message"

// open begins a multipart: the message, or the part that is being read.
func (b *bounce) open(m multipart) {
	level := len(b.levels)
	b.levels = append(b.levels, &splitter{
		delimiter: "--" + m.boundary,
		content:   func(p []byte) { b.contentOf(level, p) },
		next:      func() { b.nextPart(level) },
		last:      func() { b.lastPart(level) },
	})
	b.inReport, b.phase = m.report, skipping // what stands in front of the first part
}

// nest opens the part with this header if it is a multipart that is the report, or may hold it.
func (b *bounce) nest(h message.Header) {
	depth := len(b.levels) + 1
	m, ok := readMultipart(h)
	if ok && depth <= b.maxDepth && (m.report || depth < b.maxDepth) {
		b.open(m)
	}
}

// contentOf takes the next piece of a part of a level.
func (b *bounce) contentOf(level int, p []byte) {
	if inner := level + 1; inner < len(b.levels) {
		b.levels[inner].write(p)
		return
	}
	b.content(p)
}

// nextPart is called at each delimiter of a level but the last.
func (b *bounce) nextPart(level int) {
	if b.endPartOf(level); b.phase != decided {
		b.phase, b.head = inPartHeader, headerText{limit: maxPartHeader}
	}
}

// lastPart is called at the last delimiter of a level. What follows, up to the next part of the level
// above, is no part.
func (b *bounce) lastPart(level int) {
	if b.endPartOf(level); b.inReport || level == 0 {
		b.phase = decided
	}
}

// endPartOf ends the part of a level that is being read, and all that is open in it; level -1 is
// the message. It decides when that was the report, as nothing in the rest matters then.
func (b *bounce) endPartOf(level int) {
	for i := level + 1; i < len(b.levels); i++ { // from the outside: what one holds back belongs to the next
		b.levels[i].end()
	}
	b.endPart()
	if len(b.levels) > level+1 {
		b.levels = b.levels[:level+1]
		if b.inReport {
			b.phase = decided
		}
	}
}
