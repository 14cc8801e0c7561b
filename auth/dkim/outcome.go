package dkim

import "errors"

// A Result is the result of one signature (RFC 8601 section 2.7.1).
type Result string

// The results, as they are written in Authentication-Results.
const (
	None      Result = "none"      // the message is not signed
	Pass      Result = "pass"      // the signature verifies
	Fail      Result = "fail"      // the signature is well-formed but does not verify
	Neutral   Result = "neutral"   // the signature could not be processed, e.g. a syntax error
	Policy    Result = "policy"    // it verifies or could, but is not acceptable here, e.g. l=, a short key
	TempError Result = "temperror" // no answer was had from DNS; try later
	PermError Result = "permerror" // no key, or one that can't be used
)

// An Outcome is all that was found about one DKIM-Signature field. What the
// field says is given as far as it is well-formed, whatever the Result.
type Outcome struct {
	Result           Result
	Domain           string // d=, lower case, A-labels; "" if there is none
	Identity         string // i= as written, or "@" + Domain
	Selector         string // s=, lower case, A-labels
	Algorithm        string // a=, lower case: rsa-sha256, ed25519-sha256, ...
	Canonicalization string // c= in full: simple/simple, relaxed/simple, ...
	KeyBits          int    // size of the key; 0 when it was not read
	Signature        string // b= without white space
	Testing          bool   // the key record says t=y (RFC 6376 section 3.6.1)
	BodyOnly         bool   // of a fail: the signature verifies but for the body hash; never with Testing or EngineGoMsgauth
	Reason           string // a few words that may stand in a comment: "signature was verified"; never a sender's text
	Err              error  // explains temperror, permerror and neutral only
}

// A verdict is what ends the work on a signature.
type verdict struct {
	result Result
	reason string
	err    error
}

func pass(reason string) *verdict   { return &verdict{result: Pass, reason: reason} }
func fail(reason string) *verdict   { return &verdict{result: Fail, reason: reason} }
func policy(reason string) *verdict { return &verdict{result: Policy, reason: reason} }

func neutral(reason string) *verdict {
	return &verdict{Neutral, reason, errors.New("dkim: " + reason)}
}

func permanent(reason string) *verdict {
	return &verdict{PermError, reason, errors.New("dkim: " + reason)}
}

func temporary(reason string, err error) *verdict { return &verdict{TempError, reason, err} }

func (v *verdict) apply(o *Outcome) {
	o.Result, o.Reason, o.Err = v.result, v.reason, v.err
}
