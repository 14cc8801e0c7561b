package auth

import "assay/auth/message"

// Limits bound what is looked at of one message. A zero field means its default. Those of
// signatures and ARC sets are fields of the DKIM and ARC verifiers.
type Limits struct {
	Header       message.Limits
	Recipients   int // that are looked at; default 1000
	MIMEDepth    int // of the parts of a bounce; default 5
	DNSQuestions int // that one message may cause, those the cache answers not counted; default 400
}
