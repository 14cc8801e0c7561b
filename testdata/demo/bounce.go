package main

import (
	"fmt"
	"strings"

	"assay/testdata/lab"
)

// ownDomain is the domain of the demo's own users.
const ownDomain = "example.test"

// bounceText is a bounce; the arguments are who writes it and the message that it returns.
const bounceText = `From: Mail Delivery System <MAILER-DAEMON@%[1]s>
To: box@example.test
Subject: Undelivered Mail Returned to Sender
Date: Mon, 05 Jan 2026 08:00:00 +0000
Message-ID: <bounce@%[1]s>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

Your message could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.%[1]s

Final-Recipient: rfc822; nobody@%[1]s
Action: failed
Status: 5.1.1

--b1
Content-Type: message/rfc822

%[2]s
--b1--
`

func bounceMessage(domain string, returned []byte) []byte {
	lf := fmt.Sprintf(bounceText, domain, strings.ReplaceAll(string(returned), "\r\n", "\n"))
	return []byte(strings.ReplaceAll(lf, "\n", "\r\n"))
}

// bounceSamples come from hosts that the domains in From don't list: one returns a message
// that our key has signed, one comes from a domain that our user has written to before, and one has
// nothing to show.
func bounceSamples(key *lab.Key) ([]sample, error) {
	ours := note("Box <box@"+ownDomain+">", "Are you there?")
	signed, err := key.Sign(ours, "relaxed/relaxed", "From", "To", "Subject", "Date")
	if err != nil {
		return nil, err
	}
	bounce := func(title, domain string, returned []byte, verdict, done string) sample {
		s := by(title, "198.51.110.20", "out."+domain, "", "", verdict, done)
		s.message = bounceMessage(domain, returned)
		return s
	}
	known := bounce("a bounce by a known correspondent", "partner.example", ours, "pass 501", delivered)
	known.remembered = true
	return []sample{
		bounce("a bounce of a message that we signed", "remote.example", signed, "pass 502", delivered),
		known,
		bounce("a bounce of somebody else's message", "remote.example", ours, "fail 000", rejected),
	}, nil
}
