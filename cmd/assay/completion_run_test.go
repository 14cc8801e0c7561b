package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completionCases are a command line up to the cursor and what it can go on with, in any order.
var completionCases = []struct{ line, want string }{
	{"assay ser", "serve"},
	{"assay ", "serve check explain sealers spoof insight config version"},
	{"assay sealers ", "list add remove set"},
	{"assay sealers re", "remove"},
	{"assay config sh", "show"},
	{"assay check --mail", "--mail-from"},
	{"assay spoof allow --ex", "--external --expires"},
	{"assay insight --sort ", "count domain infrastructure last reason"},
	{"assay explain --reason 70", "701 702 703 704"},
	{"assay check one", "one.eml"},
	{"assay check --ip 192.0.2.1 one", "one.eml"},
	{"assay serve -c one", "one.eml"},
	{"assay check --zone one", "one.eml"},
	{"assay version one", ""},
}

// checkCompletions runs a shell, which prints what it completes, one word a line, for each case.
func checkCompletions(t *testing.T, complete func(dir, line string) *exec.Cmd) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "one.eml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range completionCases {
		cmd := complete(dir, tt.line)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", tt.line, err, out)
		}
		got := slices.DeleteFunc(strings.Fields(string(out)), func(word string) bool { return word == "--help" })
		want := strings.Fields(tt.want)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", tt.line, got, want)
		}
	}
}

func completionFile(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(completionFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCompleteInBash(t *testing.T) {
	bash, file := tool(t, "bash"), completionFile(t, "assay.bash")
	const script = `. "$1"; read -ra COMP_WORDS <<<"$2"; [[ $2 != *' ' ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _assay; printf '%s\n' "${COMPREPLY[@]}"`
	checkCompletions(t, func(_, line string) *exec.Cmd {
		return exec.Command(bash, "--norc", "-c", script, "bash", file, line)
	})
}

// TestCompleteWithEqualSign is about --flag=value, which bash gives as three words.
func TestCompleteWithEqualSign(t *testing.T) {
	bash, file := tool(t, "bash"), completionFile(t, "assay.bash")
	const script = `. "$1"; compopt() { :; }; COMP_WORDS=(assay insight --sort = "$2"); COMP_CWORD=4; _assay; echo "${COMPREPLY[*]}"
COMP_WORDS=(assay insight --sort =); COMP_CWORD=3; _assay; echo "${#COMPREPLY[@]}"`
	out, err := exec.Command(bash, "--norc", "-c", script, "bash", file, "rea").CombinedOutput()
	if want := fmt.Sprintf("reason\n%d\n", len(insightOrderNames())); err != nil || string(out) != want {
		t.Errorf("%s, %v, want %s", out, err, want)
	}
}

func TestCompleteInFish(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		t.Skip(err)
	}
	file := completionFile(t, "assay.fish")
	checkCompletions(t, func(_, line string) *exec.Cmd {
		return exec.Command(fish, "--no-config", "-c", `source $argv[1]; complete -C "$argv[2]" | string replace -r "\t.*" ""; true`, file, line)
	})
}

func TestCompleteInZsh(t *testing.T) {
	zsh, err := exec.LookPath("zsh")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(zsh, "-f", "-n", completionFile(t, "_assay")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
