package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// run connects, writes and deletes until Close. It is the only one that writes.
func (s *Store) run() {
	defer s.finish()
	s.step()
	close(s.opened)
	timer := time.NewTimer(s.pause())
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-timer.C:
			s.step()
		case <-s.wake:
			s.step()
		case reply := <-s.writes:
			reply <- s.step()
		}
		timer.Reset(s.pause())
	}
}

// finish writes what is left and closes the database. A server that does not answer may take
// its time for that: nobody waits for it.
func (s *Store) finish() {
	if !s.options.ReadOnly {
		s.step()
		s.mu.Lock()
		s.chunks = append(s.chunks, chunk{rows: s.pending.rows()}) // what the step did not come to
		s.pending = nil
		s.mu.Unlock()
	}
	s.link.Store(nil)
	s.mu.Lock()
	s.err = errClosed
	s.mu.Unlock()
	db := s.db
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.workers.Wait()
		if db != nil {
			db.Close()
		}
	}()
	select {
	case <-closed:
	case <-s.ctx.Done():
	}
	close(s.done)
}

// pause is the time to the next step.
func (s *Store) pause() time.Duration {
	if s.fails == 0 {
		return s.every
	}
	return min(s.retry<<min(s.fails-1, 10), s.maxRetry)
}

// step does all there is to do now. An error is reported, and the next step tries again.
func (s *Store) step() error {
	err := s.guard(func() error {
		if err := s.connect(); err != nil || s.options.ReadOnly {
			return err
		}
		if err := s.write(); err != nil {
			return err
		}
		if err := s.prune(); err != nil {
			return err
		}
		return s.askAgain()
	})
	if err = s.source.clean(s.source.explain(err)); err == nil {
		s.fails = 0
	} else {
		s.fails++
		if !s.readable() {
			s.link.Store(nil)
		}
	}
	s.lastErr = err
	s.note(err)
	s.report(err)
	return err
}

// guard makes an error of a panic.
func (s *Store) guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("history: panic: %v", r)
		}
	}()
	return f()
}

// readable tells whether what could not be written can be read nevertheless: a full disk or another's
// lock need not cost the answers.
func (s *Store) readable() bool {
	if s.link.Load() == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(s.ctx, probeTime)
	defer cancel()
	err := s.guard(func() error {
		_, err := readVersion(ctx, s.db)
		return err
	})
	return err == nil && s.doubted() == nil
}

// askAgain asks what a reader got no answer to, though there was time for one. As long as it fails, the
// database is down, whatever else it does.
func (s *Store) askAgain() error {
	q := s.doubted()
	if q == nil {
		return nil
	}
	l := s.current
	if _, err := s.lookup(&l, *q); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("history: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubt = nil
	return nil
}

func (s *Store) doubted() *question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubt
}

// connect makes the link where there is none.
func (s *Store) connect() error {
	s.leaveFile()
	if s.link.Load() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, connectTimeout)
	defer cancel()
	h, err := s.openAs(ctx, s.mode())
	if err != nil && s.options.ReadOnly && s.source.stillNeeded(err) {
		s.closeFile()
		h, err = s.openAs(ctx, modeStill)
	}
	if err != nil {
		return err
	}
	s.current = link{s.db, h, groupServer}
	if s.source.config == nil {
		s.current.group = groupFile
	}
	l := s.current
	s.link.Store(&l)
	return nil
}

func (s *Store) mode() mode {
	if s.options.ReadOnly {
		return modeRead
	}
	return modeWrite
}

// openAs opens the database, unless it is open, and gives the key that is kept in it.
func (s *Store) openAs(ctx context.Context, m mode) (hasher, error) {
	if s.db == nil {
		db, err := s.source.open(m)
		if err != nil {
			return hasher{}, err
		}
		db.SetMaxOpenConns(readers + 2) // one writes, one is for lists
		db.SetMaxIdleConns(readers + 2)
		db.SetConnMaxIdleTime(5 * time.Minute)
		s.db, s.file, s.as = db, s.source.identity(), m
	}
	return s.source.prepare(ctx, s.db, s.options.ReadOnly)
}

// leaveFile closes a file of SQLite that was removed or replaced: nobody would ever see what is written
// to it. So it does with one that was not to change, and did.
func (s *Store) leaveFile() {
	if s.db == nil || s.source.config != nil {
		return
	}
	now := s.source.identity()
	same := now != nil && s.file != nil && os.SameFile(now, s.file)
	if same && s.as == modeStill {
		same = s.source.still() && now.ModTime().Equal(s.file.ModTime())
	}
	if !same {
		s.closeFile()
	}
}

// closeFile closes the database; there is nothing to be kept.
func (s *Store) closeFile() {
	s.link.Store(nil)
	if s.db != nil {
		_ = s.db.Close()
	}
	s.db, s.file = nil, nil
}

// write writes what earlier steps left and what was recorded since.
func (s *Store) write() error {
	defer s.makeRoom()
	if err := s.writeChunks(); err != nil {
		return err
	}
	s.take()
	return s.writeChunks()
}

// take makes chunks of what was recorded.
func (s *Store) take() {
	s.mu.Lock()
	b := s.pending
	s.pending, s.writing = newBatch(s.keys-b.size()), b.contacts
	s.dropped += uint64(b.dropped)
	s.mu.Unlock()
	s.lost += b.dropped
	rows := b.rows()
	for len(rows) > 0 {
		n := min(len(rows), chunkRows)
		s.seq++
		s.chunks = append(s.chunks, chunk{s.seq, rows[:n]})
		rows = rows[n:]
	}
}

func (s *Store) writeChunks() error {
	for len(s.chunks) > 0 {
		c := s.chunks[0]
		err := s.writeChunk(&c)
		if err != nil && !hopeless(err) {
			return err
		}
		if err != nil {
			s.drop(len(c.rows))
		}
		s.written += len(c.rows)
		s.chunks = s.chunks[1:]
	}
	return nil
}

func (s *Store) writeChunk(c *chunk) error {
	ctx, cancel := context.WithTimeout(s.ctx, writeTime)
	defer cancel()
	return c.write(ctx, s.current, s.node, dayOf(s.now()))
}

// hopeless tells that the database refuses the values themselves, as one that is not in UTF-8
// does: it would do so for ever.
func hopeless(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (strings.HasPrefix(e.Code, "22") || strings.HasPrefix(e.Code, "23"))
}

// makeRoom lets as much be recorded as was written.
func (s *Store) makeRoom() {
	left := 0
	for _, c := range s.chunks {
		left += len(c.rows)
	}
	s.mu.Lock()
	s.pending.room = s.keys - left
	s.mu.Unlock()
}
