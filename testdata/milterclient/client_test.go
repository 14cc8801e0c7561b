package milterclient_test

import (
	"net"
	"net/netip"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-milter"

	"assay/auth/message"
	"assay/testdata/milterclient"
	"assay/testdata/mta"
)

// A recorder is a milter that writes down what it is told and stamps.
type recorder struct {
	milter.NoOpMilter
	told    []string
	macros  map[string]string
	refuses string // the recipient, sender or field name that it rejects
}

func (r *recorder) tell(parts ...string) (milter.Response, error) {
	r.told = append(r.told, strings.Join(parts, " "))
	if r.refuses != "" && slices.Contains(parts[1:], r.refuses) {
		return milter.NewResponseStr('y', "550 5.7.1 100%% refused"), nil
	}
	return milter.RespContinue, nil
}

func (r *recorder) Connect(host, family string, _ uint16, ip net.IP, m *milter.Modifier) (milter.Response, error) {
	return r.tell("connect", host, family, ip.String(), m.Macros["{client_addr}"])
}

func (r *recorder) Helo(name string, _ *milter.Modifier) (milter.Response, error) {
	return r.tell("helo", name)
}

func (r *recorder) MailFrom(from string, _ *milter.Modifier) (milter.Response, error) {
	return r.tell("mail", from)
}

func (r *recorder) RcptTo(to string, _ *milter.Modifier) (milter.Response, error) {
	return r.tell("rcpt", to)
}

func (r *recorder) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	return r.tell("header", name, value)
}

func (r *recorder) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	return r.tell("body", string(chunk))
}

func (r *recorder) Body(m *milter.Modifier) (milter.Response, error) {
	r.macros = m.Macros
	for _, f := range []func() error{
		func() error { return m.ChangeHeader(2, "X-Old", "") },
		func() error { return m.ChangeHeader(1, "X-Old", " changed") },
		func() error { return m.InsertHeader(0, "X-Top", " a\n b") },
		func() error { return m.Quarantine("why not") },
	} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	return milter.RespAccept, nil
}

const allActions = milter.OptAddHeader | milter.OptChangeHeader | milter.OptQuarantine

