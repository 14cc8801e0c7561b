package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/iprev"
	"assay/auth/message"
	"assay/auth/spf"
	"assay/compauth/history"
	"assay/compauth/spoof"
)

// collected is what is kept of a header with the default limits, and the envelope that says so.
func collected(env Envelope, h message.Header) (Envelope, message.Header) {
	var c message.Collector
	for _, f := range h {
		c.Add(f)
	}
	env.Excess = c.Excess()
	return env, c.Header()
}

// padded is a header with more fields than the limit between two parts.
func padded(top, bottom []string) message.Header {
	return testHeader(slices.Concat(top, slices.Repeat([]string{"X-Padding: x"}, 2000), bottom)...)
}

const tooManyFields = "header past a limit of 2000 fields"

// checked is the report on a message, what was asked for it, and whether its body was wanted.
func checked(t *testing.T, zone string, env Envelope, h message.Header, change func(*Verifier)) (*Report, *dnstest.Resolver, bool) {
	t.Helper()
	resolver := dnstest.NewResolver(t, zone)
	v := testVerifier(resolver)
	if change != nil {
		change(v)
	}
	session, check := begin(t, v, env, h)
	defer session.Close()
	wants := check.WantsBody()
	check.Write([]byte("Hello\r\n"))
	return check.Finish(), resolver, wants
}

// At the limit of the fields all is evaluated. Past it neither a signature nor an ARC set is, no key is
// asked for and no byte of the body hashed; SPF, DMARC by SPF and the rest go on, and the field that is
// stamped has the reason.
func TestHeaderPastLimit(t *testing.T) {
	signed := []string{signature("example.org"), "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=list.example; s=s; t=1; b=YQ=="}
	from := []string{"From: joe@example.org"}
	for _, spoofed := range []bool{false, true} {
		env := testEnvelope
		want, reason := dmarc.Pass, "100"
		if spoofed {
			env, want, reason = strangerEnvelope, dmarc.Fail, "000"
		}
		env, h := collected(env, padded(signed, from))
		if env.Excess != tooManyFields {
			t.Fatal(env.Excess)
		}
		r, resolver, wants := checked(t, testZone, env, h, func(v *Verifier) { v.Policy.DMARCReject = Reject })
		if r.DMARC.Result != want || r.Verdict.Reason.String() != reason || wants || (r.Disposition.Action == Reject) != spoofed {
			t.Errorf("spoofed %v: dmarc %s, %v, %v, wants the body %v", spoofed, r.DMARC.Result, r.Verdict, r.Disposition, wants)
		}
		if len(r.DKIM) != 1 || r.DKIM[0].Result != dkim.PermError || r.DKIM[0].Err == nil || r.ARC.Result != arc.Fail || r.IPRev.Result == "" {
			t.Errorf("dkim %+v, arc %+v", r.DKIM, r.ARC)
		}
		for _, q := range resolver.Asked() {
			if strings.Contains(q.Name, "_domainkey") {
				t.Errorf("asked for a key: %v", q)
			}
		}
		field := r.Edits[len(r.Edits)-1].Value
		for _, part := range []string{"dkim=permerror (" + tooManyFields + ")", "arc=fail (i=0 " + tooManyFields + ")"} {
			if !strings.Contains(strings.ReplaceAll(field, "\r\n", ""), part) {
				t.Errorf("%q lacks %q", field, part)
			}
		}
	}
	env, h := collected(testEnvelope, padded(nil, nil)[:1998])
	h = append(h, signedByNobody[:2]...)
	if env, h = collected(env, h); env.Excess != "" {
		t.Fatal(env.Excess)
	}
	if r, _, _ := checked(t, testZone, env, h, nil); r.DKIM[0].Domain != "example.org" || r.DKIM[0].Reason == tooManyFields {
		t.Errorf("at the limit: %+v", r.DKIM)
	}
}

