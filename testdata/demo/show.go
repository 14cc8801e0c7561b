package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/message"
	"assay/testdata/mta"
)

const deliveryTimeout = 30 * time.Second

// demonstrate sends each sample, prints it and returns how many were not
// treated as expected.
func (w *world) demonstrate(ctx context.Context, out io.Writer) int {
	fmt.Fprintf(out, "Mail to %s, whose Postfix asks assay about each message.\n", hostname)
	failed := 0
	var session *mta.Client
	for i, s := range w.samples {
		fmt.Fprintf(out, "\n%d. %s: %s\n", i+1, s.title, s.about)
		problems, err := w.show(ctx, out, s, &session)
		if err != nil {
			problems = append(problems, err.Error())
		}
		if len(problems) == 0 {
			fmt.Fprintln(out, "   as expected")
			continue
		}
		failed++
		for _, p := range problems {
			fmt.Fprintf(out, "   NOT AS EXPECTED: %s\n", p)
		}
	}
	if session != nil {
		session.Close()
	}
	return failed
}

// show sends one sample and prints the reply and the stamped fields.
func (w *world) show(ctx context.Context, out io.Writer, s sample, session **mta.Client) (problems []string, err error) {
	if s.command != nil {
		if err := w.command(ctx, out, s.command); err != nil {
			return nil, err
		}
	}
	if !s.same {
		if *session != nil {
			(*session).Quit()
		}
		if *session, err = w.connect(ctx, s); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(out, "   client   %s (%s)\n   sender   <%s>\n", s.client, s.name, s.from)
	header, _ := mta.SplitMessage(s.message)
	for _, f := range header {
		if notable(f) {
			fmt.Fprintf(out, "   header   %s\n", printable(f))
		}
	}
	reply, err := (*session).Send(s.from, []string{"box@example.test"}, s.message)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "   reply    %s\n", reply)
	if reply.Code != s.code {
		problems = append(problems, fmt.Sprintf("the reply is %d, not %d", reply.Code, s.code))
	}
	if reply.Code != 250 {
		return problems, nil
	}
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	m, err := w.postfix.Inbox.Next(ctx)
	if err != nil {
		return problems, err
	}
	for _, f := range m.Stamped() {
		fmt.Fprintf(out, "   stamped  %s\n", printable(f))
	}
	return append(problems, check(s, m)...), nil
}

// notable picks the fields that a reader wants to see.
func notable(f message.Field) bool {
	if f.Is("DKIM-Signature") || f.Is(arc.MessageSignature) || f.Is(arc.Seal) {
		return false
	}
	odd := strings.ContainsFunc(f.Raw, func(r rune) bool { return r > '~' || r == '\r' })
	return odd || f.Is("From") || f.Is("Authentication-Results")
}

// connect begins an SMTP session in which Postfix takes us for the client of s.
func (w *world) connect(ctx context.Context, s sample) (*mta.Client, error) {
	c, err := w.postfix.Dial(ctx, netip.Addr{})
	if err != nil {
		return nil, err
	}
	addr := s.client.String()
	if s.client.Is6() {
		addr = "IPV6:" + addr
	}
	for _, say := range []func() (mta.Reply, error){
		func() (mta.Reply, error) { return c.XClient("ADDR="+addr, "NAME="+s.name, "REVERSE_NAME="+s.name) },
		func() (mta.Reply, error) { return c.Hello(s.name) },
	} {
		if r, err := say(); err != nil || !r.OK() {
			c.Close()
			return nil, fmt.Errorf("the server says %s, %v", r, err)
		}
	}
	return c, nil
}

// printable is a field for the terminal: folds indented, 8-bit as \xNN.
func printable(f message.Field) string {
	var b strings.Builder
	for line := range strings.SplitSeq(f.Raw, "\r\n") {
		if b.Len() > 0 {
			b.WriteString("\n            ")
		}
		for _, c := range []byte(line) {
			if c < ' ' || c > '~' {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// check compares a delivered message with what was expected.
func check(s sample, m *mta.Message) (problems []string) {
	var ours []string
	for _, value := range m.Header.Values("Authentication-Results") {
		if authres.IsFrom(value, hostname) {
			ours = append(ours, value)
		}
	}
	if stamped := m.Stamped(); len(ours) != 1 || len(stamped) != 1 || stamped[0].Value() != ours[0] {
		return []string{fmt.Sprintf("there are %d results in our name, %d fields on top", len(ours), len(stamped))}
	}
	parsed, err := authres.Parse(ours[0])
	if err != nil {
		return []string{err.Error()}
	}
	var results []string
	for _, r := range parsed.Results {
		results = append(results, r.Method+"="+r.Value)
	}
	if !slices.Equal(results, s.results) {
		problems = append(problems, fmt.Sprintf("the results are %q, not %q", results, s.results))
	}
	for _, text := range s.has {
		if !strings.Contains(ours[0], text) {
			problems = append(problems, fmt.Sprintf("%q is missing in the field", text))
		}
	}
	want := s.message
	for _, line := range s.forged {
		want = bytes.Replace(want, line, nil, 1)
	}
	if got := m.AsSent(); !bytes.Equal(got, want) {
		problems = append(problems, fmt.Sprintf("below the stamp the message is %q, not %q", got, want))
	}
	return problems
}
