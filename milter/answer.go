package milter

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth"
)

// An answer is all that is said at the end of a message. It is complete before
// any of it is sent: edits take effect at once, even when no reply follows.
type answer struct {
	edits      []auth.Edit
	space      string // in front of an inserted value
	quarantine string // the reason; "" for none
	reply      milter.Response
}

func accepted() answer { return answer{reply: milter.RespAccept} }

// answer waits for the results of the message, logs them and says what to do. It is not ok when the
// connection was closed meanwhile: the lookups ended with it, and what they gave is no result.
func (s *session) answer() (a answer, ok bool) {
	if !s.msg.active || s.msg.panicked { // a message without MAIL FROM is not for us; of a panic, the caller knows
		return accepted(), true
	}
	began := time.Now()
	report := s.finish()
	if s.ctx.Err() != nil {
		s.aborted()
		return answer{}, false
	}
	a = s.answerTo(report)
	s.logReport(report)
	took := time.Since(began)
	s.observe(func(o Observer) { o.Checked(report, took) })
	return a, true
}

// finish waits for the report.
func (s *session) finish() *auth.Report {
	s.conn.reportProgress()
	defer s.conn.endProgress()
	return s.msg.check.Finish()
}

// answerTo is the answer that a report asks for, as far as the MTA can do it.
func (s *session) answerTo(r *auth.Report) answer {
	a := answer{reply: reply(r.Disposition)}
	if s.conn.inUse.protocol&milter.OptHeaderLeadingSpace != 0 {
		a.space = " "
	}
	a.edits = make([]auth.Edit, 0, len(r.Edits))
	for _, e := range r.Edits {
		if s.can(neededFor(e)) {
			checkEdit(e)
			a.edits = append(a.edits, e)
		}
	}
	d := r.Disposition
	if d.Action == auth.Quarantine && !d.Flag && s.can(milter.OptQuarantine) {
		a.quarantine = line(d.Text, "quarantined")
	}
	return a
}

func neededFor(e auth.Edit) milter.OptAction {
	if e.Delete {
		return milter.OptChangeHeader
	}
	return milter.OptAddHeader
}

// can tells whether the MTA lets the milter do it; if not, that is logged, once.
func (s *session) can(action milter.OptAction) bool {
	if s.conn.inUse.actions&action != 0 {
		return true
	}
	if _, logged := s.server.lacking.LoadOrStore(action, true); !logged {
		names := map[milter.OptAction]string{
			milter.OptAddHeader:    "insert header fields",
			milter.OptChangeHeader: "remove header fields",
			milter.OptQuarantine:   "quarantine messages",
		}
		s.server.Log.Warn("milter: the MTA does not let this milter " + names[action] + "; it goes on without")
	}
	return false
}

// checkEdit panics if a text would end its field, and with it all that guards
// the rest of the header: authres must not let that through.
func checkEdit(e auth.Edit) {
	if e.Name == "" || strings.ContainsAny(e.Name, "\x00\r\n: ") || !isFolded(e.Value) {
		panic(fmt.Sprintf("milter: the field %q can't be sent", e.Name))
	}
}

// isFolded tells whether all CR and LF in a value are those of folds, and there is no NUL.
func isFolded(value string) bool {
	folds, rest := 0, value
	for {
		i := strings.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if i == 0 || rest[i-1] != '\r' || i+1 == len(rest) || rest[i+1] != ' ' && rest[i+1] != '\t' {
			return false
		}
		folds, rest = folds+1, rest[i+1:]
	}
	return strings.Count(value, "\r") == folds && strings.IndexByte(value, 0) < 0
}

// append appends the packets of the answer.
func (a answer) append(b []byte) []byte {
	for _, e := range a.edits {
		b = appendEdit(b, e, a.space)
	}
	if a.quarantine != "" {
		b = appendPacket(b, byte(milter.ActQuarantine), func(b []byte) []byte { return append(append(b, a.quarantine...), 0) })
	}
	reply := a.reply.Response()
	return appendPacket(b, reply.Code, func(b []byte) []byte { return append(b, reply.Data...) })
}

// appendEdit appends the packet of an edit. The MTAs write a CR that they are given next to their own.
func appendEdit(b []byte, e auth.Edit, space string) []byte {
	code := byte(milter.ActInsertHeader)
	if e.Delete {
		code = byte(milter.ActChangeHeader) // to nothing
	}
	return appendPacket(b, code, func(b []byte) []byte {
		b = binary.BigEndian.AppendUint32(b, uint32(e.Index))
		b = append(append(b, e.Name...), 0)
		if e.Delete {
			return append(b, 0)
		}
		b = append(b, space...)
		for line := range strings.SplitSeq(e.Value, "\r\n") {
			b = append(append(b, line...), '\n')
		}
		b[len(b)-1] = 0
		return b
	})
}

// reply is the reply for a disposition.
func reply(d auth.Disposition) milter.Response {
	switch d.Action {
	case auth.Reject:
		return smtpReply('5', 550, d, "message rejected")
	case auth.TempFail:
		return smtpReply('4', 451, d, "try again later")
	}
	return milter.RespAccept
}

// smtpReply makes a reply of the class. A code of another class would be a
// configuration error to Postfix; 421 would end the SMTP session.
func smtpReply(class byte, code int, d auth.Disposition, text string) milter.Response {
	if d.Code/100 == int(class-'0') && d.Code != 421 {
		code = d.Code
	}
	status := d.Status
	if !validStatus(status, class) {
		status = string(class) + ".7.1"
	}
	text = line(d.Text, text)
	text = strings.ReplaceAll(text, "%", "%%") // the MTAs expand it
	return milter.NewResponseStr(byte(milter.ActReplyCode), fmt.Sprintf("%d %s %s", code, status, text))
}

// validStatus tells whether s is an enhanced status code of the class (RFC 3463
// section 2).
func validStatus(s string, class byte) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] != string(class) {
		return false
	}
	for _, p := range parts[1:] {
		if len(p) < 1 || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// maxLine bounds a text, so that its reply fits in an SMTP line (RFC 5321
// section 4.5.3.1.5).
const maxLine = 400

// line makes text fit for one line of a reply; without text it is the other one.
func line(text, otherwise string) string {
	clean := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), maxLine)]))
	if clean == "" {
		return otherwise
	}
	return clean
}

// internalError is the answer for a message that met a panic.
func (s *session) internalError() answer {
	d := auth.Disposition{}
	if auth.Action(s.server.onError.Load()) == auth.TempFail {
		d = auth.Disposition{Action: auth.TempFail, Code: 451, Status: "4.3.0", Text: "internal error, try again later"}
	}
	s.logUnchecked(d)
	s.observe(func(o Observer) { o.Unchecked(d) })
	return answer{reply: reply(d)}
}
