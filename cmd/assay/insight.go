package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxInsightDays is the longest that anything can be kept.
const maxInsightDays = 3650

// insightTimeout is how long the history may take to answer a command.
const insightTimeout = 30 * time.Second

// An insightRequest is the command line of assay insight.
type insightRequest struct {
	config *string
	days   insightDays
	order  insightOrder
	csv    bool
	json   bool
	whatIf bool
}

func insightCommand() *command {
	return &command{
		name:     "insight",
		synopsis: "[-c FILE] [--days N] [--sort ORDER] [--csv|--json] [--what-if]",
		summary:  "show who sent mail in whose name",
		about: `One row for each From domain and each sending infrastructure that was seen with it while neither SPF, DKIM
nor a trusted ARC sealer authenticated the domain: how many messages, when the last one came, whether the domain is
one of our own (internal), whether an entry of the spoofed senders allowed or blocked the last one, the composite
verdicts with their reason (assay explain tells what it means), and what was done with the messages.

The number of a row is its place by count, whatever the order of the rows is; assay spoof allow --from-insight N and
block make an entry of it. It changes as mail comes in: name the domain behind it, and a row that is of another one by
then is refused. Of more than 100,000 different sightings the most frequent are shown, and it is said that there are more.

With --what-if each row tells what other settings would have done: implicit = true, where it is off, and policies
that are enforced: dmarc_reject = "reject", dmarc_quarantine = "quarantine" and compauth_fail = "quarantine" or
"reject". Mail that passes DMARC is in no row: no policy touches it. What is shown as rejected is the most that it could
be: where DNS gives no answer a message is let in or asked for again (dns_failure), never rejected, and a row does not
tell of which messages a signature or a hint had none. Of DMARC's own it tells: fail 001 or 601 with a policy of
quarantine or reject counts as let in, or as asked for again.

The exit code is 69 when there is no history, or it may not be read, and 75 when it can't be read now.`,
		examples: []example{
			{"insight", "the last 7 days, the most messages first"},
			{"insight --days 30 --sort last", "a month, the newest first"},
			{"insight --what-if", "what stricter policies would have done"},
			{"insight --csv > insight.csv", "for a spreadsheet"},
			{"spoof allow --from-insight 3 example.org", "allow what row 3 shows, if it is of example.org"},
		},
		prepare: func(set *flag.FlagSet) action {
			r := insightRequest{days: defaultInsightDays}
			r.config = configFlag(set)
			r.days.declare(set)
			set.Var(&r.order, "sort", "the `ORDER` of the rows: "+strings.Join(insightOrderNames(), ", ")+"; count without it")
			set.BoolVar(&r.csv, "csv", false, "print CSV")
			set.BoolVar(&r.json, "json", false, "print JSON")
			set.BoolVar(&r.whatIf, "what-if", false, "show what other settings would have done")
			return r.run
		},
	}
}

// insightDays is how many days are looked at, today among them.
type insightDays int

const defaultInsightDays insightDays = 7

// declare declares the flag --days.
func (d *insightDays) declare(set *flag.FlagSet) {
	set.Var(d, "days", fmt.Sprintf("look at the last `N` days, today among them, 1 to %d; %d without it", maxInsightDays, defaultInsightDays))
}

func (d *insightDays) String() string { return fmt.Sprint(int(*d)) }

// Set is for package flag.
func (d *insightDays) Set(text string) error { return setNumber((*int)(d), text, maxInsightDays) }

// since is when the first of the days began.
func (d insightDays) since(now time.Time) time.Time {
	year, month, day := now.UTC().Date()
	return time.Date(year, month, day-int(d)+1, 0, 0, 0, 0, time.UTC)
}

// run carries out the command.
func (r *insightRequest) run(ctx context.Context, p *program, _ []string) int {
	if r.csv && r.json {
		return p.fail(exitUsage, "--csv and --json are two forms of the same; give one")
	}
	config, err := p.loadConfig(*r.config)
	if err != nil {
		return p.failConfig(err)
	}
	seen, code := p.insight(ctx, config, r.days)
	if code != exitOK {
		return code
	}
	slices.SortStableFunc(seen.rows, r.order.compare())
	return r.show(p, insightView{insightSeen: seen, days: r.days, whatIf: r.whatIf, policy: &config.Policy, implicit: config.Implicit})
}

// show prints rows in the form that is asked for.
func (r *insightRequest) show(p *program, view insightView) int {
	switch {
	case r.csv:
		if view.more {
			p.note(tooManySightings)
		}
		return p.print(view.csv())
	case r.json:
		return p.print(view.json())
	}
	return p.print(view.text())
}

// An insightSeen is what the history shows.
type insightSeen struct {
	rows []*insightRow
	more bool // there is more, seen less often than all of this: every count is the least
}

// tooManySightings says what more means.
const tooManySightings = "only the 100,000 most frequent sightings are counted; with fewer --days that may be all of them"

// insight reads the rows from the history, in the order of their numbers. Unless code is exitOK
// it has said what is wrong.
func (p *program) insight(ctx context.Context, config *Config, days insightDays) (seen insightSeen, code int) {
	if config.History.Database == "" {
		return seen, p.fail(exitUnavailable, "no history is configured: history.database is empty (%s)", config.origin("history.database"))
	}
	store, err := p.openHistory(config, true)
	if err != nil {
		return seen, p.fail(exitUnavailable, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, insightTimeout)
	defer cancel()
	defer func() { _ = store.Close(ctx) }() // nothing was written
	sightings, more, err := store.Sightings(ctx, days.since(p.now()))
	if err != nil {
		text, code := p.historyFailure(config, err)
		return seen, p.fail(code, "%s", text)
	}
	return insightSeen{insightRows(sightings), more}, exitOK
}

// insightFrom gives the row of a number, for spoof allow and block. It has to be of each of the domains.
// Unless code is exitOK it has said what is wrong.
func (p *program) insightFrom(ctx context.Context, config *Config, days insightDays, number int, domains []string) (row *insightRow, code int) {
	seen, code := p.insight(ctx, config, days)
	if code != exitOK {
		return nil, code
	}
	if number > len(seen.rows) {
		return nil, p.fail(exitFail, "there is no row %d: assay insight --days %d has %s", number, days, counted(len(seen.rows), "row"))
	}
	row = seen.rows[number-1]
	for _, domain := range domains {
		if !row.isOf(domain) {
			return nil, p.fail(exitFail, "row %d is not of %s now but of %s; nothing was changed", number, display(domain), row.described())
		}
	}
	if row.Infrastructure == "" {
		return nil, p.fail(exitFail, "nothing is known about what sent the messages of row %d; no entry can be made of it", number)
	}
	return row, exitOK
}

// counted is a number and what it counts: "no rows", "1 row", "2 rows".
func counted(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// setNumber reads the value of a flag that is a number from 1 on.
func setNumber(n *int, text string, most int) error {
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || number > most {
		return fmt.Errorf("write a number from 1 to %d", most)
	}
	*n = number
	return nil
}
