package auth

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/lab"
)

// bounceKeys are those of ours.example, of a host below it, and of strangers.
var bounceKeys = sync.OnceValue(func() map[string]*lab.Key {
	keys := map[string]*lab.Key{}
	for _, domain := range []string{"ours.example", "news.ours.example", "theirs.example", "notours.example"} {
		key, err := lab.NewEd25519(domain, "sel")
		if err != nil {
			panic(err)
		}
		keys[domain] = key
	}
	return keys
})

// bounceZone publishes the keys; the flags are put behind each record.
func bounceZone(t testing.TB, flags string) *dnstest.Resolver {
	t.Helper()
	var zone strings.Builder
	for _, key := range bounceKeys() {
		record, err := key.Record()
		if err != nil {
			t.Fatal(err)
		}
		zone.WriteString(strings.Replace(record, "v=DKIM1;", "v=DKIM1;"+flags, 1) + "\n")
	}
	return dnstest.NewResolver(t, zone.String())
}

const annsMessage = "From: Ann <ann@ours.example>\r\n" +
	"To: nobody@remote.example\r\n" +
	"Subject: Lunch?\r\n" +
	"Message-ID: <1@ours.example>\r\n" +
	"\r\n" +
	"Hello,\r\n\r\n-- \r\nAnn\r\n"

