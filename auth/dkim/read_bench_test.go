package dkim

import (
	"strings"
	"testing"
	"time"
)

// usualMessage has the header of ordinary mail, and its signature is as large senders write them.
func usualMessage() string {
	raw := "Received: from mail.example.com (mail.example.com [192.0.2.7])\r\n\tby mx.example.net (Postfix) with ESMTPS id 4XyZ\r\n" +
		"\tfor <suzie@example.net>; Fri, 11 Jul 2003 21:00:38 -0700 (PDT)\r\n" +
		"Received: by mail.example.com with SMTP id d9443c01a7336; Fri, 11 Jul 2003 21:00:37 -0700\r\n" +
		"X-Received: by mail.example.com with SMTP id d9443c01a7336; Fri, 11 Jul 2003 21:00:37 -0700\r\n" +
		"MIME-Version: 1.0\r\nReferences: <a.long.identifier.of.a.message@mail.example.com>\r\n" +
		"In-Reply-To: <a.long.identifier.of.a.message@mail.example.com>\r\nReply-To: joe@example.com\r\n" +
		"From: Joe Sixpack <joe@example.com>\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n" +
		"Message-ID: <another.long.identifier@mail.example.com>\r\nSubject: Is dinner ready?\r\n" +
		"To: Suzie Q <suzie@shopping.example.net>\r\nContent-Type: multipart/alternative; boundary=\"000000000000\"\r\n" +
		"List-Id: dinner <dinner.example.com>\r\nList-Unsubscribe: <https://example.com/unsubscribe>\r\n\r\nHi.\r\n"
	tags := "v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n        d=example.com; s=s; t=1057982437; x=1058587237;\r\n" +
		"        h=To:Subject:Message-ID:Date:From:Reply-To:In-Reply-To:References\r\n         :MIME-Version:From:To:Cc:Subject:Date:Message-ID:Reply-To;\r\n" +
		"        bh=BH;\r\n        b=B"
	field, rest, _ := strings.Cut(sign(rsa2048(), raw, tags), "\r\nReceived:")
	at := strings.LastIndex(field, "b=") + 60
	for ; at < len(field); at += 72 {
		field = field[:at] + "\r\n         " + field[at:]
	}
	return field + "\r\nReceived:" + rest
}

// BenchmarkRead is the reading of two signatures, and the choice of what each covers.
func BenchmarkRead(b *testing.B) {
	h, _ := split(usualMessage())
	h = append(h, h[0])
	v := Verifier{Now: func() time.Time { return time.Unix(1057982437, 0) }}
	b.ReportAllocs()
	for b.Loop() {
		var n Verification
		open := v.read(&n, h)
		if len(open) != 2 {
			b.Fatal(n.Finish())
		}
		limit := v.headerLimit(h, open)
		for _, c := range open {
			if _, p := limit.pick(&c.sig); p != nil {
				b.Fatal(p)
			}
		}
	}
}

// BenchmarkHashHeader is the hash of what one of them covers.
func BenchmarkHashHeader(b *testing.B) {
	h, _ := split(usualMessage())
	v := Verifier{Now: func() time.Time { return time.Unix(1057982437, 0) }}
	open := v.read(&Verification{}, h)
	limit := v.headerLimit(h, open)
	b.ReportAllocs()
	for b.Loop() {
		if p := open[0].hashHeader(limit); p != nil {
			b.Fatal(p)
		}
	}
}
