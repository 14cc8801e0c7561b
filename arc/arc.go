// Package arc validates the Authenticated Received Chain of a message (RFC
// 8617), says whether a trusted sealer in it vouches for the author, and seals
// messages.
//
// All failures of a chain are final for the message (section 5.2.1), also when
// DNS was the cause; Outcome.Temporary tells these apart.
//
// Divergences from the RFC:
//
//   - The tag i= of an ARC-Message-Signature or ARC-Seal may stand anywhere in the
//     tag-list, as everybody has it, and has no comments (sections 4.1.2, 4.1.3).
//   - ARC-Authentication-Results, ARC-Message-Signature and Authentication-Results
//     in h= of an ARC-Message-Signature, which section 4.1.2 forbids sealers, are
//     no failure; ARC-Seal is. From need not be in h=, nor need a name be there at
//     all; MessageSealer signs From, and Override asks for it.
//   - An ARC-Message-Signature without c= verifies as relaxed/relaxed, too, not only
//     as simple/simple: the public test suite and its signers take that for the default.
//   - l= in an ARC-Message-Signature is a failure: it leaves the end of the body
//     unsigned (RFC 6376 section 8.2). So are t= more than a day ahead, x=
//     that has passed, and more names or bytes than the limits.
//   - Field names in h=, and none, pass and fail in cv=, are read in any letter case;
//     so is a=.
//   - Multiple signing algorithms in one set (draft-ietf-dmarc-arc-multi) are a
//     failure, as several fields of a kind are.
//   - After more than 150 ARC fields no further one is read.
package arc

import (
	"assay/auth/authres"
	"assay/auth/message"
)

// MaxSets is how many ARC Sets a message may have (RFC 8617 section 4.2.1).
const MaxSets = 50

// The names of the fields of an ARC Set (RFC 8617 section 4.1).
const (
	AuthenticationResults = "ARC-Authentication-Results"
	MessageSignature      = "ARC-Message-Signature"
	Seal                  = "ARC-Seal"
)

// A Result is the Chain Validation Status (RFC 8617 section 4.4), and what one
// signature of a chain came to.
type Result string

// The results, as they are written in Authentication-Results and cv=.
const (
	None Result = "none" // there is no chain
	Pass Result = "pass" // the chain, or the signature, is valid
	Fail Result = "fail" // it is not
)

// An Outcome is all that was found about the chain of a message.
type Outcome struct {
	Result Result

	// Instance is the highest instance of the chain, N in the RFC, at most 50.
	// Zero: there is no chain, or no field of it has a valid instance.
	Instance int

	// Sets are the ARC Sets that have at least one field, the oldest first. In a chain
	// that passes they are complete, and Sets[i-1] is that of instance i.
	Sets []Set

	// OldestPass is header.oldest-pass (section 5.2, step 5) of a chain that passes:
	// the lowest instance whose ARC-Message-Signature still verifies like all above
	// it, and zero when all of them verify.
	OldestPass int

	Reason    string // why the chain fails, in a few words that may stand in a comment; never a sender's text
	Temporary bool   // it fails because DNS gave no answer
	Err       error  // explains a failure, where there is more to say than Reason does
}

// A Set is one ARC Set (RFC 8617 section 4.2). Of fields that occur several times
// it has the topmost.
type Set struct {
	Instance int // from 1 to 50

	// The fields as received; the zero Field for one that is missing.
	AAR, AMS, AS message.Field

	Seal    Signature // of the ARC-Seal
	Message Signature // of the ARC-Message-Signature

	ChainValidation Result // cv= of the ARC-Seal; "" if there is none
	SignsFrom       bool   // the ARC-Message-Signature covers every From field, of which there is one at least

	// Results are those of the ARC-Authentication-Results, as the sealer says that it
	// found them. When ResultsErr is set they could not be read as a whole: they
	// are for display then, not for decisions. That is no failure of the chain.
	Results    authres.Results
	ResultsErr error
}

// A Signature is what was found about one ARC-Message-Signature or ARC-Seal. What
// the field says is given as far as it is well-formed.
type Signature struct {
	Result    Result // Pass or Fail; "" if it was not verified because nothing depended on it
	Reason    string // of Pass or Fail, like Outcome.Reason
	Domain    string // d=, lower case, A-labels
	Selector  string // s=, lower case, A-labels
	Algorithm string // a=, lower case: rsa-sha256, ed25519-sha256, ...
	KeyBits   int    // size of the key; 0 when it was not read
}

// Ended tells whether the newest set says that the chain had failed already when
// it was added: nobody may add another one (RFC 8617 section 5.1, step 2).
func (o Outcome) Ended() bool {
	return len(o.Sets) > 0 && o.Sets[len(o.Sets)-1].ChainValidation == Fail
}
