package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"assay/arc"
	"assay/auth/authres"
	"assay/auth/message"
	"assay/testdata/mta"
)

// demonstrate sends each sample, prints what became of it and what insight says of all, and
// returns how much was not as expected.
func (w *world) demonstrate(ctx context.Context, out io.Writer) (failed int) {
	fmt.Fprintf(out, "Mail to %s, whose Postfix asks assay about each message. The more telling ones:\n", hostname)
	findings := make([]finding, len(w.samples))
	var session *mta.Client
	for i, s := range w.samples {
		if s.about != "" {
			fmt.Fprintf(out, "\n%d. %s: %s\n", i+1, s.title, s.about)
		}
		f := w.try(ctx, out, s, &session)
		for _, p := range f.problems {
			fmt.Fprintf(out, "   NOT AS EXPECTED, %d. %s: %s\n", i+1, s.title, p)
		}
		if findings[i] = f; len(f.problems) > 0 {
			failed++
		}
	}
	if session != nil {
		session.Close()
	}
	printTable(out, w.samples, findings)
	if err := w.insight(ctx, out); err != nil {
		fmt.Fprintf(out, "   NOT AS EXPECTED: %v\n", err)
		failed++
	}
	return failed
}

// tries is how often a message is sent that depends on the history, which answers in 20 ms or counts
// as knowing nothing: on a busy machine only the next one who asks has the answer.
const tries = 3

// try sends one sample and tells what became of it.
func (w *world) try(ctx context.Context, out io.Writer, s sample, session **mta.Client) (f finding) {
	for n := 1; ; n++ {
		f = finding{}
		if err := w.show(ctx, out, s, session, &f); err != nil {
			f.problem("%v", err)
		}
		if len(f.problems) == 0 || !s.remembered || n == tries {
			return f
		}
		w.again++
	}
}

// show sends one sample, prints it unless the table says it all, and notes what became of it.
func (w *world) show(ctx context.Context, out io.Writer, s sample, session **mta.Client, f *finding) error {
	if s.about == "" {
		out = io.Discard
	}
	if s.command != nil {
		if err := w.command(ctx, out, s.command); err != nil {
			return err
		}
	}
	if err := w.begin(ctx, s, session); err != nil {
		return err
	}
	printSample(out, s)
	reply, err := (*session).Send(s.from, []string{"box@" + ownDomain}, s.message)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "   reply    %s\n", reply)
	m, err := w.outcome(ctx, reply, f)
	if err != nil {
		return err
	}
	for _, field := range m.Stamped() {
		fmt.Fprintf(out, "   stamped  %s\n", printable(field))
	}
	f.check(s, reply, m)
	return nil
}

func printSample(out io.Writer, s sample) {
	fmt.Fprintf(out, "   client   %s (%s), sender <%s>\n", s.client, s.name, s.from)
	header, _ := mta.SplitMessage(s.message)
	for _, field := range header {
		if notable(field) {
			fmt.Fprintf(out, "   header   %s\n", printable(field))
		}
	}
}

// notable picks the fields that a reader wants to see.
func notable(f message.Field) bool {
	if f.Is("DKIM-Signature") || f.Is(arc.MessageSignature) || f.Is(arc.Seal) {
		return false
	}
	odd := strings.ContainsFunc(f.Raw, func(r rune) bool { return r > '~' || r == '\r' })
	return odd || f.Is("From") || f.Is("Authentication-Results")
}

// begin makes sure that there is an SMTP session for s.
func (w *world) begin(ctx context.Context, s sample, session **mta.Client) (err error) {
	if s.same {
		return nil
	}
	if *session != nil {
		(*session).Quit()
	}
	*session, err = w.connect(ctx, s)
	return err
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
	attributes := []string{"ADDR=" + addr, "NAME=" + s.name, "REVERSE_NAME=" + s.name}
	if s.login != "" {
		attributes = append(attributes, "LOGIN="+s.login)
	}
	for _, say := range []func() (mta.Reply, error){
		func() (mta.Reply, error) { return c.XClient(attributes...) },
		func() (mta.Reply, error) { return c.Hello(s.name) },
	} {
		if r, err := say(); err != nil || !r.OK() {
			c.Close()
			return nil, fmt.Errorf("the server says %s, %v", r, err)
		}
	}
	return c, nil
}

// outcome notes what the daemon says of the message, and what Postfix made of it. Of a
// message that was not delivered there is an empty one.
func (w *world) outcome(ctx context.Context, reply mta.Reply, f *finding) (*mta.Message, error) {
	w.answered++
	var all []event
	err := until(ctx, "the daemon logs the message", func() (bool, error) {
		all = w.events("message")
		return len(all) >= w.answered, nil
	})
	if err != nil {
		return nil, err
	}
	last := all[w.answered-1]
	f.compauth, f.reason = last.Compauth, last.Reason
	switch {
	case reply.Code == 550 && last.Disposition == "reject":
		f.done = rejected
	case reply.Code == 250 && last.Disposition == "quarantine":
		w.held++
		held, err := w.postfix.Held(ctx)
		if err == nil && len(held) == w.held {
			f.done = quarantined
		}
		return &mta.Message{}, err
	case reply.Code == 250 && last.Disposition == "accept":
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		m, err := w.postfix.Inbox.Next(ctx)
		if err == nil {
			f.done = delivered
		}
		return m, err
	}
	return &mta.Message{}, nil
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

func (f *finding) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// check compares what became of the sample with what was expected.
func (f *finding) check(s sample, reply mta.Reply, m *mta.Message) {
	if got := f.compauth + " " + f.reason; got != s.verdict {
		f.problem("the verdict is %s, not %s", got, s.verdict)
	}
	if f.done != s.done {
		f.problem("it was %s, not %s; the reply is %s", f.done, s.done, reply)
	}
	said := reply.Text
	if f.done == delivered {
		said = f.checkDelivered(s, m)
	}
	for _, text := range s.has {
		if !strings.Contains(said, text) {
			f.problem("%q is missing in %q", text, said)
		}
	}
}

// checkDelivered compares a delivered message, and returns the field with our results, unfolded.
func (f *finding) checkDelivered(s sample, m *mta.Message) string {
	want := s.message
	for _, line := range s.forged {
		want = bytes.Replace(want, line, nil, 1)
	}
	if got := m.AsSent(); !bytes.Equal(got, want) {
		f.problem("below the stamp the message is %q, not %q", got, want)
	}
	var ours []string
	for _, value := range m.Header.Values("Authentication-Results") {
		if authres.IsFrom(value, hostname) {
			ours = append(ours, value)
		}
	}
	if stamped := m.Stamped(); len(ours) != 1 || len(stamped) != 1 || stamped[0].Value() != ours[0] {
		f.problem("there are %d results in our name, %d fields on top", len(ours), len(stamped))
		return ""
	}
	f.checkResults(s, ours[0])
	return strings.ReplaceAll(ours[0], "\r\n", "")
}

// checkResults compares the results in a field: those expected, and the verdict of the log.
func (f *finding) checkResults(s sample, field string) {
	parsed, err := authres.Parse(field)
	if err != nil {
		f.problem("%v", err)
		return
	}
	var results []string
	for _, r := range parsed.Results {
		result := r.Method + "=" + r.Value
		if r.Method == "compauth" {
			result += " " + r.Reason
		}
		results = append(results, result)
	}
	verdict := "compauth=" + f.compauth + " " + f.reason
	if want := append(slices.Clone(s.results), verdict); s.results != nil && !slices.Equal(results, want) || !slices.Contains(results, verdict) {
		f.problem("the results are %q, not %q", results, want)
	}
}