// serve runs a milter with these options of the protocol.
func serve(t testing.TB, m milter.Milter, actions milter.OptAction, protocol milter.OptProtocol) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &milter.Server{NewMilter: func() milter.Milter { return m }, Actions: actions, Protocol: protocol}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func dial(t testing.TB, address string, o milterclient.Options) *milterclient.Conn {
	t.Helper()
	c, err := milterclient.Dial("tcp", address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func sample() milterclient.Message {
	header, body := mta.SplitMessage([]byte("X-Old: one\r\nX-Tight:\tfolded\r\n \r\nx-old: two\r\nX-Old: three\r\n\r\nbody\r\n"))
	return milterclient.Message{From: "joe@sender.test", Rcpts: []string{"a@example.test"}, Header: header, Body: body}
}

func raws(h message.Header) []string {
	var list []string
	for _, f := range h {
		list = append(list, f.Raw)
	}
	return list
}

func TestSend(t *testing.T) {
	for space, protocol := range map[string]milter.OptProtocol{" ": milter.OptHeaderLeadingSpace, "": 0} {
		r := &recorder{}
		c := dial(t, serve(t, r, allActions, protocol), milterclient.Options{})
		client := milterclient.Client{Name: "mail.sender.test", Addr: netip.MustParseAddr("2001:db8::1"), Helo: "helo.test"}
		if reply, err := c.Connect(client); err != nil || !reply.OK() {
			t.Fatal(reply, err)
		}
		m := sample()
		m.Macros = map[string]string{"i": "Q7"}
		res, err := c.Send(m)
		if err != nil {
			t.Fatal(err)
		}
		if res.Stage != "end" || res.Reply.Code != milterclient.Accept || !res.Quarantined || res.Reason != "why not" {
			t.Errorf("result %+v", res)
		}
		want := []string{
			"connect mail.sender.test tcp6 2001:db8::1 ", "helo helo.test", "mail joe@sender.test", "rcpt a@example.test",
			"header X-Old " + space + "one", "header X-Tight \tfolded\n ", "header x-old " + space + "two", "header X-Old " + space + "three",
			"body body\r\n",
		}
		if !reflect.DeepEqual(r.told, want) {
			t.Errorf("told %q\nwant %q", r.told, want)
		}
		if r.macros["i"] != "Q7" {
			t.Errorf("macros %q", r.macros)
		}
	}
}

func TestApply(t *testing.T) {
	c := dial(t, serve(t, &recorder{}, allActions, milter.OptHeaderLeadingSpace), milterclient.Options{})
	if _, err := c.Connect(milterclient.Client{}); err != nil {
		t.Fatal(err)
	}
	m := sample()
	res, err := c.Send(m)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"X-Top: a\r\n b", "X-Old: changed", "X-Tight:\tfolded\r\n ", "X-Old: three"}
	if got := raws(res.Apply(m.Header)); !slices.Equal(got, want) {
		t.Errorf("header %q, want %q", got, want)
	}
	for _, test := range []struct {
		edits             []milterclient.Edit
		postfix, sendmail string
	}{
		{[]milterclient.Edit{{'m', 1, "a", ""}, {'m', 2, "a", ""}}, "A:2", "A:3"},
		{[]milterclient.Edit{{'m', 2, "a", ""}, {'m', 1, "a", ""}}, "A:3", "A:3"},
		{[]milterclient.Edit{{'m', 9, "a", ""}, {'m', 9, "b", "x"}}, "A:1 A:2 A:3 b: x", "A:1 A:2 A:3 b: x"},
		{[]milterclient.Edit{{'i', 1, "b", "x"}, {'i', 0, "c", "y"}}, "c: y b: x A:1 A:2 A:3", "c: y b: x A:1 A:2 A:3"},
		{[]milterclient.Edit{{'i', 99, "b", "x"}, {'h', 0, "c", "y"}}, "A:1 A:2 A:3 b: x c: y", "A:1 A:2 A:3 b: x c: y"},
	} {
		header, _ := mta.SplitMessage([]byte("A:1\r\nA:2\r\nA:3\r\n"))
		res := milterclient.Result{Edits: test.edits}
		if got := strings.Join(raws(res.Apply(header)), " "); got != test.postfix {
			t.Errorf("%v: %s, want %s", test.edits, got, test.postfix)
		}
		if got := strings.Join(raws(res.ApplySendmail(header)), " "); got != test.sendmail {
			t.Errorf("%v: Sendmail: %s, want %s", test.edits, got, test.sendmail)
		}
	}
}

func TestRefusals(t *testing.T) {
	for refuses, stage := range map[string]string{
		"helo.test": "connect", "joe@sender.test": "mail", "X-Tight": "header", "body\r\n": "body",
	} {
		r := &recorder{refuses: refuses}
		c := dial(t, serve(t, r, allActions, milter.OptHeaderLeadingSpace), milterclient.Options{})
		if _, err := c.Connect(milterclient.Client{Helo: "helo.test"}); err != nil {
			t.Fatal(err)
		}
		res, err := c.Send(sample())
		if err != nil {
			t.Fatal(err)
		}
		if res.Stage != stage || res.Reply.String() != "550 5.7.1 100% refused" || res.Reply.OK() {
			t.Errorf("%s: %+v", refuses, res)
		}
	}
}

func TestRefusedRecipient(t *testing.T) {
	r := &recorder{refuses: "bad@example.test"}
	c := dial(t, serve(t, r, allActions, milter.OptHeaderLeadingSpace), milterclient.Options{})
	m := sample()
	m.Rcpts = []string{"bad@example.test", "good@example.test"}
	res, err := c.Send(m)
	if err != nil {
		t.Fatal(err)
	}
	if res.Stage != "end" || len(res.Rcpts) != 2 || res.Rcpts[0].OK() || !res.Rcpts[1].OK() {
		t.Errorf("%+v", res)
	}
	m.Rcpts = m.Rcpts[:1]
	if res, err = c.Send(m); err != nil || res.Stage != "rcpt" || res.Reply.OK() {
		t.Errorf("%+v, %v", res, err)
	}
}

// A quiet milter replies to nothing but the end of the message; a noisy one
// replies to fields as well, though it said that it would not.
type quiet struct {
	milter.NoOpMilter
	noisy bool
}

func (quiet) Connect(string, string, uint16, net.IP, *milter.Modifier) (milter.Response, error) {
	return nil, nil
}
func (quiet) Helo(string, *milter.Modifier) (milter.Response, error)     { return nil, nil }
func (quiet) MailFrom(string, *milter.Modifier) (milter.Response, error) { return nil, nil }
func (quiet) RcptTo(string, *milter.Modifier) (milter.Response, error)   { return nil, nil }
func (q quiet) Header(string, string, *milter.Modifier) (milter.Response, error) {
	if q.noisy {
		return milter.RespContinue, nil
	}
	return nil, nil
}
func (quiet) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	return nil, nil
}
func (quiet) BodyChunk([]byte, *milter.Modifier) (milter.Response, error) { return nil, nil }

