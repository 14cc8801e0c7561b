package main

import (
	"assay/auth"
	"assay/compauth"
	"assay/compauth/history"
)

// A fate is how many messages met with each action.
type fate struct {
	Accepted    int `json:"accepted"`
	Quarantined int `json:"quarantined"`
	Rejected    int `json:"rejected"`
	Deferred    int `json:"deferred"` // tempfail: asked for again
}

func (f *fate) add(action auth.Action, n int) {
	switch action {
	case auth.Accept:
		f.Accepted += n
	case auth.Quarantine:
		f.Quarantined += n
	case auth.Reject:
		f.Rejected += n
	case auth.TempFail:
		f.Deferred += n
	}
}

func (f *fate) join(other fate) {
	f.Accepted += other.Accepted
	f.Quarantined += other.Quarantined
	f.Rejected += other.Rejected
	f.Deferred += other.Deferred
}

// A whatIf is what was done with messages, and what stricter policies would have done.
type whatIf struct {
	Now        fate `json:"now"`
	Quarantine fate `json:"enforced_compauth_fail_quarantine"`
	Reject     fate `json:"enforced_compauth_fail_reject"`
}

func (w *whatIf) join(other whatIf) {
	w.Now.join(other.Now)
	w.Quarantine.join(other.Quarantine)
	w.Reject.join(other.Reject)
}

// whatIf tells what would have become of the messages of a row; a block entry and a DNS failure do what
// the policy in force says.
func (r *insightRow) whatIf(policy *PolicyConfig) whatIf {
	var w whatIf
	for i := range r.sightings {
		s := &r.sightings[i]
		w.Now.add(actionNamed(s.Action), s.Count)
		w.Quarantine.add(enforced(s, auth.Quarantine, policy), s.Count)
		w.Reject.add(enforced(s, auth.Reject, policy), s.Count)
	}
	return w
}

// enforced is what is done with a message where every published policy is enforced. A
// message that DNS had asked for again would be so with any policy. One that fails for want of hints alone
// (001, 601), though DMARC asks for more, has no DMARC result: DNS gave no answer (rule 20). Where DNS
// gave none about a hint or a signature, a sighting does not tell.
func enforced(s *history.Sighting, compauthFail auth.Action, policy *PolicyConfig) auth.Action {
	asksForMore := s.Policy == "quarantine" || s.Policy == "reject"
	switch {
	case s.Action == auth.TempFail.String():
		return auth.TempFail
	case s.Result != compauth.Fail || s.Entry == "allow":
		return auth.Accept
	case s.Reason == 2:
		return policy.SpoofBlock
	case s.Reason != 0 && s.Reason != 10 && asksForMore:
		return policy.DNSFailure
	case s.Reason != 0 && s.Reason != 10:
		return compauthFail
	case s.Policy == "reject":
		return auth.Reject
	}
	return auth.Quarantine
}

// actionNamed is the action of a word; unknown ones, of a later version, are Accept.
func actionNamed(word string) auth.Action {
	for _, a := range []auth.Action{auth.Quarantine, auth.TempFail, auth.Reject} {
		if a.String() == word {
			return a
		}
	}
	return auth.Accept
}

// passing counts the messages of a row that pass with implicit = true and did not.
func (r *insightRow) passing() int {
	n := 0
	for i := range r.sightings {
		if s := &r.sightings[i]; s.Result == compauth.Fail && s.ImplicitResult != compauth.Fail {
			n += s.Count
		}
	}
	return n
}
