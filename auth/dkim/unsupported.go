package dkim

import "strings"

// noteUnsupported finds what RFC 6376 allows and the library misreads. Without
// it such a signature would be called a forgery.
func (s *signature) noteUnsupported(tags tagList) {
	switch {
	case !s.spelledAsLibrary(tags):
		s.unsupported = "letter case in signature not supported"
	case !s.identityAsLibrary(tags):
		s.unsupported = "i= and d= differ in letter case, not supported"
	case stripsMore(s.raw, s.bStart, s.bEnd):
		s.unsupported = "b= inside another tag not supported"
	}
}

// spelledAsLibrary tells whether a=, c= and q= are in lower case.
func (s *signature) spelledAsLibrary(tags tagList) bool {
	a, _ := tags.get("a")
	c, _ := tags.get("c")
	q, ok := tags.get("q")
	return a == lowerASCII(a) && c == lowerASCII(c) && (!ok || strings.Contains(q, "dns/txt"))
}

// identityAsLibrary tells whether i= ends in d= byte for byte.
func (s *signature) identityAsLibrary(tags tagList) bool {
	i, ok := tags.get("i")
	d, _ := tags.get("d")
	i = removeSpace(i)
	return !ok || strings.HasSuffix(i, "@"+d) || strings.HasSuffix(i, "."+d)
}

// stripsMore tells whether the library, which deletes everything from "b=" to
// ";" before it hashes the field, deletes more than raw[bStart:bEnd].
func stripsMore(raw string, bStart, bEnd int) bool {
	for i := range len(raw) {
		if raw[i] != '=' || i == bStart-1 || i >= bStart && i < bEnd {
			continue
		}
		before := strings.TrimRight(raw[:i], " \t\r\n\f")
		last := i+1 == len(raw)
		if strings.HasSuffix(before, "b") && !last && raw[i+1] != ';' {
			return true
		}
	}
	return false
}
