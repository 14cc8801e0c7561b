package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"assay/arc"
	"assay/auth"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/message"
	"assay/compauth"
	"assay/compauth/history"
)

// A checkRequest is the command line of assay check.
type checkRequest struct {
	config   *string
	ip       string
	helo     string
	mailFrom *string // nil: not given
	rcpt     []string
	ptr      string
	zone     string
	json     bool
}

func checkCommand() *command {
	return &command{
		name:     "check",
		synopsis: "[-c FILE] [--ip A] [--helo N] [--mail-from ADDR] [--rcpt ADDR]… [--ptr NAME] [--zone FILE] [--json] [MESSAGE|-]",
		summary:  "evaluate one message file exactly as serve would, and say why",
		about: `MESSAGE is a file with one message as it was sent or as it lies in a mailbox; without it, or with -, it is
read from standard input. What is not given about the SMTP session is taken from the message: the client and
its HELO from the topmost Received field, MAIL FROM from Return-Path. What was taken is printed.

The history of the daemon counts as it does there; nothing is added to it. Where it can't be read the report says so,
and the verdict is the one without a history.

The exit code tells the composite verdict: 0 for pass, softpass and none, 1 for fail; 75 when DNS did not answer, 64
for a wrong command line, 65 for a message or config that can't be read.`,
		examples: []example{
			{"check message.eml", "a message saved from a mailbox"},
			{"check --ip 192.0.2.1 --helo mail.example.org --mail-from joe@example.org message.eml", "with the session given"},
			{"check --zone example.zone --ip 192.0.2.1 message.eml", "with DNS from a file, no network"},
			{"check --json - < message.eml", "for programs"},
		},
		maxArgs: 1,
		prepare: func(set *flag.FlagSet) action {
			var r checkRequest
			r.config = configFlag(set)
			set.StringVar(&r.ip, "ip", "", "the client's `ADDRESS`")
			set.StringVar(&r.helo, "helo", "", "the `NAME` that the client said in HELO")
			set.Func("mail-from", "the envelope sender `ADDRESS`; \"\" or <> is the null sender", func(v string) error {
				r.mailFrom = &v
				return nil
			})
			set.Func("rcpt", "a recipient `ADDRESS`; may be given again", func(v string) error {
				r.rcpt = append(r.rcpt, v)
				return nil
			})
			set.StringVar(&r.ptr, "ptr", "", "take `NAME` for the client's confirmed name")
			set.StringVar(&r.zone, "zone", "", "answer DNS from a master `FILE` only")
			set.BoolVar(&r.json, "json", false, "print JSON")
			return r.run
		},
	}
}

// run carries out the command.
func (r *checkRequest) run(ctx context.Context, p *program, args []string) int {
	config, err := p.loadConfig(*r.config)
	if err != nil {
		return p.failConfig(err)
	}
	verifier := newVerifier(config, nil)
	if verifier.Sealers, err = loadSealers(config); err != nil {
		return p.failConfig(err)
	}
	if verifier.Spoofed, err = loadSpoofed(config); err != nil {
		return p.failConfig(err)
	}
	if verifier.Resolver, err = r.resolver(config); err != nil {
		return p.fail(exitData, "%v", err)
	}
	name, file, err := openMessage(p, args)
	if err != nil {
		return p.fail(exitData, "%v", err)
	}
	defer file.Close()
	return r.evaluate(ctx, p, config, verifier, name, file)
}

// evaluate evaluates the message of a file as the verifier would in the daemon.
func (r *checkRequest) evaluate(ctx context.Context, p *program, config *Config, v *auth.Verifier, name string, file io.Reader) int {
	body := bufio.NewReader(file)
	header := message.Collector{Limits: v.Limits.Header}
	if err := header.Read(body); err != nil {
		return p.fail(exitData, "%s: %v", name, err)
	}
	env, notes, err := r.envelope(header.Header())
	if err != nil {
		return p.fail(exitUsage, "%v", err)
	}
	env.Excess = header.Excess()
	if v.Resolver, err = r.withPTR(v.Resolver, env.IP); err != nil {
		return p.fail(exitUsage, "%v", err)
	}
	left := p.equip(v, config)
	defer func() { _ = v.History.Close(ctx) }() // nothing was written
	report, err := checkMessage(ctx, v, env, header.Header(), body)
	if err != nil {
		return p.fail(exitData, "%s: %v", name, err)
	}
	if err := v.History.Err(); err != nil {
		left.History = p.withoutHistory(config, err)
	}
	return r.print(p, checked{report, v.Sealers, notes, left})
}

