package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const manFolder = "../../packaging/man"

// manDate is when the pages were last looked over.
const manDate = "2026-11-22"

// manTitle is the first line of a page.
func manTitle(name string, section int) string {
	return fmt.Sprintf(".TH %s %d %s assay\n", strings.ToUpper(name), section, manDate)
}

// TestManCommands compares assay(8) with the table of commands.
func TestManCommands(t *testing.T) {
	golden(t, filepath.Join(manFolder, "assay.8"), manCommands())
}

// TestManConfig compares assay.toml(5) with the table of keys.
func TestManConfig(t *testing.T) {
	golden(t, filepath.Join(manFolder, "assay.toml.5"), manConfig(options()))
}

// TestManLint has mandoc look at every page.
func TestManLint(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(manFolder, "*.[0-9]"))
	if err != nil || len(pages) < 5 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	mandoc := tool(t, "mandoc")
	for _, page := range pages {
		if out, err := exec.Command(mandoc, "-T", "lint", "-W", "warning", page).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestManRendered holds that a reader of the pages sees every key with its default, and every example, as they are
// typed: in a line of a macro roff takes quotes for its own.
func TestManRendered(t *testing.T) {
	mandoc := tool(t, "mandoc")
	page := rendered(t, mandoc, "assay.toml.5")
	for _, o := range options() {
		if line := o.key() + " = " + formatTOML(o.byDefault); !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("assay.toml(5) does not show: %s", line)
		}
	}
	page = rendered(t, mandoc, "assay.8")
	var each func(list []*command)
	each = func(list []*command) {
		for _, c := range list {
			for _, e := range c.examples {
				if line := "assay " + e.line; !strings.Contains(page, "\n"+line+"\n") {
					t.Errorf("assay(8) does not show: %s", line)
				}
			}
			each(c.commands)
		}
	}
	each(commands())
}

// rendered is a page as text, without what stands before each line.
func rendered(t *testing.T, mandoc, page string) string {
	t.Helper()
	out, err := exec.Command(mandoc, "-T", "utf8", "-O", "width=1000", filepath.Join(manFolder, page)).Output()
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(".\b").ReplaceAllString(string(out), "") // bold is a letter over itself
	return regexp.MustCompile(`(?m)^ +`).ReplaceAllString(text, "")
}

// roffWords is text for a line that begins with a macro, where quotes hold arguments together.
func roffWords(text string) string { return strings.ReplaceAll(roff(text), `"`, `\(dq`) }

// tool finds a program; without it the test is skipped, unless nothing may be missing.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
		t.Fatal(err)
	} else if err != nil {
		t.Skip(err)
	}
	return path
}

func manCommands() string {
	var b strings.Builder
	b.WriteString(`.\" Written by the tests from the table of commands; do not edit.
` + manTitle("assay", 8) + `.SH NAME
assay \- a mail filter that checks SPF, DKIM, DMARC and ARC and stamps the results
.SH SYNOPSIS
.B assay
.I COMMAND
.RI [ FLAG ...]
.RI [ ARGUMENT ...]
.SH DESCRIPTION
.B assay serve
is a milter for Postfix and Sendmail: it checks who a message is really from and writes the results into one
Authentication\-Results field at the top of the message. Such fields that pretend to be its own are removed. Nothing else is
changed unless the config, described in
.BR assay.toml (5),
asks for it. The other commands evaluate a message file, explain fields, and look after the lists and the config.
.PP
Flags begin with one dash or two and may stand behind arguments; what follows
.B \-\-
is no flag. Each command has
.B \-\-help
with examples.
.SH COMMANDS
`)
	for _, c := range commands() {
		manCommand(&b, []string{"assay"}, c)
	}
	b.WriteString(manAround)
	return b.String()
}

