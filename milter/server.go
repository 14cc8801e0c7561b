// Package milter serves the milter protocol to Postfix and Sendmail: it turns
// one connection of an MTA into the calls of auth.Session and auth.Check, and a
// report into header edits and a reply.
//
// An MTA opens one connection for each SMTP session. Nothing is decided before the
// end of a message, and what is known about the client holds for all messages of
// its session, whatever became of the earlier ones.
//
// Divergences from the RFC: none; milter is no RFC. Where libmilter, Postfix and
// Sendmail differ, the code says so.
package milter

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-milter"

	"assay/auth"
)

// DefaultMaxSessions is how many connections a Server serves at a time.
const DefaultMaxSessions = 2000

// ErrServerClosed is returned by Serve when Shutdown or Close was called before.
var ErrServerClosed = errors.New("milter: server closed")

// A Server serves MTAs. Its fields are not changed once it is in use; its
// methods are safe for concurrent use.
type Server struct {
	// Verifier checks the messages until SetVerifier replaces it.
	Verifier *auth.Verifier

	// OnError is what a panic does to its message until SetOnError replaces it:
	// auth.Accept lets it through unchanged, auth.TempFail asks for it again.
	OnError auth.Action

	// MaxSessions bounds the connections that are served at a time; 0 means
	// DefaultMaxSessions. Further ones are not refused, since an MTA would then
	// apply its default action to a whole SMTP session: they wait until another
	// one ends or the MTA gives up (Postfix: milter_command_timeout).
	MaxSessions int

	// IdleTimeout is the longest wait for the MTA's next packet where no message is under way; 0 means
	// no limit. With one, a client that is slow enough gets its messages past the milter: the MTA is silent
	// as long as its client says nothing that concerns a milter, which the client may go on with for days
	// (Postfix's smtpd_timeout is for each read of its, and NOOP concerns nobody). When the connection has
	// been closed, the MTA applies its default action to the rest of the SMTP session. An MTA that is gone is found
	// without: by the end of a unix socket, and by TCP keepalive, which is on for what Serve accepts from
	// listeners of Listen and of package net.
	IdleTimeout time.Duration

	// Observer is told what happens; nil: nobody is.
	Observer Observer

	// Log gets a line at Info for each message; nil means slog.Default().
	Log *slog.Logger

	once     sync.Once
	verifier atomic.Pointer[verifier]
	onError  atomic.Int64
	macros   []byte // as negotiation asks for them; not changed any more
	panics   atomic.Int64
	accepted atomic.Int64
	full     atomic.Bool // the limit is reached, and it was logged
	lacking  sync.Map    // what an MTA did not offer, and it was logged
	blocks   blocks

	slots    chan struct{}
	stopping chan struct{}

	mu        sync.Mutex
	stopped   bool // by Shutdown or Close
	killed    bool // by Close
	listeners map[net.Listener]*pulse
	conns     map[*conn]context.CancelFunc
	running   sync.WaitGroup // connections, and the loops that accept them
}

// prepare makes the zero value usable.
func (s *Server) prepare() {
	s.once.Do(func() {
		if s.MaxSessions <= 0 {
			s.MaxSessions = DefaultMaxSessions
		}
		if s.Observer == nil {
			s.Observer = noObserver{}
		}
		if s.Log == nil {
			s.Log = slog.Default()
		}
		s.slots = make(chan struct{}, s.MaxSessions)
		s.stopping = make(chan struct{})
		s.macros = appendMacros(nil)
		s.listeners = map[net.Listener]*pulse{}
		s.conns = map[*conn]context.CancelFunc{}
		s.onError.Store(int64(s.OnError))
		s.use(verifierOf{s.Verifier})
	})
}

func (s *Server) use(v verifier) { s.verifier.Store(&v) }

// SetVerifier replaces the verifier. Messages under way keep the one that they
// began with, the next message of each session gets the new one.
func (s *Server) SetVerifier(v *auth.Verifier) {
	s.prepare()
	s.use(verifierOf{v})
}

