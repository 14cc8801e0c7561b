package auth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"assay/auth/dkim"
	"assay/auth/message"
)

// Limits of the header of a returned message. One that is over them is not verified.
const (
	maxReturnedHeader = 256 << 10 // bytes, encoded or not
	maxReturnedFields = 10_000
)

// A bounce reads the delivery status and the message that a bounce returns (RFC 6522, RFC 3464,
// RFC 6533), as the body comes, and verifies the signatures of our own domains in the latter. A
// nil *bounce is a message that is no bounce. Its methods are called one at a time.
//
// The report is the message itself, or the first one in its parts: gateways wrap a report into a
// multipart of their own, with a disclaimer say (RFC 6522 section 1). Only multiparts are looked into, as deep
// as Limits.MIMEDepth.
//
// A bounce is valid when its first delivery status names a recipient and stands in front of what
// is returned, as all MTAs write it. Any other proves nothing.
//
// The returned message is the first part of the report itself, not of a part of it, that is
// message/rfc822 or message/global, or only the header of one: text/rfc822-headers or
// message/global-headers. A header may be in base64 or quoted-printable; a whole message that
// is can't be verified. Of a whole message the body hash has to verify too, so that one
// that was cut off shows nothing; one without any body is taken for a header.
//
// Whoever has a message of ours can return it as often as he likes. So only signatures of the
// last days count, and only for a bounce to those who sent the message (type original). What is
// left: for some days, who got a message can send its author bounces that say
// anything. To tell these takes a tag in the envelope sender of all mail (BATV).
type bounce struct {
	ctx      context.Context // of the message
	patience time.Duration   // how long lookups may take; 0: as long as ctx lasts
	rcpt     []string
	accepted []string
	verifier dkim.Verifier

	levels   []*splitter // the multiparts that are open, each a part of the one before
	maxDepth int         // of levels
	inReport bool        // the last of them is the report
	phase    phase
	status   statusPart         // in inStatus
	about    map[string]bool    // the organizations of the recipients, once a valid status has been read
	returned returnedPart       // the part that is being read, in and after inReturnedHeader
	head     headerText         // the one that is being read
	check    *dkim.Verification // nil until the returned header is known and may be ours
	release  func()             // frees the context of check's lookups
	body     bool               // the returned message has one
}

// A phase is what the next content of a part is.
type phase uint8

const (
	skipping phase = iota // nothing that matters
	inPartHeader
	inStatus
	inReturnedHeader
	inReturnedBody
	decided // nothing in the rest of the body matters
)

// beginBounce is nil unless the message has a null MAIL FROM, is from a mail system, and is a delivery
// status report or may hold one in its parts, at most so deep. It is also nil when not all
// recipients are known.
// Accepted are our own domains, lower case and A-labels: names below them as well.
//
// Lookups begin when the returned header is known and take at most as long as ctx has left
// now: a slow body takes nothing from them. Cancel ends them, and so does ctx unless that
// is by its deadline.
func beginBounce(ctx context.Context, env Envelope, h message.Header, accepted []string, v dkim.Verifier, maxDepth int) *bounce {
	if env.MailFrom != "" || env.MoreRcpt {
		return nil
	}
	m, ok := readMultipart(h)
	if !ok || !m.report && maxDepth < 2 || !fromMailSystem(h) {
		return nil
	}
	b := &bounce{ctx: ctx, rcpt: env.Rcpt, accepted: accepted, verifier: v, maxDepth: maxDepth}
	if deadline, ok := ctx.Deadline(); ok {
		b.patience = time.Until(deadline)
	}
	b.open(m)
	return b
}

// write takes the next piece of the body. It never fails and does not keep p.
func (b *bounce) write(p []byte) {
	if b.wantsBody() {
		b.levels[0].write(p)
	}
}

// wantsBody is false when the result does not depend on the rest of the body.
func (b *bounce) wantsBody() bool {
	return b != nil && b.phase != decided && (b.phase != inReturnedBody || b.check.WantsBody())
}

// ours ends the body, waits for the keys and tells whether the bounce is valid and the returned
// message carries a signature of one of our own domains that verifies. It may panic as dkim.Verification does.
// It may be called again; after cancel it is false.
func (b *bounce) ours() bool {
	if b == nil {
		return false
	}
	b.end()
	return b.check != nil && slices.ContainsFunc(b.check.Finish(), b.proves)
}

// end is the end of the body. Idempotent.
func (b *bounce) end() {
	if b != nil && b.phase != decided {
		b.endPartOf(-1)
		b.phase = decided
	}
}

