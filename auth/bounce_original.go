package auth

import (
	"net/mail"
	"slices"
	"strings"
	"time"

	"assay/auth/dkim"
	"assay/auth/message"
)

const (
	// maxReturnedSignatures bounds the signatures of a returned message that are verified.
	maxReturnedSignatures = 5

	// maxReturnAge is how old a signature may be: the message and then its bounce may wait for five
	// days each (RFC 5321 section 4.5.4.1), and some wait longer.
	maxReturnAge = 14 * 24 * time.Hour

	maxDateAhead = 24 * time.Hour // of a Date field
	maxDateField = 200            // bytes
)

// An original is what the header of a returned message says that decides which of its signatures
// count: those
//
//   - by an accepted domain, or a name below one;
//   - made in the last maxReturnAge, by t=, or without it by a Date field that is signed.
//     An x= that has passed since then does not matter: the message was sent in time;
//   - that cover the address of each recipient of the bounce: as the first author in
//     From, or as the Sender. Compared is what mailboxOf gives: tags as of VERP behind a "+",
//     BATV and SRS don't matter.
//
// A bounce goes to the envelope sender, which no signature covers: a Return-Path field can be
// anybody's. Where neither author nor Sender is behind it, as for a newsletter's bounces@, nothing
// counts.
type original struct {
	now      time.Time
	accepted []string
	maxTags  int       // of a signature, as by dkim.FieldTags
	byAuthor bool      // the recipients are the author
	bySender bool      // the recipients are the author or the Sender
	date     time.Time // the zero Time if there is no one Date field
}

func readOriginal(h message.Header, rcpt, accepted []string, now time.Time) *original {
	o := &original{now: now, accepted: accepted}
	author := mailboxIn(h, "From")
	sender := mailboxIn(h, "Sender")
	o.byAuthor, o.bySender = len(rcpt) > 0, len(rcpt) > 0
	for _, r := range rcpt {
		m := mailboxOf(r)
		o.byAuthor = o.byAuthor && m != "" && m == author
		o.bySender = o.bySender && m != "" && (m == author || m == sender)
	}
	if dates := h.Values("Date"); len(dates) == 1 && len(dates[0]) <= maxDateField {
		if date, err := mail.ParseDate(strings.TrimSpace(message.Unfold(dates[0]))); err == nil {
			o.date = date
		}
	}
	return o
}

// counts tells whether a signature that verifies shows what it has to.
func (o *original) counts(f message.Field) bool {
	tags, err := dkim.FieldTags(f, o.maxTags)
	if err != nil {
		return false
	}
	domain, ok := tags.Domain("d")
	names := tags.Names("h")
	return ok && withinAny(domain, o.accepted) && o.fresh(tags, names) &&
		(o.byAuthor || o.bySender && slices.Contains(names, "sender"))
}

// fresh tells whether a signature was made not long ago.
func (o *original) fresh(tags dkim.TagList, names []string) bool {
	made, ok := tags.Time("t")
	if made.IsZero() && slices.Contains(names, "date") {
		made = o.date
	}
	age := o.now.Sub(made)
	return ok && !made.IsZero() && age <= maxReturnAge && age >= -maxDateAhead
}

// mailboxIn is the first mailbox in the one field of this name, as by mailboxOf; "" when there
// are several fields, or it can't be read with certainty.
func mailboxIn(h message.Header, name string) string {
	values := h.Values(name)
	if len(values) != 1 {
		return ""
	}
	authors := message.AuthorsOf(message.Header{message.NewField("From", values[0])})
	if authors.Err != nil {
		return ""
	}
	return mailboxOf(authors.List[0].Address)
}

// mailboxOf is the mailbox behind an envelope address, as far as the address tells: without the
// tags of BATV (draft-levine-smtp-batv), SRS and subaddresses (RFC 5233), in lower case. "" if
// it names none.
//
// The hashes in BATV and SRS addresses are for those to check who made them.
func mailboxOf(addr string) string {
	local, _ := message.SplitAddress(addr)
	if forwarded := beforeSRS(local); forwarded != "" {
		addr = forwarded
		local, _ = message.SplitAddress(addr)
	}
	domain, err := message.DomainOf(addr)
	if err != nil {
		return ""
	}
	if scheme, rest, ok := strings.Cut(local, "="); ok && strings.EqualFold(scheme, "prvs") {
		_, local, _ = strings.Cut(rest, "=")
	}
	if user, _, ok := strings.Cut(local, "+"); ok && user != "" {
		local = user
	}
	if local == "" {
		return ""
	}
	if message.IsASCII(local) {
		local = strings.ToLower(local)
	}
	return local + "@" + domain
}

// beforeSRS is the address that a forwarder put into this local part by the Sender Rewriting
// Scheme: SRS0=hash=time=domain=local, or of a second one SRS1=hash=host==hash=time=domain=local. The
// separator behind the number may also be + or -. "" for others.
func beforeSRS(local string) string {
	if len(local) < 5 || !strings.EqualFold(local[:3], "SRS") || !strings.ContainsRune("=+-", rune(local[4])) {
		return ""
	}
	opaque := local[5:]
	switch local[3] {
	case '0':
	case '1':
		parts := strings.SplitN(opaque, "=", 3)
		if len(parts) < 3 || len(parts[2]) == 0 {
			return ""
		}
		opaque = parts[2][1:]
	default:
		return ""
	}
	parts := strings.SplitN(opaque, "=", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[3] + "@" + parts[2]
}
