package milter

import (
	"bytes"
	"cmp"
	"context"
	"net/netip"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth"
	"assay/auth/message"
)

// A verifier begins SMTP sessions. It is *auth.Verifier through verifierOf.
type verifier interface {
	Connect(ctx context.Context, ip netip.Addr) smtpSession
	Limits() auth.Limits
}

// An smtpSession is *auth.Session.
type smtpSession interface {
	Helo(name string)
	MailFrom(env auth.Envelope)
	Begin(env auth.Envelope, h message.Header) check
	Close()
}

// A check is *auth.Check.
type check interface {
	Write(p []byte) (int, error)
	WantsBody() bool
	Finish() *auth.Report
	Cancel()
}

type verifierOf struct{ *auth.Verifier }

func (v verifierOf) Connect(ctx context.Context, ip netip.Addr) smtpSession {
	return sessionOf{v.Verifier.Connect(ctx, ip)}
}

// Limits are those of the messages.
func (v verifierOf) Limits() auth.Limits { return v.Verifier.Limits }

type sessionOf struct{ *auth.Session }

func (s sessionOf) Begin(env auth.Envelope, h message.Header) check { return s.Session.Begin(env, h) }

// A session is what the connection calls: one connection of an MTA, which is
// one SMTP session with any number of messages. It calls one method at a time, and close
// comes after the last one.
//
// Its replies before the end of the message only say to go on. Whatever happens
// before is remembered until then: where the MTA waits for no reply there is no
// other way, and one way is enough.
type session struct {
	server *Server
	conn   *conn
	ctx    context.Context // ends with the connection

	macros []byte        // that came for the next command, without their stage
	env    auth.Envelope // what the MTA said, of the message under way too
	smtp   smtpSession   // nil: to be begun
	source *verifier     // what smtp was begun with
	limits auth.Limits   // of source
	ip     netip.Addr    // whom smtp was begun for
	msg    transaction
}

// What is bounded here and not by auth.Limits, in bytes.
const (
	maxRecipient = 1 << 10 // RFC 5321 allows 256 (section 4.5.3.1.3)
	keepMacros   = 1 << 10 // of memory for macros, between two commands
)

// A transaction is the message under way. The zero value is none.
type transaction struct {
	active   bool // MAIL FROM came
	began    time.Time
	fields   fieldReader
	header   message.Collector
	check    check // nil until the header is complete
	panicked bool  // nothing is known for certain any more
}

// open tells whether envelope and header may still grow.
func (t *transaction) open() bool { return t.active && t.check == nil && !t.panicked }

// take takes the packets that concern a message or its client, and gives the reply, 0 for none. Of a piece of
// the body it may be given one part after the other.
func (s *session) take(command milter.Code, data []byte) milter.ActionCode {
	reply := milter.ActContinue
	switch command {
	case milter.CodeConn:
		s.endMessage()
		s.guard("connect", s.connect)
	case milter.CodeHelo:
		s.endMessage()
		s.guard("helo", func() { s.helo(data) })
	case milter.CodeMail:
		s.endMessage()
		s.guard("mail from", func() { s.mailFrom(data) })
	case milter.CodeEOB:
		s.body()
		reply = 0
	case milter.CodeAbort: // Postfix may say it twice
		s.macros = s.macros[:0]
		s.endMessage()
	case milter.CodeMacro:
		s.macros = append(s.macros[:0], data[1:]...)
	case milter.CodeRcpt:
		s.guard("rcpt to", func() { s.recipient(data) })
	case milter.CodeHeader:
		s.guard("header", func() { s.field(data) })
	case milter.CodeEOH:
		s.guard("end of header", s.beginCheck)
	case milter.CodeBody:
		skip := false
		s.guard("body", func() { skip = s.write(data) })
		if skip && s.conn.inUse.protocol&milter.OptSkip != 0 {
			reply = milter.ActSkip
		}
	}
	return reply
}

// connect begins an SMTP session. Postfix says it again after XCLIENT.
func (s *session) connect() {
	s.env = auth.Envelope{IP: parseClient(s.conn.address)}
	s.absorb()
	s.closeSMTP() // what was found out about the client before is not of this one, also where the address is the same
	s.begin()
}

// helo takes the HELO name, again after STARTTLS. In a message it ends that (RFC
// 5321 section 4.1.4).
func (s *session) helo(data []byte) {
	s.env.TLS, s.env.Cipher, s.env.CertSubject, s.env.CertIssuer = "", "", "", ""
	s.absorb()
	s.env.Helo = string(bytes.TrimSuffix(data, []byte{0}))
	if !s.begin() {
		s.smtp.Helo(s.env.Helo)
	}
}