// manCommand writes a command, or those that a group has.
func manCommand(b *strings.Builder, parents []string, c *command) {
	path := append(parents[:len(parents):len(parents)], c.name)
	if len(c.commands) > 0 {
		if c.about != "" {
			fmt.Fprintf(b, ".SS %s\n%s", roffWords(strings.Join(path, " ")), manParagraphs(sentence(c.summary)+".\n\n"+c.about))
		}
		for _, sub := range c.commands {
			manCommand(b, path, sub)
		}
		return
	}
	fmt.Fprintf(b, ".SS %s\n%s", roffWords(strings.TrimSpace(strings.Join(path, " ")+" "+c.synopsis)), manParagraphs(sentence(c.summary)+".\n\n"+c.about))
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.prepare(set)
	shown := map[string]bool{}
	set.VisitAll(func(f *flag.Flag) {
		if shown[f.Usage] {
			return
		}
		shown[f.Usage] = true
		argument, does := flag.UnquoteUsage(f)
		fmt.Fprintf(b, ".TP\n.B %s\n%s.\n", roffWords(strings.TrimSpace(spellings(set, f)+" "+argument)), roff(sentence(does)))
	})
	for _, e := range c.examples {
		fmt.Fprintf(b, ".TP\n.B assay %s\n%s.\n", roffWords(e.line), roff(sentence(e.does)))
	}
}

// manParagraphs writes text whose paragraphs an empty line divides.
func manParagraphs(text string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		for line := range strings.Lines(paragraph) {
			fmt.Fprintln(&b, roff(strings.TrimSpace(line)))
		}
	}
	return b.String()
}

func manConfig(table []option) string {
	var b strings.Builder
	b.WriteString(`.\" Written by the tests from the table of keys; do not edit.
` + manTitle("assay.toml", 5) + `.SH NAME
assay.toml \- the config of assay
.SH DESCRIPTION
.BR assay (8)
reads
.IR /etc/assay/assay.toml ,
or the file that
.B \-c
names, in the syntax of TOML. Every key is optional; without a file the defaults are in force. A key that does not exist is an
error. Durations are written "25s", "15m", "1h30m".
.PP
.B assay config check
reports every mistake with its line, and knows the names of the options of OpenDKIM, OpenDMARC, OpenARC, pyspf\-milter, Rspamd
and Authentication Milter.
.B assay config show
prints what is in force, and why.
.PP
The running daemon reads the file again on SIGHUP. A file with mistakes is reported, and the old config stays. What the daemon
can't change without a restart is reported, too.
.SH KEYS AT THE TOP
`)
	section := ""
	for _, o := range table {
		if s := o.section(); s != section {
			section = s
			fmt.Fprintf(&b, ".SH SECTION [%s]\n", section)
		}
		fmt.Fprintf(&b, ".TP\n.B %s = %s\n%s\nTakes: %s.\n", roffWords(o.key()), roffWords(formatTOML(o.byDefault)), roff(o.doc), roff(o.values))
	}
	b.WriteString(`.SH EXAMPLE
.nf
authserv_id = "mx.example.org"
accepted_domains = ["example.org"]
trusted_networks = ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]

[policy]
dmarc_reject = "reject"
dmarc_quarantine = "quarantine"
.fi
.SH SEE ALSO
.BR assay (8),
.BR trusted\-sealers (5),
.BR spoofed\-senders (5),
.BR assay\-compauth (7)
`)
	return b.String()
}

// manAround is what follows the commands in assay(8).
const manAround = `.SH SIGNALS
What
.B assay serve
does on a signal:
.TP
.B SIGHUP, SIGUSR1
Reads the config and the lists again. What is bad is reported, and the old stays in force.
.TP
.B SIGTERM, SIGINT
Accepts no more, finishes the messages in flight, for 30 seconds at most, and exits with 0. A second one ends at once.
.SH EXIT STATUS
.TP
.B 0
Good.
.TP
.B 1
What was asked for failed.
.B assay check
means compauth=fail by it.
.TP
.B 64
The command line is wrong.
.TP
.B 65
A message or the config is wrong.
.TP
.B 69
Something that is needed can't be had, such as a port that is in use.
.TP
.B 75
A temporary error.
.B assay check
means that DNS gave no answer.
.SH ENVIRONMENT
.TP
.B STATE_DIRECTORY
Where the history is kept when the config does not say; systemd sets it.
.TP
.B LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES
The sockets that systemd passes.
.SH FILES
.TP
.I /etc/assay/assay.toml
The config,
.BR assay.toml (5).
.TP
.I /etc/assay/trusted\-sealers
Whose ARC seals are trusted,
.BR trusted\-sealers (5).
.TP
.I /etc/assay/spoofed\-senders
Who may, or may not, send in the name of others,
.BR spoofed\-senders (5).
.TP
.I /var/lib/assay
The history.
.SH SEE ALSO
.BR assay.toml (5),
.BR trusted\-sealers (5),
.BR spoofed\-senders (5),
.BR assay\-compauth (7),
.BR postconf (5)
`
