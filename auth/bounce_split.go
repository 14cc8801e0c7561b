package auth

import "bytes"

// maxDelimiterLine bounds a line that ends a part of a multipart body, in bytes with its line
// end: RFC 5322 section 2.1.1 allows no longer ones. What is longer is text.
const maxDelimiterLine = 1000

// A splitter finds the parts of a multipart body (RFC 2046 section 5.1.1) in pieces of any size.
// Lines may end in CRLF or LF; the line end before a delimiter belongs to it. It holds back
// no more than one delimiter line, and what it tells does not depend on the pieces but for how
// the content is divided. A line that goes on behind the boundary is no delimiter, as most
// programs read it, though the RFC says that its beginning is enough.
type splitter struct {
	delimiter string         // "--" and the boundary
	content   func(p []byte) // the next piece of a part, not to be kept
	next      func()         // a part begins
	last      func()         // the closing delimiter: all that follows is no part

	begun  bool   // the first delimiter has come
	ended  bool   // the last one
	inLine bool   // in a line that is no delimiter; held is empty or a CR
	held   []byte // else a line end, and behind it what may become a delimiter
	eol    int    // length of that line end; 0 where there was none before the line
}

func (s *splitter) write(p []byte) {
	for len(p) > 0 && !s.ended {
		switch {
		case s.inLine:
			p = s.text(p)
		case len(s.held)-s.eol < len(s.delimiter):
			p = s.compare(p)
		default:
			p = s.padding(p)
		}
	}
}

// text takes lines up to one that may be a delimiter, whose line end before it is held, and
// returns what is left of p.
func (s *splitter) text(p []byte) []byte {
	if len(s.held) > 0 && p[0] == '\n' {
		s.hold(append(s.held, '\n'))
		return p[1:]
	}
	s.emit(s.held)
	n := bytes.Index(p, []byte("\n-")) + 1
	if n == 0 {
		n = len(p)
	}
	end := n - lineEnd(p[:n])
	s.emit(p[:end])
	s.hold(append(s.held[:0], p[end:n]...))
	return p[n:]
}

// lineEnd is the length of the line end that p ends in; a CR may be half of one.
func lineEnd(p []byte) int {
	switch {
	case bytes.HasSuffix(p, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(p, []byte("\n")), bytes.HasSuffix(p, []byte("\r")):
		return 1
	}
	return 0
}

// hold keeps a line end, half of one, or nothing.
func (s *splitter) hold(held []byte) {
	s.held, s.eol = held, len(held)
	s.inLine = !bytes.HasSuffix(held, []byte("\n"))
}

// compare takes what may be the delimiter.
func (s *splitter) compare(p []byte) []byte {
	missing := s.delimiter[len(s.held)-s.eol:]
	n := 0
	for n < len(p) && n < len(missing) && p[n] == missing[n] {
		n++
	}
	s.held = append(s.held, p[:n]...)
	if n < len(p) && n < len(missing) {
		s.emit(s.held)
		s.hold(s.held[:0])
	}
	return p[n:]
}

// padding takes the rest of a line that begins as a delimiter.
func (s *splitter) padding(p []byte) []byte {
	n := bytes.IndexByte(p, '\n') + 1
	if n == 0 {
		n = len(p)
	}
	n = min(n, maxDelimiterLine-(len(s.held)-s.eol))
	s.held = append(s.held, p[:n]...)
	switch {
	case p[n-1] == '\n':
		s.endLine()
	case len(s.held)-s.eol == maxDelimiterLine:
		s.release()
	}
	return p[n:]
}

// endLine looks at a complete line that begins as a delimiter.
func (s *splitter) endLine() {
	rest := s.held[s.eol+len(s.delimiter):]
	switch string(bytes.TrimRight(rest, " \t\r\n")) {
	case "":
		s.begun = true
		s.held, s.eol = s.held[:0], 0
		s.next()
	case "--":
		if !s.begun { // it closes nothing
			s.release()
			return
		}
		s.ended = true
		s.last()
	default:
		s.release()
	}
}

// release takes what is held for text: a line, whole or not.
func (s *splitter) release() {
	line := s.held[s.eol:]
	s.emit(s.held[:s.eol])
	s.hold(s.held[:0])
	s.text(line) // moves the line end to the start of what is held
}

func (s *splitter) emit(p []byte) {
	if s.begun && len(p) > 0 {
		s.content(p)
	}
}

// end is the end of the body: its last line may lack the line end. Idempotent.
func (s *splitter) end() {
	if s.ended {
		return
	}
	if !s.inLine && len(s.held)-s.eol >= len(s.delimiter) {
		s.endLine()
	}
	if !s.ended {
		s.emit(s.held)
	}
	s.held, s.ended = nil, true
}