// signOriginal signs a message in the name of a domain.
func signOriginal(t testing.TB, domain, msg, canonicalization string, fields ...string) string {
	t.Helper()
	signed, err := bounceKeys()[domain].Sign([]byte(msg), canonicalization, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// A bounceCase is a bounce and what it comes to.
type bounceCase struct {
	env         Envelope
	contentType string
	body        string
	verifier    dkim.Verifier
	accepted    []string
	depth       int // how deep the report may be; 0: as by default
}

// toAnn is a bounce of a sample that goes to ann@ours.example.
func toAnn(t testing.TB, s bounceSample, original string) bounceCase {
	return bounceCase{
		env: Envelope{Rcpt: []string{"ann@ours.example"}}, contentType: s.contentType, body: s.write(original),
		verifier: dkim.Verifier{Resolver: bounceZone(t, "")}, accepted: []string{"ours.example"},
	}
}

func (r bounceCase) begin(ctx context.Context) *bounce {
	h := message.Header{message.NewField("From", " MAILER-DAEMON@remote.example"), message.NewField("Content-Type", r.contentType)}
	return beginBounce(ctx, r.env, h, r.accepted, r.verifier, Limits{MIMEDepth: r.depth}.mimeDepth())
}

// ours gives the body in pieces of a size, whose memory is used again.
func (r bounceCase) ours(t testing.TB, size int) bool {
	t.Helper()
	b := r.begin(t.Context())
	defer b.cancel()
	memory := make([]byte, size)
	for body := r.body; body != ""; {
		n := copy(memory, body)
		b.write(memory[:n])
		body = body[n:]
	}
	ours := b.ours()
	if b.ours() != ours {
		t.Error("asked again, it says otherwise")
	}
	if b.wantsBody() {
		t.Error("after its end the body is wanted")
	}
	return ours
}

func (r bounceCase) asked(t testing.TB) []dns.Question {
	return r.verifier.Resolver.(*dnstest.Resolver).Asked()
}

// The bounces of the MTAs that there are, in pieces of any size, by each canonicalization.
func TestBounceSamples(t *testing.T) {
	for _, s := range bounceSamples {
		for _, canonicalization := range []string{"relaxed/relaxed", "simple/simple"} {
			t.Run(s.name+" "+canonicalization, func(t *testing.T) {
				original := signOriginal(t, "ours.example", annsMessage, canonicalization)
				r := toAnn(t, s, original)
				for size := 1; size < 128; size++ {
					if !r.ours(t, size) {
						t.Fatalf("not ours, in pieces of %d", size)
					}
				}
				if !r.ours(t, len(r.body)) {
					t.Error("not ours, in one piece")
				}
				forged := toAnn(t, s, strings.Replace(original, "Lunch", "Money", 1))
				if forged.ours(t, 1000) {
					t.Error("ours, with another Subject")
				}
				changed := toAnn(t, s, strings.Replace(original, "Hello", "Money", 1))
				if changed.ours(t, 1000) == s.whole {
					t.Errorf("ours is %t, with another body", s.whole)
				}
			})
		}
	}
}

// postfix is the first sample, around what is given.
func postfix(t testing.TB, original string) bounceCase { return toAnn(t, bounceSamples[0], original) }

func TestBounceIsNone(t *testing.T) {
	good := postfix(t, "").contentType
	for name, tt := range map[string]struct {
		mailFrom string
		types    []string
		want     bool
	}{
		"a bounce":             {"", []string{good}, true},
		"a sender":             {"x@remote.example", []string{good}, false},
		"two fields":           {"", []string{good, good}, false},
		"no field":             {"", nil, false},
		"a read receipt":       {"", []string{strings.Replace(good, "delivery-status", "disposition-notification", 1)}, false},
		"no report type":       {"", []string{strings.Replace(good, "report-type", "type", 1)}, false},
		"another type":         {"", []string{strings.Replace(good, "report;", "mixed;", 1)}, false},
		"no boundary":          {"", []string{" multipart/report; report-type=delivery-status"}, false},
		"empty boundary":       {"", []string{` multipart/report; report-type=delivery-status; boundary=""`}, false},
		"boundary of a space":  {"", []string{` multipart/report; report-type=delivery-status; boundary="x "`}, false},
		"boundary with a CR":   {"", []string{" multipart/report; report-type=delivery-status; boundary*=utf-8''x%0d%0ay"}, false},
		"boundary too long":    {"", []string{" multipart/report; report-type=delivery-status; boundary=" + strings.Repeat("x", 71)}, false},
		"boundary, longest":    {"", []string{" multipart/report; report-type=delivery-status; boundary=" + strings.Repeat("x", 70)}, true},
		"field too long":       {"", []string{good + "; x=" + strings.Repeat("x", maxContentType)}, false},
		"letter case":          {"", []string{" MULTIPART/Report; REPORT-type=Delivery-Status; Boundary=x"}, true},
		"comments":             {"", []string{" (a (b) \\) c) multipart/report (d); (e;\") report-type=(f)delivery-status; boundary=\"(x\" (g"}, true},
		"RFC 2231":             {"", []string{" multipart/report; report-type*0=delivery-;\r\n report-type*1=status; boundary*=us-ascii''x%3Dy"}, true},
		"the same twice":       {"", []string{good + "; report-type=delivery-status"}, true},
		"different ones twice": {"", []string{good + "; report-type=x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := message.Header{message.NewField("From", " postmaster@remote.example")}
			for _, value := range tt.types {
				h = append(h, message.NewField("Content-Type", value))
			}
			b := beginBounce(t.Context(), Envelope{MailFrom: tt.mailFrom, Rcpt: []string{"ann@ours.example"}}, h, []string{"ours.example"}, dkim.Verifier{}, 1)
			if (b != nil) != tt.want || b.wantsBody() != tt.want {
				t.Errorf("a bounce: %t, which wants the body: %t", b != nil, b.wantsBody())
			}
			b.write([]byte("x"))
			if b.ours() {
				t.Error("ours")
			}
			b.cancel()
		})
	}
}

func TestBounceSignature(t *testing.T) {
	sign := func(domain string, fields ...string) string {
		return signOriginal(t, domain, annsMessage, "relaxed/relaxed", fields...)
	}
	ours := sign("ours.example")
	listMessage := strings.Replace(annsMessage, "To:", "Sender: list-bounces@ours.example\r\nDate: "+time.Now().Format(time.RFC1123Z)+"\r\nTo:", 1)
	viaList := func(fields ...string) string {
		return signOriginal(t, "ours.example", listMessage, "relaxed/relaxed", fields...)
	}
	days := func(n int) func(r *bounceCase) {
		return func(r *bounceCase) {
			r.verifier.Now = func() time.Time { return time.Now().Add(time.Duration(n) * 24 * time.Hour) }
		}
	}
	to := func(rcpt ...string) func(r *bounceCase) { return func(r *bounceCase) { r.env.Rcpt = rcpt } }
	for name, tt := range map[string]struct {
		original string
		change   func(r *bounceCase)
		want     bool
		asked    int
	}{
		"ours":                   {ours, nil, true, 1},
		"below ours":             {sign("news.ours.example"), nil, true, 1},
		"nobody's":               {annsMessage, nil, false, 0},
		"theirs":                 {sign("theirs.example"), nil, false, 0},
		"a name like ours":       {sign("notours.example"), nil, false, 0},
		"theirs and ours":        {signOriginal(t, "theirs.example", ours, "relaxed/relaxed"), nil, true, 1},
		"six of ours":            {repeatSignature(ours, 6, "b=AAAA"), nil, false, 1},
		"four bad ones and ours": {repeatSignature(ours, 4, "b=AAAA"), nil, true, 1},
		"nothing accepted":       {ours, func(r *bounceCase) { r.accepted = nil }, false, 0},
		"no recipient":           {ours, to(), false, 0},
		"another recipient":      {ours, to("bob@ours.example"), false, 0},
		"one more recipient":     {ours, to("ann@ours.example", "bob@ours.example"), false, 0},
		"a forged Return-Path":   {"Return-Path: <bob@ours.example>\r\n" + ours, to("bob@ours.example"), false, 0},
		"a forged From above":    {"From: bob@ours.example\r\n" + ours, to("bob@ours.example"), false, 0},
		"two From fields":        {"From: ann@ours.example\r\n" + ours, nil, false, 0},
		"a subaddress":           {ours, to("Ann+bounce-1=remote.example@OURS.example"), true, 1},
		"a BATV tag":             {ours, to("prvs=1234abcdef=ann@ours.example"), true, 1},
		"forwarded":              {ours, to("SRS0=HHHH=TT=ours.example=ann@forward.ours.example"), true, 1},
		"the Sender":             {viaList(), to("list-bounces+nobody=remote.example@ours.example"), true, 1},
		"the unsigned Sender":    {viaList("From", "Date"), to("list-bounces@ours.example"), false, 0},
		"the author of a list":   {viaList("From", "Date"), nil, true, 1},
		"a test of a key":        {ours, func(r *bounceCase) { r.verifier.Resolver = bounceZone(t, " t=y;") }, false, 1},
		"no answer":              {ours, func(r *bounceCase) { r.verifier.Resolver.(*dnstest.Resolver).Fail("sel._domainkey.ours.example") }, false, 1},
		"the other engine":       {ours, func(r *bounceCase) { r.verifier.Engine, r.body = dkim.EngineGoMsgauth, headerOnly(ours) }, true, 1},
		"13 days old":            {ours, days(13), true, 1},
		"15 days old":            {ours, days(15), false, 0},
		"of the future":          {ours, days(-2), false, 0},
		"no time":                {signTags(t, "h=from"), nil, false, 0},
		"no time, but a Date":    {signTags(t, "h=from:date"), nil, true, 1},
		"no time, an old Date":   {signTags(t, "h=from:date"), days(15), false, 0},
		"no time, a future Date": {signTags(t, "h=from:date"), days(-2), false, 0},
		"expired":                {signTags(t, timeTags(-48*time.Hour, -24*time.Hour)), nil, true, 1},
		"expired long ago":       {signTags(t, timeTags(-16*24*time.Hour, -15*24*time.Hour)), nil, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := postfix(t, tt.original)
			if tt.change != nil {
				tt.change(&r)
			}
			if got := r.ours(t, 100); got != tt.want {
				t.Errorf("ours: %t", got)
			}
			if asked := r.asked(t); len(asked) != tt.asked {
				t.Errorf("asked %v, want %d questions", asked, tt.asked)
			}
		})
	}
}
