package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"assay/compauth/history"
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
block make an entry of it. It changes as mail comes in, so both say what they add.

With --what-if each row tells what other settings would have done: implicit = true, where it is off, and policies
that are enforced: dmarc_reject = "reject", dmarc_quarantine = "quarantine" and compauth_fail = "quarantine" or
"reject". Mail that passes DMARC is in no row: no policy touches it.

The exit code is 69 when no history is configured and 75 when it can't be read now.`,
		examples: []example{
			{"insight", "the last 7 days, the most messages first"},
			{"insight --days 30 --sort last", "a month, the newest first"},
			{"insight --what-if", "what stricter policies would have done"},
			{"insight --csv > insight.csv", "for a spreadsheet"},
			{"spoof allow --from-insight 3", "allow what row 3 shows"},
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
	rows, code := p.insight(ctx, config, r.days)
	if code != exitOK {
		return code
	}
	slices.SortStableFunc(rows, r.order.compare())
	view := insightView{rows: rows, days: r.days, whatIf: r.whatIf, policy: &config.Policy, implicit: config.Implicit}
	switch {
	case r.csv:
		return p.print(view.csv())
	case r.json:
		return p.print(view.json())
	}
	return p.print(view.text())
}

// insight reads the rows from the history, in the order of their numbers. Unless code is exitOK
// it has said what is wrong.
func (p *program) insight(ctx context.Context, config *Config, days insightDays) (rows []*insightRow, code int) {
	if config.History.Database == "" {
		return nil, p.fail(exitUnavailable, "no history is configured: history.database is empty (%s)", config.origin("history.database"))
	}
	store, err := p.openHistory(config, true)
	if err != nil {
		return nil, p.fail(exitUnavailable, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, insightTimeout)
	defer cancel()
	defer func() { _ = store.Close(ctx) }() // nothing was written
	sightings, err := store.Sightings(ctx, days.since(p.now()))
	switch {
	case errors.Is(err, history.ErrNoHistory):
		p.note(err.Error())
	case err != nil:
		return nil, p.fail(exitTemporary, "%v", err)
	}
	return insightRows(sightings), exitOK
}

// insightFrom gives the row of a number, for spoof allow and block. Unless code is exitOK it has said
// what is wrong.
func (p *program) insightFrom(ctx context.Context, config *Config, days insightDays, number int) (row *insightRow, code int) {
	rows, code := p.insight(ctx, config, days)
	switch {
	case code != exitOK:
		return nil, code
	case number > len(rows):
		return nil, p.fail(exitFail, "there is no row %d: assay insight --days %d has %s", number, days, counted(len(rows), "row"))
	case rows[number-1].Infrastructure == "":
		return nil, p.fail(exitFail, "nothing is known about what sent the messages of row %d; no entry can be made of it", number)
	}
	return rows[number-1], exitOK
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
