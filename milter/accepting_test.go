package milter

import (
	"log/slog"
	"net"
	"testing"
)

// Accepting is true from Serve to Shutdown, and as long as one of the listeners is there.
func TestAccepting(t *testing.T) {
	s := &Server{Log: slog.New(slog.DiscardHandler)}
	if s.Accepting() {
		t.Error("before Serve")
	}
	var listeners []net.Listener
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners = append(listeners, l)
	}
	served := make(chan error)
	go func() { served <- s.Serve(listeners...) }()
	eventually(t, "accepting", s.Accepting)
	listeners[0].Close()
	eventually(t, "the closed listener is gone", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.listeners) == 1
	})
	if !s.Accepting() {
		t.Error("not accepting on the other listener")
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Accepting() {
		t.Error("after Shutdown")
	}
	<-served
}
