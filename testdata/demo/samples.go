package main

import (
	"bytes"
	"net/netip"
	"slices"
)

// What becomes of a message, in the words of the table.
const (
	delivered   = "delivered"
	quarantined = "quarantined"
	rejected    = "rejected"
)

// A sample is one message and what should become of it.
type sample struct {
	title   string
	about   string     // what is to be seen; "": the table says it all, and only problems are printed
	client  netip.Addr // the SMTP client
	name    string     // its HELO name
	login   string     // the user that logged in; "" for none
	from    string     // MAIL FROM; "" is the null sender
	message []byte     // CRLF line ends
	same    bool       // in the SMTP session of the sample before
	forged  [][]byte   // lines of the message that must be gone
	command []string   // run before, as assay's arguments

	remembered bool // the verdict depends on the history

	verdict string   // compauth and reason: "pass 100"
	done    string   // delivered, quarantined or rejected
	results []string // of a delivered message, method=value in order, without compauth; nil: any
	has     []string // text that the field, or else the reply, has too
}

// The clients, with the names that they say.
var (
	fabrikam   = netip.MustParseAddr("192.0.2.10")
	fabrikam6  = netip.MustParseAddr("2001:db8::10")
	newsletter = netip.MustParseAddr("192.0.2.20")
	attacker   = netip.MustParseAddr("203.0.113.66")
)

const forgedField = "Authentication-Results: (to be believed) \"MX.example.TEST\" 1;\r\n" +
	" dkim=pass header.d=fabrikam.example; dmarc=pass header.from=fabrikam.example\r\n"

// text makes a message of these fields, CRLF included, and a short body.
func text(fields string) []byte {
	return []byte(fields + "To: Box <box@example.test>\r\nDate: Mon, 05 Jan 2026 08:00:00 +0000\r\n\r\nHello,\r\n\r\n.. and goodbye.\r\n")
}

// note is a message that nobody signs.
func note(from, subject string) []byte {
	return text("From: " + from + "\r\nSubject: " + subject + "\r\nMessage-ID: <note@demo.example>\r\n")
}

// makeSamples makes the messages in the order in which they are sent.
func makeSamples(keys keyring) ([]sample, error) {
	signed, err := keys.fabrikam.Sign(text("From: Ann <ann@fabrikam.example>\r\nSubject: The contract\r\nMessage-ID: <1@fabrikam.example>\r\n"),
		"relaxed/relaxed", "From", "To", "Subject", "Date", "Message-ID")
	if err != nil {
		return nil, err
	}
	exact, err := keys.fabrikam.Sign(text("From:  Ann   <ann@fabrikam.example>\r\nSubject: Gr\xfc\xdfe\r\n\taus  der\r\n Ferne \r\nX-Tight:no space\r\nMessage-ID: <2@fabrikam.example>\r\n"),
		"simple/simple")
	if err != nil {
		return nil, err
	}
	forwarded, err := throughList(signed, keys.list)
	if err != nil {
		return nil, err
	}
	bounces, err := bounceSamples(keys.own)
	if err != nil {
		return nil, err
	}
	return slices.Concat(goodSamples(signed, exact), badSamples(signed), listSamples(forwarded),
		forbiddenSamples(), entrySamples(), hintSamples(), bypassSamples(), bounces, historySamples(), relaySamples(signed)), nil
}

func goodSamples(signed, exact []byte) []sample {
	allPass := []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=none", "iprev=pass"}
	return []sample{{
		title: "signed mail", about: "DKIM and SPF pass, both aligned with the From domain",
		client: fabrikam, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: signed,
		verdict: "pass 100", done: delivered, results: allPass,
		has: []string{"smtp.mailfrom=fabrikam.example", "header.d=fabrikam.example", "header.s=s1", "header.a=rsa-sha256", "header.from=fabrikam.example", "policy.iprev=192.0.2.10"},
	}, {
		title:  "not signed, SPF passes",
		client: newsletter, name: "out.newsletter.example", from: "news@newsletter.example",
		message: note("News <news@newsletter.example>", "This week"),
		verdict: "pass 100", done: delivered, results: []string{"spf=pass", "dkim=none", "dmarc=pass", "arc=none", "iprev=pass"},
		has: []string{"smtp.mailfrom=newsletter.example", "header.from=newsletter.example"},
	}, {
		title:  "signed byte for byte, header 8-bit and odd",
		client: fabrikam, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: exact,
		verdict: "pass 100", done: delivered, results: allPass,
		has: []string{"header.d=fabrikam.example"},
	}, {
		title:  "null sender, SPF of the HELO name",
		client: fabrikam, name: "mail.fabrikam.example", from: "",
		message: text("From: Mail system <postmaster@mail.fabrikam.example>\r\nSubject: Undelivered mail\r\nAuto-Submitted: auto-replied\r\n"),
		verdict: "pass 100", done: delivered, results: []string{"spf=pass", "dkim=none", "dmarc=pass", "arc=none", "iprev=pass"},
		has: []string{"smtp.helo=mail.fabrikam.example", "header.from=mail.fabrikam.example"},
	}, {
		title:  "signed mail over IPv6",
		client: fabrikam6, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: signed,
		verdict: "pass 100", done: delivered, results: allPass,
		has: []string{"2001:db8::10"},
	}}
}

func badSamples(signed []byte) []sample {
	forged := slices.Concat([]byte(forgedField), text("From: Al <al@attacker.example>\r\nSubject: Trust me\r\n"))
	spoof := note("Ann <ann@fabrikam.example>", "New bank account")
	return []sample{{
		title: "forged results, SPF passes", about: "the sender brings an Authentication-Results field in our name: it is gone",
		client: attacker, name: "attacker.example", from: "al@attacker.example",
		message: forged, forged: bytes.SplitAfter([]byte(forgedField), []byte("\r\n"))[:2],
		verdict: "pass 109", done: delivered, results: []string{"spf=pass", "dkim=none", "dmarc=none", "arc=none", "iprev=fail"},
		has: []string{"smtp.mailfrom=attacker.example", "header.from=attacker.example"},
	}, {
		title: "a spoof of p=reject", about: "From fabrikam.example, which asks to reject what is not its own",
		client: attacker, name: "attacker.example", from: "al@attacker.example", message: spoof,
		verdict: "fail 000", done: rejected, has: []string{"5.7.1 rejected by DMARC policy for fabrikam.example (reason 000)"},
	}, {
		title:  "two in one session: a spoof",
		client: fabrikam, name: "mail.fabrikam.example", from: "al@attacker.example", message: spoof,
		verdict: "fail 000", done: rejected, has: []string{"(reason 000)"},
	}, {
		title:  "two in one session: then signed mail",
		client: fabrikam, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: signed, same: true,
		verdict: "pass 100", done: delivered, results: []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=none", "iprev=pass"},
		has: []string{"policy.iprev=192.0.2.10"},
	}}
}
