package milter

import (
	"context"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth"
	"assay/auth/message"
)

// A verifier begins SMTP sessions. It is *auth.Verifier through verifierOf.
type verifier interface {
	Connect(ctx context.Context, ip netip.Addr) smtpSession
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

type sessionOf struct{ *auth.Session }

func (s sessionOf) Begin(env auth.Envelope, h message.Header) check { return s.Session.Begin(env, h) }

// A session is what the library calls: one connection of an MTA, which is one
// SMTP session with any number of messages. The library calls one method at a
// time, and close comes after the last one.
//
// Its replies before the end of the message only say to go on. Whatever happens
// before is remembered until then: where the MTA waits for no reply there is no
// other way, and one way is enough.
type session struct {
	server *Server
	conn   *conn
	ctx    context.Context // ends with the connection

	env    auth.Envelope // what the MTA said, of the message under way too
	smtp   smtpSession   // nil: to be begun
	source *verifier     // what smtp was begun with
	ip     netip.Addr    // whom smtp was begun for
	msg    transaction
}

// The most that header and recipients of one message may take in memory, and what
// a field or recipient takes besides its text. A header over it is rejected:
// unread fields could hide forged results or a second From, and no real header
// is that large (Exim rejects from 1 MB on, Sendmail from 32 KB on).
const (
	maxEnvelope = 1 << 20
	itemSize    = 64
)

// A transaction is the message under way. The zero value is none.
type transaction struct {
	active   bool // MAIL FROM came
	began    time.Time
	header   message.Header
	size     int   // of header and recipients
	check    check // nil until the header is complete
	panicked bool  // nothing is known for certain any more
}

// open tells whether envelope and header may still grow.
func (t *transaction) open() bool { return t.active && t.check == nil && !t.panicked }

// fits takes room for a text.
func (t *transaction) fits(text int) bool {
	t.size += text + itemSize
	return t.size <= maxEnvelope
}

func (t *transaction) tooLarge() bool { return t.size > maxEnvelope }

// next is the reply that says to go on, nil where the MTA waits for none.
func (s *session) next(command milter.Code) (milter.Response, error) {
	if !s.conn.inUse.repliesTo(command) {
		return nil, nil
	}
	return milter.RespContinue, nil
}

// Connect begins an SMTP session. Postfix says it again after XCLIENT.
func (s *session) Connect(_, _ string, _ uint16, _ net.IP, m *milter.Modifier) (milter.Response, error) {
	s.guard("connect", func() {
		s.endMessage()
		s.env = auth.Envelope{IP: parseClient(s.conn.address)} // the library can't read Sendmail's IPv6
		s.absorb(m)
		s.begin()
	})
	return s.next(milter.CodeConn)
}

// Helo takes the HELO name, again after STARTTLS. In a message it ends that (RFC
// 5321 section 4.1.4).
func (s *session) Helo(name string, m *milter.Modifier) (milter.Response, error) {
	s.guard("helo", func() {
		s.endMessage()
		s.env.TLS, s.env.Cipher, s.env.CertSubject, s.env.CertIssuer = "", "", "", ""
		s.absorb(m)
		s.env.Helo = name
		if !s.begin() {
			s.smtp.Helo(name)
		}
	})
	return s.next(milter.CodeHelo)
}

// MailFrom begins a message. Sendmail does not say that the last one has ended.
func (s *session) MailFrom(from string, m *milter.Modifier) (milter.Response, error) {
	s.guard("mail from", func() {
		s.endMessage()
		s.msg.active, s.msg.began = true, time.Now()
		s.env.MailFrom = from
		s.env.AuthType, s.env.AuthUser = "", ""
		s.absorb(m)
		s.begin()
		s.smtp.MailFrom(s.env)
	})
	return s.next(milter.CodeMail)
}

// RcptTo takes a recipient.
func (s *session) RcptTo(to string, m *milter.Modifier) (milter.Response, error) {
	s.guard("rcpt to", func() {
		s.absorb(m)
		if s.msg.open() && s.msg.fits(len(to)) {
			s.env.Rcpt = append(s.env.Rcpt, to)
		}
	})
	return s.next(milter.CodeRcpt)
}

// Header takes a field, byte for byte.
func (s *session) Header(name, value string, m *milter.Modifier) (milter.Response, error) {
	clear(m.Headers) // the library would collect them all, for several messages
	s.guard("header", func() {
		s.absorb(m)
		if s.msg.open() && s.msg.fits(len(name)+len(value)) {
			s.msg.header = append(s.msg.header, s.field(name, value))
		}
	})
	return s.next(milter.CodeHeader)
}

// field is the field as the MTA received it. The MTAs write folds with a bare LF. Those that
// can't send leading space (SMFIP_HDR_LEADSPC) take one space from the value: it
// is put back, as nearly all fields have one.
func (s *session) field(name, value string) message.Field {
	if s.conn.inUse.protocol&milter.OptHeaderLeadingSpace == 0 {
		value = " " + value
	}
	if strings.Contains(value, "\n") {
		value = strings.ReplaceAll(strings.ReplaceAll(value, "\r\n", "\n"), "\n", "\r\n")
	}
	return message.NewField(name, value)
}

// Headers ends the header: the check of the message begins.
func (s *session) Headers(_ textproto.MIMEHeader, m *milter.Modifier) (milter.Response, error) {
	s.guard("end of header", func() {
		s.absorb(m)
		s.beginCheck()
	})
	return s.next(milter.CodeEOH)
}

// BodyChunk takes a piece of the body.
func (s *session) BodyChunk(chunk []byte, m *milter.Modifier) (milter.Response, error) {
	skip := false
	s.guard("body", func() {
		s.absorb(m)
		s.beginCheck()
		skip = s.write(chunk)
	})
	if skip && s.conn.inUse.protocol&milter.OptSkip != 0 {
		// milter.ActSkip as a SimpleResponse would end the message for the library.
		return milter.NewResponse(byte(milter.ActSkip), nil), nil
	}
	return s.next(milter.CodeBody)
}

// write is true when the rest of the body is not needed.
func (s *session) write(chunk []byte) (skip bool) {
	if s.msg.check == nil {
		return s.msg.active // too large or panicked
	}
	_, _ = s.msg.check.Write(chunk) // never fails
	return !s.msg.check.WantsBody()
}

// Body ends the message: the edits are sent, and the reply.
func (s *session) Body(m *milter.Modifier) (milter.Response, error) {
	answer := accepted()
	s.guard("end of message", func() {
		s.absorb(m)
		s.beginCheck()
		answer = s.answer()
	})
	if s.msg.panicked {
		answer = s.internalError()
	}
	s.reset()
	return answer.send(m), nil
}

// Abort ends the message without an answer. Postfix may say it twice.
func (s *session) Abort(*milter.Modifier) error {
	s.guard("abort", s.endMessage)
	return nil
}

// absorb takes the macros that came with a command. Those that the library still
// has from an earlier one were taken then.
func (s *session) absorb(m *milter.Modifier) {
	if s.conn.takeMacros() {
		absorb(&s.env, m.Macros)
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
	s.source, s.ip = source, s.env.IP
	s.smtp = (*source).Connect(s.ctx, s.env.IP)
	if s.env.Helo != "" {
		s.smtp.Helo(s.env.Helo)
	}
	return true
}

// beginCheck begins the check of the message, once its header is complete.
func (s *session) beginCheck() {
	if s.msg.open() && !s.msg.tooLarge() {
		s.env.IP = s.ip // the lookups were begun for it
		s.msg.check = s.smtp.Begin(s.env, s.msg.header)
	}
}

// endMessage ends a message that was not answered.
func (s *session) endMessage() {
	if s.msg.active {
		s.logAborted()
	}
	check := s.msg.check
	s.reset()
	if check != nil {
		check.Cancel()
	}
}

// reset forgets the message, and keeps what holds for the whole session.
func (s *session) reset() {
	s.msg = transaction{}
	s.env.MailFrom, s.env.QueueID, s.env.Rcpt = "", "", nil
}

func (s *session) closeSMTP() {
	if smtp := s.smtp; smtp != nil {
		s.smtp = nil
		smtp.Close()
	}
}

// close ends what is going on after the connection has ended.
func (s *session) close() {
	s.guard("close", func() {
		s.endMessage()
		s.closeSMTP()
	})
}
