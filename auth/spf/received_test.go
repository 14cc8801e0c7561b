package spf

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"assay/auth/authres"
)

func TestReceived(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	tests := []struct {
		o        Outcome
		q        Query
		receiver string
		want     string
	}{
		{
			Outcome{Result: Pass, Identity: MailFrom, Sender: "myname@example.com", Mechanism: "ip4:192.0.2.1"},
			Query{IP: ip, Helo: "foo.example.com", MailFrom: "myname@example.com"}, "mybox.example.org",
			"pass (mybox.example.org: domain of myname@example.com designates\r\n" +
				" 192.0.2.1 as permitted sender) receiver=mybox.example.org;\r\n" +
				" client-ip=192.0.2.1; envelope-from=\"myname@example.com\";\r\n" +
				" helo=foo.example.com; identity=mailfrom; mechanism=\"ip4:192.0.2.1\"",
		},
		{
			Outcome{Result: Neutral, Identity: MailFrom, Sender: "postmaster@h.test"},
			Query{IP: netip.MustParseAddr("2001:db8::1"), Helo: "h.test"}, "",
			"neutral (domain of postmaster@h.test neither permits nor denies\r\n" +
				" 2001:db8::1) client-ip=\"2001:db8::1\"; envelope-from=\"<>\"; helo=h.test;\r\n" +
				" identity=mailfrom; mechanism=default",
		},
		{
			Outcome{Result: Fail, Identity: Helo, Sender: "postmaster@h.test", Mechanism: "-all"},
			Query{Helo: "h.test", MailFrom: "a@b.test"}, "mx.test",
			"fail (mx.test: domain of postmaster@h.test does not designate\r\n" +
				" the client as permitted sender) receiver=mx.test; helo=h.test; identity=helo;\r\n" +
				" mechanism=-all",
		},
		{
			Outcome{Result: PermError, Identity: MailFrom, Sender: "a@b.test", Err: errors.New("spf: b.test: \"oo\xffps\"")},
			Query{IP: ip, MailFrom: "a@b.test"}, "mx.test",
			"permerror (mx.test: error in the SPF record for the domain of\r\n" +
				" a@b.test, client is 192.0.2.1) receiver=mx.test; client-ip=192.0.2.1;\r\n" +
				" envelope-from=\"a@b.test\"; identity=mailfrom; problem=\"spf: b.test: \\\"oo?ps\\\"\"",
		},
		{
			Outcome{Result: None, Identity: MailFrom, Sender: "\"a\\\" ; x=(y\r\nEvil: z\"@b.test"},
			Query{IP: ip, Helo: "=?utf-8?q?x?=", MailFrom: "\"a\\\" ; x=(y\r\nEvil: z\"@b.test"}, "mx.test",
			"none (mx.test: domain of \"a\\\\\" , x=\\(y Evil: z\"@b.test does not\r\n" +
				" designate permitted senders) receiver=mx.test; client-ip=192.0.2.1;\r\n" +
				" envelope-from=\"\\\"a\\\\\\\" ? x??yEvil: z\\\"@b.test\"; helo=\"??utf-8?q?x??\";\r\n" +
				" identity=mailfrom",
		},
		{
			Outcome{Result: SoftFail, Identity: MailFrom, Sender: "ü\u202e@b.test", Mechanism: "~all"},
			Query{IP: ip, Helo: "..", MailFrom: "ü\u202e@b.test"}, "",
			"softfail (domain of ü@b.test discourages use of 192.0.2.1 as\r\n" +
				" sender) client-ip=192.0.2.1; envelope-from=\"ü@b.test\"; helo=\"..\";\r\n" +
				" identity=mailfrom; mechanism=\"~all\"",
		},
		{
			Outcome{Result: TempError, Identity: MailFrom, Sender: "a@b.test", Err: errors.New("down")},
			Query{IP: netip.MustParseAddr("::ffff:192.0.2.1"), Helo: "h.test", MailFrom: "a@b.test"}, "",
			"temperror (no answer from DNS for the domain of a@b.test, client\r\n" +
				" is 192.0.2.1) client-ip=192.0.2.1; envelope-from=\"a@b.test\"; helo=h.test;\r\n" +
				" identity=mailfrom; problem=down",
		},
	}
	for _, test := range tests {
		if got := Received(test.o, test.q, test.receiver); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

// Whatever senders write, the field keeps its form and reads back.
func FuzzReceived(f *testing.F) {
	f.Add("a@b.test", "h.test", "ip4:192.0.2.1", "", "mx.test")
	f.Add("\"a\\\" ;)\r\n\r\nx\"@b.test", "(;=?a?b?=\\", "a:\"", "problem\x00", "")
	f.Add(strings.Repeat("\\", 600), strings.Repeat("\"", 600), strings.Repeat("ü", 300), "", "")
	f.Fuzz(func(t *testing.T, mailFrom, helo, mechanism, problem, receiver string) {
		q := Query{IP: netip.MustParseAddr("2001:db8::1"), Helo: helo, MailFrom: mailFrom}
		o := Outcome{Result: Pass, Identity: MailFrom, Sender: mailFrom, Mechanism: mechanism}
		if problem != "" {
			o.Result, o.Err = PermError, errors.New(problem)
		}
		value := Received(o, q, receiver)
		for line := range strings.SplitSeq(value, "\r\n ") {
			if len(line) > 990 || strings.ContainsAny(line, "\r\n\x00") || strings.TrimSpace(line) == "" {
				t.Errorf("line %q in %q", line, value)
			}
		}
		want := map[string]string{}
		for _, p := range receivedPairs(o, q, receiver) {
			want[p.key], _, _ = readValue(authres.QuoteString(p.value))
		}
		got, err := readReceived(strings.ReplaceAll(value, "\r\n", ""))
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%q reads as %q, want %q (%v)", value, got, want, err)
		}
	})
}

// readReceived reads the pairs by the grammar of RFC 7208 section 9.1.
func readReceived(s string) (map[string]string, error) {
	_, s, _ = strings.Cut(s, " ")
	s, err := skipComment(s)
	if err != nil {
		return nil, err
	}
	pairs := map[string]string{}
	for {
		key, rest, ok := strings.Cut(strings.TrimLeft(s, " "), "=")
		if !ok {
			return nil, fmt.Errorf("no pair in %q", s)
		}
		value := ""
		if value, s, err = readValue(rest); err != nil {
			return nil, err
		}
		pairs[key] = value
		if s == "" {
			return pairs, nil
		}
		if s, ok = strings.CutPrefix(s, ";"); !ok {
			return nil, fmt.Errorf("no semicolon before %q", s)
		}
	}
}

func skipComment(s string) (string, error) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[i+1:], nil
			}
		}
	}
	return "", fmt.Errorf("comment without an end: %q", s)
}

func readValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s+";", ';')
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			i++
		}
		if i < len(s) {
			b.WriteByte(s[i])
		}
	}
	return "", "", fmt.Errorf("quoted string without an end: %q", s)
}
