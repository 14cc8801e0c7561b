package load_test

import (
	"crypto/sha256"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-milter"
)

// A stamper is a milter that stamps what it is told to, and counts.
type stamper struct {
	stamp    func(n int) string // the Authentication-Results of the n-th message, from 0; "" rejects it
	protocol milter.OptProtocol

	mu       sync.Mutex
	sessions int
	helos    int
	bodies   int      // bytes of bodies so far
	messages []string // header names, a hash of header and body, and queue id of each message
}

// next is the reply that says to go on, nil where none is to be.
func (s *stamper) next(noReply milter.OptProtocol) (milter.Response, error) {
	if s.protocol&noReply != 0 {
		return nil, nil
	}
	return milter.RespContinue, nil
}

// A stamping is a message to a stamper, and the first one its connection.
type stamping struct {
	milter.NoOpMilter
	s     *stamper
	names []string
	text  []byte
}

func (s *stamping) Connect(string, string, uint16, net.IP, *milter.Modifier) (milter.Response, error) {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.sessions++
	return s.s.next(milter.OptNoConnReply)
}

func (s *stamping) Helo(string, *milter.Modifier) (milter.Response, error) {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.helos++
	return s.s.next(milter.OptNoHeloReply)
}

func (s *stamping) MailFrom(string, *milter.Modifier) (milter.Response, error) {
	s.names, s.text = nil, nil
	return s.s.next(milter.OptNoMailReply)
}

func (s *stamping) RcptTo(string, *milter.Modifier) (milter.Response, error) {
	return s.s.next(milter.OptNoRcptReply)
}

func (s *stamping) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	s.names = append(s.names, name)
	s.text = append(s.text, name+":"+value+"\n"...)
	return s.s.next(milter.OptNoHeaderReply)
}

func (s *stamping) Headers(textproto.MIMEHeader, *milter.Modifier) (milter.Response, error) {
	return s.s.next(milter.OptNoEOHReply)
}

func (s *stamping) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	s.s.mu.Lock()
	defer s.s.mu.Unlock()
	s.s.bodies += len(chunk)
	s.text = append(s.text, chunk...)
	return s.s.next(milter.OptNoBodyReply)
}

func (s *stamping) Body(m *milter.Modifier) (milter.Response, error) {
	s.s.mu.Lock()
	n := len(s.s.messages)
	s.s.messages = append(s.s.messages, strings.Join(s.names, " ")+" "+hash(s.text)+" "+m.Macros["i"])
	s.s.mu.Unlock()
	stamp := s.s.stamp(n)
	if stamp == "" {
		return milter.NewResponseStr('y', "550 5.7.1 no"), nil
	}
	return milter.RespAccept, m.InsertHeader(0, "Authentication-Results", " mx; "+stamp)
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return string(sum[:])
}

// serve runs the stamper with these options of the protocol, and gives its address.
func (s *stamper) serve(t *testing.T, protocol milter.OptProtocol) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.protocol = protocol
	server := &milter.Server{
		NewMilter: func() milter.Milter { return &stamping{s: s} },
		Actions:   milter.OptAddHeader, Protocol: protocol | milter.OptHeaderLeadingSpace,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "inet:" + l.Addr().String()
}

// wait waits until the stamper has seen enough.
func (s *stamper) wait(t *testing.T, enough func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		s.mu.Lock()
		ok := enough()
		s.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions, %d HELOs, %d bytes of bodies", s.sessions, s.helos, s.bodies)
		}
		time.Sleep(time.Millisecond)
	}
}
