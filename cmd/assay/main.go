// Command assay is a mail filter (milter) that checks SPF, DKIM, DMARC and
// reverse DNS and stamps the results.
//
// Divergences from the RFC: none of its own.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"
)

// The exit codes: 0 and 1, and those of sysexits.h.
const (
	exitOK          = 0
	exitFail        = 1  // what was asked for failed
	exitUsage       = 64 // EX_USAGE: the command line is wrong
	exitData        = 65 // EX_DATAERR: the config or the message is wrong
	exitUnavailable = 69 // EX_UNAVAILABLE: something that is needed can't be had, such as the port
	exitTemporary   = 75 // EX_TEMPFAIL: it may work later
)

// defaultConfigFile is read when no -c is given and it exists.
const defaultConfigFile = "/etc/assay/assay.toml"

// A program is everything that a command gets from outside.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	configFile     string // read without -c, if it exists
	hostname       func() (string, error)
	buildInfo      func() (*debug.BuildInfo, bool)
	getenv         func(string) string
	uid            int                   // 0: root
	mayWrite       func(dir string) bool // whether the user may make files there
	systemState    string                // the folder where root keeps what is to be kept
	now            func() time.Time
}

// commands lists the commands in the order of the usage text.
func commands() []*command {
	return []*command{
		serveCommand(),
		checkCommand(),
		explainCommand(),
		sealersCommand(),
		spoofCommand(),
		insightCommand(),
		configCommand(),
		versionCommand(),
	}
}

func main() {
	os.Exit(run(context.Background(), &program{
		stdin:       os.Stdin,
		stdout:      os.Stdout,
		stderr:      os.Stderr,
		configFile:  defaultConfigFile,
		hostname:    os.Hostname,
		buildInfo:   debug.ReadBuildInfo,
		getenv:      os.Getenv,
		uid:         os.Getuid(),
		mayWrite:    mayWrite,
		systemState: systemStateDir,
		now:         time.Now,
	}, os.Args[1:]))
}

// run carries out one command line, without the program's own name, and
// returns the exit code.
func run(ctx context.Context, p *program, args []string) int {
	root := &command{
		name:     "assay",
		summary:  "a mail filter that checks SPF, DKIM and DMARC and stamps the results",
		commands: commands(),
	}
	return root.dispatch(ctx, p, nil, args)
}

// fail writes one line to standard error and returns code.
func (p *program) fail(code int, format string, args ...any) int {
	fmt.Fprintf(p.stderr, "assay: "+format+"\n", args...)
	return code
}

// print writes text to standard output; exitFail when that is not possible.
func (p *program) print(text string) int {
	if _, err := io.WriteString(p.stdout, text); err != nil {
		return p.fail(exitFail, "write: %v", err)
	}
	return exitOK
}
