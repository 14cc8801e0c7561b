package milterclient

import (
	"fmt"
	"slices"
	"strings"

	"assay/auth/message"
)

// A Reply is the milter's reply to a stage.
type Reply struct {
	Code byte   // Continue, Accept, Reject, TempFail, Discard, ReplyCode
	SMTP int    // of ReplyCode: 4xx or 5xx
	Text string // of ReplyCode, after the code
}

// OK tells whether the message goes on or is accepted.
func (r Reply) OK() bool { return r.Code == Continue || r.Code == Accept }

func (r Reply) String() string {
	if r.Code == ReplyCode {
		return fmt.Sprintf("%d %s", r.SMTP, r.Text)
	}
	names := map[byte]string{
		Continue: "continue", Accept: "accept", Reject: "reject", TempFail: "tempfail", Discard: "discard", Skip: "skip",
	}
	return names[r.Code]
}

// An Edit is one change to the header, as the milter sent it.
type Edit struct {
	Kind  byte // 'h' adds at the end, 'i' inserts, 'm' changes
	Index int  // 'i': the place; 'm': which of the name, from 1
	Name  string
	Value string // LF line ends; "" with 'm' deletes
}

// A Result is what the milter did with one message.
type Result struct {
	Stage       string  // of the last reply: mail, rcpt, data, header, end of header, body, end; connect
	Reply       Reply   // the final one
	Rcpts       []Reply // to each recipient
	Edits       []Edit  // in the order sent
	Quarantined bool
	Reason      string // of the quarantine
	Skipped     int    // body bytes that the milter did not want
	Others      int    // changes to the envelope and the body

	leadingSpace bool
}

// ends notes a reply and tells whether it ends the message.
func (res *Result) ends(r Reply, err error) (bool, error) {
	if err != nil {
		return true, err
	}
	res.Reply = r
	if r.Code == Skip {
		return true, fmt.Errorf("the milter skips where nothing can be skipped")
	}
	return r.Code != Continue, nil
}

// modification notes one packet of the end of the message. final means that it
// is no modification but a reply.
func (res *Result) modification(p packet, actions uint32) (final bool, err error) {
	needs := map[byte]uint32{addHeader: 1 << 0, insertHeader: 1 << 0, changeHeader: 1 << 4, quarantine: 1 << 5}
	if need := needs[p.code]; actions&need != need {
		return false, fmt.Errorf("the milter did not ask for modification %q", p.code)
	}
	switch {
	case p.code == quarantine:
		res.Quarantined = true
		res.Reason, _, err = cutString(p.data)
		return false, err
	case needs[p.code] != 0:
		e, err := parseEdit(p)
		res.Edits = append(res.Edits, e)
		return false, err
	case strings.IndexByte(otherEdits, p.code) >= 0:
		res.Others++
		return false, nil
	}
	return true, nil
}

func parseEdit(p packet) (Edit, error) {
	e := Edit{Kind: p.code}
	data := p.data
	var err error
	if p.code != addHeader {
		var n uint32
		if n, data, err = cutUint32(data); err != nil {
			return e, err
		}
		if n > 1<<20 {
			return e, fmt.Errorf("the index %d of a header field", n)
		}
		e.Index = int(n)
	}
	if e.Name, data, err = cutString(data); err != nil {
		return e, err
	}
	if e.Value, data, err = cutString(data); err != nil {
		return e, err
	}
	if len(data) != 0 || e.Name == "" || strings.ContainsAny(e.Name, ": \r\n") || strings.Contains(e.Value, "\r") {
		return e, fmt.Errorf("the milter edits %q: %q with %d bytes after it", e.Name, e.Value, len(data))
	}
	return e, nil
}

// Apply gives the header as Postfix would have it: after a deletion the later
// fields of the name are renumbered. h is without the MTA's own Received, and so
// is the result; an insertion at 0 is above it, one at 1 below.
func (res *Result) Apply(h message.Header) message.Header { return res.apply(h, true) }

// ApplySendmail gives the header as Sendmail would have it: a deleted field keeps
// its number.
func (res *Result) ApplySendmail(h message.Header) message.Header { return res.apply(h, false) }

// A slot is a place in the header while it is edited.
type slot struct {
	field   message.Field
	own     bool // the MTA's own Received
	deleted bool
}

func (res *Result) apply(h message.Header, renumber bool) message.Header {
	slots := []slot{{own: true}}
	for _, f := range h {
		slots = append(slots, slot{field: f})
	}
	for _, e := range res.Edits {
		f := res.field(e)
		switch e.Kind {
		case insertHeader:
			slots = slices.Insert(slots, min(e.Index, len(slots)), slot{field: f})
		case addHeader:
			slots = append(slots, slot{field: f})
		case changeHeader:
			slots = change(slots, e, f, renumber)
		}
	}
	var out message.Header
	for _, s := range slots {
		if !s.own && !s.deleted {
			out = append(out, s.field)
		}
	}
	return out
}

// change changes or deletes the e.Index-th field of a name, and adds it when
// there is none.
func change(slots []slot, e Edit, f message.Field, renumber bool) []slot {
	n := 0
	for i := range slots {
		s := &slots[i]
		if s.own || !s.field.Is(e.Name) || renumber && s.deleted {
			continue
		}
		if n++; n == max(e.Index, 1) {
			if s.deleted = e.Value == ""; !s.deleted {
				s.field = f
			}
			return slots
		}
	}
	if e.Value == "" {
		return slots
	}
	return append(slots, slot{field: f})
}

// field is the field of an edit as the MTA writes it.
func (res *Result) field(e Edit) message.Field {
	value := strings.ReplaceAll(e.Value, "\n", "\r\n")
	if !res.leadingSpace {
		value = " " + value
	}
	return message.NewField(e.Name, value)
}
