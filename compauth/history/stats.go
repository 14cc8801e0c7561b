package history

import "time"

// Stats say how a Store fares.
type Stats struct {
	Up        bool      // the database is open, and the last step to it worked
	Waiting   int       // records that are not yet written
	Dropped   uint64    // records that were lost since Open: there was no room, or the database refuses them
	LastError time.Time // when a step failed last; the zero Time when none did
}

// Stats tell how the Store fares. They do not ask the database and never wait for it; those of a history
// that knows nothing are zero.
func (s *Store) Stats() Stats {
	if !s.lives() {
		return Stats{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Up: s.err == nil && s.link.Load() != nil, Dropped: s.dropped, LastError: s.failed}
	if b := s.pending; b != nil {
		stats.Waiting = b.size() + s.keys - b.room
		stats.Dropped += uint64(b.dropped)
	}
	return stats
}

// note keeps what came of a step, for those who ask.
func (s *Store) note(err error) {
	var now time.Time
	_ = s.guard(func() error { // the clock may be what panicked
		now = s.now()
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	if err != nil {
		s.failed = now
	}
}

// drop counts records that are lost.
func (s *Store) drop(n int) {
	s.lost += n
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += uint64(n)
}
