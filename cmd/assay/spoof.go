package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"assay/auth/message"
	"assay/compauth/spoof"
)

func spoofCommand() *command {
	return &command{
		name:    "spoof",
		summary: "list or change who may, and who may not, send in the name of others",
		about: `An entry is about a spoofed user, an address, a domain, .example.org for a domain with its subdomains, or * for
everybody; and about the infrastructure that sends in that name: a domain, which is that of a verified DKIM signature
or of the client's confirmed name, or is above it, the client's network or address, or * for any. A message that a
block matches fails with compauth=fail reason=002. One that an allow matches keeps its verdict, and no action is
taken on it. A block comes before an allow.

Internal entries are for our own domains (accepted_domains) in From, external ones for those of others. The list is
the file that spoofed_senders_file names, which a running daemon reads within two seconds.`,
		commands: []*command{spoofListCommand(), spoofAllowCommand(), spoofBlockCommand(), spoofRemoveCommand()},
	}
}

func spoofListCommand() *command {
	return &command{
		name:     "list",
		synopsis: "[-c FILE] [--json]",
		summary:  "print every entry, its state, and when it was used last",
		about: `Dates are in UTC. When an entry was used last comes from the history: "-" is never, or not known.
The exit code is 65 when the config or the list is not valid.`,
		examples: []example{
			{"spoof list", "show who is allowed and blocked"},
			{"spoof list --json", "the same for programs"},
		},
		prepare: func(set *flag.FlagSet) action {
			file := configFlag(set)
			asJSON := set.Bool("json", false, "print one JSON list of entries")
			return func(ctx context.Context, p *program, _ []string) int { return p.listSpoofed(ctx, *file, *asJSON) }
		},
	}
}

func spoofAllowCommand() *command {
	return spoofChangeCommand(false, command{
		name:    "allow",
		summary: "take no action on messages of a spoofed user from an infrastructure",
		examples: []example{
			{"spoof allow example.org newsletter.example", "a service that sends for our domain"},
			{"spoof allow --expires 30d joe@example.org 192.0.2.0/24", "one address, for 30 days"},
			{"spoof allow --external '*' lists.example.net", "everybody but us, from a list server"},
			{"spoof allow --from-insight 3 example.org", "what row 3 of assay insight shows, if it is of example.org"},
		},
	})
}

func spoofBlockCommand() *command {
	return spoofChangeCommand(true, command{
		name:    "block",
		summary: "fail the messages of a spoofed user from an infrastructure",
		examples: []example{
			{"spoof block example.org bulk.example", "a service that may not send for us"},
			{"spoof block --note 'fake bank' .bank.example '*'", "a domain with its subdomains, from anywhere"},
		},
	})
}

// spoofChangeCommand completes the description of a command that puts an entry in the list.
func spoofChangeCommand(block bool, c command) *command {
	c.synopsis = "[-c FILE] [--internal|--external] [--expires WHEN] [--note TEXT] SPOOFED-USER INFRASTRUCTURE | --from-insight N [--days N] [SPOOFED-USER]"
	c.about = `Without --internal and --external, the entry is internal if the user's domain is one of accepted_domains. An
entry for the same user, infrastructure and scope is replaced where it stands, also one that says the opposite; its
note stays unless there is a new one, its expiry does not.

With --from-insight the row is printed first. Its number changes as mail comes in, also between the look at the rows and
this command, and a sender can see to that: name the row's domain, too, and nothing is written when row N is of another
one by then.`
	c.maxArgs = 2
	c.prepare = func(set *flag.FlagSet) action {
		o := &spoofOptions{block: block, config: configFlag(set), scope: scopeFlags(set), days: defaultInsightDays}
		set.StringVar(&o.expires, "expires", "", "`WHEN` the entry ends: its last day as 2026-12-31, a time as in RFC 3339, or a number of days as 30d")
		set.StringVar(&o.note, "note", "", "write `TEXT` behind the entry")
		set.Func("from-insight", "take user and infrastructure from row `N` of assay insight", func(text string) error {
			return setNumber(&o.row, text, math.MaxInt32)
		})
		o.days.declare(set)
		return func(ctx context.Context, p *program, args []string) int {
			switch {
			case o.row > 0 && len(args) > 1:
				return p.fail(exitUsage, "--from-insight names the infrastructure; write no %s", display(args[1]))
			case o.row > 0 && len(args) == 1 && args[0] == "":
				return p.fail(exitUsage, "the spoofed user is empty; write the domain of row %d, or nothing", o.row)
			case o.row == 0 && len(args) < 2:
				return p.fail(exitUsage, "name the spoofed user and the infrastructure (see assay spoof %s --help)", c.name)
			}
			return p.putSpoofed(ctx, o, args)
		}
	}
	return &c
}

