package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/testdata/corpus"
)

// measured is a bench with figures of two rounds, the second one slower.
func measured() (*bench, []*contestant) {
	b := &bench{rounds: 2, time: time.Second, idle: 500, halfway: 100}
	all := contestants()
	for round := range 2 {
		for i, c := range all {
			ms := time.Duration(1+i*i+2*round) * 100 * time.Microsecond
			f := figures{cpu: ms, each: []time.Duration{ms}, rate: 12000 / float64(i+1), median: ms, p99: 5 * ms}
			if len(c.parts) > 0 {
				f.each = []time.Duration{ms / 2, ms / 4, ms / 4}
			}
			for _, what := range []string{mixMany, mixOne, corpus.Small.String()} {
				b.results.addLoad(c, what, f)
			}
			if c.floor {
				continue
			}
			for _, what := range []string{coldOne, coldMany} {
				b.results.addLoad(c, what, f)
			}
			for _, what := range []string{memoryStart, memoryIdle, memoryHalfway} {
				b.results.addNumber(c, what, float64(i<<20))
			}
			b.results.addNumber(c, questions, 6)
		}
	}
	return b, all
}

func TestReport(t *testing.T) {
	b, all := measured()
	text := strings.Join(strings.Fields(b.report(all).text()), " ")
	for _, want := range []string{
		"Medians of 2 rounds of 1s",
		"assay 0.30 ms",                            // of 0.2 and 0.4
		"– of it opendkim 0.15 ms",                 // a quarter of 0.5 and 0.7
		"5 KB, one signature 0.20 ms 0.30 ms 1.50", // assay : the floor
		"assay 0.30 ms 1.50 ms 6.0",
		"rspamd 3 MB",
		"- The floor reads",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What was not measured has no row and no column.
func TestReportOfSome(t *testing.T) {
	b, all := measured()
	text := b.report(all[1:2]).text()
	for _, absent := range []string{"rspamd", "floor", "opendkim"} {
		if strings.Contains(text, absent) {
			t.Errorf("%s in\n%s", absent, text)
		}
	}
	if !strings.Contains(text, "assay") || strings.Contains((&bench{}).report(all).text(), "|") {
		t.Errorf("got\n%s", text)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := median(test.values); got != test.want {
			t.Errorf("%v: %v, want %v", test.values, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{duration(72 * time.Microsecond), "0.072 ms"},
		{duration(1234 * time.Microsecond), "1.23 ms"},
		{duration(45 * time.Millisecond), "45.0 ms"},
		{duration(345 * time.Millisecond), "345 ms"},
		{count(999), "999"},
		{count(1234567), "1,234,567"},
		{megabytes(3 << 20), "3 MB"},
	} {
		if test.got != test.want {
			t.Errorf("%s, want %s", test.got, test.want)
		}
	}
}

func TestUpdate(t *testing.T) {
	b, all := measured()
	r := b.report(all)
	path := filepath.Join(t.TempDir(), "README.md")
	for _, text := range []string{"nothing", beginMark, endMark + beginMark} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := r.update(path); err == nil {
			t.Errorf("%q was updated", text)
		}
	}
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"stale\n"+endMark+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var texts [2]string
	for i := range texts {
		if err := r.update(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] || strings.Contains(texts[0], "stale") || !strings.HasPrefix(texts[0], "before\n"+beginMark) ||
		!strings.HasSuffix(texts[0], endMark+"after\n") || !strings.Contains(texts[0], "| assay | 0.30 ms |") {
		t.Errorf("got\n%s", texts[1])
	}
	checkSVG(t, filepath.Join(filepath.Dir(path), chartFile))
}

// checkSVG tells whether the file is XML with a bar for each part of each contestant.
func checkSVG(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	d := xml.NewDecoder(file)
	bars := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 6+4 {
		t.Errorf("%d bars", bars)
	}
}

func TestEscape(t *testing.T) {
	if got := escape(`<a & "b">`); strings.ContainsAny(got, `<>"`) {
		t.Error(got)
	}
}

func TestChoose(t *testing.T) {
	b := &bench{assay: os.Args[0]}
	chosen, err := b.choose("assay,floor")
	if err != nil || len(chosen) != 2 || !chosen[0].floor || chosen[1].key != "assay" {
		t.Errorf("%v, %v", chosen, err)
	}
	if _, err := b.choose("assay,other"); err == nil {
		t.Error("a contestant that there is not was chosen")
	}
}