// A checked is what assay check prints.
type checked struct {
	*auth.Report
	sealers *arc.Sealers
	notes   []string // where the envelope is from
	left    leftOut
}

// leftOut says what of the daemon's could not be had, and why: "" what could. The JSON of assay
// check holds it.
type leftOut struct {
	History string `json:"history,omitempty"`
	Seal    string `json:"seal,omitempty"`
}

// equip adds what the daemon has besides, as far as it can be had. Nothing is written into the
// history.
func (p *program) equip(v *auth.Verifier, config *Config) leftOut {
	var left leftOut
	var err error
	if v.Sealer, err = newSealer(config); err != nil {
		left.Seal = "left out: " + err.Error()
	}
	if v.History, err = p.openHistory(config, true); err != nil {
		left.History = "left out: " + err.Error()
	}
	return left
}

// withoutHistory says why there was none. One that was not begun knows as much as that of a new daemon.
func (p *program) withoutHistory(c *Config, err error) string {
	if errors.Is(err, history.ErrNoHistory) {
		return "none yet at " + p.historyPlace(c) + ": nothing is known"
	}
	text, _ := p.historyFailure(c, err)
	return "left out: " + strings.TrimPrefix(text, "history: ")
}

// lines is a line for each that there is something to say about.
func (l *leftOut) lines() []string {
	var lines []string
	for _, part := range []struct{ what, why string }{{"history", l.History}, {"seal", l.Seal}} {
		if part.why != "" {
			lines = append(lines, fmt.Sprintf("%-10s %s", part.what, clean(part.why)))
		}
	}
	return lines
}

// resolver answers from the zone file, or asks the servers of the config.
func (r *checkRequest) resolver(config *Config) (dns.Resolver, error) {
	if r.zone == "" {
		return newResolver(config)
	}
	file, err := os.Open(r.zone)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return dns.ParseZone(file, r.zone)
}

// openMessage opens the message and tells the name for error messages.
func openMessage(p *program, args []string) (string, io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		return "standard input", io.NopCloser(p.stdin), nil
	}
	file, err := os.Open(args[0])
	return args[0], file, err
}

// checkMessage goes the way of a message, as a milter session does.
func checkMessage(ctx context.Context, v *auth.Verifier, env auth.Envelope, h message.Header, body *bufio.Reader) (*auth.Report, error) {
	session := v.Connect(ctx, env.IP)
	defer session.Close()
	session.Helo(env.Helo)
	session.MailFrom(env)
	check := session.Begin(env, h)
	if err := copyCRLF(check, body); err != nil {
		return nil, fmt.Errorf("read the body: %w", err)
	}
	return check.Finish(), nil
}

// copyCRLF copies a body with the line ends that SMTP has.
func copyCRLF(w io.Writer, r *bufio.Reader) error {
	last := byte(0)
	for {
		piece, err := r.ReadSlice('\n')
		if n := len(piece); n > 0 {
			if n > 1 {
				last = piece[n-2]
			}
			if piece[n-1] == '\n' && last != '\r' {
				piece = append(piece[:n-1:n-1], '\r', '\n')
			}
			last = piece[len(piece)-1]
			w.Write(piece) // a Check takes everything
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// print writes the report and returns the exit code that tells the result.
func (r *checkRequest) print(p *program, c checked) int {
	text := c.text
	if r.json {
		text = c.json
	}
	if code := p.print(text()); code != exitOK {
		return code
	}
	return exitCode(c.Report)
}

// exitCode tells the result. DNS that did not answer comes first, unless a trusted sealer's
// word makes DMARC irrelevant.
func exitCode(report *auth.Report) int {
	switch {
	case report.Disposition.Action == auth.TempFail,
		report.DMARC.Result == dmarc.TempError && !report.Override.ODA:
		return exitTemporary
	case report.Verdict.Result == compauth.Fail:
		return exitFail
	}
	return exitOK
}

// withPTR answers the questions about the client's name as --ptr says.
func (r *checkRequest) withPTR(resolver dns.Resolver, ip netip.Addr) (dns.Resolver, error) {
	switch {
	case r.ptr == "":
		return resolver, nil
	case !ip.IsValid():
		return nil, errors.New("flag --ptr: give the client's address with --ip, too")
	}
	return &namedClient{Resolver: resolver, ip: ip.Unmap(), name: r.ptr}, nil
}
