package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxLogQueue = 4 << 20               // bytes of lines that may wait
	keptLog     = 64 << 10              // bytes of a buffer that is kept while nothing is written
	logPatience = 2 * time.Second       // how long close waits
	logRest     = 10 * time.Millisecond // between two writes
)

// A logWriter has lines written by a goroutine of its own, so that nobody waits for a log that is
// stuck or full. A line that comes alone is written at once, those that come in the 10 ms after a write are
// written together: on a busy server a write and a wake-up for each would be felt. What does not fit is lost, and how much that was is said
// as soon as lines can be written again. Each Write is one line. It is safe for concurrent use.
type logWriter struct {
	out  io.Writer
	tell func(lost int) []byte // the line about lines that were lost

	mu     sync.Mutex
	came   sync.Cond // there are lines, or it is closed
	queue  []byte
	spare  []byte // what was the queue before
	lost   int    // lines since the queue was full, which are to be told after it
	closed bool

	closing chan struct{} // closed with closed
	ended   chan struct{}

	total atomic.Uint64 // lines lost since the start

	// Of the goroutine alone.
	untold int  // lines lost before the next one
	torn   bool // the last write ended within a line
}

// newLogWriter begins to write to out. It must be closed.
func newLogWriter(out io.Writer, tell func(lost int) []byte) *logWriter {
	w := &logWriter{out: out, tell: tell, closing: make(chan struct{}), ended: make(chan struct{})}
	w.came.L = &w.mu
	go w.run()
	return w
}

// Write takes a line. It never waits for out and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost > 0 || w.closed || len(w.queue)+len(line) > maxLogQueue {
		w.total.Add(1)
		w.lost++ // also a shorter one, so that all that is lost is in one place
	} else {
		w.queue = append(w.queue, line...)
	}
	w.came.Signal()
	return len(line), nil
}

// close has what waits written, and waits for that, but not for a log that is stuck.
func (w *logWriter) close() {
	w.mu.Lock()
	if !w.closed {
		close(w.closing)
	}
	w.closed = true
	w.came.Signal()
	w.mu.Unlock()
	patience := time.NewTimer(logPatience)
	defer patience.Stop()
	select {
	case <-w.ended:
	case <-patience.C:
	}
}

func (w *logWriter) run() {
	defer close(w.ended)
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-rest.C:
		case <-w.closing:
		}
		lines, lost, ok := w.take()
		if !ok {
			return
		}
		w.writeLines(lines, lost)
		w.giveBack(lines)
		rest.Reset(logRest)
	}
}

// take waits for lines, and takes all of them; not ok when no more will come.
func (w *logWriter) take() (lines []byte, lost int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && w.lost == 0 && !w.closed {
		w.came.Wait()
	}
	if len(w.queue) == 0 && w.lost == 0 {
		return nil, 0, false
	}
	lines, lost = w.queue, w.lost
	w.queue, w.spare, w.lost = w.spare[:0], nil, 0
	return lines, lost, true
}

// giveBack keeps a buffer for later lines, unless it has grown large.
func (w *logWriter) giveBack(lines []byte) {
	if cap(lines) > keptLog {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spare = lines
}

// writeLines writes lines, and tells how many were lost before and after them.
func (w *logWriter) writeLines(lines []byte, lost int) {
	if w.tellLost(); w.untold > 0 { // there is still no room
		w.untold += w.drop(lines) + lost
		return
	}
	n, err := w.out.Write(lines)
	if w.untold = lost; err != nil {
		w.untold += w.drop(lines[n:])
		w.torn = n > 0 && lines[n-1] != '\n'
		return
	}
	w.tellLost()
}

// drop counts lines that are lost.
func (w *logWriter) drop(lines []byte) int {
	n := bytes.Count(lines, []byte("\n"))
	w.total.Add(uint64(n))
	return n
}

// lostLines is how many lines were lost since the start.
func (w *logWriter) lostLines() uint64 { return w.total.Load() }

// tellLost says how many lines were lost, if that is not said yet and can be written.
func (w *logWriter) tellLost() {
	if w.untold == 0 {
		return
	}
	text := w.tell(w.untold)
	if w.torn {
		text = append([]byte("\n"), text...)
	}
	n, err := w.out.Write(text)
	if err == nil {
		w.untold, w.torn = 0, false
	} else if n > 0 {
		w.torn = text[n-1] != '\n'
	}
}
