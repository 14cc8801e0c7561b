package milter

import (
	"log/slog"
	"net"
	"testing"
	"time"
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
	until := func(what string, so func() bool) {
		t.Helper()
		for limit := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal(what)
			}
		}
	}
	until("not accepting", s.Accepting)
	listeners[0].Close()
	until("the closed listener is still there", func() bool {
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