// What hides the From field past a limit is no way past a policy or a block entry.
func TestFromPastLimit(t *testing.T) {
	blocks := func(v *Verifier) {
		v.Policy.SpoofBlock = Reject
		entry, err := spoof.ParseEntry("block victim.example * external")
		if err != nil {
			t.Fatal(err)
		}
		v.Spoofed = spoof.NewList(entry)
	}
	long := "From: " + strings.Repeat("x", 128<<10)
	for name, tt := range map[string]struct {
		bottom []string
		change func(*Verifier)
		want   Action
	}{
		"dmarc_reject":            {[]string{long}, func(v *Verifier) { v.Policy.DMARCReject = Reject }, Reject},
		"dmarc_quarantine":        {[]string{long}, func(v *Verifier) { v.Policy.DMARCQuarantine = Quarantine }, Quarantine},
		"compauth_fail":           {[]string{long}, func(v *Verifier) { v.Policy.CompauthFail = Reject }, Reject},
		"a block entry":           {[]string{long}, blocks, Reject},
		"no block entry":          {[]string{long}, func(v *Verifier) { v.Policy.SpoofBlock = Reject }, Accept},
		"behind another":          {[]string{"From: joe@example.org", long}, func(v *Verifier) { v.Policy.DMARCReject = Reject }, Reject},
		"in front of another":     {[]string{long, "From: joe@example.org"}, blocks, Reject},
		"none at all":             {[]string{"X: x"}, blocks, Reject},
		"no address":              {[]string{"From: nobody"}, blocks, Reject},
		"more than are kept":      {slices.Repeat([]string{"From: joe@example.org"}, 1+128<<10/21), blocks, Reject},
		"read, and of the client": {[]string{"From: joe@example.org"}, blocks, Accept},
		"read, and blocked":       {[]string{"From: joe@victim.example"}, blocks, Reject},
	} {
		env, h := collected(testEnvelope, padded(nil, tt.bottom))
		r, _, _ := checked(t, testZone, env, h, tt.change)
		if r.Disposition.Action != tt.want {
			t.Errorf("%s: %v, %v", name, r.Disposition, r.Verdict)
		}
		if fails := string(r.Verdict.Result) == "fail"; fails != (name != "read, and of the client") {
			t.Errorf("%s: %v", name, r.Verdict)
		}
	}
}

