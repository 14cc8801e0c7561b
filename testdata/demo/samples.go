package main

import (
	"bytes"
	"net/netip"
	"slices"

	"assay/testdata/lab"
)

// A sample is one message and what should become of it.
type sample struct {
	title   string
	about   string     // one line: what is to be seen
	client  netip.Addr // the SMTP client
	name    string     // its HELO name
	from    string     // MAIL FROM; "" is the null sender
	message []byte     // CRLF line ends
	same    bool       // in the SMTP session of the sample before
	forged  [][]byte   // lines of the message that must be gone
	command []string   // run before, as assay's arguments

	code    int      // of the reply to the message
	results []string // method=value in order; nothing is delivered without
	has     []string // text that the field has too
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

// makeSamples makes the messages; key signs for fabrikam.example, list for the mailing list.
func makeSamples(key, list *lab.Key) ([]sample, error) {
	signed, err := key.Sign(text("From: Ann <ann@fabrikam.example>\r\nSubject: The contract\r\nMessage-ID: <1@fabrikam.example>\r\n"),
		"relaxed/relaxed", "From", "To", "Subject", "Date", "Message-ID")
	if err != nil {
		return nil, err
	}
	exact, err := key.Sign(text("From:  Ann   <ann@fabrikam.example>\r\nSubject: Gr\xfc\xdfe\r\n\taus  der\r\n Ferne \r\nX-Tight:no space\r\nMessage-ID: <2@fabrikam.example>\r\n"),
		"simple/simple")
	if err != nil {
		return nil, err
	}
	spoof := text("From: Ann <ann@fabrikam.example>\r\nSubject: New bank account\r\nMessage-ID: <3@attacker.example>\r\n")
	forwarded, err := throughList(signed, list)
	if err != nil {
		return nil, err
	}
	return slices.Concat(goodSamples(signed, exact), badSamples(signed, spoof), listSamples(forwarded)), nil
}

func goodSamples(signed, exact []byte) []sample {
	allPass := []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=none", "iprev=pass"}
	return []sample{{
		title: "Signed mail", about: "DKIM and SPF pass, both aligned with the From domain",
		client: fabrikam, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: signed,
		code: 250, results: allPass,
		has: []string{"smtp.mailfrom=fabrikam.example", "header.d=fabrikam.example", "header.s=s1", "header.a=rsa-sha256", "header.from=fabrikam.example", "policy.iprev=192.0.2.10"},
	}, {
		title: "SPF only", about: "no signature: DMARC passes by SPF alone",
		client: newsletter, name: "out.newsletter.example", from: "news@newsletter.example",
		message: text("From: News <news@newsletter.example>\r\nSubject: This week\r\n"),
		code:    250, results: []string{"spf=pass", "dkim=none", "dmarc=pass", "arc=none", "iprev=pass"},
		has: []string{"smtp.mailfrom=newsletter.example", "header.from=newsletter.example"},
	}, {
		title: "Byte for byte", about: "8-bit, folded and oddly spaced header, c=simple/simple: it only passes when nothing was touched",
		client: fabrikam, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: exact,
		code: 250, results: allPass,
		has: []string{"header.d=fabrikam.example"},
	}, {
		title: "A bounce", about: "null sender: SPF is checked for the HELO name",
		client: fabrikam, name: "mail.fabrikam.example", from: "",
		message: text("From: Mail system <postmaster@mail.fabrikam.example>\r\nSubject: Undelivered mail\r\nAuto-Submitted: auto-replied\r\n"),
		code:    250, results: []string{"spf=pass", "dkim=none", "dmarc=pass", "arc=none", "iprev=pass"},
		has: []string{"smtp.helo=mail.fabrikam.example", "header.from=mail.fabrikam.example"},
	}, {
		title: "IPv6", about: "the same message from an IPv6 client",
		client: fabrikam6, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: signed,
		code: 250, results: allPass,
		has: []string{"2001:db8::10"},
	}}
}

func badSamples(signed, spoof []byte) []sample {
	forged := slices.Concat([]byte(forgedField), text("From: Al <al@attacker.example>\r\nSubject: Trust me\r\n"))
	return []sample{{
		title: "Forged results", about: "the sender brings an Authentication-Results field in our name: it is gone",
		client: attacker, name: "attacker.example", from: "al@attacker.example",
		message: forged, forged: bytes.SplitAfter([]byte(forgedField), []byte("\r\n"))[:2],
		code: 250, results: []string{"spf=pass", "dkim=none", "dmarc=none", "arc=none", "iprev=fail"},
		has: []string{"smtp.mailfrom=attacker.example", "header.from=attacker.example"},
	}, {
		title: "A spoof", about: "From fabrikam.example, which asks to reject what is not its own",
		client: attacker, name: "attacker.example", from: "al@attacker.example", message: spoof,
		code: 550,
	}, {
		title: "Two in one session, first", about: "rejected like the one before",
		client: fabrikam, name: "mail.fabrikam.example", from: "al@attacker.example", message: spoof,
		code: 550,
	}, {
		title: "Two in one session, second", about: "good mail: the client's address and name are still known",
		client: fabrikam, name: "mail.fabrikam.example", from: "ann@fabrikam.example", message: signed, same: true,
		code: 250, results: []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=none", "iprev=pass"},
		has: []string{"policy.iprev=192.0.2.10"},
	}}
}
