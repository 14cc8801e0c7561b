package arc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const sampleFile = "\ufeff# Our list.\r\n" +
	"example.org\r\n" +
	"\r\n" +
	"  \t# indented\n" +
	"\t.Example.NET  # with subdomains\n" +
	"bücher.example#umlaut\n" +
	"EXAMPLE.org # again\n" +
	"last.example"

func TestParseSealersFile(t *testing.T) {
	f, err := ParseSealersFile(sampleFile, "f")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range f.Entries {
		got = append(got, fmt.Sprintf("%d %s %d", e.Line, e, e.Repeat))
	}
	want := []string{"2 example.org 0", "5 .example.net 0", "6 xn--bcher-kva.example 0", "7 example.org 2", "8 last.example 0"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if r := f.Repeats(); len(r) != 1 || r[0].Line != 7 {
		t.Errorf("repeats %v", r)
	}
	if n := NewSealers(f.Sealers()...).Len(); n != 4 {
		t.Errorf("%d domains", n)
	}
}

func TestParseSealersFileEmpty(t *testing.T) {
	for _, text := range []string{"", "\n", "\ufeff", "# x", " \t\r\n\r\n", "#\n#example.org\n"} {
		f, err := ParseSealersFile(text, "f")
		if err != nil || len(f.Entries) != 0 {
			t.Errorf("%q: %v, %v", text, f, err)
		}
	}
}

func TestParseSealersFileErrors(t *testing.T) {
	lines := func(n int, line string) string { return strings.Repeat(line+"\n", n) }
	tests := []struct {
		name, text string
		want       []string // a part of each error
	}{
		{"several", "example.org\ncom # all of it\n\n*.example.net\r\nok.example\na b\n",
			[]string{`f:2: "com" has one label`, `f:4: "*.example.net" has a wildcard; write ".example.net"`, `f:6: "a b" is more`}},
		{"carriage returns only", "example.org\rexample.net\r", []string{`f:1: "example.org\rexample.net" is more`}},
		{"utf-16", "\xff\xfea\x00.\x00b\x00", []string{`f:1: "\xff\xfea\x00.\x00b\x00" is no domain name`}},
		{"second byte order mark", "\ufeff\ufeffexample.org", []string{`f:1: "\ufeffexample.org" is no domain name`}},
		{"many", lines(25, "com"), append(slices.Repeat([]string{"com"}, 20), "f: and 5 more bad lines; ")},
		{"very many", lines(maxBadLines+5, "com"), append(slices.Repeat([]string{"com"}, 20), "f: and at least 9980 more bad lines; ")},
		{"long line", strings.Repeat("x", MaxSealersFile), []string{`f:1: "xxx`}},
		{"long file", strings.Repeat("x", MaxSealersFile+1), []string{"f: is longer than 16777216 bytes; "}},
	}
	for _, test := range tests {
		f, err := ParseSealersFile(test.text, "f")
		var errs SealersErrors
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

func TestMaxSealersEntries(t *testing.T) {
	p := sealersParser{name: "f", seen: map[Sealer]int{}}
	p.file = SealersFile{text: "a.bc\nb.bc", Entries: make([]SealersEntry, MaxSealersEntries-1)}
	p.parse(1, 0, 5)
	if f, err := p.result(); err != nil || len(f.Entries) != MaxSealersEntries {
		t.Fatalf("the last that fits: %v", err)
	}
	p.parse(2, 5, 9)
	if f, err := p.result(); f != nil || err == nil || err.Error() != "f:2: is the entry after 1000000 others; is this the right file?" {
		t.Errorf("one more: %v", err)
	}
}

func TestSealersEdit(t *testing.T) {
	add, remove, set := (*SealersFile).Add, (*SealersFile).Remove, (*SealersFile).Set
	commented := "# one\nexample.org # mail\n\n# two\n.example.net\nexample.org\n# end\n"
	tests := []struct {
		name    string
		edit    func(*SealersFile, ...Sealer) SealersEdit
		text    string
		list    string
		want    string
		added   string
		removed string
	}{
		{"add to nothing", add, "", "b.example a.example", "b.example\na.example\n", "b.example a.example", ""},
		{"add", add, commented, "x.example example.org .x.example", commented + "x.example\n.x.example\n", "x.example .x.example", ""},
		{"add twice", add, "", "x.example x.example", "x.example\n", "x.example", ""},
		{"add what is there", add, commented, "example.org .example.net", commented, "", ""},
		{"add without a final line end", add, "a.example", "b.example", "a.example\nb.example\n", "b.example", ""},
		{"add after CRLF", add, "# x\r\na.example", "b.example", "# x\r\na.example\r\nb.example\r\n", "b.example", ""},
		{"add after a byte order mark", add, "\ufeff", "b.example", "\ufeffb.example\n", "b.example", ""},
		{"a subdomain entry is another", add, ".a.example\n", "a.example", ".a.example\na.example\n", "a.example", ""},
		{"remove", remove, commented, ".example.net", "# one\nexample.org # mail\n\n# two\nexample.org\n# end\n", "", ".example.net"},
		{"remove every line of it", remove, commented, "example.org", "# one\n\n# two\n.example.net\n# end\n", "", "example.org"},
		{"remove what is not there", remove, commented, "example.net x.example", commented, "", ""},
		{"remove the last line", remove, "a.example\nb.example", "b.example", "a.example\n", "", "b.example"},
		{"remove all", remove, "\ufeffa.example\nb.example", "b.example a.example", "\ufeff", "", "a.example b.example"},
		{"set", set, commented, "x.example .example.net", "# one\n\n# two\n.example.net\n# end\nx.example\n", "x.example", "example.org"},
		{"set what is there", set, commented, ".example.net example.org", commented, "", ""},
		{"set nothing", set, commented, "", "# one\n\n# two\n# end\n", "", "example.org .example.net"},
		{"case and U-labels", remove, "Example.ORG\nbücher.example\n", "example.org xn--bcher-kva.example", "", "", "example.org xn--bcher-kva.example"},
	}
	for _, test := range tests {
		f, err := ParseSealersFile(test.text, "f")
		if err != nil {
			t.Fatal(err)
		}
		e := test.edit(f, sealers(t, strings.Fields(test.list)...)...)
		if e.Text != test.want || words(e.Added) != test.added || words(e.Removed) != test.removed {
			t.Errorf("%s:\n got %q, added %s, removed %s\nwant %q", test.name, e.Text, words(e.Added), words(e.Removed), test.want)
		}
	}
}

func words(list []Sealer) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = s.String()
	}
	return strings.Join(texts, " ")
}

// What is accepted stays the same through edits: adding an entry and removing it again
// gives the text back, and Set gives exactly what it was asked for.
func FuzzSealersFile(f *testing.F) {
	f.Add(sampleFile, "new.example")
	f.Add("com\n*.x.example\n", "a.example")
	f.Add("a.example\r\n# x\r\n.b.example", ".b.example")
	f.Add("\ufeff#", "a.example")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, entry string) {
		file, err := ParseSealersFile(text, "f")
		if err != nil {
			var errs SealersErrors
			if file != nil || !errors.As(err, &errs) || len(errs) == 0 || len(errs) > maxSealersErrors+1 {
				t.Fatalf("%v, %v", file, err)
			}
			return
		}
		s, err := ParseSealer(entry)
		if err != nil {
			return
		}
		before := IndexSealers(file.Sealers())
		added := parseAgain(t, file.Add(s).Text)
		want := maps.Clone(before)
		want[s] = true
		if !maps.Equal(IndexSealers(added.Sealers()), want) || !strings.HasPrefix(file.Add(s).Text, text) {
			t.Fatalf("add %q to %q: %q", s, text, file.Add(s).Text)
		}
		removed := parseAgain(t, added.Remove(s).Text)
		delete(want, s)
		if !maps.Equal(IndexSealers(removed.Sealers()), want) {
			t.Fatalf("remove %q from %q: %q", s, added.text, removed.text)
		}
		if !before[s] && strings.HasSuffix(text, "\n") && removed.text != text {
			t.Fatalf("%q, but %q after %q came and went", text, removed.text, s)
		}
		only := parseAgain(t, file.Set(s).Text)
		if !maps.Equal(IndexSealers(only.Sealers()), map[Sealer]bool{s: true}) {
			t.Fatalf("set %q: %q", s, only.text)
		}
	})
}

func parseAgain(t *testing.T, text string) *SealersFile {
	t.Helper()
	f, err := ParseSealersFile(text, "f")
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return f
}
