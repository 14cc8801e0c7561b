package metrics

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The limits of a server. One connection is enough for Prometheus, which asks every few seconds.
const (
	maxConns       = 32 // of a listener; a further one takes the place of another
	maxHeaderBytes = 8 << 10
	readTimeout    = 5 * time.Second  // of a request
	writeTimeout   = 30 * time.Second // of an answer
	idleTimeout    = 30 * time.Second
)

// NewServer makes a server for requests that takes no more than a little time and memory from anybody. It is
// to serve listeners of Limit.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnState:         noteState,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Limit bounds the connections of a listener. Where there are too many, the one that has waited longest for a request
// is closed for a new one, or else the one whose answer takes longest: whoever keeps connections open, as anybody
// on this host can, keeps nobody else from asking.
func Limit(l net.Listener) net.Listener { return &limited{Listener: l} }

type limited struct {
	net.Listener

	mu    sync.Mutex
	conns []*limitedConn // those that have waited, or are answered, for longest come first
}

// Accept gives the next connection, and makes room for it.
func (l *limited) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &limitedConn{Conn: raw, of: l}
	if last := l.add(c); last != nil {
		_ = last.Conn.Close() // what reads from it or writes to it ends
	}
	return c, nil
}

// add notes a connection, and gives one that has to go for it; nil when none has to.
func (l *limited) add(c *limitedConn) (last *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= maxConns {
		last = l.conns[0]
		for _, other := range l.conns {
			if !other.answered {
				last = other
				break
			}
		}
		l.drop(last)
	}
	l.conns = append(l.conns, c)
	return last
}

// drop forgets a connection, and tells whether it was known.
func (l *limited) drop(c *limitedConn) bool {
	for i, other := range l.conns {
		if other == c {
			l.conns = append(l.conns[:i], l.conns[i+1:]...)
			return true
		}
	}
	return false
}

type limitedConn struct {
	net.Conn
	of       *limited
	answered bool // a request is; guarded by of.mu
}

// noteState puts a connection at the end of those of its kind (http.Server.ConnState).
func noteState(conn net.Conn, state http.ConnState) {
	c, ok := conn.(*limitedConn)
	if !ok || state != http.StateActive && state != http.StateIdle {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.answered = state == http.StateActive
	if c.of.drop(c) {
		c.of.conns = append(c.of.conns, c)
	}
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	c.of.mu.Lock()
	c.of.drop(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
