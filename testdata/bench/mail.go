package main

import (
	"math/rand/v2"

	"assay/testdata/corpus"
)

// seed makes the same mail in every run.
const seed = 1

// shares are the messages of each kind in a hundred of the mix, and how many different ones
// there are.
var shares = map[corpus.Kind]struct{ mix, different int }{
	corpus.Small:      {60, 40},
	corpus.Newsletter: {20, 20},
	corpus.Large:      {2, 2},
	corpus.List:       {8, 20},
	corpus.Spoof:      {10, 20},
}

// A mail is all that is sent.
type mail struct {
	kinds map[corpus.Kind][]corpus.Sample
	mix   []corpus.Sample // a hundred
	cold  []corpus.Sample // small ones, each of a domain of its own
	zone  string
}

func makeMail(cold int) (*mail, error) {
	mailer, err := corpus.NewMailer(seed)
	if err != nil {
		return nil, err
	}
	m := &mail{kinds: map[corpus.Kind][]corpus.Sample{}}
	for _, k := range corpus.Kinds() {
		share := shares[k]
		if m.kinds[k], err = mailer.Make(k, share.different, min(share.different, 20)); err != nil {
			return nil, err
		}
		for i := range share.mix {
			m.mix = append(m.mix, m.kinds[k][i%share.different])
		}
	}
	r := rand.New(rand.NewPCG(seed, seed))
	r.Shuffle(len(m.mix), func(i, j int) { m.mix[i], m.mix[j] = m.mix[j], m.mix[i] })
	if m.cold, err = mailer.Make(corpus.Small, cold, cold); err != nil {
		return nil, err
	}
	m.zone = mailer.Zone()
	return m, nil
}
