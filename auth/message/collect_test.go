package message

import (
	"bufio"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var smallLimits = Limits{Size: 100, Fields: 5, FieldSize: 40}

func collect(l Limits, raws ...string) *Collector {
	c := &Collector{Limits: l}
	for _, raw := range raws {
		name, _, _ := strings.Cut(raw, ":")
		c.Add(Field{Name: name, Raw: raw})
	}
	return c
}

// At a limit all is kept; past it what follows is not, but what has to be known.
func TestCollector(t *testing.T) {
	long := "X: " + strings.Repeat("x", 37)
	five := []string{"A: 1", "A: 2", "A: 3", "A: 4", "A: 5"}
	for name, tt := range map[string]struct {
		fields []string
		kept   []string // nil: all
		excess string
	}{
		"nothing":         {nil, nil, ""},
		"field, longest":  {[]string{long, "A: 1"}, nil, ""},
		"field too long":  {[]string{"A: 1", long + "x", "A: 2"}, []string{"A: 1"}, "header past a limit of 40 bytes in one field"},
		"fields, most":    {five, nil, ""},
		"fields too many": {append(slices.Clone(five), "A: 6", "A: 7"), five, "header past a limit of 5 fields"},
		"size, largest":   {[]string{long, long, "A: 12345678901"}, nil, ""},
		"size too large":  {[]string{long, long, "A: 123456789012", "B:"}, []string{long, long}, "header past a limit of 100 bytes"},
		"the first counts": {[]string{long + "x", long, long, "A:", "A:", "A:", "A:", "A:"}, []string{},
			"header past a limit of 40 bytes in one field"},
		"From":          {append(slices.Clone(five), "FROM \t: a@b.example"), append(slices.Clone(five), "FROM \t: a@b.example"), "header past a limit of 5 fields"},
		"From too long": {append(slices.Clone(five), "A: 6", "From :"+strings.Repeat("x", 35)), append(slices.Clone(five), "From:"), "header past a limit of 5 fields"},
		"long From first": {[]string{"From:" + strings.Repeat("x", 36), "A: 1"}, []string{"From:"},
			"header past a limit of 40 bytes in one field"},
		"signature": {append(slices.Clone(five), "DKIM-signature : d=a.example"), append(slices.Clone(five), "DKIM-signature : d=a.example"), "header past a limit of 5 fields"},
		"signature and From": {append(slices.Clone(five), "DKIM-Signature: d=a.example; b=12345", "From: a@b.example", "DKIM-Signature: d=b.example"),
			append(slices.Clone(five), "DKIM-Signature: d=a.example; b=12345", "From: a@b.example", "DKIM-Signature:"), "header past a limit of 5 fields"},
		"ours": {append(slices.Clone(five), "authentication-RESULTS: mx; none", "Received-SPF : pass", "X-Spam-Flag: NO", "X-Spam-Flags: NO"),
			append(slices.Clone(five), "authentication-RESULTS:", "Received-SPF:", "X-Spam-Flag:"), "header past a limit of 5 fields"},
		"others' names": {append(slices.Clone(five), "From\u017f: a@b", "Fro: x", "Resent-From: a@b", "ARC-Authentication-Results: i=1"), five, "header past a limit of 5 fields"},
	} {
		c := collect(smallLimits, tt.fields...)
		if tt.kept == nil {
			tt.kept = tt.fields
		}
		if got := raws(c.Header()); !slices.Equal(got, tt.kept) || c.Excess() != tt.excess {
			t.Errorf("%s: %q, %q; want %q, %q", name, got, c.Excess(), tt.kept, tt.excess)
		}
		for _, f := range c.Header() {
			if !strings.HasPrefix(f.Raw, f.Name+":") || f.Unread && f.Value() != "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// The zero value has the limits that are documented.
func TestCollectorDefaults(t *testing.T) {
	for name, tt := range map[string]struct {
		n     int
		field string
		want  string
	}{
		"fields":         {2000, "A: 1", ""},
		"one field more": {2001, "A: 1", "header past a limit of 2000 fields"},
		"a field":        {1, "A:" + strings.Repeat("x", 128<<10-2), ""},
		"a longer field": {1, "A:" + strings.Repeat("x", 128<<10-1), "header past a limit of 131072 bytes in one field"},
		"size":           {8, "A:" + strings.Repeat("x", 128<<10-4), ""},
		"one line more":  {9, "A:" + strings.Repeat("x", 128<<10-4), "header past a limit of 1048576 bytes"},
	} {
		var c Collector
		for range tt.n {
			c.Add(Field{Name: "A", Raw: tt.field})
		}
		if c.Excess() != tt.want {
			t.Errorf("%s: %q", name, c.Excess())
		}
	}
}

// What is kept past a limit is bounded by itself: From fields by their number and size, the
// others by their number. A From field that is not known as a whole makes the authors uncertain.
func TestCollectorPast(t *testing.T) {
	from := "From: joe@a.example" // 19 bytes: two are no longer than a field
	c := collect(smallLimits, "X: "+strings.Repeat("x", 100), from, from, from)
	if got := raws(c.Header()); !slices.Equal(got, []string{from, from, "From:"}) {
		t.Errorf("%q", got)
	}
	if a := AuthorsOf(c.Header()); a.Err == nil || len(a.List) != 1 || a.Fields != 3 {
		t.Errorf("%+v", a)
	}
	if a := AuthorsOf(c.Header()[:2]); a.Err != nil {
		t.Errorf("%+v", a)
	}
	for range MaxPast + 10 {
		c.Add(Field{Name: "Authentication-Results", Raw: "Authentication-Results: x"})
	}
	if n := c.Header().Count("Authentication-Results"); n != MaxPast {
		t.Errorf("%d fields", n)
	}
}

// From fields are bounded together wherever they stand: of what is past it the authors are not certain.
func TestCollectorFrom(t *testing.T) {
	var c Collector
	field := Field{Name: "From", Raw: "From: " + strings.Repeat("x", 32<<10-6)}
	for range 4 {
		c.Add(field)
	}
	if c.Excess() != "" {
		t.Errorf("at the limit: %q", c.Excess())
	}
	c.Add(NewField("From", " joe@a.example"))
	if h := c.Header(); c.Excess() != "header past a limit of 131072 bytes in From fields" || len(h) != 5 || !h[4].Unread {
		t.Errorf("%q, %d fields", c.Excess(), len(h))
	}
	var late Collector
	for range 3 {
		late.Add(field)
	}
	late.Add(Field{Name: "X", Raw: "X: " + strings.Repeat("x", 128<<10)})
	late.Add(field)
	late.Add(NewField("From", " joe@a.example"))
	if h := late.Header(); len(h) != 5 || h[3].Unread || !h[4].Unread {
		t.Errorf("past another limit: %d fields", len(h))
	}
}

// Whatever comes: a million fields of any kind leave no more than the bound in memory, also when
// each is a part of a larger piece of memory.
func TestCollectorMemory(t *testing.T) {
	kinds := []string{"From: joe@a.example", "Authentication-Results: mx; none", "X: y", "DKIM-Signature: d=a.example", "Received-SPF: pass", "X-Spam-Flag: NO",
		"From: " + strings.Repeat("x", 2000), "From" + strings.Repeat(" ", 200) + ": x"}
	limits := Limits{Size: 64 << 10, Fields: 50, FieldSize: 4 << 10}
	c := &Collector{Limits: limits}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 1_000_000 {
		raw := kinds[i%len(kinds)]
		if i%1000 < len(kinds) { // copied, in a larger piece
			raw = (strings.Repeat("z", 16<<10) + raw)[16<<10:]
		}
		name, _, _ := strings.Cut(raw, ":")
		c.Add(Field{Name: name, Raw: raw})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	kept := 0
	for _, f := range c.Header() {
		kept += len(f.Raw)
	}
	if len(c.Header()) > limits.Fields+5*MaxPast || kept > limits.Size+2*limits.FieldSize+5*MaxPast*len("Authentication-Results:") {
		t.Errorf("%d fields, %d bytes", len(c.Header()), kept)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 2<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	runtime.KeepAlive(c)
}

// A field past a limit that is not needed costs no memory at all.
func TestCollectorAllocations(t *testing.T) {
	c := collect(smallLimits, "X: "+strings.Repeat("x", 100))
	f := NewField("X-Anything", " at all")
	if n := testing.AllocsPerRun(100, func() { c.Add(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Reading a file is adding its fields, however long they are; the body is what follows.
func TestCollectorRead(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		kept   []string
		excess string
	}{
		"within the limits":  {"A: 1\nFrom: a@b\n c\n\nbody", []string{"A: 1", "From: a@b\r\n c"}, ""},
		"longest":            {"A:" + strings.Repeat("x", 38) + "\r\nB: 1\r\n\r\nbody", []string{"A:" + strings.Repeat("x", 38), "B: 1"}, ""},
		"longest, LF":        {"A:" + strings.Repeat("x", 38) + "\nB: 1\n\nbody", []string{"A:" + strings.Repeat("x", 38), "B: 1"}, ""},
		"longest, folded":    {"A:" + strings.Repeat("x", 34) + "\n xy\n\nbody", nil, "header past a limit of 40 bytes in one field"},
		"one byte too long":  {"A:" + strings.Repeat("x", 39) + "\nB: 1\n\nbody", nil, "header past a limit of 40 bytes in one field"},
		"much too long":      {"A:" + strings.Repeat("x", 39<<10) + "\nFrom: a@b\n\nbody", []string{"From: a@b"}, "header past a limit of 40 bytes in one field"},
		"long and folded":    {"A:" + strings.Repeat("x\n ", 39<<10) + "\nFrom: a@b\n\nbody", []string{"From: a@b"}, "header past a limit of 40 bytes in one field"},
		"From much too long": {"From: a@b, " + strings.Repeat("x", 5000) + "\n\nbody", []string{"From:"}, "header past a limit of 40 bytes in one field"},
		"too many":           {strings.Repeat("A: 1\n", 600) + "From: a@b\n\nbody", []string{"A: 1", "A: 1", "A: 1", "A: 1", "A: 1", "From: a@b"}, "header past a limit of 5 fields"},
	} {
		c := &Collector{Limits: smallLimits}
		r := bufio.NewReaderSize(strings.NewReader(tt.text), 16)
		err := c.Read(r)
		body, _ := io.ReadAll(r)
		if got := raws(c.Header()); err != nil || !slices.Equal(got, tt.kept) || c.Excess() != tt.excess || string(body) != "body" {
			t.Errorf("%s: %q, %q, %v, body %.20q", name, got, c.Excess(), err, body)
		}
	}
	if err := new(Collector).Read(bufio.NewReader(strings.NewReader("no field\n"))); err == nil {
		t.Error("a text without a field is a header")
	}
}

// Whatever is read, the bounds hold, and what is kept without an excess is the header.
func FuzzCollector(f *testing.F) {
	for _, tt := range readTests {
		f.Add(tt.text)
	}
	f.Add(strings.Repeat("From: a@b\n", 20) + "\nbody")
	f.Fuzz(func(t *testing.T, text string) {
		c := &Collector{Limits: smallLimits}
		err := c.Read(bufio.NewReaderSize(strings.NewReader(text), 64))
		whole, wholeErr := ReadHeader(bufio.NewReaderSize(strings.NewReader(text), 64), len(text))
		switch {
		case (err == nil) != (wholeErr == nil):
			t.Fatalf("%v, %v", err, wholeErr)
		case c.Excess() == "" && !slices.Equal(c.Header(), whole):
			t.Errorf("%q, want %q", raws(c.Header()), raws(whole))
		case len(c.Header()) > smallLimits.Fields+5*MaxPast || c.Header().Size() > smallLimits.Size+2*smallLimits.FieldSize+5*MaxPast*30:
			t.Errorf("%d fields, %d bytes", len(c.Header()), c.Header().Size())
		}
		for _, name := range neededPast {
			if got, want := c.Header().Count(name), whole.Count(name); got != min(want, MaxPast) && want <= MaxPast {
				t.Errorf("%d fields %s, want %d", got, name, want)
			}
		}
	})
}
