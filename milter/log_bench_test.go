package milter

import (
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth"
)

// The line of a message that passes everything.
func BenchmarkLogReport(b *testing.B) {
	s := &session{server: &Server{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	s.env = auth.Envelope{IP: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org", MailFrom: "joe@example.org", QueueID: "4Rb2Zx3Kqz9v"}
	r := &auth.Report{
		Envelope:       s.env,
		SPF:            spf.Outcome{Result: spf.Pass},
		DKIM:           []dkim.Outcome{{Result: dkim.Pass}},
		DMARC:          dmarc.Outcome{Result: dmarc.Pass},
		ARC:            arc.Outcome{Result: arc.None},
		IPRev:          iprev.Outcome{Result: iprev.Pass},
		Verdict:        compauth.Verdict{Result: compauth.Pass, Reason: 100},
		Infrastructure: "example.org",
		Duration:       time.Millisecond,
		Hits:           7,
	}
	r.Authors.List = []message.Author{{Domain: "example.org"}}
	b.ReportAllocs()
	for b.Loop() {
		s.logReport(r)
	}
}
