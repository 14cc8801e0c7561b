package auth

import (
	"strings"
	"testing"

	"assay/auth/message"
)

func TestMailboxOf(t *testing.T) {
	for addr, want := range map[string]string{
		"ann@ours.example":                   "ann@ours.example",
		"Ann@Ours.EXAMPLE.":                  "ann@ours.example",
		"ann+tag+more@ours.example":          "ann@ours.example",
		"+tag@ours.example":                  "+tag@ours.example",
		"ann-tag@ours.example":               "ann-tag@ours.example",
		"Ünn@ours.example":                   "Ünn@ours.example",
		"ann@ürs.example":                    "ann@xn--rs-wka.example",
		"prvs=0123abcdef=ann@ours.example":   "ann@ours.example",
		"PRVS=0123abcdef=ann+x@ours.example": "ann@ours.example",
		"prvs=ann@ours.example":              "",
		"other=1=ann@ours.example":           "other=1=ann@ours.example",

		"SRS0=HHHH=TT=theirs.example=joe@ours.example":                       "joe@theirs.example",
		"srs0+HHHH=TT=theirs.example=joe+x@ours.example":                     "joe@theirs.example",
		"SRS0=HHHH=TT=theirs.example=a=b@ours.example":                       "a=b@theirs.example",
		"SRS0=HHHH=TT=theirs.example=prvs=0123=joe@ours.example":             "joe@theirs.example",
		"SRS1=GGGG=forward.example==HHHH=TT=theirs.example=joe@ours.example": "joe@theirs.example",
		"SRS1=GGGG=forward.example=-HHHH=TT=theirs.example=joe@ours.example": "joe@theirs.example",
		"SRS0=H=T=b.example=SRS0=H=T=c.example=joe@ours.example":             "srs0=h=t=c.example=joe@b.example",
		"SRS0=HHHH=TT=theirs.example@ours.example":                           "srs0=hhhh=tt=theirs.example@ours.example",
		"SRS1=GGGG=forward.example=@ours.example":                            "srs1=gggg=forward.example=@ours.example",
		"SRS1=GGGG=forward.example==HHHH@ours.example":                       "srs1=gggg=forward.example==hhhh@ours.example",
		"SRS2=HHHH=TT=theirs.example=joe@ours.example":                       "srs2=hhhh=tt=theirs.example=joe@ours.example",
		"SRS0=HHHH=TT==joe@ours.example":                                     "",
		"SRSXyz@ours.example":                                                "srsxyz@ours.example",
		"@ours.example":                                                      "",
		"ann":                                                                "",
		"":                                                                   "",
		"ann@":                                                               "",
		"ann@[192.0.2.1]":                                                    "",
		`"ann@x"@ours.example`:                                               `"ann@x"@ours.example`,
		"prvs=@ours.example":                                                 "",
		"SRS0=":                                                              "",
	} {
		if got := mailboxOf(addr); got != want {
			t.Errorf("mailboxOf(%q) = %q, want %q", addr, got, want)
		}
	}
}

func TestMailboxIn(t *testing.T) {
	for name, tt := range map[string]struct {
		header message.Header
		want   string
	}{
		"one":                   {testHeader("From: Ann <Ann@ours.example>"), "ann@ours.example"},
		"several fields":        {testHeader("From: ann@ours.example", "From: ann@ours.example"), ""},
		"none":                  {testHeader("Sender: ann@ours.example"), ""},
		"an empty one":          {testHeader("From: "), ""},
		"the first of two":      {testHeader("From: ann@ours.example, bob@theirs.example"), "ann@ours.example"},
		"not the display name":  {testHeader("From: bob@theirs.example <ann@ours.example>"), "ann@ours.example"},
		"not to be read":        {testHeader("From: ann@ours.example bob@ours.example"), ""},
		"not UTF-8":             {testHeader("From: \xff@ours.example"), ""},
		"too many":              {testHeader("From: " + strings.Repeat("ann@ours.example, ", 200)), ""},
		"without a domain name": {testHeader("From: ann@[192.0.2.1]"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mailboxIn(tt.header, "From"); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
