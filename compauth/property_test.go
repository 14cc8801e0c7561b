package compauth

import (
	"math/rand/v2"
	"slices"
	"testing"

	"assay/auth/dmarc"
)

const trials = 30_000

// randomEvidence draws any evidence that can be, and some that can't: each fact on its own.
// Facts are rare, so that every rule is reached.
func randomEvidence(r *rand.Rand) Evidence {
	rare := func() bool { return r.IntN(20) == 0 }
	e := Evidence{
		SMTPAuth: rare(), TrustedNetwork: rare(), LostClient: rare(), Unreadable: rare(), TooMany: rare(),
		ViaRelay: r.IntN(3) == 0, OwnBounce: rare(), Implicit: r.IntN(4) > 0, OverrideReject: r.IntN(2) == 0,
	}
	for range r.IntN(4) {
		e.Authors = append(e.Authors, randomAuthor(r))
	}
	return e
}

func randomAuthor(r *rand.Rand) Author {
	some := func() bool { return r.IntN(8) == 0 }
	return Author{
		DMARC: randomOutcome(r), Accepted: r.IntN(3) == 0, Blocked: some(), Vouched: some(),
		ContactBounce: some(), BodyOnly: some(), SPFFail: some(),
		PTRWithin: some(), PTROrg: some(), PTRUnconfirmed: some(), MX: some(), Neighbour: some(),
		History: []Reason{0, 0, 0, 0, 701, 702, 703, 704}[r.IntN(8)],
	}
}

// randomOutcome keeps what holds of every outcome: a pass or fail needs a record, none has
// none, and a pass is aligned.
func randomOutcome(r *rand.Rand) dmarc.Outcome {
	o := dmarc.Outcome{
		Result:     []dmarc.Result{dmarc.None, dmarc.Pass, dmarc.Fail, dmarc.Fail, dmarc.TempError, dmarc.PermError}[r.IntN(6)],
		SPFRelaxed: r.IntN(6) == 0, DKIMRelaxed: r.IntN(6) == 0,
	}
	if o.Result == dmarc.Pass {
		o.SPFRelaxed, o.SPFAligned = true, true
	}
	if o.Result == dmarc.Pass || o.Result == dmarc.Fail || o.Result == dmarc.TempError && r.IntN(2) == 0 {
		o.Record = &dmarc.Record{}
		o.Policy = []dmarc.Policy{dmarc.PolicyNone, dmarc.PolicyQuarantine, dmarc.PolicyReject}[r.IntN(3)]
		o.Published = o.Policy
	}
	return o
}

// everything calls f with many random evidences and their verdicts.
func everything(t *testing.T, f func(t *testing.T, e *Evidence, v Verdict)) {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 27))
	reached := map[string]bool{}
	for range trials {
		e := randomEvidence(r)
		v := Evaluate(&e)
		reached[v.Rule().Number] = true
		if f(t, &e, v); t.Failed() {
			t.Fatalf("%s %s by rule %s for %+v", v.Result, v.Reason, v.Rule().Number, e)
		}
	}
	for _, r := range rules {
		if r.Result != "" && !reached[r.Number] {
			t.Errorf("rule %s was never reached", r.Number)
		}
	}
}

// grounds tells whether there is any evidence for a From domain at all.
func grounds(e *Evidence, a *Author) bool {
	hint := a.PTRWithin || a.PTROrg || a.PTRUnconfirmed || a.MX || a.Neighbour || a.History != 0 || e.ViaRelay && a.BodyOnly
	return a.aligned() || a.Vouched || a.ContactBounce || e.OwnBounce || e.Implicit && hint
}

// policyUnknown is when 112 needs no evidence (TestUnknownPolicy).
func policyUnknown(a *Author) bool {
	return a.DMARC.Result == dmarc.TempError && a.DMARC.Record == nil
}

func passes(v Verdict) bool { return v.Result == Pass || v.Result == SoftPass }

// Nothing passes without evidence for every one of its From domains.
func TestNothingPassesWithoutEvidence(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) {
		if !passes(v) {
			return
		}
		for i := range e.Authors {
			if a := &e.Authors[i]; !grounds(e, a) && !policyUnknown(a) {
				t.Errorf("From domain %d has nothing that speaks for it", i)
			}
		}
		if e.Unreadable || e.TooMany || len(e.Authors) == 0 {
			t.Error("it passes, though the From domains are not certain")
		}
	})
}

