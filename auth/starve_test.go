package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/auth/spf"
)

// mute lets questions below a domain wait, as those to servers that don't answer.
type mute struct {
	dns.Resolver
	below string
}

func (m mute) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if !message.IsWithin(q.Name, m.below) || q.Name == m.below {
		return m.Resolver.Resolve(ctx, q)
	}
	select {
	case <-ctx.Done():
		return dns.Answer{}, ctx.Err()
	case <-time.After(5 * time.Second):
		return dns.Answer{}, errors.New("mute")
	}
}

// starveZone: the HELO name evil.example has an SPF record that asks for many names at once.
func starveZone() string {
	record := "v=spf1"
	for i := range 9 {
		record += fmt.Sprintf(" include:i%d.evil.example", i)
	}
	return pReject + "example.org. IN TXT \"v=spf1 include:spf.example.org -all\"\n" +
		"spf.example.org. IN TXT \"v=spf1 ip4:203.0.113.7\"\n" +
		"evil.example. IN TXT \"" + record + " -all\"\n"
}

// signature is a DKIM-Signature that can't verify.
func signature(domain string) string {
	return "DKIM-Signature: v=1; a=rsa-sha256; d=" + domain + "; s=sel; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ=="
}

// starving is the header of a message that names as many mute names as it can.
func starving(sets, signatures int, from string) message.Header {
	var lines []string
	for i := sets; i > 0; i-- {
		cv := "pass"
		if i == 1 {
			cv = "none"
		}
		lines = append(lines,
			fmt.Sprintf("ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=s%d.evil.example; s=sel; b=YQ==", i, cv, i),
			fmt.Sprintf("ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=m%d.evil.example; s=sel; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==", i, i),
			fmt.Sprintf("ARC-Authentication-Results: i=%d; evil.example; none", i))
	}
	for i := range signatures {
		lines = append(lines, signature(fmt.Sprintf("a.b.c.d.d%d.evil.example", i)))
	}
	return testHeader(append(lines, signature("example.org"), "From: "+from)...)
}

// Whatever names the sender chooses, and however long they keep us waiting: the author's policy
// is known as soon as DNS tells it, and so is that neither SPF nor DKIM passes for it.
func TestSilentNamesDelayNoPolicy(t *testing.T) {
	five := []string{"joe@example.org"}
	for i := range 4 {
		five = append(five, fmt.Sprintf("x@a.b.c.d.e.f.n%d.evil.example", i))
	}
	last := slices.Clone(five)
	slices.Reverse(last)
	for name, tt := range map[string]struct {
		sets, signatures int
		from             string
	}{
		"signatures":              {0, 9, "joe@example.org"},
		"sets":                    {50, 0, "joe@example.org"},
		"both":                    {50, 9, "joe@example.org"},
		"both, five authors":      {50, 9, strings.Join(five, ", ")},
		"both, the fifth of five": {50, 9, strings.Join(last, ", ")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkStarving(t, starving(tt.sets, tt.signatures, tt.from)) })
		})
	}
}

func checkStarving(t *testing.T, h message.Header) {
	const answer = 10 * time.Millisecond
	resolver := dnstest.NewResolver(t, starveZone())
	resolver.Delay(answer)
	v := testVerifier(mute{resolver, "evil.example"})
	v.SPFHelo, v.Implicit, v.Policy = true, true, Policy{DMARCReject: Reject, CompauthFail: Reject}
	env := strangerEnvelope
	env.Helo, env.MailFrom = "evil.example", "joe@example.org"
	began := time.Now()
	session, check := begin(t, v, env, h)
	defer session.Close()
	check.dmarc.Evaluate("example.org", spf.Outcome{}, nil)
	if waited := time.Since(began); waited != answer {
		t.Errorf("the policy took %v", waited)
	}
	outcome := session.spf.wait()
	if waited := time.Since(began); waited != 2*answer || outcome.Result != spf.Fail {
		t.Errorf("SPF took %v: %s", waited, outcome.Result)
	}
	finishing := time.Now() // the limit holds from the end of the message
	r := check.Finish()
	if took := time.Since(finishing); took > v.Timeout {
		t.Errorf("the message took %v", took)
	}
	i := slices.IndexFunc(r.Authored, func(o dmarc.Outcome) bool { return o.Author == "example.org" })
	if o := r.Authored[i]; o.Result != dmarc.Fail || r.Verdict.Reason != 0 || r.Disposition.Action != Reject {
		t.Errorf("dmarc %s (%v), %v, %v", o.Result, o.Err, r.Verdict, r.Disposition)
	}
}

