package history

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	windowDays = 30 // of the messages that a pair qualifies by

	openWait  = 2 * time.Second // for the first answer of the database
	writeTime = 10 * time.Second
	probeTime = time.Second // for the question whether it answers at all
	readTime  = 2 * time.Second
	readers   = 4
	maxQueue  = 256 // questions that wait for a reader

	noContactTTL = 2 * time.Second // of a contact that there was no time to look for

	closeGrace = 500 * time.Millisecond // for what Close interrupts
)

// tuning is what tests set to something smaller.
type tuning struct {
	now       func() time.Time
	uptime    func() time.Duration // goes on evenly, whatever the clock does
	every     time.Duration        // between two writes
	retry     time.Duration        // after the first failure, then twice as long each time
	maxRetry  time.Duration
	keys      int           // recorded and not yet written
	rows      int           // of a part of the tables
	deleted   int           // rows, by a statement
	memory    int           // answers in memory
	ttl       time.Duration // of an answer
	sightings int           // that Sightings gives
}

func standard() tuning {
	began := time.Now()
	return tuning{
		now: time.Now, uptime: func() time.Duration { return time.Since(began) },
		every: 2 * time.Second, retry: time.Second, maxRetry: 10 * time.Second,
		keys: 50_000, rows: 1_000_000, deleted: 1000, memory: 30_000, ttl: time.Minute, sightings: maxSightings,
	}
}

// A Store is a history. Its methods are safe for concurrent use, and nothing that happens
// to the database makes one of them fail or wait long, but where it says so. A
// nil *Store and the zero value are a history that knows nothing.
type Store struct {
	options Options
	tuning
	source database
	node   string // what this store is called in the database
	log    *slog.Logger

	ctx    context.Context // of every query; ends at the end of Close
	cancel context.CancelFunc
	stop   chan struct{} // closed by Close
	once   sync.Once
	opened chan struct{} // closed after the first attempt to connect
	done   chan struct{} // closed when the last write is over
	wake   chan struct{}
	writes chan chan error // what is recorded is to be written now

	mu      sync.Mutex
	pending *batch               // nil of a store that only reads, and after Close
	writing map[contactKey]int64 // contacts that were taken from pending last
	err     error                // why there is no link, or why the last step failed
	failed  time.Time            // when a step failed last
	dropped uint64               // records, but for those of pending
	doubt   *question            // that could not be answered, though there was time

	link atomic.Pointer[link] // nil while the database is down

	reading sync.Mutex
	answers *simplelru.LRU[question, answer]
	flights map[question]*flight
	queue   chan *flight
	workers sync.WaitGroup

	writer
}

// A link is a database that is up.
type link struct {
	db *sql.DB
	hasher
	group int // rows of a statement that writes; a power of two
}

// writer is what the goroutine that writes keeps for itself.
type writer struct {
	db      *sql.DB         // nil until it could be opened
	current link            // the last one, though a reader may have lost it since
	chunks  []chunk         // to be written, in this order
	seq     int64           // of the last chunk
	lost    int             // rows that were dropped and are not yet reported
	outage  outage          // that was reported
	fails   int             // in a row
	pruneAt time.Duration   // uptime
	jump    *jump           // of the clock; nil for none
	crowded map[string]bool // parts that lost rows before their time
	written int             // rows, since the last look at the size
	file    os.FileInfo     // of SQLite: what was opened
	as      mode            // how
	lastErr error           // of the last step
}

// Open starts a Store; without a database it is nil, a history that knows nothing. The error
// is about the options alone: a database that is down, full or locked is reported to the log, and
// asked again until it is back. Open waits two seconds at most for its first answer.
func Open(o Options) (*Store, error) { return open(o, standard()) }

func open(o Options, t tuning) (*Store, error) {
	if o.Database == "" {
		return nil, nil
	}
	source, err := parseDatabase(o.Database)
	if err != nil {
		return nil, fmt.Errorf("history: the database %w", err)
	}
	if source.config == nil && source.path[0] != '/' {
		return nil, errors.New("history: the path of the database is not absolute")
	}
	s := newStore(o, t, source)
	s.start()
	timer := time.NewTimer(openWait)
	defer timer.Stop()
	select {
	case <-s.opened:
	case <-timer.C:
	}
	return s, nil
}

func newStore(o Options, t tuning, source database) *Store {
	for _, d := range []struct {
		n         *int
		byDefault int
	}{{&o.MinMessages, 5}, {&o.MinDays, 3}, {&o.MaxDomains, 10}, {&o.RetentionDays, 90}} {
		if *d.n == 0 {
			*d.n = d.byDefault
		}
	}
	if o.Wait == 0 {
		o.Wait = 20 * time.Millisecond
	}
	s := &Store{options: o, tuning: t, source: source, node: newNode(), log: o.Log,
		stop: make(chan struct{}), opened: make(chan struct{}), done: make(chan struct{}),
		wake: make(chan struct{}, 1), writes: make(chan chan error),
		flights: make(map[question]*flight), queue: make(chan *flight, maxQueue),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if !o.ReadOnly {
		s.pending, s.crowded = newBatch(t.keys), make(map[string]bool)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.answers, _ = simplelru.NewLRU[question, answer](t.memory, nil) // fails for a size below one only
	return s
}

// newNode is a name that no other store has.
func newNode() string {
	id := make([]byte, 16)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

func (s *Store) start() {
	go s.run()
	for range readers {
		s.workers.Go(s.read)
	}
}

// lives tells whether there is a database at all.
func (s *Store) lives() bool { return s != nil && s.stop != nil }

// Close writes what is not yet written, until ctx is done, and forgets the database. It tries
// once: what a database that is down does not take is lost, and the error says how much. What is
// recorded later is dropped. Idempotent.
func (s *Store) Close(ctx context.Context) error {
	if !s.lives() {
		return nil
	}
	s.once.Do(func() { close(s.stop) })
	defer context.AfterFunc(ctx, s.cancel)()
	select {
	case <-s.done:
	case <-s.ctx.Done():
		select {
		case <-s.done: // what is under way ends with its context
		case <-time.After(closeGrace):
			return fmt.Errorf("history: the last messages may not be written: %w", ctx.Err())
		}
	}
	s.cancel()
	return s.lostError()
}

// stopping tells that Close was called.
func (s *Store) stopping() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

func (s *Store) lostError() error {
	n := s.lost
	for _, c := range s.chunks {
		n += len(c.rows)
	}
	if n == 0 {
		return nil
	}
	if err := s.lastErr; err != nil {
		return fmt.Errorf("history: %d records were not written: %w", n, err)
	}
	return fmt.Errorf("history: %d records were not written", n)
}

// Record remembers a message. It never waits: what can't be kept is dropped and counted.
func (s *Store) Record(m Message) {
	if !s.lives() || s.options.ReadOnly {
		return
	}
	defer func() { _ = recover() }() // as guard does
	if m.Time.IsZero() {
		m.Time = s.now()
	}
	r := newRecord(&m)
	s.add(&r)
}

func (s *Store) add(r *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		return
	}
	s.pending.add(r)
	if s.pending.size() >= s.keys/4 && s.link.Load() != nil {
		s.poke()
	}
}

// poke has the goroutine that writes look after the database now.
func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
