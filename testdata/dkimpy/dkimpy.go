// Package dkimpy runs dkimpy, the DKIM and ARC implementation in Python, as the tests'
// other opinion (Debian: python3-dkim, python3-nacl, python3-authres).
//
// Divergences from the RFC: none.
package dkimpy

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// Run gives a Python script a job as JSON on standard input, and reads its result from
// standard output. Without dkimpy the test is skipped, or fails where tools are required.
func Run(t testing.TB, script string, job, result any) {
	t.Helper()
	in, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python(t), script)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, result); err != nil {
		t.Fatal(err)
	}
}

// python finds a Python that has dkimpy: that of the system last.
func python(t testing.TB) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import dkim, nacl.signing, authres").Run() == nil {
			return python
		}
	}
	const missing = "no python3 with dkimpy, PyNaCl and authres: run testdata/setup as root"
	if os.Getenv("ASSAY_REQUIRE_TOOLS") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}