// Messages that name silent domains take no more than their share and what there is room for: others have their
// policy, SPF and keys at once.
func TestSilentNamesOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hostile, room, answer = 20, 64, 10 * time.Millisecond
		resolver := dnstest.NewResolver(t, starveZone()+ptr("out.esp.example"))
		resolver.Delay(answer)
		busy := &underWay{Resolver: mute{resolver, "evil.example"}}
		v := testVerifier(busy)
		v.SPFHelo, v.Implicit, v.Room, v.Policy = true, true, dns.NewRoom(room), Policy{DMARCReject: Reject}
		env := strangerEnvelope
		env.Helo, env.MailFrom = "evil.example", "joe@example.org"
		for i := range hostile {
			session, check := begin(t, v, env, costly(i))
			defer session.Close()
			defer check.Cancel()
		}
		synctest.Wait()
		if most := busy.most.Load(); most > hostile*ownInFlight+room || most < hostile*ownInFlight {
			t.Errorf("%d questions were under way", most)
		}
		began := time.Now()
		session, check := begin(t, v, strangerEnvelope, signedByNobody)
		defer session.Close()
		r := check.Finish()
		if took := time.Since(began); took > 3*answer || r.DMARC.Result != dmarc.Fail || r.DKIM[0].Result != dkim.PermError {
			t.Errorf("after %v: dmarc %s, %+v, %v", took, r.DMARC.Result, r.DKIM, r.Disposition)
		}
	})
}

// A message whose own silent names fill all that it has room for waits for them, and is rejected all the same.
func TestSilentNamesWithoutRoom(t *testing.T) {
	for _, last := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			resolver := dnstest.NewResolver(t, starveZone())
			v := testVerifier(mute{resolver, "evil.example"})
			v.SPFHelo, v.Implicit, v.Room, v.Policy = true, true, dns.NewRoom(1), Policy{DMARCReject: Reject}
			env := strangerEnvelope
			env.Helo, env.MailFrom = "evil.example", "joe@example.org"
			from := []string{"joe@example.org"}
			for i := range 4 {
				from = append(from, fmt.Sprintf("x@a.b.c.d.e.f.n%d.evil.example", i))
			}
			if last {
				slices.Reverse(from)
			}
			session, check := begin(t, v, env, starving(50, 9, strings.Join(from, ", ")))
			defer session.Close()
			if r := check.Finish(); r.Verdict.Reason != 0 || r.Disposition.Action != Reject {
				t.Errorf("%v, %v, dmarc %+v", r.Verdict, r.Disposition, r.DMARC)
			}
		})
	}
}

// underWay counts the questions that are under way at once.
type underWay struct {
	dns.Resolver
	now, most atomic.Int64
}

func (u *underWay) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	n := u.now.Add(1)
	defer u.now.Add(-1)
	for most := u.most.Load(); n > most && !u.most.CompareAndSwap(most, n); most = u.most.Load() {
	}
	return u.Resolver.Resolve(ctx, q)
}

// There is room for every key that may be the author's, however many signatures are verified.
func TestRoomForKeys(t *testing.T) {
	for signatures, want := range map[int]int{0: maxInFlight, 10: maxInFlight, 100: 100 + maxReturnedSignatures} {
		v := testVerifier(nil)
		v.DKIM.MaxSignatures = signatures
		if got := newLookups(v).keys.InFlight; got != want {
			t.Errorf("%d signatures: %d keys at once, want %d", signatures, got, want)
		}
	}
}