// mailFrom begins a message. Sendmail does not say that the last one has ended.
func (s *session) mailFrom(data []byte) {
	s.msg = transaction{active: true, began: time.Now()}
	from, _ := cutString(data)
	s.env.MailFrom = string(trim(from, '<', '>'))
	s.env.AuthType, s.env.AuthUser = "", ""
	s.absorb()
	s.begin()
	s.msg.header.Limits = s.limits.Header
	s.smtp.MailFrom(s.env)
}

// recipient takes the data of a recipient packet. Past the limit none is kept.
func (s *session) recipient(data []byte) {
	s.absorb()
	if !s.msg.open() {
		return
	}
	text, _ := cutString(data)
	if len(text) > maxRecipient || len(s.env.Rcpt) >= cmp.Or(s.limits.Recipients, auth.DefaultRecipients) {
		s.env.MoreRcpt = true
		return
	}
	s.env.Rcpt = append(s.env.Rcpt, string(trim(text, '<', '>')))
}

// field takes the data of a header packet.
func (s *session) field(data []byte) {
	s.absorb()
	if s.msg.open() {
		s.msg.header.Add(s.msg.fields.read(data, s.conn.inUse.protocol&milter.OptHeaderLeadingSpace != 0))
	}
}

// write is true when the rest of the body is not needed.
func (s *session) write(chunk []byte) (skip bool) {
	s.beginCheck()
	if s.msg.check == nil {
		return s.msg.active // it panicked
	}
	_, _ = s.msg.check.Write(chunk) // never fails
	return !s.msg.check.WantsBody()
}

// body ends the message: the edits are sent, and the reply. The MTA, and nobody
// else, gets no answer when the connection was closed.
func (s *session) body() {
	answer, ok := accepted(), true
	s.guard("end of message", func() {
		s.beginCheck()
		answer, ok = s.answer()
	})
	if s.msg.active && s.msg.panicked {
		answer = s.internalError()
	}
	id := s.env.QueueID
	if s.reset(); ok {
		s.conn.answer(answer, id)
	}
}

// absorb takes the macros that came with a command.
func (s *session) absorb() {
	absorb(&s.env, s.macros)
	if s.macros = s.macros[:0]; cap(s.macros) > keepMacros {
		s.macros = nil
	}
}

// begin begins the SMTP session that the verifier sees, if there is none or if
// the verifier or the client's address are not those it was begun with. It is
// false when there was nothing to do.
func (s *session) begin() bool {
	source := s.server.verifier.Load()
	if s.smtp != nil && s.source == source && s.ip == s.env.IP {
		return false
	}
	s.closeSMTP()
	s.source, s.limits, s.ip = source, (*source).Limits(), s.env.IP
	s.conn.fieldSize = cmp.Or(s.limits.Header.FieldSize, message.DefaultFieldSize)
	s.smtp = (*source).Connect(s.ctx, s.env.IP)
	if s.env.Helo != "" {
		s.smtp.Helo(s.env.Helo)
	}
	return true
}

// beginCheck begins the check of the message, once its header is complete.
func (s *session) beginCheck() {
	s.absorb()
	if s.msg.open() {
		s.env.IP = s.ip // the lookups were begun for it
		s.env.Excess = s.msg.header.Excess()
		s.msg.check = s.smtp.Begin(s.env, s.msg.header.Header())
		s.msg.fields, s.msg.header = fieldReader{}, message.Collector{}
	}
}

// endMessage ends a message that was not answered.
func (s *session) endMessage() {
	if s.msg.active {
		s.guard("abort", s.aborted)
	}
	check := s.msg.check
	s.reset()
	if check != nil {
		s.guard("abort", check.Cancel)
	}
}

// reset forgets the message, and keeps what holds for the whole session.
func (s *session) reset() {
	s.msg = transaction{}
	s.env.MailFrom, s.env.QueueID, s.env.Rcpt, s.env.MoreRcpt, s.env.Excess = "", "", nil, false, ""
}

func (s *session) closeSMTP() {
	if smtp := s.smtp; smtp != nil {
		s.smtp = nil
		smtp.Close()
	}
}

// close ends what is going on after the connection has ended, and the session with it.
func (s *session) close() {
	s.endMessage()
	s.guard("close", s.closeSMTP)
	s.server.end(s.conn)
}
