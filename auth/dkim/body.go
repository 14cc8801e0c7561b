package dkim

import "bytes"

// maxBlankBytes bounds the line ends in one run of blank lines. The library
// keeps them all until text follows, and with simple canonicalization copies
// them at every write.
const maxBlankBytes = 16 << 10

// A bodyScan watches for the bodies that the library can't be given or
// misjudges. Its memory does not depend on the body.
type bodyScan struct {
	blank   int  // CR and LF bytes since the last byte that is not blank
	space   bool // the last byte was a space or tab
	cr      bool // the last byte was a CR
	spaceCR bool // ... and a space or tab was before it
	bareRun bool // a bare CR since the last byte that is not blank
	misread bool // a bare CR where relaxed canonicalization by the library is wrong
}

// write takes the next piece of the body; false: too many blank lines.
func (s *bodyScan) write(p []byte) bool {
	for len(p) > 0 {
		if s.blank == 0 {
			p = s.skipText(p)
			if len(p) == 0 {
				break
			}
		}
		s.step(p[0])
		if s.blank > maxBlankBytes {
			return false
		}
		p = p[1:]
	}
	return true
}

// skipText goes to the next line end, by searches that are much faster than
// looking at each byte.
func (s *bodyScan) skipText(p []byte) []byte {
	n := bytes.IndexByte(p, '\r')
	if n < 0 {
		n = len(p)
	}
	if lf := bytes.IndexByte(p[:n], '\n'); lf >= 0 {
		n = lf
	}
	if n > 0 {
		s.space = isBlank(p[n-1])
	}
	return p[n:]
}

func (s *bodyScan) step(c byte) {
	if s.cr && c != '\n' {
		s.bareCR()
	}
	switch {
	case c == '\r':
		s.spaceCR = s.space
		s.blank++
	case c == '\n':
		s.blank++
	case !isBlank(c):
		s.blank, s.bareRun = 0, false
	}
	s.cr, s.space = c == '\r', isBlank(c)
}

// bareCR notes that the CR before was not followed by LF.
func (s *bodyScan) bareCR() {
	s.bareRun = true
	s.misread = s.misread || s.spaceCR
}

// misreadRelaxed tells, at the end of the body, whether the library takes a
// bare CR for a line end where that changes the relaxed body: after white
// space, and at the end.
func (s *bodyScan) misreadRelaxed() bool { return s.misread || s.bareRun || s.cr }
