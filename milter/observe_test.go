package milter

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth"
)

// A notebook is an observer that notes what it is told.
type notebook struct {
	panics bool

	mu    sync.Mutex
	notes []string
}

func (n *notebook) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, fmt.Sprintf(format, args...))
	if n.panics {
		panic("injected in an observer")
	}
}

func (n *notebook) Checked(r *auth.Report, took time.Duration) {
	n.note("checked %s %v", r.Disposition.Action, took >= 0 && took < time.Minute)
}
func (n *notebook) Unchecked(d auth.Disposition) { n.note("unchecked %s", d.Action) }
func (n *notebook) Aborted()                     { n.note("aborted") }

func (n *notebook) read() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.notes, ", ")
}

// Every message is told of once, whatever becomes of it.
func TestObserver(t *testing.T) {
	tests := map[string]struct {
		fake *fake
		do   func(*mta)
		want string
	}{
		"answered":            {do: func(m *mta) { m.message("1", "a@example.com") }, want: "checked accept true"},
		"rejected":            {fake: &fake{report: auth.Report{Disposition: rejection}}, do: func(m *mta) { m.message("1", "a@example.com") }, want: "checked reject true"},
		"two":                 {do: func(m *mta) { m.message("1", "a@example.com"); m.message("2", "a@example.com") }, want: "checked accept true, checked accept true"},
		"ABORT after it":      {do: func(m *mta) { m.message("1", "a@example.com"); m.send('A', ""); m.send('A', "") }, want: "checked accept true"},
		"aborted":             {do: func(m *mta) { m.mail("1", "a@example.com"); m.send('A', ""); m.send('A', "") }, want: "aborted"},
		"MAIL FROM alone":     {do: func(m *mta) { m.say('M', cstrings("<a@example.com>")) }, want: "aborted"},
		"another MAIL FROM":   {do: func(m *mta) { m.mail("1", "a@example.com"); m.message("2", "a@example.com") }, want: "aborted, checked accept true"},
		"HELO in it":          {do: func(m *mta) { m.mail("1", "a@example.com"); m.say('H', cstrings("x")) }, want: "aborted"},
		"connect in it":       {do: func(m *mta) { m.mail("1", "a@example.com"); m.connect("x", "192.0.2.2") }, want: "aborted"},
		"no MAIL FROM":        {do: func(m *mta) { m.say('N', ""); m.end() }, want: ""},
		"ABORT alone":         {do: func(m *mta) { m.send('A', "") }, want: ""},
		"no message":          {do: func(*mta) {}, want: ""},
		"a panic":             {fake: &fake{panicAt: "finish"}, do: func(m *mta) { m.message("1", "a@example.com") }, want: "unchecked accept"},
		"a panic before any":  {fake: &fake{panicAt: "connect"}, do: func(m *mta) { m.say('N', ""); m.end() }, want: ""},
		"aborted after panic": {fake: &fake{panicAt: "begin"}, do: func(m *mta) { m.mail("1", "a@example.com"); m.send('A', "") }, want: "aborted"},
		"panic at the edits":  {fake: &fake{report: auth.Report{Edits: []auth.Edit{{Name: "X", Value: "\n"}}}}, do: func(m *mta) { m.message("1", "a@example.com") }, want: "unchecked accept"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			n := &notebook{}
			d := start(t, cmp.Or(tt.fake, &fake{}), func(s *Server) { s.Observer = n })
			m := connected(t, d.addr, offeredActions, offeredProtocol)
			m.hello()
			tt.do(m)
			m.send('Q', "")
			eventually(t, "the session ends", func() bool { return d.Sessions() == 0 })
			if got := n.read(); got != tt.want {
				t.Errorf("told of %q, want %q", got, tt.want)
			}
		})
	}
}

// An observer that panics is no message's fate, nor its session's.
func TestObserverThatPanics(t *testing.T) {
	n := &notebook{panics: true}
	f := &fake{report: auth.Report{Edits: []auth.Edit{{Name: "X", Value: "y"}}}}
	d := start(t, f, func(s *Server) { s.Observer, s.OnError = n, auth.TempFail })
	m := connected(t, d.addr, offeredActions, offeredProtocol)
	m.hello()
	for range 2 {
		m.mail("0", "b@example.com")
		m.send('A', "")
		if got := m.message("1", "a@example.com"); len(got) != 2 || got[0] != m.inserted() || got[1] != "a" {
			t.Errorf("%q", got)
		}
	}
	f.mu.Lock()
	f.panicAt = "finish"
	f.mu.Unlock()
	if got := m.message("2", "a@example.com"); len(got) != 1 || !strings.HasPrefix(got[0], "y451 4.3.0") {
		t.Errorf("%q", got)
	}
	want := "aborted, checked accept true, aborted, checked accept true, unchecked tempfail"
	if got := n.read(); got != want || d.Panics() != 6 {
		t.Errorf("told of %q, %d panics", got, d.Panics())
	}
}
