package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A short soak: what grows fast, fails or panics shows here too.
func TestSoak(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "assay")
	if out, err := exec.Command("go", "build", "-o", binary, "assay/cmd/assay").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	args := []string{"-assay", binary, "-n", "20000", "-connections", "8", "-reload", "500ms", "-outage", "2s", "-update", file}
	if code := run(args, &out, &errOut); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errOut)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(written); !strings.HasPrefix(text, "before\n"+beginMark+"`make soak`: 20,000 messages in ") ||
		!strings.HasSuffix(text, endMark+"after\n") || strings.Contains(text, "old") {
		t.Errorf("wrote %s", text)
	}
}

// steady is what a daemon holds that doesn't leak, with the noise of a busy one.
func steady(n int) []sample {
	var samples []sample
	for i := range 100 {
		noise := float64(i % 7)
		samples = append(samples, sample{messages: (i + 1) * n / 100, memory: 60e6 + 1e6*noise, goroutines: 50 + noise, descriptors: 40 + noise, history: 5e6})
	}
	return samples
}

// Each way to grow fails, and so does everything else that must not be.
func TestFailures(t *testing.T) {
	const n = 100_000
	grow := func(change func(s *sample, share float64)) []sample {
		samples := steady(n)
		for i := range samples {
			change(&samples[i], float64(i)/100)
		}
		return samples
	}
	whole := count{ordinary: n}
	for name, test := range map[string]struct {
		report report
		want   string
	}{
		"nothing":      {report{tally: whole, samples: steady(n)}, ""},
		"warm-up":      {report{tally: whole, samples: grow(func(s *sample, share float64) { s.memory = min(s.memory, 600e6*share) })}, ""},
		"memory":       {report{tally: whole, samples: grow(func(s *sample, share float64) { s.memory += 40e6 * share })}, "resident memory grew from "},
		"goroutines":   {report{tally: whole, samples: grow(func(s *sample, share float64) { s.goroutines += 60 * share })}, "goroutines grew from "},
		"descriptors":  {report{tally: whole, samples: grow(func(s *sample, share float64) { s.descriptors += 60 * share })}, "open descriptors grew from "},
		"history":      {report{tally: whole, samples: grow(func(s *sample, share float64) { s.history += 40e6 * share })}, "history on disk grew from "},
		"panic":        {report{tally: whole, samples: steady(n), panics: 1}, "the log has 1 panics and 0 errors"},
		"missing":      {report{tally: count{ordinary: n - 1}, samples: steady(n)}, "99999 of 100000 messages were sent"},
		"few samples":  {report{tally: whole, samples: steady(n)[:3]}, "only 3 samples: send more messages"},
		"error logged": {report{tally: whole, samples: steady(n), complaints: 2}, "the log has 0 panics and 2 errors"},
	} {
		test.report.messages = n
		if got := strings.Join(test.report.failures(), "\n"); test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100000: "100,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
