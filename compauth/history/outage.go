package history

import (
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

const (
	causeEvery  = time.Minute    // between two causes of one outage that are reported, at least
	outageEvery = 24 * time.Hour // between two reports of an outage that goes on
	maxCause    = 1000           // bytes
	maxCauses   = 20             // of an outage, that are reported in outageEvery
)

// An outage is what was logged of a database that is down; the zero value is none.
type outage struct {
	causes []string
	last   time.Duration // uptime
}

// news tells whether an error is to be logged: the first of an outage, another cause of it, and after a day
// the same again.
func (o *outage) news(err error, now time.Duration) bool {
	if len(o.causes) > 0 && now-o.last >= outageEvery {
		o.causes = nil
	}
	cause := causeOf(err)
	if len(o.causes) > 0 && (now-o.last < causeEvery || len(o.causes) == maxCauses) {
		return false
	}
	for _, known := range o.causes {
		if known == cause {
			return false
		}
	}
	o.causes, o.last = append(o.causes, cause), now
	return true
}

// causeOf is the text of an error without numbers, such as ports that are others each time.
func causeOf(err error) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, shorten(err.Error()))
}

// report logs the begin and the end of an outage, its causes, and what was dropped. That a history to be
// read only is not there is none.
func (s *Store) report(err error) {
	down := len(s.outage.causes) > 0
	switch {
	case err != nil && s.options.ReadOnly && errors.Is(err, fs.ErrNotExist):
	case err != nil:
		if !s.outage.news(err, s.uptime()) {
			return
		}
		text := "the history database is down; mail goes on without it"
		if down {
			text = "the history database is still down"
		}
		s.log.Warn(text, slog.String("error", oneLine(shorten(err.Error()))))
	case down:
		s.outage = outage{}
		s.log.Info("the history database is back", slog.Int("dropped", s.lost))
		s.lost = 0
	case s.lost > 0:
		s.log.Warn("the history does not keep all that was seen", slog.Int("dropped", s.lost))
		s.lost = 0
	}
}

// shorten is a text that a log has room for.
func shorten(text string) string { return text[:min(len(text), maxCause)] }
