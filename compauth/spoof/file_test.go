package spoof

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const sampleFile = "\ufeff# Our list.\r\n" +
	"allow example.org 192.0.2.0/24 external # the office\r\n" +
	"\r\n" +
	"  \t# indented\n" +
	"\tBLOCK *  Bulk.example\tinternal expires=2026-12-31\n" +
	"block Example.org 192.0.2.0/24 external\n" +
	"allow bücher.example * external\n" +
	"allow example.ORG 192.0.2.0/24 external expires=2027-01-01# the 2nd\n"

func TestParseFile(t *testing.T) {
	text := strings.Replace(sampleFile, "01#", "01 #", 1)
	f, err := ParseFile(text, "f")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range f.Entries {
		got = append(got, fmt.Sprintf("%d %s %d %d", e.Line, e.Text(), e.Repeat, e.Against))
	}
	want := []string{
		"2 allow example.org 192.0.2.0/24 external # the office 0 0",
		"5 block * bulk.example internal expires=2026-12-31 0 0",
		"6 block example.org 192.0.2.0/24 external 0 2",
		"7 allow xn--bcher-kva.example * external 0 0",
		"8 allow example.org 192.0.2.0/24 external expires=2027-01-01 # the 2nd 2 6",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got = nil
	for _, e := range f.Remarks() {
		got = append(got, fmt.Sprintf("%d: %s", e.Line, e.Remark()))
	}
	want = []string{
		"6: block example.org 192.0.2.0/24 external counts before line 2, which allows the same; remove one",
		"8: allow example.org 192.0.2.0/24 external is on line 2 already; remove one",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if n := f.List().Len(); n != 4 {
		t.Errorf("%d entries", n)
	}
	f, err = ParseFile("block a.example * external\nallow A.example * external\n", "f")
	if r := f.Remarks(); err != nil || len(r) != 1 || r[0].Remark() != "allow a.example * external does not count: line 1 blocks the same; remove one" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestParseFileEmpty(t *testing.T) {
	for _, text := range []string{"", "\n", "\ufeff", "# x", " \t\r\n\r\n", "#\n#allow a.example * external\n"} {
		f, err := ParseFile(text, "f")
		if err != nil || len(f.Entries) != 0 || f.List().Len() != 0 {
			t.Errorf("%q: %v, %v", text, f, err)
		}
	}
}

func TestParseFileErrors(t *testing.T) {
	lines := func(n int, line string) string { return strings.Repeat(line+"\n", n) }
	tests := []struct {
		name, text string
		want       []string // a part of each error
	}{
		{"several", "allow a.example * external\nalow # all of it\n\nallow *.example.net * external\r\nblock b.example * internal\nblock b.example\n",
			[]string{`f:2: "alow" is neither allow nor block; did you mean allow?`, `f:4: "*.example.net" has a wildcard; write ".example.net"`, `f:6: no infrastructure follows "b.example"`}},
		{"a note that begins inside of a word", sampleFile, []string{`f:8: "expires=2027-01-01#" has a # inside; write a space before the #`}},
		{"carriage returns only", "allow a.example * external\rallow b.example * external\r", []string{`f:1: "external\rallow" is neither`}},
		{"utf-16", "\xff\xfea\x00.\x00b\x00", []string{`f:1: "\xff\xfea\x00.\x00b\x00" is neither`}},
		{"second byte order mark", "\ufeff\ufeffallow a.example * external", []string{`f:1: "\ufeffallow" is neither`}},
		{"many", lines(25, "x"), append(slices.Repeat([]string{"x"}, 20), "f: and 5 more bad lines; ")},
		{"very many", lines(maxBadLines+5, "x"), append(slices.Repeat([]string{"x"}, 20), "f: and at least 9980 more bad lines; ")},
		{"long line", strings.Repeat("x", MaxFile), []string{`f:1: "xxx`}},
		{"many words", strings.Repeat("x ", MaxFile/2), []string{`f:1: "x" is neither`}},
		{"long file", strings.Repeat("x", MaxFile+1), []string{"f: is longer than 16777216 bytes; "}},
	}
	for _, test := range tests {
		f, err := ParseFile(test.text, "f")
		var errs FileErrors
		if !errors.As(err, &errs) || f != nil || len(errs) != len(test.want) || strings.Count(err.Error(), "\n") != len(errs)-1 {
			t.Errorf("%s: %v, %.1000v", test.name, f, err)
			continue
		}
		for i, e := range errs {
			if !strings.Contains(e.Error(), test.want[i]) {
				t.Errorf("%s: got %s, want %s", test.name, e, test.want[i])
			}
		}
	}
}

func TestMaxEntries(t *testing.T) {
	const line = "allow a.example * external\n"
	p := fileParser{file: File{text: line, Entries: make([]FileEntry, MaxEntries-1)}, name: "f", seen: map[pairKey]int{}}
	if err := p.parse(1, 0, len(line)); err != nil || len(p.file.Entries) != MaxEntries {
		t.Fatalf("the last that fits: %v", err)
	}
	if err := p.parse(2, 0, len(line)); err == nil || err.Error() != "is the entry after 1000000 others; is this the right file?" {
		t.Errorf("one more: %v", err)
	}
}

const edited = "# one\nallow a.example * external # x\n\n\tblock  B.example c.example internal\r\n# two\nblock a.example * external expires=2026-12-31\nallow d.example 192.0.2.0/24 external"

func TestPut(t *testing.T) {
	const head, middle, tail = "# one\n", "\n\tblock  B.example c.example internal\r\n# two\n", "allow d.example 192.0.2.0/24 external"
	const a, blockA = "allow a.example * external # x\n", "block a.example * external expires=2026-12-31\n"
	tests := []struct {
		name, text, entry, want string
		removed                 string
	}{
		{"to nothing", "", "allow a.example * external # y", "allow a.example * external # y\n", ""},
		{"after CRLF", "# x\r\nallow b.example * external", "block a.example * external", "# x\r\nallow b.example * external\r\nblock a.example * external\r\n", ""},
		{"after a byte order mark", "\ufeff", "block a.example * external", "\ufeffblock a.example * external\n", ""},
		{"another scope is another pair", edited, "block a.example * internal", edited + "\nblock a.example * internal\n", ""},
		{"another user is another pair", edited, "block .a.example * external", edited + "\nblock .a.example * external\n", ""},
		{"repeat and contradiction go", edited, "block a.example * external", head + "block a.example * external # x\n" + middle + tail, "2 6"},
		{"allow what was both", edited, "allow a.example * external # y", head + "allow a.example * external # y\n" + middle + tail, "2 6"},
		{"the opposite, in place", edited, "allow b.example c.example internal expires=2026-12-31",
			head + a + "\n\tallow b.example c.example internal expires=2026-12-31\r\n# two\n" + blockA + tail, "4"},
		{"the last line", edited, "block d.example 192.0.2.0/24 external", head + a + middle + blockA + "block d.example 192.0.2.0/24 external", "7"},
		{"what is there", edited, "block B.example c.example internal", edited, ""},
		{"the same without a note", "allow a.example * external # x\n", "allow a.example * external", "allow a.example * external # x\n", ""},
		{"a new note", "allow a.example * external # x\n", "allow a.example * external # y", "allow a.example * external # y\n", "1"},
		{"no expiry any more", "allow a.example * external expires=2026-12-31 # x\n", "allow a.example * external", "allow a.example * external # x\n", "1"},
	}
	for _, test := range tests {
		f, err := ParseFile(test.text, "f")
		if err != nil {
			t.Fatal(err)
		}
		e := f.Put(entry(t, test.entry))
		if e.Text != test.want || lineNumbers(e.Removed) != test.removed || (e.Added == nil) != (e.Text == test.text) {
			t.Errorf("%s:\n got %q, removed %s, added %v\nwant %q, removed %s", test.name, e.Text, lineNumbers(e.Removed), e.Added, test.want, test.removed)
		}
	}
}

func TestRemove(t *testing.T) {
	f, err := ParseFile(edited, "f")
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]struct{ text, removed string }{
		"a.example": {"# one\n\n\tblock  B.example c.example internal\r\n# two\nallow d.example 192.0.2.0/24 external", "2 6"},
		"d.example": {strings.TrimSuffix(edited, "allow d.example 192.0.2.0/24 external"), "7"},
		"x.example": {edited, ""},
	} {
		e := f.Remove(func(e Entry) bool { return e.User.Domain == user })
		if e.Text != want.text || lineNumbers(e.Removed) != want.removed || e.Added != nil {
			t.Errorf("%s: %q, removed %s", user, e.Text, lineNumbers(e.Removed))
		}
	}
	f, err = ParseFile("\ufeff"+"allow a.example * external", "f")
	if err != nil || f.Remove(func(Entry) bool { return true }).Text != "\ufeff" {
		t.Errorf("the byte order mark is gone, %v", err)
	}
}

func lineNumbers(entries []FileEntry) string {
	var lines []string
	for _, e := range entries {
		lines = append(lines, fmt.Sprint(e.Line))
	}
	return strings.Join(lines, " ")
}

func BenchmarkParseFile(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "allow user-%d.example bulk.example external expires=2026-12-31 # number %d\n", i, i)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		f, err := ParseFile(text.String(), "f")
		if err != nil || f.List().Len() != 100_000 {
			b.Fatal(err)
		}
	}
}