// proves tells whether an outcome shows that the message is ours. Who tests a key does not
// want to be judged by it (RFC 6376 section 3.6.1).
func (b *bounce) proves(o dkim.Outcome) bool {
	return !o.Testing && (o.Result == dkim.Pass || o.BodyOnly && !b.body)
}

// cancel ends it and waits for what is running. Idempotent.
func (b *bounce) cancel() {
	if b == nil {
		return
	}
	b.phase, b.about = decided, nil
	if b.check != nil {
		b.check.Cancel()
		b.release()
	}
}

// endPart decides when the part that ends was the returned one, or no more can be shown.
func (b *bounce) endPart() {
	if b.phase == inStatus {
		b.endStatus()
	}
	if b.phase == inReturnedHeader {
		b.endReturnedHeader()
	}
	if b.phase == inReturnedBody {
		b.phase = decided
	}
}

// endStatus decides unless the returned message may be ours.
func (b *bounce) endStatus() {
	b.phase, b.about = skipping, b.status.organizations()
	b.status = statusPart{}
	if len(b.about) == 0 || len(b.accepted) == 0 || len(b.rcpt) == 0 {
		b.phase = decided
	}
}

// content takes the next piece of a part.
func (b *bounce) content(p []byte) {
	for ended := false; len(p) > 0; {
		switch b.phase {
		case inPartHeader:
			level := len(b.levels)
			if p, ended = b.head.write(p); ended {
				b.endPartHeader()
			}
			if len(b.levels) > level {
				b.levels[level].write(p)
				return
			}
		case inReturnedHeader:
			if p, ended = b.head.write(p); b.head.tooLong || ended && b.returned.encoding == identity {
				b.endReturnedHeader()
			}
		case inStatus:
			b.status.write(p)
			return
		case inReturnedBody:
			b.writeBody(p)
			return
		default:
			return
		}
	}
}

func (b *bounce) endPartHeader() {
	b.phase = skipping
	h, err := message.ReadHeader(bufio.NewReader(b.head.reader()), maxPartHeader)
	if err != nil { // none, or too long
		return
	}
	if !b.inReport {
		b.nest(h)
		return
	}
	if status, ok := readStatusPart(h); ok {
		if b.about == nil { // a second one doesn't matter
			b.phase, b.status = inStatus, status
		}
		return
	}
	part, ok := readReturnedPart(h)
	switch {
	case ok && b.about != nil && part.readable():
		b.phase, b.returned, b.head = inReturnedHeader, part, headerText{limit: maxReturnedHeader}
	case ok:
		b.phase = decided
	}
}

// endReturnedHeader begins the verification if there is something to verify.
func (b *bounce) endReturnedHeader() {
	b.phase = decided
	r := bufio.NewReader(b.returned.encoding.decode(b.head.reader()))
	h, err := message.ReadHeader(r, maxReturnedHeader)
	b.head = headerText{}
	if err != nil || len(h) > maxReturnedFields {
		return
	}
	b.verify(h)
	if b.check == nil || !b.returned.whole {
		return
	}
	b.phase = inReturnedBody
	rest, _ := io.ReadAll(r) // of the header text: what follows a line that is no field
	b.writeBody(rest)
}

// writeBody takes the next piece of the returned body. Line ends alone are none.
func (b *bounce) writeBody(p []byte) {
	b.body = b.body || len(bytes.Trim(p, "\r\n")) > 0
	_, _ = b.check.Write(p) // never fails
}

// verify begins the verification of a returned message. Of the engines only our own tells that
// the body alone has changed.
func (b *bounce) verify(h message.Header) {
	v := b.verifier
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	o := readOriginal(h, b.rcpt, b.accepted, now())
	o.maxTags = v.MaxTags
	v.Engine, v.MaxSignatures, v.Grace, v.Only = dkim.EngineAssay, maxReturnedSignatures, maxReturnAge, o.counts
	ctx, release := b.lookups()
	check := v.Begin(ctx, h)
	if len(check.Domains()) == 0 {
		check.Cancel()
		release()
		return
	}
	b.check, b.release = check, release
}

// lookups is the context of lookups that begin now.
func (b *bounce) lookups() (ctx context.Context, release func()) {
	if b.patience == 0 {
		return context.WithCancel(b.ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), b.patience)
	stop := context.AfterFunc(b.ctx, func() {
		if errors.Is(b.ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return ctx, func() { stop(); cancel() }
}
