package history

import (
	"context"
	"errors"
	"strings"
	"time"

	"assay/compauth"
)

// A question is a pair without a day that may qualify, or a contact: a user in infra.
type question struct {
	kind       kind
	infra, org string
}

// An answer is one that is kept in memory.
type answer struct {
	yes   bool
	until time.Time
}

// A flight is a question that is being asked, by however many.
type flight struct {
	question
	done chan struct{}
	yes  bool // once done is closed
}

// Qualifies tells which pair has a history that qualifies, 701 to 704, the lowest code first;
// 0 for none. It answers from memory, or waits for the database, Options.Wait at
// most: without an answer by then none qualifies. Of more than 20 DKIM domains the first count; of
// more than 100 recipients not every one has a history.
func (s *Store) Qualifies(ctx context.Context, p Pair) compauth.Reason {
	if !s.lives() {
		return 0
	}
	w := s.newWait(ctx)
	defer w.end()
	pairs := p.infrastructures()
	questions := make([]question, len(pairs))
	for i, k := range pairs {
		questions[i] = question{k.kind, k.infra, k.org}
	}
	if i := w.first(s, questions); i >= 0 {
		return 700 + compauth.Reason(questions[i].kind)
	}
	from := address(p.From)
	rcpt, all := addresses(p.Rcpt)
	if from == "" || !all || len(rcpt) == 0 {
		return 0
	}
	if w.every(s, questionsOf(kindAddress, rcpt, from)) {
		return 700 + compauth.Reason(kindAddress)
	}
	return 0
}

// InContact tells whether every recipient, users of ours, has sent mail to the domain, or got
// authenticated mail from it, within the retention (reason 501). It waits as Qualifies does.
// Without a recipient, or with more than 100, the answer is no.
func (s *Store) InContact(ctx context.Context, rcpt []string, orgDomain string) bool {
	users, all := addresses(rcpt)
	org := keyText(orgDomain)
	if !s.lives() || !all || len(users) == 0 || org == "" {
		return false
	}
	w := s.newWait(ctx)
	defer w.end()
	return w.every(s, questionsOf(kindContact, users, org))
}

func questionsOf(k kind, users []string, org string) []question {
	questions := make([]question, len(users))
	for i, u := range users {
		questions[i] = question{k, u, org}
	}
	return questions
}

// ask answers from memory, or gives a flight to wait for. The answer is no when the database is
// down, or too much is asked of it.
func (s *Store) ask(q question) (yes bool, f *flight) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if a, ok := s.answers.Get(q); ok && s.now().Before(a.until) {
		return a.yes, nil
	}
	if f := s.flights[q]; f != nil {
		return false, f
	}
	if s.link.Load() == nil {
		return false, nil
	}
	q.infra, q.org = strings.Clone(q.infra), strings.Clone(q.org) // keep no message alive
	f = &flight{question: q, done: make(chan struct{})}
	select {
	case s.queue <- f:
		s.flights[q] = f
		return false, f
	default:
		return false, nil
	}
}

// read answers questions until Close.
func (s *Store) read() {
	for {
		select {
		case <-s.stop:
			return
		case f := <-s.queue:
			s.fly(f)
		}
	}
}

// fly asks the database. A failure is a no; one for want of time is remembered as such, so that
// a slow query does not come back with every message.
func (s *Store) fly(f *flight) {
	l := s.link.Load()
	var yes bool
	err := s.guard(func() (err error) {
		yes, err = s.lookup(l, f.question)
		return err
	})
	f.yes = yes && err == nil
	s.reading.Lock()
	delete(s.flights, f.question)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		s.answers.Add(f.question, answer{f.yes, s.now().Add(s.ttl)})
	}
	s.reading.Unlock()
	close(f.done)
	if err != nil && l != nil && s.link.CompareAndSwap(l, nil) {
		if !errors.Is(err, context.DeadlineExceeded) && s.ctx.Err() == nil {
			s.mu.Lock()
			s.doubt = &f.question
			s.mu.Unlock()
		}
		s.poke() // whether the database is down is found out there
	}
}

// A wait is the time that one message has for its answers.
type wait struct {
	ctx   context.Context
	limit time.Duration
	timer *time.Timer // nil until something is waited for
	over  bool
}

func (s *Store) newWait(ctx context.Context) wait {
	return wait{ctx: ctx, limit: s.options.Wait}
}

func (w *wait) end() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// answer waits for a flight.
func (w *wait) answer(f *flight) bool {
	if w.over {
		return false
	}
	if w.timer == nil {
		w.timer = time.NewTimer(w.limit)
	}
	select {
	case <-f.done:
		return f.yes
	case <-w.timer.C:
	case <-w.ctx.Done():
	}
	w.over = true
	return false
}

// first asks all at once, and gives the index of the first yes. It is -1 when there is none, or
// when one before it has no answer in time.
func (w *wait) first(s *Store, questions []question) int {
	answers := make([]bool, len(questions))
	flights := make([]*flight, len(questions))
	for i, q := range questions {
		answers[i], flights[i] = s.ask(q)
	}
	for i, f := range flights {
		if f != nil {
			answers[i] = w.answer(f)
		}
		if w.over {
			return -1
		}
		if answers[i] {
			return i
		}
	}
	return -1
}

// every tells whether all are answered by yes in time.
func (w *wait) every(s *Store, questions []question) bool {
	var flights []*flight
	for _, q := range questions {
		yes, f := s.ask(q)
		if f == nil && !yes || w.over {
			return false
		}
		if f != nil {
			flights = append(flights, f)
		}
	}
	for _, f := range flights {
		if !w.answer(f) {
			return false
		}
	}
	return true
}
