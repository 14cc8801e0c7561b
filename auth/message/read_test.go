package message

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func raws(h Header) []string {
	var list []string
	for _, f := range h {
		list = append(list, f.Raw)
	}
	return list
}

var readTests = []struct {
	name, text string
	raw        []string
	body       string
	err        string // part of it
}{
	{"CRLF", "A: 1\r\nB: 2\r\n\r\nbody\r\n", []string{"A: 1", "B: 2"}, "body\r\n", ""},
	{"LF", "A: 1\nB: 2\n\nbody\n", []string{"A: 1", "B: 2"}, "body\n", ""},
	{"folds", "A: 1\n 2\n\t3\r\n\r\n", []string{"A: 1\r\n 2\r\n\t3"}, "", ""},
	{"white fold", "A: 1\r\n \r\nB: 2\r\n\r\nx", []string{"A: 1\r\n ", "B: 2"}, "x", ""},
	{"bytes kept", "A:\t 1 \x00\xff\r\r\n\r\n", []string{"A:\t 1 \x00\xff\r"}, "", ""},
	{"CR in a line", "A: 1\rB: 2\r\n\r\n", []string{"A: 1\rB: 2"}, "", ""},
	{"no value", "A:\r\nB:\r\n c\r\n\r\n", []string{"A:", "B:\r\n c"}, "", ""},
	{"no body", "A: 1\r\n", []string{"A: 1"}, "", ""},
	{"no last line end", "A: 1", []string{"A: 1"}, "", ""},
	{"CR at the end", "A: 1\r", []string{"A: 1\r"}, "", ""},
	{"space before the colon", "From : a\r\nTo\t :b\r\n\r\n", []string{"From: a", "To:b"}, "", ""},
	{"name of all bytes", "a!\"/~1: x\n\n", []string{"a!\"/~1: x"}, "", ""},
	{"mbox", "From a@b Mon Jan  1 00:00:00 2024\nA: 1\n\nx", []string{"A: 1"}, "x", ""},
	{"From field with a space", "From : a@b\n\nx", []string{"From: a@b"}, "x", ""},
	{"mbox line below", "A: 1\nFrom a@b\nB: 2\n\n", []string{"A: 1"}, "From a@b\nB: 2\n\n", ""},
	{"line that is no field", "A: 1\r\nhello\r\nB: 2\r\n\r\n", []string{"A: 1"}, "hello\r\nB: 2\r\n\r\n", ""},
	{"folded name", "A: 1\r\nFrom\r\n : x\r\n\r\n", []string{"A: 1"}, "From\r\n : x\r\n\r\n", ""},
	{"empty name", "A: 1\r\n: x\r\n", []string{"A: 1"}, ": x\r\n", ""},
	{"8-bit name", "A: 1\r\nB\xfc: x\r\n", []string{"A: 1"}, "B\xfc: x\r\n", ""},
	{"control in a name", "A: 1\r\nB\x00: x\r\n", []string{"A: 1"}, "B\x00: x\r\n", ""},
	{"space in a name", "A: 1\r\nB c: x\r\n", []string{"A: 1"}, "B c: x\r\n", ""},
	{"long line", "A: " + strings.Repeat("x", 40) + "\r\n\r\ny", []string{"A: " + strings.Repeat("x", 40)}, "y", ""},
	{"long name", "A: 1\n" + strings.Repeat("x", 40) + ": 1\n", []string{"A: 1"}, strings.Repeat("x", 40) + ": 1\n", ""},
	{"CR at the end of the buffer", "A: " + strings.Repeat("x", 12) + "\r\n\r\n", []string{"A: " + strings.Repeat("x", 12)}, "", ""},

	{"empty", "", nil, "", "message: no header field: the text ends at line 1"},
	{"mbox line alone", "From a@b\n", nil, "", "the text ends at line 2"},
	{"blank first", "\r\nA: 1\r\n", nil, "\r\nA: 1\r\n", "line 1 is blank"},
	{"blank after mbox", "From x\n\nA: 1\n", nil, "\nA: 1\n", "line 2 is blank"},
	{"no field", "hello\r\n", nil, "hello\r\n", `line 1 is "hello"`},
	{"fold first", " A: 1\r\n", nil, " A: 1\r\n", `line 1 is " A: 1"`},
	{"two mbox lines", "From a\nFrom b\n", nil, "From b\n", `line 2 is "From b"`},
	{"too long", "A: " + strings.Repeat("x", 200), nil, "", "message: header over 100 bytes"},
	{"too many", strings.Repeat("A: 1\n", 21), slices.Repeat([]string{"A: 1"}, 20), "", "over 100 bytes"},
}