// SetOnError replaces OnError.
func (s *Server) SetOnError(a auth.Action) {
	s.prepare()
	s.onError.Store(int64(a))
}

// Panics is how many panics were caught since the start: each did to its message what OnError says, or happened in an Observer.
func (s *Server) Panics() int64 { return s.panics.Load() }

// Accepted is how many connections were served since the start, those of now too.
func (s *Server) Accepted() int64 { return s.accepted.Load() }

// Sessions is how many connections are being served.
func (s *Server) Sessions() int {
	s.prepare()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Accepting tells whether connections are accepted: not before Serve, and not after Shutdown or Close.
func (s *Server) Accepting() bool {
	s.prepare()
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stopped && len(s.listeners) > 0
}

// Serve serves the connections of all listeners, which it closes in the end. It
// returns ErrServerClosed after Shutdown or Close. Errors of Accept are waited out;
// only when every listener has been closed by somebody else it returns that error.
func (s *Server) Serve(listeners ...net.Listener) error {
	s.prepare()
	errs := make([]error, len(listeners))
	var loops sync.WaitGroup
	for i, ln := range listeners {
		loops.Go(func() { errs[i] = s.accept(ln) })
	}
	loops.Wait()
	if s.closed() {
		return ErrServerClosed
	}
	return errors.Join(errs...)
}

// Shutdown stops accepting, closes the sessions that have no message under way,
// and waits for the others, each of which is closed when its message is answered. Those that
// had no message yet may begin one for 2 s, those that were accepted and wait for a slot among them.
// When ctx ends first it closes them all and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.stop() {
		c.drain()
	}
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		s.Close()
		return ctx.Err()
	}
}

// Close stops accepting and closes all connections at once. The MTAs apply their
// default action to the messages under way. It does not wait for the sessions to end.
func (s *Server) Close() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killed = true
	for c, cancel := range s.conns {
		c.kill() // first: what lookups that are ended give is no result to answer with
		cancel()
	}
}

// stop ends accepting, and lists the connections there are.
func (s *Server) stop() []*conn {
	s.prepare()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		s.stopped = true
		close(s.stopping)
	}
	for ln := range s.listeners {
		_ = ln.Close() // the listener has no use for what it could not do
	}
	var conns []*conn
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (s *Server) closed() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// start serves a connection in a goroutine of the library's. It is false after Close.
func (s *Server) start(raw net.Conn) bool {
	ctx, cancel := context.WithCancel(context.Background())
	c := newConn(raw, s.IdleTimeout, &s.blocks, s.Log)
	c.macros, c.session = s.macros, &session{server: s, conn: c, ctx: ctx}
	if !s.enter(c, cancel) {
		cancel()
		return false
	}
	serve(c)
	return true
}

// enter makes the connection one that stop and Close know. It is false after Close. What was accepted
// before Shutdown and comes here after it is drained as the others are: nobody else could serve it.
func (s *Server) enter(c *conn, cancel context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killed {
		return false
	}
	if s.stopped {
		c.drain()
	}
	s.conns[c] = cancel
	s.accepted.Add(1)
	s.running.Add(1)
	return true
}

func (s *Server) end(c *conn) {
	defer s.running.Done()
	s.mu.Lock()
	cancel := s.conns[c]
	delete(s.conns, c)
	s.mu.Unlock()
	cancel()
	<-s.slots
}

// serve leaves the connection to the library, which closes it in the end. All that a session has to do
// is done in Read. What is left to the library is the loop, with its goroutine, and the answers to
// the commands that are not ours.
func serve(c *conn) {
	library := milter.Server{NewMilter: func() milter.Milter { return milter.NoOpMilter{} }}
	_ = library.Serve(&single{c}) // ends as soon as a goroutine of the library has the connection
}

// A single is a listener with one connection.
type single struct{ c net.Conn }

func (l *single) Accept() (net.Conn, error) {
	if l.c == nil {
		return nil, io.EOF
	}
	c := l.c
	l.c = nil
	return c, nil
}

func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return &net.UnixAddr{} }