// 112 is the one pass that nothing speaks for, since it is documented so: DNS kept the policy back, and what
// is not known is no failure. It is given for nothing else, and never where a policy is known.
func TestUnknownPolicy(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, _ Verdict) {
		for i := range e.Authors {
			a := &e.Authors[i]
			want := policyUnknown(a) && !a.aligned() && !a.Blocked
			if v := EvaluateAuthor(e, i); (v.Reason == 112) != want || want && a.demanding() {
				t.Errorf("From domain %d: %s", i, v.Reason)
			}
		}
	})
}

// Where the owner of a From domain asks for proofs and there is none, no hint stands in for it,
// and what was seen before only by the rules that say so.
func TestDemandingPolicy(t *testing.T) {
	hints := []Reason{103, 104, 116, 201, 202}
	everything(t, func(t *testing.T, e *Evidence, _ Verdict) {
		for i := range e.Authors {
			a := &e.Authors[i]
			if !a.demanding() || a.DMARC.Result == dmarc.Pass {
				continue
			}
			v := EvaluateAuthor(e, i)
			if slices.Contains(hints, v.Reason) || v.Rule().Number == "24" {
				t.Errorf("From domain %d, %s: %s by rule %s", i, a.DMARC.Policy, v.Reason, v.Rule().Number)
			}
			if passes(v) && a.DMARC.Policy == dmarc.PolicyReject && !e.OverrideReject && (v.Reason == 501 || v.Reason >= 700) {
				t.Errorf("From domain %d: %s against a p=reject that history may not override", i, v.Reason)
			}
		}
	})
}

// A bounce says nothing for one of our own domains: nobody but ourselves sends for it.
func TestOwnDomainsSendNoBounces(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) {
		for i := range e.Authors {
			if v := EvaluateAuthor(e, i); e.Authors[i].Accepted && (v.Reason == 501 || v.Reason == 502) {
				t.Errorf("From domain %d: %s", i, v.Reason)
			}
		}
	})
}

// Several From domains are never better than one of them, in any order.
func TestSeveralAreNeverBetter(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) {
		if v.Author < 0 {
			return
		}
		for i := range e.Authors {
			if one := EvaluateAuthor(e, i); one.worse(v) {
				t.Errorf("From domain %d alone has %s %s", i, one.Result, one.Reason)
			}
		}
		turned := *e
		turned.Authors = slices.Clone(e.Authors)
		slices.Reverse(turned.Authors)
		if other := Evaluate(&turned); other.Result != v.Result || other.rule != v.rule {
			t.Errorf("in another order %s %s", other.Result, other.Reason)
		}
	})
}

var implicitCodes = []Reason{101, 102, 103, 104, 108, 116, 201, 202, 701, 702, 703, 704}

// Without implicit authentication no implicit code is given, and nothing gets better.
func TestImplicitOff(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) {
		off := *e
		off.Implicit = false
		without := Evaluate(&off)
		if slices.Contains(implicitCodes, without.Reason) {
			t.Errorf("without implicit: %s %s", without.Result, without.Reason)
		}
		if v.Result != None && without.Result.badness() < v.Result.badness() {
			t.Errorf("without implicit it is better: %s %s", without.Result, without.Reason)
		}
	})
}

// A blocked pair fails with 002, unless the message is one of our own users or hosts.
func TestBlockedFails(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) {
		want := !e.SMTPAuth && !e.TrustedNetwork && slices.ContainsFunc(e.Authors, func(a Author) bool { return a.Blocked })
		if (v.Reason == 2) != want {
			t.Errorf("blocked: %v", want)
		}
	})
}

// An unreadable From field never passes, and fails just as a readable one would.
func TestUnreadable(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, _ Verdict) {
		readable, hidden := *e, *e
		readable.Unreadable, hidden.Unreadable = false, true
		want, got := Evaluate(&readable), Evaluate(&hidden)
		if passes(want) {
			want = Verdict{Result: None, Reason: 301, Author: -1}
		}
		if got.Result != want.Result || got.Reason != want.Reason || got.Author != want.Author {
			t.Errorf("unreadable: %s %s of %d, want %s %s of %d", got.Result, got.Reason, got.Author, want.Result, want.Reason, want.Author)
		}
	})
}

// A temporary error with a known record is no explicit failure, nor is a policy none.
func TestExplicitFailure(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) {
		if v.Result == Fail && (v.Reason == 0 || v.Reason == 10) && !e.Authors[v.Author].enforced() {
			t.Error("an explicit failure without an enforced policy")
		}
		if code, ok := v.Reason.Explain(); !ok || code.Result != v.Result {
			t.Errorf("the code is documented as %q", code.Result)
		}
	})
}

// The trace ends where the verdict was found.
func TestTraceEndsAtVerdict(t *testing.T) {
	everything(t, func(t *testing.T, e *Evidence, v Verdict) { checkTrace(t, e, v) })
}
