package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"

	"assay/compauth"
)

// An explainRequest is the command line of assay explain.
type explainRequest struct {
	config *string
	reason string
	list   bool
	json   bool
}

func explainCommand() *command {
	return &command{
		name:     "explain",
		synopsis: "[-c FILE] [--json] [FILE|-] | --reason CODE | --list",
		summary:  "say in plain words what the authentication results of a message mean",
		about: `FILE holds a message, its header, some of its fields, or the bare text of one field, folded or not, also quoted with >
and with blank lines between fields; without it, or with -, it is read from standard input. Explained are Authentication-Results as assay and other programs write them
(RFC 8601, Microsoft 365, Google), the fields of ARC, and Received-SPF: what each result means, who can fix it
and how. Nothing is looked up or verified: assay check does that.

Who can fix it: the sender is the owner of the domain, or who sends in its name; the intermediary is a mailing list,
a forwarder or a gateway on the way; the receiver is the host that wrote the result, called "us" when that is this host.

The exit code is 0 when something was explained, 64 for a wrong command line, 65 when there is nothing to explain.`,
		examples: []example{
			{"explain message.eml", "a message saved from a mailbox"},
			{"explain < pasted.txt", "a header, or a field, copied from a mail program"},
			{"explain --reason 601", "one reason code of compauth"},
			{"explain --list", "all of them"},
			{"explain --json message.eml", "for programs"},
		},
		maxArgs: 1,
		prepare: func(set *flag.FlagSet) action {
			var r explainRequest
			r.config = configFlag(set)
			set.Func("reason", "explain the reason `CODE` of compauth, such as 601 or 6xx", func(code string) error {
				if r.reason = code; code == "" {
					return errors.New("no code")
				}
				return nil
			})
			set.BoolVar(&r.list, "list", false, "list all reason codes of compauth")
			set.BoolVar(&r.json, "json", false, "print JSON")
			return r.run
		},
	}
}

// run carries out the command.
func (r *explainRequest) run(_ context.Context, p *program, args []string) int {
	switch {
	case (r.reason != "" || r.list) && len(args) > 0:
		return p.fail(exitUsage, "unexpected argument %s: --reason and --list explain no file (see assay explain --help)", display(args[0]))
	case r.reason != "" && r.list:
		return p.fail(exitUsage, "--reason and --list exclude each other (see assay explain --help)")
	case r.list:
		return r.printCodes(p, compauth.Explanations(), listCodes)
	case r.reason != "":
		return r.explainCode(p)
	}
	return r.explainInput(p, args)
}

// explainInput explains the fields of a file or of standard input.
func (r *explainRequest) explainInput(p *program, args []string) int {
	config, err := p.loadConfig(*r.config)
	if err != nil {
		return p.failConfig(err)
	}
	name, file, err := openMessage(p, args)
	if err != nil {
		return p.fail(exitData, "%v%s", err, codeHint(args, err))
	}
	defer file.Close()
	fields, stop, err := readExplained(file)
	if err != nil {
		return p.fail(exitData, "%s: %v", name, err)
	}
	e := explainFields(fields, writers{own: config.AuthServID, trusted: config.TrustedAuthServIDs})
	e.Stop = stop
	if r.json {
		return p.print(explainedJSON(e))
	}
	return p.print(e.text())
}

// codeHint helps who gave a reason code for a file.
func codeHint(args []string, err error) string {
	if len(args) == 0 || !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if _, ok := compauth.ExplainCode(args[0]); !ok {
		return ""
	}
	return fmt.Sprintf(" (assay explain --reason %s explains the code)", args[0])
}

// explainCode explains the code of --reason.
func (r *explainRequest) explainCode(p *program) int {
	row, ok := compauth.ExplainCode(r.reason)
	if !ok {
		return p.fail(exitUsage, "flag --reason: %s is no reason code that is documented (assay explain --list shows them)", display(r.reason))
	}
	return r.printCodes(p, []compauth.Explanation{row}, oneCode)
}

func (r *explainRequest) printCodes(p *program, rows []compauth.Explanation, text func([]compauth.Explanation) string) int {
	if r.json {
		return p.print(codesJSON(rows))
	}
	return p.print(text(rows))
}
