package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeSnippets holds that the README shows the lines of the snippets that the tests with real mail servers use.
func TestReadmeSnippets(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, comment := range map[string]string{
		"../../packaging/postfix/main.cf.example": "#",
		"../../packaging/sendmail/assay.m4":       "dnl",
	} {
		snippet, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for line := range strings.Lines(string(snippet)) {
			if line == "\n" || strings.HasPrefix(line, comment) {
				continue
			}
			lines++
			if !strings.Contains(string(readme), "\n"+line) {
				t.Errorf("README.md does not show this line of %s: %s", file, line)
			}
		}
		if lines == 0 {
			t.Errorf("%s says nothing", file)
		}
	}
}
