package compauth

import (
	"slices"
	"strconv"
	"strings"
)

// A Reason is a reason code, 0 to 999.
type Reason uint16

// String is the code as it is written: three digits.
func (r Reason) String() string {
	if r > 999 {
		return strconv.Itoa(int(r))
	}
	return string([]byte{'0' + byte(r/100), '0' + byte(r/10%10), '0' + byte(r%10)})
}

// Explain is the row of the documentation about the code, or about its family; not ok
// when there is none.
func (r Reason) Explain() (row Explanation, ok bool) { return ExplainCode(r.String()) }

// A Result is the value of compauth.
type Result string

// The results, as they are written in Authentication-Results.
const (
	Pass     Result = "pass"     // explicit or implicit authentication passed
	SoftPass Result = "softpass" // there is a hint that the message is genuine, no more
	None     Result = "none"     // not checked, or bypassed
	Fail     Result = "fail"     // explicit or implicit authentication failed
)

// Parties is who can do something about a result. The zero value: nobody needs to.
type Parties uint8

// The parties, to be joined with |.
const (
	Sender       Parties = 1 << iota // the owner of the domain, or who sends in its name
	Intermediary                     // a mailing list, a forwarder, a gateway on the way
	Receiver                         // the admin of the host that wrote the result
)

// Names lists the parties in plain words, in a fixed order; none for the zero value.
func (p Parties) Names() []string {
	var names []string
	for i, name := range [...]string{"sender", "intermediary", "receiver"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String is the names with "or" between them; "nobody" for the zero value.
func (p Parties) String() string {
	if p == 0 {
		return "nobody"
	}
	return strings.Join(p.Names(), " or ")
}

// An Explanation is what a reason code means for the people who read it. All text is
// plain ASCII, sentences without a line break.
type Explanation struct {
	Code    string  // "000" to "999"; of a family "1xx", which stands for the codes that have no row
	Result  Result  // the value of compauth that goes with it
	Meaning string  // what it says about the message; begins in lower case, no full stop
	Fix     Parties // who can do something about it
	Advice  string  // what to do, to Fix: one sentence or more
}

// Explanations lists all documented codes in their order, each family before its codes.
func Explanations() []Explanation { return slices.Clone(explanations[:]) }

// ExplainCode is the row for a code as it is written, "001", or for the family that
// it belongs to; it is not ok when it is no code of three digits, nor "1xx" for a
// family, or when nothing is documented about it.
func ExplainCode(code string) (row Explanation, ok bool) {
	if len(code) != 3 {
		return Explanation{}, false
	}
	for _, name := range [...]string{code, code[:1] + "xx"} {
		for i := range explanations {
			if explanations[i].Code == name && (name == code || isCode(code)) {
				return explanations[i], true
			}
		}
	}
	return Explanation{}, false
}

func isCode(code string) bool { return strings.Trim(code, "0123456789") == "" }
