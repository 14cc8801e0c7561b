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
