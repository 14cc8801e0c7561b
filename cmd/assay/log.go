package main

import (
	"io"
	"log"
	"log/slog"
)

// newLogger writes lines in one of the two formats. The go-milter library writes to
// the standard logger: its lines become ours.
func newLogger(w io.Writer, format string) *slog.Logger {
	var handler slog.Handler = slog.NewTextHandler(w, nil)
	if format == "json" {
		handler = slog.NewJSONHandler(plainWriter{w}, nil)
	}
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(handler, slog.LevelWarn).Writer())
	return slog.New(handler)
}

// A plainWriter escapes what JSON may hold and a terminal acts upon.
type plainWriter struct{ io.Writer }

// Write writes one line.
func (w plainWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, plainJSON(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