func TestReadHeader(t *testing.T) {
	for _, tt := range readTests {
		for _, wrap := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader,
		} {
			t.Run(tt.name, func(t *testing.T) {
				r := bufio.NewReaderSize(wrap(strings.NewReader(tt.text)), 16)
				h, err := ReadHeader(r, 100)
				if !slices.Equal(raws(h), tt.raw) {
					t.Errorf("fields %q, want %q", raws(h), tt.raw)
				}
				if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				if strings.Contains(tt.err, "over") {
					return
				}
				if body, err := io.ReadAll(r); err != nil || string(body) != tt.body {
					t.Errorf("body %q, %v, want %q", body, err, tt.body)
				}
			})
		}
	}
}

func TestReadHeaderReaderFails(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"", "From x", "From x\n", "A", "A:", "A: 1\n", "A: 1\n ", "A: 1\nB"} {
		r := bufio.NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		if _, err := ReadHeader(r, 1000); !errors.Is(err, broken) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	for _, tt := range readTests {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := bufio.NewReaderSize(strings.NewReader(text), 64)
		h, err := ReadHeader(r, 1<<20)
		if err == nil && len(h) == 0 {
			t.Fatal("neither an error nor a field")
		}
		size := 0
		for _, field := range h {
			size += len(field.Raw)
			if !strings.HasPrefix(field.Raw, field.Name+":") || strings.Trim(field.Name, nameBytes) != "" || field.Name == "" {
				t.Errorf("field %q, name %q", field.Raw, field.Name)
			}
			if checkFolds(field.Value()) {
				t.Errorf("line break that is no fold in %q", field.Raw)
			}
		}
		if size > 2*len(text) {
			t.Errorf("%d bytes from %d", size, len(text))
		}
		body, _ := io.ReadAll(r)
		if err == nil {
			checkAgain(t, h, string(body))
		}
	})
}

var nameBytes = func() string {
	var b strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		if c != ':' {
			b.WriteByte(c)
		}
	}
	return b.String()
}()

// checkFolds tells whether value has an LF outside of a fold.
func checkFolds(value string) bool {
	value = strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(value)
	return strings.Contains(value, "\n")
}

// checkAgain writes the message as it was read and reads it again.
func checkAgain(t *testing.T, h Header, body string) {
	t.Helper()
	text := strings.Join(raws(h), "\r\n") + "\r\n\r\n" + body
	r := bufio.NewReader(strings.NewReader(text))
	again, err := ReadHeader(r, 1<<22)
	if err != nil || !slices.Equal(again, h) {
		t.Errorf("%+v, then %+v, %v", h, again, err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != body {
		t.Errorf("body %q, then %q", body, rest)
	}
}

func BenchmarkReadHeader(b *testing.B) {
	text := strings.Repeat("Received: from a.example by b.example with ESMTP id x\r\n\tfor <c@d.example>; Mon, 1 Jan 2024 00:00:00 +0000\r\n", 30) + "\r\n"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if h, err := ReadHeader(bufio.NewReader(strings.NewReader(text)), 1<<20); err != nil || len(h) != 30 {
			b.Fatal(len(h), err)
		}
	}
}
