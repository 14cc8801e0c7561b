package milter

import (
	"time"

	"assay/auth"
)

// An Observer is told what the server does. Its methods are called by many goroutines, on
// the way of a message: they must neither wait nor keep the report. What they panic with is logged and
// counted, and does nothing to the message.
//
// Each message is told of once, by one of these. A message begins with MAIL FROM: what an MTA says of
// one without is answered, and told to nobody.
type Observer interface {
	// Checked is told of a message that was answered as its report says. took is the time that
	// the answer took after the end of the message.
	Checked(r *auth.Report, took time.Duration)

	// Unchecked is told of a message that was answered without a report, after an internal error.
	Unchecked(d auth.Disposition)

	// Aborted is told of a message that was not answered, because the client or the MTA did not finish it.
	Aborted()
}

type noObserver struct{}

func (noObserver) Checked(*auth.Report, time.Duration) {}
func (noObserver) Unchecked(auth.Disposition)          {}
func (noObserver) Aborted()                            {}

// observe tells the observer something.
func (s *session) observe(tell func(Observer)) {
	defer func() {
		if v := recover(); v != nil {
			s.server.panics.Add(1)
			s.logPanic("observer", v)
		}
	}()
	tell(s.server.Observer)
}
