package auth

import "strings"

// A bounceSample is how an MTA writes its bounces: {original} is the returned message, {header} its
// header, {blank} the blank line behind it.
type bounceSample struct {
	name        string
	contentType string
	body        string
	whole       bool // with the body of the original
}

// write makes the body of a bounce; LF line ends become CRLF.
func (s bounceSample) write(original string) string {
	header, _, _ := strings.Cut(original, "\r\n\r\n")
	body := strings.ReplaceAll(s.body, "\n", "\r\n")
	return strings.NewReplacer("{original}", original, "{header}", header+"\r\n").Replace(body)
}

var bounceSamples = []bounceSample{
	{"Postfix", " multipart/report; report-type=delivery-status;\r\n\tboundary=\"4XyZ1b2C3d.1732272000/mail.remote.example\"", `This is a MIME-encapsulated message.

--4XyZ1b2C3d.1732272000/mail.remote.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.remote.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<nobody@remote.example>: unknown user: "nobody"

--4XyZ1b2C3d.1732272000/mail.remote.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.remote.example
X-Postfix-Queue-ID: 4XyZ1b2C3d
X-Postfix-Sender: rfc822; ann@ours.example
Arrival-Date: Fri, 22 Nov 2024 10:40:00 +0000 (UTC)

Final-Recipient: rfc822; nobody@remote.example
Original-Recipient: rfc822;nobody@remote.example
Action: failed
Status: 5.1.1
Diagnostic-Code: X-Postfix; unknown user: "nobody"

--4XyZ1b2C3d.1732272000/mail.remote.example
Content-Description: Undelivered Message
Content-Type: message/rfc822

Return-Path: <ann@ours.example>
Received: from out.ours.example (out.ours.example [192.0.2.25])
	by mail.remote.example (Postfix) with ESMTPS id 4XyZ1b2C3d
	for <nobody@remote.example>; Fri, 22 Nov 2024 10:40:00 +0000 (UTC)
{original}
--4XyZ1b2C3d.1732272000/mail.remote.example--
`, true},
	{"Postfix, header only", " multipart/report; report-type=delivery-status;\r\n\tboundary=\"4XyZ.1/mail.remote.example\"", `This is a MIME-encapsulated message.

--4XyZ.1/mail.remote.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.remote.example.

--4XyZ.1/mail.remote.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.remote.example

Final-Recipient: rfc822; nobody@remote.example
Action: failed
Status: 5.2.2

--4XyZ.1/mail.remote.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers
Content-Transfer-Encoding: 8bit

Return-Path: <ann@ours.example>
{header}
--4XyZ.1/mail.remote.example--
`, false},
	{"Sendmail", " multipart/report; report-type=delivery-status;\r\n\tboundary=\"4AMAe0Kl012345.1732272000/mx.remote.example\"", `This is a MIME-encapsulated message

--4AMAe0Kl012345.1732272000/mx.remote.example

The original message was received at Fri, 22 Nov 2024 10:40:00 GMT
from out.ours.example [192.0.2.25]

   ----- The following addresses had permanent fatal errors -----
<nobody@remote.example>
    (reason: 550 5.1.1 <nobody@remote.example>... User unknown)

--4AMAe0Kl012345.1732272000/mx.remote.example
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.remote.example
Received-From-MTA: DNS; out.ours.example
Arrival-Date: Fri, 22 Nov 2024 10:40:00 GMT

Final-Recipient: RFC822; nobody@remote.example
Action: failed
Status: 5.1.1
Last-Attempt-Date: Fri, 22 Nov 2024 10:40:01 GMT

--4AMAe0Kl012345.1732272000/mx.remote.example
Content-Type: message/rfc822

Return-Path: <ann@ours.example>
Received: from out.ours.example (out.ours.example [192.0.2.25])
	by mx.remote.example (8.18.1/8.18.1) with ESMTPS id 4AMAe0Kl012345
	for <nobody@remote.example>; Fri, 22 Nov 2024 10:40:00 GMT
{original}
--4AMAe0Kl012345.1732272000/mx.remote.example--

`, true},
	{"Exim", " multipart/report; report-type=delivery-status; boundary=1732272000-eximdsn-1804289383", `--1732272000-eximdsn-1804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  nobody@remote.example
    Unrouteable address

--1732272000-eximdsn-1804289383
Content-type: message/delivery-status

Reporting-MTA: dns; exim.remote.example

Action: failed
Final-Recipient: rfc822;nobody@remote.example
Status: 5.0.0

--1732272000-eximdsn-1804289383
Content-type: message/rfc822

Return-path: <ann@ours.example>
Received: from out.ours.example ([192.0.2.25])
	by exim.remote.example with esmtps (TLS1.3)
	(Exim 4.98)
	(envelope-from <ann@ours.example>)
	id 1tERxQ-000000001Xy-2abc
	for nobody@remote.example;
	Fri, 22 Nov 2024 10:40:00 +0000
{original}
--1732272000-eximdsn-1804289383--
`, true},
	{"Exchange", " multipart/report; report-type=delivery-status;\r\n\tboundary=\"c5a2b1d0-77aa-4b1c-9d1e-5f0f3a6b7c8d\"", `--c5a2b1d0-77aa-4b1c-9d1e-5f0f3a6b7c8d
Content-Type: multipart/alternative; differences=Content-Type;
	boundary="0d1c2b3a-1111-2222-3333-444455556666"

--0d1c2b3a-1111-2222-3333-444455556666
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Delivery has failed to these recipients or groups:

nobody@remote.example<mailto:nobody@remote.example>
The email address you entered couldn't be found.

--0d1c2b3a-1111-2222-3333-444455556666
Content-Type: text/html; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

<html><body><b>Delivery has failed to these recipients or groups:</b></body></=
html>

--0d1c2b3a-1111-2222-3333-444455556666--

--c5a2b1d0-77aa-4b1c-9d1e-5f0f3a6b7c8d
Content-Type: message/delivery-status

Reporting-MTA: dns;PROD01.remote.example
Received-From-MTA: dns;out.ours.example
Arrival-Date: Fri, 22 Nov 2024 10:40:00 +0000

Final-Recipient: rfc822;nobody@remote.example
Action: failed
Status: 5.1.10
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found
X-Display-Name: nobody@remote.example

--c5a2b1d0-77aa-4b1c-9d1e-5f0f3a6b7c8d
Content-Type: message/rfc822

Received: from AM0PR01.remote.example (2001:db8::1) by
 PROD01.remote.example (2001:db8::2) with Microsoft SMTP Server
 (version=TLS1_3) id 15.20.8182.18; Fri, 22 Nov 2024 10:40:00 +0000
Authentication-Results: spf=pass (sender IP is 192.0.2.25)
 smtp.mailfrom=ours.example; dkim=pass (signature was verified)
{original}
--c5a2b1d0-77aa-4b1c-9d1e-5f0f3a6b7c8d--
`, true},
	{"Google", " multipart/report; boundary=\"000000000000a1b2c3062781d9f0\"; report-type=delivery-status", `--000000000000a1b2c3062781d9f0
Content-Type: multipart/related; boundary="000000000000a1b2cc062781d9f1"

--000000000000a1b2cc062781d9f1
Content-Type: multipart/alternative; boundary="000000000000a1b2d5062781d9f2"

--000000000000a1b2d5062781d9f2
Content-Type: text/plain; charset="UTF-8"

** Address not found **

Your message wasn't delivered to nobody@remote.example.

--000000000000a1b2d5062781d9f2
Content-Type: text/html; charset="UTF-8"

<html><body>Address not found</body></html>
--000000000000a1b2d5062781d9f2--
--000000000000a1b2cc062781d9f1
Content-Type: image/png; name="icon.png"
Content-Disposition: attachment; filename="icon.png"
Content-Transfer-Encoding: base64
Content-ID: <icon.png>

iVBORw0KGgoAAAANSUhEUgAAAJAAAACQCAYAAADnRuK4AAAACXBIWXMAABYlAAAWJQFJUiTw
--000000000000a1b2cc062781d9f1--
--000000000000a1b2c3062781d9f0
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Arrival-Date: Fri, 22 Nov 2024 02:40:00 -0800 (PST)
X-Original-Message-ID: <1@ours.example>

Final-Recipient: rfc822; nobody@remote.example
Action: failed
Status: 5.1.1
Last-Attempt-Date: Fri, 22 Nov 2024 02:40:01 -0800 (PST)

--000000000000a1b2c3062781d9f0
Content-Type: message/rfc822

X-Received: by 2002:a05:600c:1f90 with SMTP id je16mr1;
        Fri, 22 Nov 2024 02:40:00 -0800 (PST)
Return-Path: <ann@ours.example>
{original}
--000000000000a1b2c3062781d9f0--
`, true},
	{"RFC 6533", " Multipart/Report; Report-Type=\"Delivery-Status\" (a DSN); boundary=x", `--x
Content-Type: message/global-delivery-status

Reporting-MTA: dns; utf8.remote.example

Final-Recipient: utf-8; nøbody@remote.example
Action: failed
Status: 5.1.1

--x
Content-Type: message/global-headers (of yours)

{header}--x--
`, false},
}
