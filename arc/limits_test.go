package arc

import (
	"errors"
	"strings"
	"testing"

	"assay/auth/dkim"
	"assay/auth/dns/dnstest"
)

// At the limit of the tags, and of the names in h=, a chain passes; past it, it fails without a question.
func TestTagsAndNames(t *testing.T) {
	raw := seal(t, zoneValidator(t), edSealer("list.example"), plainMessage)
	h, body := split(raw)
	tags, err := dkim.FieldTags(h[1], 0)
	if err != nil {
		t.Fatal(err)
	}
	names := len(tags.Names("h"))
	if len(tags) != 9 || names < 3 {
		t.Fatalf("%d tags, %d names", len(tags), names)
	}
	for _, tt := range []struct {
		tags, names int
		want        string
	}{
		{9, 0, ""},
		{8, 0, "too many tags in ARC-Message-Signature"},
		{6, 0, "too many tags in ARC-Seal"}, // it has 7, and is on top
		{0, names, ""},
		{0, names - 1, "ARC-Message-Signature 1: too many names in h="},
	} {
		r := dnstest.NewResolver(t, usualZone())
		v := validator(r)
		v.MaxTags, v.MaxNames = tt.tags, tt.names
		o := validate(v, h, body)
		if (o.Result == Pass) != (tt.want == "") || o.Reason != tt.want || (len(r.Asked()) == 0) != (tt.want != "") {
			t.Errorf("%d tags, %d names: %s (%s), %d questions", tt.tags, tt.names, o.Result, o.Reason, len(r.Asked()))
		}
		if strings.HasPrefix(tt.want, "too many tags") && !errors.Is(o.Err, dkim.ErrTooManyTags) {
			t.Errorf("%d tags: %v", tt.tags, o.Err)
		}
	}
}
