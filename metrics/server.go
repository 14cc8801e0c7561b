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
	maxConns       = 32 // of a listener; further ones are closed at once
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
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// Limit bounds the connections of a listener: while there are too many, further ones are
// closed at once.
func Limit(l net.Listener) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, maxConns)}
}

type limited struct {
	net.Listener
	slots chan struct{}
}

// Accept gives the next connection there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, slots: l.slots}, nil
		default:
			_ = c.Close() // nobody is to answer it
		}
	}
}

type limitedConn struct {
	net.Conn
	once  sync.Once
	slots chan struct{}
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	defer c.once.Do(func() { <-c.slots })
	return c.Conn.Close()
}
