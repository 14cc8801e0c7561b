package main

import (
	"runtime/debug"
	"testing"
)

// TestReadBuild holds that what the linker was told comes before what the Go command found out.
func TestReadBuild(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.99", Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123abc"}}}
	found := build{version: "v1.2.3", commit: "0123abc", goVersion: "go1.99"}
	tests := []struct {
		release string
		want    build
	}{
		{"", found},
		{"no version", found},
		{"1.2.4 456def 2026-11-22T13:57:01Z", build{version: "1.2.4", commit: "456def of 2026-11-22T13:57:01Z", goVersion: "go1.99"}},
	}
	for _, tt := range tests {
		if got := readBuild(tt.release, info, true); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.release, got, tt.want)
		}
	}
}
