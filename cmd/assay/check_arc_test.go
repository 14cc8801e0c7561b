package main

import (
	"os"
	"path/filepath"
	"testing"
)

// assay check prints the chain set by set, and the sentence that decides.
func TestCheckARC(t *testing.T) {
	for _, test := range []struct {
		scenario string
		code     int
	}{
		{"arc-trusted", exitOK},
		{"arc-untrusted", exitFail},
		{"arc-two-sets", exitOK},
		{"arc-other-author", exitFail},
		{"arc-changed-after-seal", exitFail},
		{"arc-gap-in-trust", exitFail},
		{"arc-two-authors", exitFail},
	} {
		t.Run(test.scenario, func(t *testing.T) {
			s := readScenario(t, "../../testdata/scenarios/"+test.scenario+".txtar")
			dir := t.TempDir()
			file := func(name string, content []byte) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			args := []string{"check", "-c", file("assay.toml", []byte(s.config)), "--zone", file("zone", []byte(s.zone)),
				"--ip", s.envelope["ip"], "--helo", s.envelope["helo"], "--mail-from", s.envelope["mail-from"]}
			message := file("message", s.message)
			for _, form := range []struct {
				golden string
				args   []string
			}{{".txt", nil}, {".json", []string{"--json"}}} {
				p := newProgram(t)
				code, stdout, stderr := p.run(t, append(append(args, form.args...), message)...)
				if code != test.code || stderr != "" {
					t.Errorf("exit code %d, want %d; %s", code, test.code, stderr)
				}
				golden(t, checkData+test.scenario+form.golden, p.withoutState(stdout))
			}
		})
	}
}
