package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/compauth/history"
	"assay/compauth/spoof"
)

// An insightRow is what was seen of one From domain and one sending infrastructure.
type insightRow struct {
	Number         int // from 1, by count
	Domain         string
	Infrastructure string // "" when nothing is known about it
	Internal       bool   // at the last sighting; so is the next
	Entry          string // "allow", "block" or ""
	Count          int
	LastSeen       time.Time
	Verdicts       []tally // such as "fail 001", the most frequent first
	Actions        []tally // such as "accept", likewise

	sightings []history.Sighting // at least one, the newest first
}

// A tally is how many messages met with something.
type tally struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

// insightRows makes rows of what was seen, in the order of their numbers. The order of the
// sightings does not count.
func insightRows(sightings []history.Sighting) []*insightRow {
	type pair struct{ domain, infrastructure string }
	var rows []*insightRow
	byPair := map[pair]*insightRow{}
	for _, s := range slices.SortedFunc(slices.Values(sightings), compareSightings) {
		key := pair{s.Domain, s.Infrastructure}
		row := byPair[key]
		if row == nil {
			row = &insightRow{Domain: s.Domain, Infrastructure: s.Infrastructure, Internal: s.Internal, Entry: s.Entry, LastSeen: s.LastSeen}
			byPair[key] = row
			rows = append(rows, row)
		}
		row.Count += s.Count
		row.sightings = append(row.sightings, s)
	}
	slices.SortFunc(rows, byCount)
	for i, row := range rows {
		row.Number = i + 1
		row.Verdicts = row.count(verdictOf)
		row.Actions = row.count(func(s *history.Sighting) string { return s.Action })
	}
	return rows
}

// compareSightings puts the newest first, and never two that differ at the same place.
func compareSightings(a, b history.Sighting) int {
	return cmp.Or(
		b.LastSeen.Compare(a.LastSeen),
		cmp.Compare(a.Domain, b.Domain),
		cmp.Compare(a.Infrastructure, b.Infrastructure),
		cmp.Compare(b.Entry, a.Entry), // block, allow, none
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Implicit, b.Implicit),
		cmp.Compare(a.Policy, b.Policy),
		cmp.Compare(a.Action, b.Action),
		compareBools(b.Internal, a.Internal),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// verdictOf is a composite verdict as it is shown, such as "fail 001".
func verdictOf(s *history.Sighting) string { return fmt.Sprintf("%s %s", s.Result, s.Reason) }

// implicitOf is the verdict that implicit = true gives.
func implicitOf(s *history.Sighting) string {
	return fmt.Sprintf("%s %s", s.ImplicitResult, s.Implicit)
}

// count counts what the messages met with.
func (r *insightRow) count(what func(*history.Sighting) string) []tally {
	counts := map[string]int{}
	for i := range r.sightings {
		counts[what(&r.sightings[i])] += r.sightings[i].Count
	}
	tallies := make([]tally, 0, len(counts))
	for what, n := range counts {
		tallies = append(tallies, tally{what, n})
	}
	slices.SortFunc(tallies, func(a, b tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return tallies
}

// listed shows tallies without their counts.
func listed(tallies []tally) string {
	words := make([]string, len(tallies))
	for i, t := range tallies {
		words[i] = t.What
	}
	return strings.Join(words, ", ")
}

// scope is the word of the spoofed-senders list for the domain.
func (r *insightRow) scope() string {
	if r.Internal {
		return "internal"
	}
	return "external"
}

// state says what an entry did.
func (r *insightRow) state() string {
	switch r.Entry {
	case "allow":
		return "allowed"
	case "block":
		return "blocked"
	}
	return ""
}

// isOf tells whether the row is about a domain, as a user writes it.
func (r *insightRow) isOf(domain string) bool {
	u, err := spoof.ParseUser(domain)
	return err == nil && u == spoof.User{Domain: r.Domain}
}

// described says on one line what the row shows.
func (r *insightRow) described() string {
	return fmt.Sprintf("%s from %s, %s, %s, the last on %s, %s", printable(r.Domain), printable(cmp.Or(r.Infrastructure, "-")), r.scope(),
		counted(r.Count, "message"), r.LastSeen.UTC().Format("2006-01-02 15:04"), printable(listed(r.Verdicts)))
}

// byCount is the order of the numbers.
func byCount(a, b *insightRow) int {
	return cmp.Or(
		cmp.Compare(b.Count, a.Count),
		b.LastSeen.Compare(a.LastSeen),
		cmp.Compare(a.Domain, b.Domain),
		cmp.Compare(a.Infrastructure, b.Infrastructure),
	)
}

// insightOrders is the orders of the rows; of rows that are equal the number counts.
func insightOrders() []insightSort {
	return []insightSort{
		{"count", byCount},
		{"last", func(a, b *insightRow) int { return b.LastSeen.Compare(a.LastSeen) }},
		{"domain", func(a, b *insightRow) int { return cmp.Compare(a.Domain, b.Domain) }},
		{"infrastructure", func(a, b *insightRow) int { return cmp.Compare(a.Infrastructure, b.Infrastructure) }},
		{"reason", func(a, b *insightRow) int { return cmp.Compare(a.Verdicts[0].What, b.Verdicts[0].What) }},
	}
}

type insightSort struct {
	name    string
	compare func(a, b *insightRow) int
}

func insightOrderNames() []string {
	var names []string
	for _, o := range insightOrders() {
		names = append(names, o.name)
	}
	return names
}

// An insightOrder is the flag --sort: an index into insightOrders.
type insightOrder int

func (o *insightOrder) String() string { return insightOrders()[*o].name }

// Set is for package flag.
func (o *insightOrder) Set(name string) error {
	names := insightOrderNames()
	i := slices.Index(names, name)
	if i < 0 {
		return fmt.Errorf("write one of %s", strings.Join(names, ", "))
	}
	*o = insightOrder(i)
	return nil
}

func (o insightOrder) compare() func(a, b *insightRow) int { return insightOrders()[o].compare }