func spoofRemoveCommand() *command {
	return &command{
		name:     "remove",
		synopsis: "[-c FILE] [--internal|--external] SPOOFED-USER INFRASTRUCTURE…",
		summary:  "take entries out of the list",
		about: `Every line about the user and one of the infrastructures is taken out of the file with its note, unless
--internal or --external says which. What is not in the list is reported, and the others are removed; the exit code is
then 1.`,
		examples: []example{
			{"spoof remove example.org newsletter.example", "an entry, whatever its scope"},
			{"spoof remove --external '*' 192.0.2.0/24 198.51.100.7", "two entries of external scope"},
		},
		maxArgs: math.MaxInt,
		prepare: func(set *flag.FlagSet) action {
			file, scope := configFlag(set), scopeFlags(set)
			return func(ctx context.Context, p *program, args []string) int {
				if len(args) < 2 {
					return p.fail(exitUsage, "name the spoofed user and at least one infrastructure (see assay spoof remove --help)")
				}
				return p.removeSpoofed(ctx, *file, scope, args[0], args[1:])
			}
		},
	}
}

// A spoofScope is what the flags say about whose domains an entry is for.
type spoofScope struct{ internal, external bool }

func scopeFlags(set *flag.FlagSet) *spoofScope {
	s := new(spoofScope)
	set.BoolVar(&s.internal, "internal", false, "the entry is for our own domains")
	set.BoolVar(&s.external, "external", false, "the entry is for the domains of others")
	return s
}

var errTwoScopes = errors.New("--internal and --external exclude each other; write one")

// isInternal tells whether an entry for the user is internal; without a flag that depends on
// whether the user's domain is ours.
func (s *spoofScope) isInternal(c *Config, u spoof.User) (bool, error) {
	switch {
	case s.internal && s.external:
		return false, errTwoScopes
	case s.internal || s.external:
		return s.internal, nil
	case u == spoof.User{}:
		return false, errors.New("\"*\" is everybody; write --internal to mean our own domains, or --external")
	}
	return c.accepts(u.Domain), nil
}

// accepts tells whether a domain is, or is below, one of our own.
func (c *Config) accepts(domain string) bool {
	for _, own := range c.AcceptedDomains {
		if message.IsWithin(domain, own) {
			return true
		}
	}
	return false
}

// spoofOptions is what the flags of allow and block say.
type spoofOptions struct {
	block         bool
	config        *string
	scope         *spoofScope
	expires, note string
	row           int         // of assay insight; 0: the arguments name the pair
	days          insightDays // that the row is counted in
}

// maxSpoofNote bounds the note of an entry that a command writes, in bytes.
const maxSpoofNote = 200

// entry makes an entry of a command line.
func (o *spoofOptions) entry(c *Config, now time.Time, user, infrastructure string) (e spoof.Entry, err error) {
	e.Block = o.block
	if e.User, err = spoof.ParseUser(user); err != nil {
		return e, err
	}
	if e.Infrastructure, err = spoof.ParseInfrastructure(infrastructure); err != nil {
		return e, err
	}
	if e.Internal, err = o.scope.isInternal(c, e.User); err != nil {
		return e, err
	}
	if o.expires != "" {
		if e.Expires, err = parseSpoofExpiry(o.expires, now); err != nil {
			return e, err
		}
	}
	switch e.Note = strings.TrimSpace(o.note); {
	case len(e.Note) > maxSpoofNote:
		return e, fmt.Errorf("the note has %d bytes; write at most %d", len(e.Note), maxSpoofNote)
	case printable(e.Note) != e.Note:
		return e, fmt.Errorf("the note %s has more than printable characters; write one line of text", display(e.Note))
	}
	return e, e.Check()
}

// maxSpoofDays bounds the days for which an entry is made: a hundred years.
const maxSpoofDays = 36500

// parseSpoofExpiry reads a date, or a number of days from now on, such as 30d: the last of
// them is the last day that the entry counts on.
func parseSpoofExpiry(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > maxSpoofDays {
			return time.Time{}, fmt.Errorf("%s is no number of days; write one from 1d to %dd", display(text), maxSpoofDays)
		}
		return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, n+1), nil
	}
	t, err := spoof.ParseExpiry(text)
	if err == nil && !now.Before(t) {
		err = fmt.Errorf("%s is over; write a later date", display(text))
	}
	return t, err
}
