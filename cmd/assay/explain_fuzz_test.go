package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// Whatever the input holds, it is read without a panic, what reaches the terminal are
// printable characters, and there is not much more of it than of the input.
func FuzzExplain(f *testing.F) {
	for _, pattern := range []string{"*.eml", "*.field", "*.value"} {
		files, err := filepath.Glob(explainData + pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, text := range []string{
		"", "\x00", ";", "mx;spf=pass", "arc=pass (0 oda=1 ltdi=1 spf=[1,1,smtp.mailfrom=a] dkim=[,] =[x)", "pass (",
		"> Authentication-Results: mx;\n> > spf=pass\n>\n>> Received-SPF: pass\n\nbody", "Received-SPF: pass (a(b)c\\)", "Received-SPF: x \"a=b;c\" helo= identity=helo",
		"i=1;mx;arc=none", "ARC-Seal: i=50; d=a; cv=none", "Received-SPF:", "a=b:c\n d", "From x\nAuthentication-Results:x;y=z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fields, stop, err := readExplained(strings.NewReader(text))
		if err != nil {
			return
		}
		if lines := strings.Count(text, "\n"); stop > lines {
			t.Errorf("stopped at line %d of %d", stop, lines)
		}
		e := explainFields(fields, writers{own: "mx.example.org", trusted: []string{"mx.google.com"}})
		e.Stop = stop
		for _, out := range []string{e.text(), explainedJSON(e)} {
			if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("a control character at %q", out[i:])
			}
			if len(out) > 3000*(len(text)+1) {
				t.Errorf("%d bytes from %d", len(out), len(text))
			}
		}
	})
}
