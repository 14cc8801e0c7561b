package milter

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"

	"github.com/emersion/go-milter"

	"assay/auth/authres"
)

// The one author whom nobody can be, and how it is written where there is no doubt.
const (
	victimZone = `
victim.example.        IN TXT "v=spf1 -all"
_dmarc.victim.example. IN TXT "v=DMARC1; p=reject"
`
	victim = " joe@victim.example"
)

// A dialog is what an MTA has said, as far as it tells what must come.
type dialog struct {
	stopping bool // the server is
	anybody  bool // clients may be exempt
	busy     bool // a message is under way
	served   bool // one was answered
	complete bool // its header is
	odd      bool // a name in it is none that an MTA takes for one
	authors  []string
	results  []string // values of Authentication-Results
}

// mayBeExempt tells whether a script may have a client that is not evaluated.
func mayBeExempt(script string) bool {
	return strings.Contains(script, "10.") || strings.Contains(script, "auth_") || strings.Contains(strings.ToLower(script), "ffff")
}

// follow takes a command and its data, as the script has it.
func (d *dialog) follow(command byte, data string) {
	switch command {
	case 'M':
		*d = dialog{stopping: d.stopping, anybody: d.anybody, busy: true, served: d.served}
	case 'H', 'A', 'C':
		d.busy = false
	case 'N', 'B', 'b', 'E':
		d.complete = true
	case 'L':
		d.field(data)
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

func (d *dialog) field(data string) {
	name, value, _ := strings.Cut(strings.ReplaceAll(data, "\x00", ""), ":")
	switch {
	case !d.busy || d.complete:
	case name != "" && !plainName.MatchString(name):
		d.odd = true
	case strings.EqualFold(name, "From"):
		d.authors = append(d.authors, value)
	case strings.EqualFold(name, "Authentication-Results"):
		d.results = append(d.results, value)
	}
}

// ends tells whether the server ends the session now: it stops, and no message is under way or about to begin.
func (d *dialog) ends() bool { return d.stopping && d.served && !d.busy }

// isSpoof tells whether the message must not be accepted.
func (d *dialog) isSpoof() bool {
	return d.busy && !d.anybody && !d.odd && slices.Equal(d.authors, []string{victim})
}

// forged lists the fields that must be deleted, by their number.
func (d *dialog) forged() (numbers []uint32) {
	for i, value := range d.results {
		if d.busy && !d.odd && strings.HasPrefix(value, " mx.example.test; ") {
			numbers = append(numbers, uint32(i+1))
		}
	}
	return numbers
}

var refusal = regexp.MustCompile(`^y[45][0-9][0-9] [45]\.[0-9]+\.[0-9]+ [ -~]+\x00$`)

// checkAnswer checks what is said at the end of a message: changes, and one reply.
func (p *player) checkAnswer(packets [][]byte, open bool) {
	if len(packets) == 0 || open == p.stopping {
		p.t.Fatalf("answer %q, open: %v", packets, open)
	}
	last := len(packets) - 1
	var deleted []uint32
	for _, packet := range packets[:last] {
		p.checkChange(packet[0], packet[1:])
		if packet[0] == 'm' {
			deleted = append(deleted, binary.BigEndian.Uint32(packet[1:]))
		}
	}
	reply := string(packets[last])
	if reply != "a" && !refusal.MatchString(reply) {
		p.t.Errorf("reply %q", reply)
	}
	if reply == "a" && p.isSpoof() {
		p.t.Errorf("a spoof is accepted: %q", packets)
	}
	for _, number := range p.forged() {
		if reply == "a" && p.granted.actions&milter.OptChangeHeader != 0 && !slices.Contains(deleted, number) {
			p.t.Errorf("the forged field %d is not deleted: %q", number, packets)
		}
	}
	p.busy, p.served = false, true
}

func (p *player) checkChange(code byte, data []byte) {
	needs := map[byte]milter.OptAction{'i': milter.OptAddHeader, 'm': milter.OptChangeHeader, 'q': milter.OptQuarantine}[code]
	if needs == 0 || p.granted.actions&needs == 0 {
		p.t.Fatalf("change %c is not allowed", code)
	}
	if code == 'q' {
		if len(data) < 2 || bytes.IndexByte(data, 0) != len(data)-1 {
			p.t.Errorf("reason %q", data)
		}
		return
	}
	parts := strings.Split(string(data[4:]), "\x00")
	if len(parts) != 3 || parts[0] == "" || parts[2] != "" || strings.ContainsAny(parts[0], "\r\n: ") {
		p.t.Fatalf("change %q", data)
	}
	p.checkValue(parts[0], parts[1])
}

// checkValue checks the value of a field that is inserted: nothing in it ends the field.
func (p *player) checkValue(name, value string) {
	for fold := range strings.SplitSeq(value, "\n") {
		if strings.ContainsAny(fold, "\r\x00") {
			p.t.Errorf("%s: %q", name, value)
		}
	}
	if unfolded := strings.NewReplacer("\n ", "", "\n\t", "").Replace(value); strings.Contains(unfolded, "\n") {
		p.t.Errorf("%s: %q", name, value)
	}
	if name == "Authentication-Results" && value != "" {
		results, err := authres.Parse(strings.ReplaceAll(value, "\n", "\r\n"))
		if err != nil || results.AuthServID != "mx.example.test" {
			p.t.Errorf("%q: %+v, %v", value, results, err)
		}
	}
}
