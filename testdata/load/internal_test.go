package load

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"assay/testdata/corpus"
	"assay/testdata/milterclient"
)

func TestQuantile(t *testing.T) {
	var h, other Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has a median")
	}
	r := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(r.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		if i%2 == 0 {
			h.Add(d)
		} else {
			other.Add(d)
		}
	}
	h.Merge(&other)
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.99, 0.999} {
		exact, got := all[int(q*float64(len(all)))], h.Quantile(q)
		if off := (got - exact).Abs(); off > exact*4/100+1 {
			t.Errorf("%v: %v, want %v", q, got, exact)
		}
	}
	if last := h.Quantile(1); last < all[len(all)-1]*96/100 || h.Len() != len(all) {
		t.Errorf("the last of %d is %v, want %v", h.Len(), last, all[len(all)-1])
	}
}

func TestBuckets(t *testing.T) {
	for i := range histogram - 1 {
		if low, high := lower(i), lower(i+1); low >= high || bucket(low) != i || bucket(high-1) != i {
			t.Fatalf("bucket %d is from %d to %d, whose buckets are %d and %d", i, low, high, bucket(low), bucket(high-1))
		}
	}
	var h Histogram
	h.Add(-1)
	h.Add(1<<63 - 1)
	if h.Quantile(0) != 0 || h.Len() != 2 {
		t.Errorf("%v of %d", h.Quantile(0), h.Len())
	}
}

// negotiate is the packet of a milter that wants no replies but at the end, with macro lists.
func negotiate(lists ...string) []byte {
	data := []byte{0, 0, 0, 6, 0, 0, 1, 0x31, 0, 0x1f, 0xf3, 0x80}
	for _, l := range lists {
		data = append(data, l+"\x00"...)
	}
	return packet('O', data)
}

// As Postfix does it, a session without replies is one write before the header and one after it.
func TestScript(t *testing.T) {
	s := corpus.Sample{ID: "Q1", Host: "a.example", From: "a@a.example", To: "b@b.example", Body: make([]byte, 100<<10)}
	script, err := record(negotiate("\x00\x00\x00\x05i"), &s, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range [][]step{script.first, script.next} {
		if len(steps) != 2 || !steps[0].envelope() || steps[0].waits || steps[1].envelope() || !steps[1].waits || steps[1].command != cmdEnd {
			t.Errorf("%d steps: %+v", len(steps), steps)
		}
	}
	var commands []byte
	for _, p := range packets(slices.Concat(script.first[0].data, script.first[1].data, script.next[0].data, script.quit)) {
		commands = append(commands, p[0])
	}
	if got, want := string(commands), "CHMRNBBE"+"MR"+"Q"; strip(got) != want {
		t.Errorf("packets %s, want %s", got, want)
	}
}

// strip removes the macros: which ones there are is not the matter here.
func strip(commands string) string {
	return string(bytes.ReplaceAll([]byte(commands), []byte("D"), nil))
}

func TestSortMacros(t *testing.T) {
	a, b := negotiate("\x00\x00\x00\x02i", "\x00\x00\x00\x00j v"), negotiate("\x00\x00\x00\x00j v", "\x00\x00\x00\x02i")
	if got := sortMacros(a); !bytes.Equal(got, b) || !bytes.Equal(sortMacros(b), b) {
		t.Errorf("%q, want %q", got, b)
	}
}

// FuzzAnswer feeds what a milter may send.
func FuzzAnswer(f *testing.F) {
	f.Add(slices.Concat(negotiate("\x00\x00\x00\x02i"), packet(milterclient.Accept, nil)))
	f.Add([]byte("\x00\x00\x00\x01p\x00\x00\x00\x01a"))
	f.Add([]byte("\xff\xff\xff\xffm"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if sorted := sortMacros(data); len(sorted) != len(data) {
			t.Errorf("%q sorted is %q", data, sorted)
		}
		w := wire{r: bufio.NewReader(bytes.NewReader(data))}
		for {
			code, err := w.read()
			if err != nil {
				break
			}
			if isFinal(code) {
				_, _ = decode(negotiate(), w.reply) // whatever it is, no panic
				w.reply = w.reply[:0]
			}
		}
		if len(w.reply) > len(data) {
			t.Errorf("%d bytes of %d", len(w.reply), len(data))
		}
	})
}
