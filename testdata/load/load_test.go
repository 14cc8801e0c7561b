package load_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth/message"
	"assay/testdata/corpus"
	"assay/testdata/load"
	"assay/testdata/milterclient"
)

const right = "spf=pass; dkim=pass; dmarc=pass; arc=none"

func always(stamp string) func(int) string { return func(int) string { return stamp } }

// samples are two messages that are the same but for their bodies and ids.
func samples(size int) []corpus.Sample {
	header := message.Header{message.NewField("From", " Joe <joe@example.org>"), message.NewField("Subject", " folded\r\n\ttwice")}
	make := func(id string, body string) corpus.Sample {
		return corpus.Sample{
			ID: id, Host: "out.example.org", From: "joe@example.org", To: "box@example.test", Header: header,
			Body: []byte(strings.Repeat(body, size/len(body))), Want: []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=none"},
		}
	}
	return []corpus.Sample{make("Q1", "first.\r\n"), make("Q2", "another\r\n")}
}

// seen is how a stamper writes down a sample.
func seen(s *corpus.Sample, stamped ...string) string {
	var names []string
	var text []byte
	for _, value := range stamped {
		names = append(names, "Authentication-Results")
		text = append(text, "Authentication-Results: mx; "+value+"\n"...)
	}
	for _, f := range s.Header {
		names = append(names, f.Name)
		text = append(text, strings.ReplaceAll(f.Raw, "\r\n", "\n")+"\n"...)
	}
	return strings.Join(names, " ") + " " + hash(append(text, s.Body...)) + " " + s.ID
}

// Every message arrives whole, whatever the milter wants to reply to.
func TestRun(t *testing.T) {
	noReply := milter.OptNoConnReply | milter.OptNoHeloReply | milter.OptNoMailReply | milter.OptNoRcptReply |
		milter.OptNoHeaderReply | milter.OptNoEOHReply | milter.OptNoBodyReply
	for name, protocol := range map[string]milter.OptProtocol{"replies": 0, "no replies": noReply, "no header replies": milter.OptNoHeaderReply} {
		for _, perSession := range []int{0, 3} {
			s := &stamper{stamp: always(right)}
			list := samples(200 << 10)
			r, err := load.Run(t.Context(), load.Options{
				Milters: []string{s.serve(t, protocol)}, Samples: list, Connections: 4, PerSession: perSession, Count: 12,
			})
			if err != nil || r.Err() != nil {
				t.Fatalf("%s: %v, %v", name, err, r.Err())
			}
			s.mu.Lock()
			want := map[string]int{seen(&list[0]): 6, seen(&list[1]): 6}
			for _, got := range s.messages {
				want[got]--
			}
			if len(want) != 2 || want[seen(&list[0])] != 0 || want[seen(&list[1])] != 0 {
				t.Errorf("%s: got %q", name, s.messages)
			}
			if r.Messages != 12 || r.Latency.Len() != 12 || r.Rate() <= 0 || s.sessions != 12/max(perSession, 1) || s.helos != s.sessions {
				t.Errorf("%s, %d a session: %d messages, %d sessions", name, perSession, r.Messages, s.sessions)
			}
			s.mu.Unlock()
		}
	}
}

// A wrong answer is noticed also after right ones, and again after a wrong one.
func TestWrongAnswers(t *testing.T) {
	for name, wrong := range map[string]string{
		"another result": "spf=pass; dkim=fail; dmarc=pass; arc=none",
		"a method less":  "spf=pass; dmarc=pass",
		"part of a word": "spf=pass; xdkim=pass; dmarc=pass",
		"not none":       right + "; arc=pass",
		"a rejection":    "",
	} {
		if name == "not none" {
			wrong = strings.Replace(right, "arc=none", "arc=pass", 1)
		}
		s := &stamper{stamp: func(n int) string {
			if n%3 == 2 {
				return wrong
			}
			return right
		}}
		r, err := load.Run(t.Context(), load.Options{Milters: []string{s.serve(t, 0)}, Samples: samples(100), Count: 12})
		if err != nil {
			t.Fatal(err)
		}
		if r.Messages != 8 || r.Failed != 4 || len(r.Errors) != 4 || r.Latency.Len() != 8 || r.Err() == nil {
			t.Errorf("%s: %d right, %d wrong: %v", name, r.Messages, r.Failed, r.Err())
		}
	}
}

