package dkim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/auth/message"
)

func TestPick(t *testing.T) {
	var h message.Header
	for _, name := range []string{"Received", "DKIM-Signature", "From", "Received", "dkim-signature", "TO", "received ", "Subject"} {
		h = append(h, message.NewField(name, " x"))
	}
	tests := []struct {
		names     string
		index     int
		want      []int
		exhausted bool
	}{
		{"from to subject", 1, []int{2, 5, 7}, false},
		{"received from received", 1, []int{6, 2, 3}, false},
		{"received received received received from", 1, []int{6, 3, 0, 2}, false},
		{"from from x", 1, []int{2}, false},
		{"from dkim-signature", 1, []int{2, 4}, false},
		{"from dkim-signature", 4, []int{2, 1}, false},
		{"from dkim-signature dkim-signature", 4, []int{2, 1}, true},
		{"from dkim-signature dkim-signature", 1, []int{2, 4}, true},
		{"from dkim-signature dkim-signature", -1, []int{2, 4, 1}, false},
	}
	for _, tt := range tests {
		s := &signature{index: tt.index, names: strings.Fields(tt.names)}
		got := NewFieldIndex(h, nil, s.names[:1], s.names[1:]).Pick(s.names, s.index)
		exhausted := (&headerBuilder{limit: headerLimit{header: h}}).exhausted(s, got)
		if !slices.Equal(got, tt.want) || exhausted != tt.exhausted {
			t.Errorf("%q: %v, %t; want %v, %t", tt.names, got, exhausted, tt.want, tt.exhausted)
		}
	}
	x := NewFieldIndex(h, []string{"from"})
	if got := x.Pick([]string{"to", "", "from"}, 0); !slices.Equal(got, []int{2}) {
		t.Errorf("with names that were not indexed: %v", got)
	}
}

// TestManyNames: 256 names over many fields are found in one pass over the header.
func TestManyNames(t *testing.T) {
	var raw, names strings.Builder
	for i := range 255 {
		fmt.Fprintf(&raw, "X%d: %d\r\n", i, i)
		fmt.Fprintf(&names, "x%d:", i)
	}
	raw.WriteString(strings.Repeat("Y: y\r\n", 5000) + plainMessage)
	tags := strings.Replace(usualTags, "h=from:to:subject:date", "h="+names.String()+"from", 1)
	wantOne(t, run(zoneVerifier(t, usualZone()), sign(rsa2048(), raw.String(), tags)), Pass, "signature was verified")
}

// TestPickAmongMany: many names and few, short and long ones, each twice in h= and in the header.
func TestPickAmongMany(t *testing.T) {
	for _, size := range []int{3, shortName, shortName + 1} {
		for _, n := range []int{1, 3, fewNames, fewNames + 1, 3 * fewNames} {
			var h message.Header
			var names []string
			var want []int
			for i := range 2 * n {
				name := fmt.Sprintf("X%0*d", size-1, i%n)
				h = append(h, message.NewField(name+" ", " x"), message.NewField("Other", " x"))
				names = append(names, strings.ToLower(name))
				want = append(want, 2*((i+n)%(2*n))) // the lower one first
			}
			x := NewFieldIndex(h, names[:n/2], names)
			if got := x.Pick(names, -1); !slices.Equal(got, want) {
				t.Errorf("%d names of %d bytes: %v, want %v", n, size, got, want)
			}
			if got := x.Pick([]string{"x", "other", ""}, -1); len(got) != 0 {
				t.Errorf("%d names of %d bytes: %v for others", n, size, got)
			}
		}
	}
}
