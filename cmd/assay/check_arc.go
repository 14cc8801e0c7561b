package main

import (
	"fmt"
	"strings"

	"assay/arc"
	"assay/auth"
	"assay/auth/authres"
)

// explainARC says what became of the chain, set by set from the newest, and which
// sentence decides whether a trusted sealer's word counts.
func explainARC(r *auth.Report, sealers *arc.Sealers, line func(what, format string, args ...any)) {
	o := r.ARC
	switch o.Result {
	case arc.None:
		line("arc", "none: no chain")
		return
	case arc.Pass:
		line("arc", "pass: sets up to i=%d, %s", o.Instance, oldestPass(o.OldestPass))
	default:
		line("arc", "fail: %s%s", o.Reason, because(o.Err))
	}
	for i := len(o.Sets) - 1; i >= 0; i-- {
		explainSet(&o.Sets[i], sealers, line)
	}
	line("", "%s", decidingSentence(r, sealers))
}

func oldestPass(instance int) string {
	if instance == 0 {
		return "every message signature verifies"
	}
	return fmt.Sprintf("the message is unchanged since i=%d", instance)
}

func explainSet(s *arc.Set, sealers *arc.Sealers, line func(what, format string, args ...any)) {
	trust := "not trusted"
	if isTrusted(s, sealers) {
		trust = "trusted"
	}
	sealer := s.Seal.Domain
	if s.Message.Domain != sealer {
		sealer = fmt.Sprintf("%s with a message signature of %s", sealer, s.Message.Domain)
	}
	line(fmt.Sprintf("  i=%d", s.Instance), "sealed by %s, %s; cv=%s; seal %s; message signature %s",
		sealer, trust, s.ChainValidation, explainSignature(s.Seal), explainSignature(s.Message))
	if s.ResultsErr != nil {
		line("", "its results can't be read: %v", s.ResultsErr)
		return
	}
	line("", "it says: %s", oneLine(s.Results))
}

func isTrusted(s *arc.Set, sealers *arc.Sealers) bool {
	return sealers.Trusts(s.Seal.Domain) && sealers.Trusts(s.Message.Domain)
}

func explainSignature(s arc.Signature) string {
	switch s.Result {
	case arc.Pass:
		return fmt.Sprintf("verifies (%s, %d-bit key)", s.Algorithm, s.KeyBits)
	case arc.Fail:
		return "fails: " + s.Reason
	}
	return "not looked at"
}

// oneLine is what a set says, without folds.
func oneLine(r authres.Results) string {
	return strings.ReplaceAll(r.Format(authres.RFC8601), "\r\n", "")
}

// decidingSentence says why the original authentication counts or does not.
func decidingSentence(r *auth.Report, sealers *arc.Sealers) string {
	switch o := r.ARC; {
	case r.SealerUnknown:
		return "DNS gave no answer about a trusted sealer, so the chain counts for nothing this time"
	case o.Result == arc.Fail && o.Temporary:
		return "DNS gave no answer, so the chain counts for nothing this time"
	case o.Result == arc.Fail:
		return "a chain that fails counts for nothing"
	case r.Override.ODA:
		return fmt.Sprintf("set %d, by a trusted sealer, vouches for %s: its word may override a DMARC failure", r.Override.Instance, r.DMARC.Author)
	case len(r.Authored) > 1:
		return "there are several From domains, or one can't be read: a word for one of them overrides nothing"
	case r.DMARC.Author == "":
		return "there is no From domain that a sealer could vouch for"
	}
	return silence(r, sealers)
}

// silence says why no set of a chain that passes vouches for the author.
func silence(r *auth.Report, sealers *arc.Sealers) string {
	sets := r.ARC.Sets
	newest := &sets[len(sets)-1]
	switch {
	case !isTrusted(newest, sealers):
		return "the newest set is not by a trusted sealer: nothing below it counts (assay sealers add DOMAIN trusts one)"
	case !newest.SignsFrom:
		return "the newest message signature does not cover every From field: anybody may have written the author"
	}
	for i := len(sets) - 1; i >= 0; i-- {
		if !isTrusted(&sets[i], sealers) {
			return fmt.Sprintf("set %d is not by a trusted sealer: it and what is below do not count, and no set above has a pass for %s", sets[i].Instance, r.DMARC.Author)
		}
	}
	return fmt.Sprintf("all sealers are trusted, but none has a pass for %s", r.DMARC.Author)
}

type jsonARC struct {
	Result     string       `json:"result"`
	Reason     string       `json:"reason,omitempty"`
	Temporary  bool         `json:"temporary,omitempty"`
	OldestPass int          `json:"oldest_pass"`
	ODA        bool         `json:"oda"`
	Vouches    int          `json:"vouches,omitempty"` // the instance whose word counts
	Sets       []jsonARCSet `json:"sets,omitempty"`    // the oldest first
	Decision   string       `json:"decision,omitempty"`
	Error      string       `json:"error,omitempty"`
}

type jsonARCSet struct {
	Instance  int    `json:"instance"`
	Sealer    string `json:"sealer"`
	Signer    string `json:"signer"` // of the ARC-Message-Signature
	Trusted   bool   `json:"trusted"`
	CV        string `json:"cv"`
	Seal      string `json:"seal"`
	Signature string `json:"signature"`
	Says      string `json:"says"`
}

func arcJSON(r *auth.Report, sealers *arc.Sealers) *jsonARC {
	o := r.ARC
	j := &jsonARC{Result: string(o.Result), Reason: o.Reason, Temporary: o.Temporary, OldestPass: o.OldestPass,
		ODA: r.Override.ODA, Vouches: r.Override.Instance, Error: errorText(o.Err)}
	if o.Result != arc.None {
		j.Decision = decidingSentence(r, sealers)
	}
	for i := range o.Sets {
		s := &o.Sets[i]
		j.Sets = append(j.Sets, jsonARCSet{s.Instance, s.Seal.Domain, s.Message.Domain, isTrusted(s, sealers),
			string(s.ChainValidation), string(s.Seal.Result), string(s.Message.Result), oneLine(s.Results)})
	}
	return j
}
