package main

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"os/signal"
	"syscall"
)

// newLogger writes lines in one of the two formats. The go-milter library writes to
// the standard logger: its lines become ours.
func newLogger(w io.Writer, format string) *slog.Logger {
	handler := newLogHandler(w, format)
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(handler, slog.LevelWarn).Writer())
	return slog.New(handler)
}

func newLogHandler(w io.Writer, format string) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(plainWriter{w}, nil)
	}
	return slog.NewTextHandler(w, nil)
}

// withLog is the program with a standard error for which nobody waits, and that may be closed by who
// reads it. What is still to be written is written by end.
func (p *program) withLog(format string) (logging *program, end func()) {
	signal.Ignore(syscall.SIGPIPE) // else the next line would end the daemon
	w := startLog(p.stderr, format)
	logging = new(program)
	*logging = *p
	logging.stderr = w
	return logging, w.close
}

// startLog has lines written to w without anybody waiting for it.
func startLog(w io.Writer, format string) *logWriter {
	return newLogWriter(w, func(lost int) []byte {
		var line bytes.Buffer
		slog.New(newLogHandler(&line, format)).Warn("log lines were lost", "lines", lost)
		return line.Bytes()
	})
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