// What is read and written again is the same; an edit leaves every other line as it is; what Put says
// is then in the file, and Remove takes just that away.
func FuzzParseFile(f *testing.F) {
	f.Add(strings.Replace(sampleFile, "01#", "01 #", 1), "block example.org 192.0.2.0/24 external")
	f.Add(edited, "allow a.example * external # y")
	f.Add(edited, "allow d.example 192.0.2.0/24 external expires=2026-12-31")
	f.Add("alow a.example\n*\n", "allow a.example * external")
	f.Add("\ufeff#", "allow K@a.example ::1 internal")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, line string) {
		file, err := ParseFile(text, "f")
		if err != nil {
			var errs FileErrors
			if file != nil || !errors.As(err, &errs) || len(errs) == 0 || len(errs) > maxErrors+1 {
				t.Fatalf("%v, %v", file, err)
			}
			return
		}
		var written strings.Builder
		for _, e := range file.Entries {
			written.WriteString(e.Text() + "\n")
		}
		if again := parsed(t, written.String()); !slices.Equal(entriesOf(again), entriesOf(file)) {
			t.Fatalf("%q is written as %q", text, written.String())
		}
		e, err := ParseEntry(line)
		if err != nil {
			return
		}
		checkPut(t, file, e)
	})
}

// checkPut holds what is true of every Put, and of the Remove after it.
func checkPut(t *testing.T, file *File, e Entry) {
	t.Helper()
	same := func(other Entry) bool { return other.SamePair(e) }
	put := parsed(t, file.Put(e).Text)
	of := slices.DeleteFunc(entriesOf(put), func(other Entry) bool { return !same(other) })
	if len(of) != 1 || of[0].String() != e.String() || !of[0].Expires.Equal(e.Expires) || e.Note != "" && of[0].Note != e.Note {
		t.Fatalf("put %q in %q: %q", e.Text(), file.text, put.text)
	}
	if again := put.Put(e); again.Added != nil || again.Text != put.text {
		t.Fatalf("put %q again in %q: %q", e.Text(), put.text, again.Text)
	}
	before, after := file.Remove(same).Text, put.Remove(same).Text
	newline := !strings.HasSuffix(file.text, "\n") // one more may end the line that was the last
	if before != after && !(newline && strings.TrimRight(after, "\r\n") == strings.TrimRight(before, "\r\n")) {
		t.Fatalf("other lines of %q are changed: %q, %q", file.text, before, after)
	}
	if slices.ContainsFunc(entriesOf(parsed(t, after)), same) {
		t.Fatalf("%q is still in %q", e, after)
	}
}

func entriesOf(f *File) []Entry {
	list := make([]Entry, len(f.Entries))
	for i, e := range f.Entries {
		list[i] = e.Entry
	}
	return list
}

func parsed(t *testing.T, text string) *File {
	t.Helper()
	f, err := ParseFile(text, "f")
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return f
}