// Fields past a limit that may pretend to be ours go, by the numbers that they have for the MTA.
func TestForgedPastLimit(t *testing.T) {
	forged, foreign := "Authentication-Results: mx.example.test; dmarc=pass", "Authentication-Results: other.example; dmarc=pass"
	for _, tt := range []struct {
		top, bottom []string
		want        []int
	}{
		{[]string{foreign, forged}, []string{foreign, "Authentication-Results : x", "From: joe@example.org"}, []int{4, 3, 2}},
		{[]string{foreign}, []string{"From: joe@example.org"}, nil},
		{nil, slices.Repeat([]string{foreign}, maxForged), func() (all []int) {
			for i := maxForged; i > 0; i-- {
				all = append(all, i)
			}
			return all
		}()},
	} {
		env, h := collected(testEnvelope, padded(tt.top, tt.bottom))
		r, _, _ := checked(t, testZone, env, h, nil)
		var got []int
		for _, e := range r.Edits {
			if e.Delete {
				got = append(got, e.Index)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d fields below: removed %v, want %v", len(tt.bottom), got, tt.want)
		}
	}
	env, h := collected(testEnvelope, padded(nil, slices.Repeat([]string{foreign}, 10*message.MaxPast)))
	if r, _, _ := checked(t, testZone, env, h, nil); r.Disposition.Action != Reject || len(r.Edits) != 0 {
		t.Errorf("more than are counted: %v, %d edits", r.Disposition, len(r.Edits))
	}
	if message.MaxPast <= maxForged {
		t.Error("a message could have more forged fields than are counted, and not be refused")
	}
}

// A message that is not known as a whole is not sealed.
func TestNotSealedPastLimit(t *testing.T) {
	env, h := collected(testEnvelope, padded(nil, []string{"From: joe@example.org"}))
	r := sealed(t, dnstest.NewResolver(t, testZone), env, h, nil)
	if r.SealErr == nil || slices.ContainsFunc(r.Edits, func(e Edit) bool { return e.Name == arc.Seal }) {
		t.Errorf("sealed: %v, %v", r.SealErr, r.Edits)
	}
}

// A bounce whose header is not all known is none: another Content-Type may be in the rest.
func TestNoBouncePastLimit(t *testing.T) {
	env, h := collected(Envelope{IP: strangerEnvelope.IP, Rcpt: []string{"ann@ours.example"}},
		padded([]string{"Content-Type:" + bounceSamples[0].contentType}, []string{"From: MAILER-DAEMON@remote.example"}))
	v := testVerifier(dnstest.NewResolver(t, ""))
	session, check := begin(t, v, env, h)
	defer session.Close()
	if check.bounce != nil {
		t.Error("it is a bounce")
	}
	check.Finish()
}

// Where the Received fields that are known all are of a relay itself, others may be past the limit: the
// message need not have been made there.
func TestLostPastLimit(t *testing.T) {
	local := []string{"Received: from localhost (localhost [127.0.0.1]) by relay.example.test"}
	for excess, want := range map[string]bool{"": false, tooManyFields: true} {
		env := viaRelay("joe@example.org")
		env.Excess = excess
		session, check := begin(t, relayVerifier(dnstest.NewResolver(t, testZone)), env, append(testHeader(local...), fromJoe...))
		r := check.Finish()
		session.Close()
		if r.Lost != want || (r.Exempt == TrustedNetwork) == want {
			t.Errorf("%q: lost %v, exempt %q", excess, r.Lost, r.Exempt)
		}
	}
}

// Of a message with more recipients than are looked at the history is neither asked nor told.
func TestRecipients(t *testing.T) {
	near := history.Pair{OrgDomain: "example.org", Network: iprev.Network(strangerEnvelope.IP)}
	for n, want := range map[int]bool{3: true, 4: false} {
		env := strangerEnvelope
		for i := range n {
			env.Rcpt = append(slices.Clip(env.Rcpt[:min(i, len(env.Rcpt))]), fmt.Sprintf("u%d@example.test", i))
		}
		v := testVerifier(dnstest.NewResolver(t, "example.org. IN A 203.0.113.9\n"))
		v.Implicit, v.Remember, v.Limits.Recipients = true, true, 3
		v.History = knowing(t, near)
		session, check := begin(t, v, env, fromJoe)
		r := check.Finish()
		_, remembers := check.memory()
		session.Close()
		if passes := r.Verdict.Reason == 703; passes != want || remembers != want || len(r.Envelope.Rcpt) != 3 || r.Envelope.MoreRcpt == want {
			t.Errorf("%d recipients: %v, remembered %v, %d looked at, more %v", n, r.Verdict, remembers, len(r.Envelope.Rcpt), r.Envelope.MoreRcpt)
		}
	}
}

// asked is how many questions were asked, and how many of them about authors.
func asked(r *dnstest.Resolver) (all, about int) {
	for _, q := range r.Asked() {
		if strings.HasSuffix(q.Name, "example.org") {
			about++
		}
	}
	return len(r.Asked()), about
}

// costly is a header that asks for as many names as it can.
func costly(message int) message.Header {
	from := "joe@example.org"
	for i := range 4 {
		from += fmt.Sprintf(", x@a.b.c.d.e.f.n%d-%d.evil.example", i, message)
	}
	h := starving(50, 9, from)
	for i, f := range h {
		h[i].Raw = strings.ReplaceAll(f.Raw, ".evil.example;", fmt.Sprintf(".m%d.evil.example;", message))
	}
	return h
}

// The most costly message asks no more than the bound, and its results say why the rest is missing; what
// DMARC depends on is asked all the same. The next message of the session has a bound of its own.
func TestDNSQuestions(t *testing.T) {
	free := 0
	for _, limit := range []int{100_000, 400, 350, 300} {
		resolver := dnstest.NewResolver(t, starveZone())
		v := testVerifier(resolver)
		v.SPFHelo, v.Implicit, v.Limits.DNSQuestions, v.Policy.DMARCReject = true, true, limit, Reject
		env := strangerEnvelope
		env.Helo, env.MailFrom = "evil.example", "joe@example.org"
		session := v.Connect(t.Context(), env.IP)
		session.Helo(env.Helo)
		before := 0
		for message := range 3 {
			session.MailFrom(env)
			r := session.Begin(env, costly(message)).Finish()
			all, about := asked(resolver)
			n := all - before
			if free = max(free, n); n > v.Limits.dnsQuestions() || limit <= 350 && n >= free {
				t.Errorf("limit %d, message %d: %d questions; without it %d", limit, message, n, free)
			}
			if before = all; about == 0 || r.Verdict.Reason != 0 || r.Disposition.Action != Reject {
				t.Errorf("limit %d, message %d: %v, %v, dmarc %v", limit, message, r.Verdict, r.Disposition, r.DMARC)
			}
			_, err := session.dns.chain.Resolve(t.Context(), dns.Question{Name: "x.example", Type: dns.TypeTXT})
			if spent := err != nil && strings.Contains(err.Error(), "too many questions for one message"); spent != (limit <= 400) {
				t.Errorf("limit %d, message %d: another question: %v", limit, message, err)
			}
		}
		session.Close()
	}
}

// What a session asks before its first message counts for that, however often HELO comes.
func TestDNSQuestionsOfSession(t *testing.T) {
	resolver := dnstest.NewResolver(t, "")
	v := testVerifier(resolver)
	v.SPFHelo, v.Limits.DNSQuestions = true, 300
	session := v.Connect(t.Context(), strangerEnvelope.IP)
	defer session.Close()
	for i := range 1000 {
		session.Helo(fmt.Sprintf("h%d.evil.example", i))
		session.helo.wait()
	}
	if n, most := len(resolver.Asked()), v.dnsBudget()/5+maxClientQuestions; n > most {
		t.Errorf("%d questions, want at most %d", n, most)
	}
	if o := session.helo.wait(); o.Result != spf.PermError || !errors.Is(o.Err, dns.ErrSpent) {
		t.Errorf("the last HELO name: %s, %v", o.Result, o.Err)
	}
	ask := func(c *dns.Counting) error {
		_, err := c.Resolve(t.Context(), dns.Question{Name: "x.example", Type: dns.TypeTXT})
		return err
	}
	for _, c := range []*dns.Counting{session.dns.hints, session.dns.chain, session.dns.others} {
		if err := ask(c); err != nil {
			t.Error(err)
		}
	}
	session.MailFrom(strangerEnvelope)
	if ask(session.dns.helo) == nil {
		t.Error("there is room for another HELO name")
	}
	session.MailFrom(strangerEnvelope)
	if err := ask(session.dns.helo); err != nil {
		t.Errorf("the second message: %v", err)
	}
}

// Whoever makes us ask too much gets no other answer for it than without: a message that is rejected is
// not asked for again, when as much would be asked again.
func TestTooManyQuestionsAreNoFailure(t *testing.T) {
	forged := starving(50, 9, "joe@example.org")
	policy := Policy{DMARCReject: Reject, CompauthFail: Reject, DNSFailure: TempFail}
	for name, tt := range map[string]struct {
		zone   string
		header message.Header
		helos  int
		mute   []string // names without an answer
		want   string
	}{
		"HELO names":                       {mx("mail.example.org"), fromJoe, 300, nil, "001"},
		"ARC sets and signatures":          {mx("mail.example.org"), forged, 0, nil, "001"},
		"sets of a trusted sealer":         {pReject, forged, 0, nil, "000"},
		"all":                              {pReject, forged, 300, nil, "000"},
		"a DNS failure is asked for again": {"", fromJoe, 0, []string{"example.org"}, "001"},
	} {
		resolver := dnstest.NewResolver(t, tt.zone)
		for _, name := range tt.mute {
			resolver.Fail(name)
		}
		v := testVerifier(resolver)
		v.SPFHelo, v.Implicit, v.Limits.DNSQuestions, v.Policy = true, true, 300, policy
		v.Sealers = arc.NewSealers(arc.Sealer{Domain: "evil.example", Subdomains: true})
		session := v.Connect(t.Context(), strangerEnvelope.IP)
		for i := range tt.helos {
			session.Helo(fmt.Sprintf("h%d.evil.example", i))
			session.helo.wait()
		}
		session.MailFrom(strangerEnvelope)
		r := session.Begin(strangerEnvelope, tt.header).Finish()
		session.Close()
		want := Reject
		if tt.mute != nil {
			want = TempFail
		}
		if r.Disposition.Action != want || r.Verdict.Reason.String() != tt.want {
			t.Errorf("%s: %v, %v", name, r.Disposition, r.Verdict)
		}
	}
}

// The zero value has the limits that are documented.
func TestDefaultLimits(t *testing.T) {
	var l Limits
	if l.recipients() != 1000 || l.mimeDepth() != 5 || l.dnsQuestions() != 500 {
		t.Errorf("%d recipients, %d deep, %d questions", l.recipients(), l.mimeDepth(), l.dnsQuestions())
	}
	var v Verifier
	if got := v.dnsBudget() + decisiveQuestions + v.maxKeys(); got != 500 {
		t.Errorf("%d questions in all", got)
	}
}
