package milter

import (
	"time"

	"assay/auth"
)

// An Observer is told what the server does. Its methods are called by many goroutines, on
// the way of a message: they must neither wait nor keep the report.
type Observer interface {
	// Checked is told of a message that was answered as its report says. took is the time that
	// the MTA waited for the answer after the end of the message.
	Checked(r *auth.Report, took time.Duration)

	// Unchecked is told of a message that was answered without a report, after an internal error.
	Unchecked(d auth.Disposition)

	// Aborted is told of a message that the client did not finish.
	Aborted()
}

type noObserver struct{}

func (noObserver) Checked(*auth.Report, time.Duration) {}
func (noObserver) Unchecked(auth.Disposition)          {}
func (noObserver) Aborted()                            {}
