package history

import (
	"context"
	"errors"
	"slices"
	"time"

	"assay/compauth"
)

// A question is a pair without a day that may qualify, or a contact: a user in infra.
type question = pairKey

// An answer is one that is kept in memory.
type answer struct {
	yes   bool
	until time.Duration // of uptime
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
	pairs, via := p.infrastructures()
	if i := w.first(s, pairs); i >= 0 {
		return 700 + compauth.Reason(pairs[i].kind)
	}
	from := address(p.From)
	rcpt, all := addresses(p.Rcpt)
	if from == "" || via == "" || !all || len(rcpt) == 0 {
		return 0
	}
	if w.every(s, questionsOf(question{kind: kindAddress, org: from, via: via}, rcpt)) {
		return 700 + compauth.Reason(kindAddress)
	}
	return 0
}

// InContact tells whether every recipient, users of ours, has sent mail to the domain within the
// retention (reason 501): a bounce answers what was sent. What Record was told counts at once, also while the
// database is down. It waits as Qualifies does. Without a recipient, or with more than 100, the answer is no.
func (s *Store) InContact(ctx context.Context, rcpt []string, orgDomain string) bool {
	users, all := addresses(rcpt)
	org := keyText(orgDomain)
	if !s.lives() || !all || len(users) == 0 || org == "" {
		return false
	}
	w := s.newWait(ctx)
	defer w.end()
	return w.every(s, questionsOf(question{kind: kindContact, org: org}, s.unwritten(users, org)))
}

// unwritten is users without those whose contact with a domain waits to be written, or was
// written last: a question that is under way may have come before it.
func (s *Store) unwritten(users []string, org string) []string {
	oldest := s.oldest()
	s.mu.Lock()
	defer s.mu.Unlock()
	recent := []map[contactKey]int64{s.writing}
	if s.pending != nil {
		recent = append(recent, s.pending.contacts)
	}
	return slices.DeleteFunc(users, func(user string) bool {
		for _, contacts := range recent {
			if last, ok := contacts[contactKey{user, org}]; ok && last >= oldest {
				return true
			}
		}
		return false
	})
}

// oldest is the first day of the retention.
func (s *Store) oldest() int64 { return dayOf(s.now()) - int64(s.options.RetentionDays) + 1 }

// questionsOf asks the same about several users.
func questionsOf(q question, users []string) []question {
	questions := make([]question, len(users))
	for i, u := range users {
		q.infra = u
		questions[i] = q
	}
	return questions
}

// ask answers from memory, or gives a flight to wait for. The answer is no when the database is
// down, or too much is asked of it.
func (s *Store) ask(q question) (yes bool, f *flight) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if a, ok := s.answers.Get(q); ok && s.uptime() < a.until {
		return a.yes, nil
	}
	if f := s.flights[q]; f != nil {
		return false, f
	}
	if s.link.Load() == nil {
		return false, nil
	}
	q = q.clone()
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
	if ttl := s.lifetime(f, err); ttl > 0 {
		s.answers.Add(f.question, answer{f.yes, s.uptime() + ttl})
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

// lifetime is how long an answer is kept in memory. That there is no contact may change with every message.
func (s *Store) lifetime(f *flight, err error) time.Duration {
	switch {
	case errors.Is(err, context.DeadlineExceeded) && f.kind == kindContact:
		return min(s.ttl, noContactTTL)
	case errors.Is(err, context.DeadlineExceeded), err == nil && (f.yes || f.kind != kindContact):
		return s.ttl
	}
	return 0
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
