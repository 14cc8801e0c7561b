package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

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
	version, goVersion := "(devel)", runtime.Version()
	settings := map[string]string{}
	if ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		goVersion = info.GoVersion
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
	}
	return fmt.Sprintf("assay %s\ncommit %s\n%s %s/%s\n",
		version, commitText(settings), goVersion, runtime.GOOS, runtime.GOARCH)
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
