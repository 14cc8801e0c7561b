package main

import (
	"strings"

	"assay/compauth"
)

// A remark is what a word of a comment, a reason or a property adds to a result.
type remark struct {
	method string
	in     string // the property, "action" or "policy.dmarc"; "" for a comment and reason=
	text   string // lower case; in a comment words of it, of a property the whole value
	means  string
	fix    compauth.Parties
	how    string // with fix it takes the place of the advice for the result; "" leaves that
}

const (
	changedBody = "The intermediary does not add footers or rewrite links in signed mail, or seals with ARC, and the receiver trusts it; " +
		"the sender lets the program that changes the body run before the one that signs."
	fixSignature = "The sender brings its signing program up to date and corrects its configuration."
	fixKey       = "The sender corrects the key record at SELECTOR._domainkey.DOMAIN."
	fixDates     = "The sender corrects its clock, or gives signatures a longer life (x=)."
	tooLarge     = "The sender makes messages within the usual limits; few programs verify others."
)

// dkimRemarks are about the short reasons of assay's own results, and about what OpenDKIM,
// rspamd, Google and Microsoft write in their place.
var dkimRemarks = [...]remark{
	{"dkim", "", "body hash did not verify", "The body was changed after it was signed.", byIntermediary | bySender, changedBody},
	{"dkim", "", "body hash mismatch", "The body was changed after it was signed.", byIntermediary | bySender, changedBody},
	{"dkim", "", "signature did not verify", "A signed header field was changed, or the published key is not the one that signed.", byNobody, ""},
	{"dkim", "", "signature verification failed", "A signed header field was changed, or the published key is not the one that signed.", byNobody, ""},
	{"dkim", "", "bad signature", "A signed header field was changed, or the published key is not the one that signed.", byNobody, ""},
	{"dkim", "", "headers rsa verify failed", "A signed header field was changed, or the published key is not the one that signed.", byNobody, ""},
	{"dkim", "", "no key for signature", "There is no key in DNS for the selector of the signature.", bySender,
		"The sender publishes the key at SELECTOR._domainkey.DOMAIN, and leaves it there for a week after the last use."},
	{"dkim", "", "key not found in dns", "There is no key in DNS for the selector of the signature.", bySender,
		"The sender publishes the key at SELECTOR._domainkey.DOMAIN, and leaves it there for a week after the last use."},
	{"dkim", "", "no key", "There is no key in DNS for the selector of the signature.", bySender,
		"The sender publishes the key at SELECTOR._domainkey.DOMAIN, and leaves it there for a week after the last use."},
	{"dkim", "", "key revoked", "The key was revoked (p= is empty).", bySender, "The sender signs with a key that is in force."},
	{"dkim", "", "key unavailable", "The key could not be looked up.", byNobody, ""},
	{"dkim", "", "key syntax error", "The key record can't be read.", bySender, fixKey},
	{"dkim", "", "several keys for signature", "There are several key records at the selector.", bySender, "The sender leaves one TXT record at SELECTOR._domainkey.DOMAIN."},
	{"dkim", "", "inappropriate hash algorithm", "The key record does not allow the hash of the signature (h=).", bySender, fixKey},
	{"dkim", "", "inappropriate key algorithm", "The key record is for another algorithm than the signature's (k=).", bySender, fixKey},
	{"dkim", "", "key not for email", "The key record is for another service than mail (s=).", bySender, fixKey},
	{"dkim", "", "key not for subdomains", "The key does not allow a subdomain in i= (t=s).", bySender, "The sender signs with i= of exactly the domain in d=, or takes the flag s out of the key record."},
	{"dkim", "", "key too large", "The key is larger than what is verified.", bySender, "The sender uses an RSA key of 2048 bits."},
	{"dkim", "", "insecure key", "The key is so short that others can compute it.", bySender, "The sender uses an RSA key of 2048 bits."},
	{"dkim", "", "weak key", "The key is so short that others can compute it.", bySender, "The sender uses an RSA key of 2048 bits."},
	{"dkim", "", "test key", "The key says that it is a test (t=y), so the signature counts for nothing.", bySender, "The sender takes the flag y out of the key record when the test is over."},
	{"dkim", "", "insecure algorithm rsa-sha1", "The signature is made with SHA-1, which is broken.", bySender, "The sender signs with rsa-sha256 or ed25519-sha256."},
	{"dkim", "", "unknown signature algorithm", "The signature is made with an algorithm that is not known.", bySender, "The sender signs with rsa-sha256 or ed25519-sha256."},
	{"dkim", "", "unknown canonicalization", "The signature has a c= tag that is not known.", bySender, fixSignature},
	{"dkim", "", "unknown query method", "The signature has a q= tag that is not known.", bySender, fixSignature},
	{"dkim", "", "incompatible signature version", "The signature is of another version than 1.", bySender, fixSignature},
	{"dkim", "", "signature syntax error", "The DKIM-Signature field can't be read.", bySender, fixSignature},
	{"dkim", "", "malformed", "The DKIM-Signature field, or a field that it signs, can't be read.", bySender, fixSignature},
	{"dkim", "", "signature without", "The DKIM-Signature field lacks a tag that it must have.", bySender, fixSignature},
	{"dkim", "", "domain mismatch", "The i= tag is not within the domain in d=.", bySender, fixSignature},
	{"dkim", "", "letter case", "The signature is written in a letter case that many programs can't verify.", bySender, "The sender writes the domains and tags of the signature in lower case."},
	{"dkim", "", "inside another tag", "The signature is written in a way that many programs can't verify.", bySender, "The sender does without the z= tag."},
	{"dkim", "", "bare cr in body", "The body has line ends that mail must not have (a CR alone).", bySender, "The sender ends every line in CR LF."},
	{"dkim", "", "missing dkim-signature in h=", "The signature covers a DKIM-Signature field that is not there, which few programs verify.", bySender, fixSignature},
	{"dkim", "", "signature not asked for", "The signature was not looked at, because nothing depends on it.", byNobody, ""},
	{"dkim", "", "from field not signed", "The signature does not cover From, so that anybody can change it.", bySender, "The sender signs From."},
	{"dkim", "", "no from field", "The message has no From field to be signed.", bySender, "The sender writes exactly one From field."},
	{"dkim", "", "not every from field signed", "There are more From fields than the signature covers, so one may be forged.", bySender, "The sender writes exactly one From field, and names it twice in h= to forbid another."},
	{"dkim", "", "body length tag l=", "The signature covers only the beginning of the body (l=), so that anybody can add text.", bySender, "The sender signs without l=."},
	{"dkim", "", "signature expired", "The signature has expired (x=).", bySender | byIntermediary, "The sender gives signatures a life of a week or more; the intermediary delivers sooner."},
	{"dkim", "", "signature from the future", "The signature is dated in the future (t=).", bySender, fixDates},
	{"dkim", "", "signature expires before it begins", "The signature expires (x=) before it begins (t=).", bySender, fixDates},
	{"dkim", "", "too many signatures", "The message has more signatures than are verified.", bySender | byIntermediary, tooLarge},
	{"dkim", "", "signature field too large", "The DKIM-Signature field is larger than what is verified.", bySender, tooLarge},
	{"dkim", "", "signed header too large", "The signed fields are larger than what is verified.", bySender, tooLarge},
	{"dkim", "", "signed header folded too often", "The signed fields have more folds than what is verified.", bySender, tooLarge},
	{"dkim", "", "too many blank lines in body", "The body has more blank lines than what is verified.", bySender, tooLarge},
	{"dkim", "", "too many names in h=", "The signature covers more fields than what is verified.", bySender, tooLarge},
	{"dkim", "", "too many tags in signature", "The signature has more tags than what is verified.", bySender, tooLarge},
	{"dkim", "", "too many tags in key", "The key record in DNS has more tags than what is read.", bySender, fixKey},
	{"dkim", "", "header past a limit", "The header is longer than what is looked at, so no signature was verified.", bySender, tooLarge},
	{"dkim", "", "signature not processed", "The signature could not be processed.", byNobody, ""},
	{"dkim", "", "more signatures not shown", "Further signatures that did not pass are left out here.", byNobody, ""},
	{"dkim", "", "more signature not shown", "A further signature that did not pass is left out here.", byNobody, ""},
}

