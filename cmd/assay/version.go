package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is "VERSION COMMIT TIME" of a program that packaging/scripts/binary built, TIME as in RFC 3339. The linker
// sets it, and nothing else does: the paths and the state of a checkout don't get into such a program. "" otherwise.
var release string

func versionCommand() *command {
	return &command{
		name:     "version",
		summary:  "print version, commit and Go version",
		examples: []example{{"version", "say which build this is"}},
		prepare: func(*flag.FlagSet) action {
			return func(_ context.Context, p *program, _ []string) int {
				return p.print(versionText(p.buildInfo()))
			}
		},
	}
}

// versionText tells from the binary itself what was built.
func versionText(info *debug.BuildInfo, ok bool) string {
	b := readBuild(release, info, ok)
	return fmt.Sprintf("assay %s\ncommit %s\n%s %s/%s\n", b.version, b.commit, b.goVersion, runtime.GOOS, runtime.GOARCH)
}

// A build says what a binary was built from.
type build struct {
	version   string // "(devel)" when nobody said
	commit    string // with its time, in words
	goVersion string // "go1.26.0"
}

// readBuild prefers what the linker was told to what the Go command found out.
func readBuild(release string, info *debug.BuildInfo, ok bool) build {
	b := build{version: "(devel)", goVersion: runtime.Version()}
	settings := map[string]string{}
	if ok {
		if info.Main.Version != "" {
			b.version = info.Main.Version
		}
		b.goVersion = info.GoVersion
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	b.commit = commitText(settings)
	if version, commit, at, ok := released(release); ok {
		b.version, b.commit = version, commit+" of "+at
	}
	return b
}

// released takes apart what the linker was told; not ok when that is nothing.
func released(release string) (version, commit, at string, ok bool) {
	words := strings.Fields(release)
	if len(words) != 3 {
		return "", "", "", false
	}
	return words[0], words[1], words[2], true
}

func commitText(settings map[string]string) string {
	commit := settings["vcs.revision"]
	if commit == "" {
		return "unknown (built without version control)"
	}
	if at := settings["vcs.time"]; at != "" {
		commit += " of " + at
	}
	if settings["vcs.modified"] == "true" {
		commit += ", with changes that are not committed"
	}
	return commit
}
