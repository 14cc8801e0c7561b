package dns

import (
	"context"
	"sync"
)

// A Room bounds the questions that all sessions together have under way beyond what each of them has a
// right to, so that a few that ask for many silent names leave the others theirs: as many as have their
// own questions in what Client.MaxInFlight is larger than the Room. Nil has no bound. It is safe for concurrent use.
type Room struct{ common chan struct{} }

// NewRoom makes a Room for so many questions, at least one.
func NewRoom(size int) *Room { return &Room{make(chan struct{}, max(size, 1))} }

// Share is the right of one session to have so many questions under way without asking for room, at least one.
// More of them take room in common with other sessions.
func (r *Room) Share(own int) *Share {
	if r == nil {
		return nil
	}
	return &Share{room: r, size: max(own, 1)}
}

// A Share is what several Counting resolvers of one session have together. Nil has no bound. It is safe for
// concurrent use and must not be copied.
type Share struct {
	room *Room
	size int

	once sync.Once
	own  chan struct{} // made for the first question
}

// enter waits for room for one more question. It is left by taking a value from what is returned, unless that
// is nil.
func (s *Share) enter(ctx context.Context) (taken chan struct{}, err error) {
	if s == nil {
		return nil, nil
	}
	s.once.Do(func() { s.own = make(chan struct{}, s.size) })
	select {
	case s.own <- struct{}{}:
		return s.own, nil
	default:
	}
	select {
	case s.own <- struct{}{}:
		return s.own, nil
	case s.room.common <- struct{}{}:
		return s.room.common, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
