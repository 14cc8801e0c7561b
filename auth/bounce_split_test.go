package auth

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// splitInPieces gives a body to a splitter in pieces; nextPiece says how long each is.
func splitInPieces(body []byte, boundary string, nextPiece func() int) (parts []string, closed bool) {
	s := splitter{
		delimiter: "--" + boundary,
		content:   func(p []byte) { parts[len(parts)-1] += string(p) },
		next:      func() { parts = append(parts, "") },
		last:      func() { closed = true },
	}
	for len(body) > 0 {
		n := min(max(nextPiece(), 1), len(body))
		piece := slices.Clone(body[:n]) // what becomes of the memory doesn't matter
		s.write(piece)
		clear(piece)
		body = body[n:]
		if cap(s.held) > 4*maxDelimiterLine {
			panic(fmt.Sprintf("%d bytes held back", cap(s.held)))
		}
	}
	s.end()
	s.end()
	return parts, closed
}

// splitWhole does the same line by line, with the whole body at hand.
func splitWhole(body []byte, boundary string) (parts []string, closed bool) {
	begun, eol := false, ""
	for line := range bytes.Lines(body) {
		rest, ok := bytes.CutPrefix(line, []byte("--"+boundary))
		complete := bytes.HasSuffix(line, []byte("\n"))
		ok = ok && (len(line) < maxDelimiterLine || len(line) == maxDelimiterLine && complete)
		switch rest := strings.TrimRight(string(rest), " \t\r\n"); {
		case ok && rest == "":
			parts, begun, eol = append(parts, ""), true, ""
			continue
		case ok && rest == "--" && begun:
			return parts, true
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if !complete {
			text = string(line)
		}
		if begun {
			parts[len(parts)-1] += eol + text
		}
		eol = string(line[len(text):])
	}
	if begun {
		parts[len(parts)-1] += eol
	}
	return parts, false
}

func TestSplitter(t *testing.T) {
	long := strings.Repeat(" ", maxDelimiterLine)
	for _, tt := range []struct {
		name, body string
		want       []string
		closed     bool
	}{
		{"ordinary", "preamble\r\n--b\r\none\r\n--b\r\ntwo\r\n\r\n--b--\r\nepilogue\r\n--b\r\n", []string{"one", "two\r\n"}, true},
		{"at once", "--b\r\none\r\n--b--", []string{"one"}, true},
		{"LF", "--b\none\n--b\ntwo\n\n--b--\n", []string{"one", "two\n"}, true},
		{"empty parts", "--b\r\n--b\r\n\r\n--b--", []string{"", ""}, true},
		{"padding", "--b \t\r\none\r\n--b-- \t\r\n", []string{"one"}, true},
		{"no end", "--b\r\none\r\n", []string{"one\r\n"}, false},
		{"ends in a delimiter", "--b\r\none\r\n--b", []string{"one", ""}, false},
		{"ends in half a delimiter", "--b\r\none\r\n--", []string{"one\r\n--"}, false},
		{"ends in a CR", "--b\r\none\r", []string{"one\r"}, false},
		{"closed before it begins", "--b--\r\n--b\r\none\r\n--b--", []string{"one"}, true},
		{"longer boundary", "--b\r\none\r\n--bb\r\n--b--b\r\n--b -\r\n--b--", []string{"one\r\n--bb\r\n--b--b\r\n--b -"}, true},
		{"not at the start of a line", "--b\r\none --b\r\n --b\r\n--b--", []string{"one --b\r\n --b"}, true},
		{"bare CR before it", "--b\r\none\r--b--\r\n--b--", []string{"one\r--b--"}, true},
		{"CR CR LF", "--b\r\none\r\r\n--b--", []string{"one\r"}, true},
		{"dashes", "--b\r\n-\r\n--\r\n---b\r\n--\r--b\r\n--b--", []string{"-\r\n--\r\n---b\r\n--\r--b"}, true},
		{"a line too long", "--b\r\n--b" + long + "\r\n--b--", []string{"--b" + long}, true},
		{"nothing", "", nil, false},
		{"another boundary", "--c\r\none\r\n--c--", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.body)+1; size++ {
				parts, closed := splitInPieces([]byte(tt.body), "b", func() int { return size })
				if !slices.Equal(parts, tt.want) || closed != tt.closed {
					t.Fatalf("pieces of %d: %q, %t; want %q, %t", size, parts, closed, tt.want, tt.closed)
				}
			}
			if parts, closed := splitWhole([]byte(tt.body), "b"); !slices.Equal(parts, tt.want) || closed != tt.closed {
				t.Errorf("the reference: %q, %t; want %q, %t", parts, closed, tt.want, tt.closed)
			}
		})
	}
}

// FuzzSplitter: whatever the body and its pieces, the parts are those that one sees with the
// whole body at hand.
func FuzzSplitter(f *testing.F) {
	f.Add([]byte("preamble\r\n--b\r\none\r\n--b \r\ntwo\r\n\r\n--b--\r\n"), uint64(1))
	f.Add([]byte("--b\n-\n--\n--b-\r\n\r--b\r\r\n--b\n"), uint64(2))
	f.Add([]byte("--b\r\n"+strings.Repeat("--b"+strings.Repeat(" ", maxDelimiterLine-5)+"\r\n", 3)), uint64(3))
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		want, wantClosed := splitWhole(body, "b")
		r := rand.New(rand.NewPCG(seed, 0))
		for _, longest := range []int{1, 3, 40, len(body) + 1} {
			parts, closed := splitInPieces(body, "b", func() int { return 1 + r.IntN(longest) })
			if !slices.Equal(parts, want) || closed != wantClosed {
				t.Fatalf("%q in pieces of up to %d: %q, %t; want %q, %t", body, longest, parts, closed, want, wantClosed)
			}
		}
	})
}