// otherRemarks are about the other methods, in the order in which they are said.
var otherRemarks = [...]remark{
	{"spf", "", "best guess record", "There is no SPF record: the host that wrote this guessed one.", bySender, "The sender publishes an SPF record."},
	{"spf", "", "sender ip is not known", "The client's address is not known.", byReceiver, "The receiver makes the MTA give the client's address to the filter."},

	{"dmarc", "action", "none", "DMARC led to no action.", byNobody, ""},
	{"dmarc", "action", "quarantine", "The message was put aside as the policy asks.", byNobody, ""},
	{"dmarc", "action", "reject", "The message was to be rejected as the policy asks.", byNobody, ""},
	{"dmarc", "action", "oreject", "The policy asks to reject the message, and the receiver did not (it overrides p=reject).", byReceiver, honour},
	{"dmarc", "action", "o.reject", "The policy asks to reject the message, and the receiver did not (it overrides p=reject).", byReceiver, honour},
	{"dmarc", "action", "pct.quarantine", "The policy asks for quarantine of a part of such messages only (pct=), and this one was not in it.", bySender, "The sender raises pct= to 100, or leaves it out."},
	{"dmarc", "action", "pct.reject", "The policy asks to reject a part of such messages only (pct=), and this one was not in it.", bySender, "The sender raises pct= to 100, or leaves it out."},
	{"dmarc", "action", "permerror", "The policy could not be applied because of a permanent error.", byNobody, ""},
	{"dmarc", "action", "temperror", "The policy could not be applied because DNS did not answer.", byNobody, ""},
	{"dmarc", "policy.dmarc", "none", "The policy is none: failing mail is to be reported, not stopped.", byNobody, ""},
	{"dmarc", "policy.dmarc", "quarantine", "The policy for failing mail is quarantine.", byNobody, ""},
	{"dmarc", "policy.dmarc", "reject", "The policy for failing mail is reject.", byNobody, ""},
	{"dmarc", "", "bestguesspass", "The message would pass if there were a record: SPF or DKIM passes for the domain.", byNobody, ""},
	{"dmarc", "", "p=none", "The published policy is none: failing mail is to be reported, not stopped.", byNobody, ""},
	{"dmarc", "", "p=quarantine", "The published policy is quarantine.", byNobody, ""},
	{"dmarc", "", "p=reject", "The published policy is reject.", byNobody, ""},
	{"dmarc", "", "dis=none", "DMARC led to no action.", byNobody, ""},
	{"dmarc", "", "dis=quarantine", "The message was put aside as the policy asks.", byNobody, ""},
	{"dmarc", "", "dis=reject", "The message was to be rejected as the policy asks.", byNobody, ""},
	{"dmarc", "", "worst of", "There are several From domains; this is the worst result of them.", bySender, "The sender writes one address in From, or makes DMARC pass for each."},
	{"dmarc", "", "header past a limit", "The header is longer than what is looked at, and its From can't be read with certainty, which has no honest use.", bySender, tooLarge},
	{"dmarc", "", "more than 5 from domains", "There are more From domains than are evaluated, which has no honest use.", bySender, "The sender writes one address in From."},
	{"dmarc", "", "no from field", "There is no From field.", bySender, "The sender writes exactly one From field."},
	{"dmarc", "", "no usable from domain", "No From domain can be read with certainty.", bySender, "The sender writes exactly one From field with a valid address."},
	{"dmarc", "", "not checked", "The message is exempt, so DMARC was not checked.", byNobody, noAdvice},

	{"arc", "", "oda=1", "A trusted sealer vouches for the From domain: what it found before the change counts, and may override a DMARC failure.", byNobody, ""},
	{"arc", "", "oda=0", "No trusted sealer vouches for the From domain, so the chain changes nothing.", byReceiver,
		"The receiver trusts the newest sealer, if it believes what that host finds (assay sealers add DOMAIN)."},
	{"arc", "", "body hash did not verify", "The body was changed after the message was sealed.", byNobody, ""},
	{"arc", "", "signature did not verify", "A seal or signature does not verify.", byNobody, ""},
	{"arc", "", "no key for signature", "There is no key in DNS for a seal or signature.", byIntermediary, "The sealer publishes its key at SELECTOR._domainkey.DOMAIN."},
	{"arc", "", "key unavailable", "The key of a seal or signature could not be looked up.", byIntermediary | byReceiver, "The sealer looks at its name servers. Another try may pass."},
	{"arc", "", "signature expired", "A signature of the chain has expired.", byNobody, ""},
	{"arc", "", "failed before instance", "The chain was broken already when a host on the way sealed it.", byNobody, ""},
	{"arc", "", "no arc set of instance", "A set of the chain is missing.", byNobody, ""},
	{"arc", "", "too many arc", "There are more ARC fields than a chain may have.", byNobody, ""},
	{"arc", "", "too many tags", "A seal or signature has more tags than what is read.", byNobody, ""},
	{"arc", "", "too many names in h=", "A signature of the chain covers more fields than what is verified.", byNobody, ""},
	{"arc", "", "header past a limit", "The header is longer than what is looked at, so the chain was not validated.", byNobody, ""},

	{"iprev", "policy.iprev", "not confirmed", "The client has a name, but that name does not lead back to its address.", byNobody, ""},

	{"compauth", "", "spoof allowed by policy", "The admin allows this pair of sender and sending infrastructure: nothing is done about the message.", byReceiver,
		"The entry is in the spoofed-senders list. The admin removes it when the sender authenticates its mail, or when it is not wanted any more."},
}

const (
	honour   = "The receiver who wants such mail rejected turns that on (assay: policy.dmarc_reject = \"reject\")."
	noAdvice = "Nothing has to be done."
)

// holds tells whether text, in lower case, has the words of phrase in it, not as a part of longer ones.
func holds(text, phrase string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], phrase)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(phrase)
		if (start == 0 || !isWordByte(text[start-1])) && (end == len(text) || !isWordByte(text[end])) {
			return true
		}
		from = end
	}
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= 0x80
}