// Not to name a method is to say that it found nothing.
func TestHasResults(t *testing.T) {
	edits := []milterclient.Edit{{Value: "mx; SPF=pass"}, {Value: "mx; dmarc=fail reason=x"}}
	for want, ok := range map[string]bool{
		"spf=pass": true, "dmarc=fail": true, "dkim=none": true, "arc=none": true, "spf=none": false, "arc=pass": false, "arc=fail": false,
	} {
		if err := load.HasResults([]string{want}, edits); (err == nil) != ok {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A milter that is gone, and one that hangs up, fail every message.
func TestGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if _, err := load.Run(t.Context(), load.Options{Milters: []string{"inet:" + address}, Samples: samples(100), Count: 1}); err == nil {
		t.Error("nobody listens, and that is no error")
	}
	for _, milters := range [][]string{nil, {"127.0.0.1:1"}, {"inet6:[::1]:1"}} {
		if _, err := load.Run(t.Context(), load.Options{Milters: milters, Samples: samples(100), Count: 1}); err == nil {
			t.Errorf("%q were taken", milters)
		}
	}
	s := &stamper{stamp: func(int) string { panic("to hang up") }}
	r, err := load.Run(t.Context(), load.Options{Milters: []string{"inet:" + hangUp(t, s)}, Samples: samples(100), Count: 5, Connections: 2})
	if err != nil || r.Failed != 5 || r.Messages != 0 {
		t.Errorf("%d failed, %d right, %v", r.Failed, r.Messages, err)
	}
}

// hangUp serves as a milter that negotiates, the first time to the end, and then closes.
func hangUp(t *testing.T, s *stamper) string {
	t.Helper()
	back := strings.TrimPrefix(s.serve(t, 0), "inet:")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			relayOnce(conn, back)
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

// relayOnce relays the negotiation and closes.
func relayOnce(conn net.Conn, back string) {
	defer conn.Close()
	other, err := net.Dial("tcp", back)
	if err != nil {
		return
	}
	defer other.Close()
	buf := make([]byte, 1024)
	for _, way := range [][2]net.Conn{{conn, other}, {other, conn}} {
		n, err := way[0].Read(buf)
		if err != nil {
			return
		}
		if _, err := way[1].Write(buf[:n]); err != nil {
			return
		}
	}
}

// The later milter sees what the earlier one stamped, and the message must pass both.
func TestChain(t *testing.T) {
	first, second := &stamper{stamp: always("spf=pass")}, &stamper{stamp: always("dkim=pass; dmarc=pass")}
	list := samples(100)
	milters := []string{first.serve(t, 0), second.serve(t, milter.OptNoHeaderReply|milter.OptNoBodyReply)}
	r, err := load.Run(t.Context(), load.Options{Milters: milters, Samples: list, Connections: 2, Count: 8})
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if !slices.Contains(first.messages, seen(&list[0])) || !slices.Contains(second.messages, seen(&list[0], "spf=pass")) || len(second.messages) != 8 {
		t.Errorf("first %q, second %q", first.messages, second.messages)
	}
	first.mu.Lock()
	first.stamp = always("")
	first.mu.Unlock()
	r, err = load.Run(t.Context(), load.Options{Milters: milters, Samples: list, Count: 2})
	if err != nil || r.Failed != 2 || len(second.messages) != 8 {
		t.Errorf("%d failed, the second milter got %d messages: %v", r.Failed, len(second.messages), err)
	}
}

func TestEnds(t *testing.T) {
	s := &stamper{stamp: always(right)}
	address := s.serve(t, 0)
	r, err := load.Run(t.Context(), load.Options{Milters: []string{address}, Samples: samples(100), Duration: time.Millisecond, Connections: 3})
	if err != nil || r.Err() != nil {
		t.Errorf("by its time: %v, %v", err, r.Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	r, err = load.Run(ctx, load.Options{
		Milters: []string{address}, Samples: samples(100), Connections: 3, Every: time.Millisecond,
		Progress: func(r load.Result) {
			if told++; r.Messages > 0 {
				cancel()
			}
		},
	})
	if err != nil || r.Err() != nil || told == 0 {
		t.Errorf("by its context: %v, %v, told %d times", err, r.Err(), told)
	}
}

// Sessions are held after HELO, or with so much of the body sent.
func TestHold(t *testing.T) {
	const sessions, body = 20, 300_001
	for _, protocol := range []milter.OptProtocol{0, milter.OptNoConnReply | milter.OptNoHeloReply | milter.OptNoBodyReply} {
		s := &stamper{stamp: always(right)}
		o := load.HoldOptions{Milters: []string{s.serve(t, protocol)}, Sample: samples(100)[0], Sessions: sessions}
		h, err := load.Hold(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		s.wait(t, func() bool { return s.helos == sessions && s.bodies == 0 })
		if h.Len() != sessions {
			t.Errorf("%d are held", h.Len())
		}
		h.Close()
		o.Body = body
		if h, err = load.Hold(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		s.wait(t, func() bool { return s.bodies == sessions*body && len(s.messages) == 0 })
		h.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load.Hold(ctx, load.HoldOptions{Milters: []string{"inet:127.0.0.1:1"}, Sessions: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("of an ended context: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	s := &stamper{stamp: func(n int) string { return right + strings.Repeat("!", n) }}
	list := samples(100)
	negotiation, answers, err := load.Answers(t.Context(), s.serve(t, 0), list)
	if err != nil || len(answers) != 2 || len(negotiation) < 17 || negotiation[4] != 'O' {
		t.Fatalf("%q, %q, %v", negotiation, answers, err)
	}
	if len(answers[1]) != len(answers[0])+1 || !strings.Contains(string(answers[0]), right) || !strings.HasSuffix(string(answers[0]), "\x01a") {
		t.Errorf("%q", answers)
	}
}
