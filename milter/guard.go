package milter

import (
	"fmt"
	"runtime/debug"

	"assay/auth/dns"
)

// guard calls f and turns a panic into the message's fate. The connection goes
// on, as if nothing but this message had been hit.
func (s *session) guard(stage string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			s.recovered(stage, v)
		}
	}()
	f()
}

// recovered logs a panic and ends what the message and the session were at.
func (s *session) recovered(stage string, v any) {
	s.server.panics.Add(1)
	s.logPanic(stage, v)
	s.msg.panicked = true
	if check := s.msg.check; check != nil {
		s.msg.check = nil
		s.end("check", check.Cancel)
	}
	s.end("session", s.closeSMTP)
}

// end ends something that may not be whole any more.
func (s *session) end(stage string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			s.logPanic("end of "+stage, v)
		}
	}()
	f()
}

func (s *session) logPanic(stage string, v any) {
	stack := debug.Stack()
	if p, ok := v.(*dns.Panic); ok { // from a goroutine of its own
		v, stack = p.Value, p.Stack
	}
	s.server.Log.Error("milter: panic", "stage", stage, "queue_id", clip(s.env.QueueID),
		"panic", fmt.Sprint(v), "stack", string(stack))
}