func serveQuiet(t testing.TB, noisy bool) *milterclient.Conn {
	const protocol = milter.OptHeaderLeadingSpace | milter.OptNoHeaderReply | milter.OptNoEOHReply | milter.OptNoBodyReply |
		milter.OptNoConnReply | milter.OptNoHeloReply | milter.OptNoMailReply | milter.OptNoRcptReply
	return dial(t, serve(t, quiet{noisy: noisy}, allActions, protocol), milterclient.Options{})
}

func TestStrict(t *testing.T) {
	c := serveQuiet(t, true)
	seen := false
	for range 100 { // one that comes after the reply is seen with the next message: each leaves more of them
		if _, err := c.Send(sample()); err != nil {
			seen = true
			break
		}
	}
	if !seen {
		t.Error("stray replies went unseen")
	}
	address := serve(t, &recorder{}, allActions, milter.OptHeaderLeadingSpace)
	if _, err := milterclient.Dial("tcp", address, milterclient.Options{Protocol: 0x7f}); err == nil {
		t.Error("a protocol bit that was not offered went unseen")
	}
	if _, err := milterclient.Dial("tcp", address, milterclient.Options{Actions: 1}); err == nil {
		t.Error("an action that was not offered went unseen")
	}
	c = dial(t, serve(t, &recorder{}, milter.OptAddHeader, 0), milterclient.Options{})
	if _, err := c.Send(sample()); err == nil {
		t.Error("a modification that was not asked for went unseen")
	}
}

func TestAbort(t *testing.T) {
	r := &recorder{}
	c := dial(t, serve(t, r, allActions, milter.OptHeaderLeadingSpace), milterclient.Options{Sendmail: true})
	if _, err := c.Connect(milterclient.Client{Addr: netip.MustParseAddr("2001:db8::1")}); err != nil {
		t.Fatal(err)
	}
	if err := c.Begin(sample()); err != nil {
		t.Fatal(err)
	}
	if err := c.Abort(); err != nil {
		t.Fatal(err)
	}
	if res, err := c.Send(sample()); err != nil || !res.Reply.OK() {
		t.Fatal(res, err)
	}
	if want := "connect [IPv6:2001:db8:0:0:0:0:0:1] tcp6 <nil> "; r.told[0] != want {
		t.Errorf("told %q, want %q", r.told[0], want)
	}
}

func BenchmarkSend(b *testing.B) {
	c := serveQuiet(b, false)
	if _, err := c.Connect(milterclient.Client{}); err != nil {
		b.Fatal(err)
	}
	m := sample()
	for b.Loop() {
		if res, err := c.Send(m); err != nil || !res.Reply.OK() {
			b.Fatal(res, err)
		}
	}
}
