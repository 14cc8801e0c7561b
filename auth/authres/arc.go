package authres

import (
	"errors"
	"strconv"
)

// maxInstance is the highest instance of an ARC Set (RFC 8617 section 4.2.1).
const maxInstance = 50

var errInstance = errors.New("authres: no instance from 1 to 50 before the results")

// ParseARC reads the value of an ARC-Authentication-Results field (RFC 8617
// section 4.1.1): its instance, from 1 to 50, and what follows as [Parse] does.
// Without a valid instance it is 0 and the rest is not read; an error with an
// instance is about the Results.
func ParseARC(value string) (instance int, r Results, err error) {
	s := scanner{s: value}
	if instance = s.instance(); instance == 0 {
		return 0, Results{}, errInstance
	}
	r, err = Parse(value[s.i:])
	return instance, r, err
}

// instance takes the instance tag and the semicolon after it; 0 if there is no
// valid one.
func (s *scanner) instance() int {
	s.cfws()
	if s.run("=") != "i" {
		return 0
	}
	s.cfws()
	if !s.take('=') {
		return 0
	}
	s.cfws()
	position := s.run("")
	s.cfws()
	if !s.take(';') {
		return 0
	}
	return Instance(position)
}

// Instance reads the position of an instance tag (RFC 8617 section 3.9): one or
// two digits, from 1 to 50. It is 0 for anything else.
func Instance(position string) int {
	if position == "" || len(position) > 2 {
		return 0
	}
	n := 0
	for i := range len(position) {
		if position[i] < '0' || position[i] > '9' {
			return 0
		}
		n = 10*n + int(position[i]-'0')
	}
	if n > maxInstance {
		return 0
	}
	return n
}

const arcFieldName = "ARC-Authentication-Results: "

// FormatARC is the value of the ARC-Authentication-Results field of an instance,
// written and folded as by Format in the RFC8601 style.
func (r Results) FormatARC(instance int) string {
	f := newFolder(len(arcFieldName))
	f.word("i=", strconv.Itoa(instance), ";")
	r.write(f, RFC8601)
	return f.String()
}
