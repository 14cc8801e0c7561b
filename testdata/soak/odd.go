package main

import (
	"fmt"
	"strings"

	"assay/testdata/milterclient"
)

// An oddity is mail that isn't ordinary.
type oddity struct {
	name   string
	weight int
	play   func(*oddSender) error
}

// oddities are all of them.
func oddities() []oddity {
	list := []oddity{
		{"stranger", 400, (*oddSender).stranger},
		{"DNS failure", 60, (*oddSender).brokenDNS},
		{"SPF loop", 30, (*oddSender).loop},
		{"listed", 60, (*oddSender).listed},
		{"bounce", 60, (*oddSender).bounce},
		{"aborted", 100, (*oddSender).abort},
		{"dropped", 60, (*oddSender).drop},
		{"half a packet", 30, func(s *oddSender) error { return s.breakOff([]byte("\x00\x00\x00\x0dO\x00\x00")) }},
		{"no milter protocol", 30, func(s *oddSender) error { return s.breakOff([]byte("EHLO mail.example.org\r\n")) }},
		{"noise", 30, (*oddSender).noise},
	}
	for name, m := range hostile() {
		list = append(list, oddity{name, 6, func(s *oddSender) error { return s.answered(m, "mx.example.test") }})
	}
	return list
}

// stranger is a domain that is not asked for often.
func (s *oddSender) stranger() error {
	domain := fmt.Sprintf("d%d.many.example", s.r.IntN(s.domains))
	return s.answered(milterclient.Message{From: "joe@" + domain, Header: fields("From: joe@"+domain, "Subject: Lunch"), Body: []byte("Hello\r\n")}, "spf=pass")
}

func (s *oddSender) brokenDNS() error {
	return s.answered(milterclient.Message{From: "joe@broken.example", Header: fields("From: joe@broken.example")}, "spf=temperror")
}

func (s *oddSender) loop() error {
	return s.answered(milterclient.Message{From: "joe@loop.example", Header: fields("From: joe@loop.example")}, "spf=permerror")
}

// listed is by a domain that is blocked or allowed now and then.
func (s *oddSender) listed() error {
	domain := fmt.Sprintf("blocked%d.example", s.r.IntN(7))
	return s.answered(milterclient.Message{From: "joe@" + domain, Header: fields("From: joe@" + domain)}, "dmarc=none")
}

func (s *oddSender) bounce() error {
	body := "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.odd.example\r\n\r\nFinal-Recipient: rfc822; x@odd.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: box@example.test\r\nSubject: Lunch\r\n\r\nHello\r\n--b--\r\n"
	return s.answered(milterclient.Message{Header: fields("From: MAILER-DAEMON@odd.example", "MIME-Version: 1.0",
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b"), Body: []byte(body)}, "dmarc=none")
}

func (s *oddSender) begin() (*milterclient.Conn, error) {
	conn, err := s.open()
	if err != nil {
		return nil, err
	}
	if err := conn.Begin(milterclient.Message{From: "joe@odd.example", Header: fields("From: joe@odd.example"), Body: make([]byte, s.r.IntN(100<<10))}); err != nil {
		_ = conn.Drop()
		return nil, err
	}
	return conn, nil
}

func (s *oddSender) abort() error {
	conn, err := s.begin()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Abort(); err != nil {
		return err
	}
	s.tally.aborted.Add(1)
	return nil
}

func (s *oddSender) drop() error {
	conn, err := s.begin()
	if err != nil {
		return err
	}
	s.tally.broken.Add(1)
	return conn.Drop()
}

func (s *oddSender) noise() error {
	data := make([]byte, s.r.IntN(4096))
	for i := range data {
		data[i] = byte(s.r.Uint32())
	}
	return s.breakOff(data)
}

// hostile are messages that are made to cost much, or to be taken for another's.
func hostile() map[string]milterclient.Message {
	signature := fmt.Sprintf("DKIM-Signature: v=1; a=rsa-sha256; c=simple/relaxed; d=shop00001.example; s=s1; h=%sFrom; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=%s",
		strings.Repeat("From:", 200), strings.Repeat("A", 340))
	var sets []string
	for i := range 50 {
		for _, name := range []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"} {
			sets = append(sets, fmt.Sprintf("%s: i=%d; a=rsa-sha256; d=lists.example; s=s1; cv=pass; h=From; bh=AAAA; b=AAAA", name, i+1))
		}
	}
	from := "From: ann@shop00001.example"
	headers := map[string][]string{
		"a long field":             {from, "Subject: " + strings.Repeat("x", 60<<10)},
		"many fields":              append(repeat("X-Filler: "+strings.Repeat("y", 200), 1500), from),
		"many signatures":          append(repeat(signature, 200), from),
		"many ARC sets":            append(sets, from),
		"many addresses":           {"From:" + strings.Repeat(" a@shop00001.example,", 2000) + " b@shop00002.example"},
		"open comments":            {"From: " + strings.Repeat("(", 10000) + " ann@shop00001.example"},
		"two From fields":          {from, "From: boss@example.test"},
		"no From field":            {"Subject: none"},
		"a From field of encoding": {"From: =?utf-8?B?" + strings.Repeat("YW5u", 500) + "?= <ann@shop00001.example>"},
		"forged results":           append(repeat("Authentication-Results: mx.example.test; dmarc=pass header.from=shop00001.example", 20), from),
		"control characters":       {"From: \x01\x02<ann@shop00001.example>", "Subject: \x1b[2J\x7f"},
	}
	messages := map[string]milterclient.Message{}
	for name, list := range headers {
		messages[name] = milterclient.Message{From: "bounce@odd.example", Header: fields(list...), Body: []byte("x\r\n")}
	}
	return messages
}

func repeat(text string, n int) []string {
	list := make([]string, n, n+1)
	for i := range list {
		list[i] = text
	}
	return list
}
