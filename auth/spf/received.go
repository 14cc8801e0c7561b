package spf

import "assay/auth/authres"

// Received is the value of a Received-SPF field (RFC 7208 section 9.1),
// without the name, the space after it and the final CRLF. Receiver is the
// name of this host, "" to leave it out; without q.IP the client's address is
// left out.
//
// The value is folded with CRLF and one space, at 78 columns where it can be,
// and no line reaches 998 bytes. What comes from outside is quoted and cut at
// 255 bytes, a comment at 1000; controls are left out.
func Received(o Outcome, q Query, receiver string) string {
	words := append([]string{string(o.Result)}, receivedComment(o, q, receiver)...)
	pairs := receivedPairs(o, q, receiver)
	for i, p := range pairs {
		word := p.key + "=" + authres.QuoteString(p.value)
		if i < len(pairs)-1 {
			word += ";"
		}
		words = append(words, word)
	}
	return authres.Fold("Received-SPF", words)
}

// A receivedPair is one key-value-pair, the value not quoted yet.
type receivedPair struct{ key, value string }

func receivedPairs(o Outcome, q Query, receiver string) []receivedPair {
	var pairs []receivedPair
	add := func(key, value string) {
		if value != "" {
			pairs = append(pairs, receivedPair{key, value})
		}
	}
	add("receiver", receiver)
	if q.IP.IsValid() {
		add("client-ip", q.IP.Unmap().String())
	}
	if o.Identity == MailFrom {
		add("envelope-from", envelopeFrom(q))
	}
	add("helo", q.Helo)
	add("identity", string(o.Identity))
	switch {
	case o.Err != nil:
		add("problem", o.Err.Error())
	case o.Mechanism != "":
		add("mechanism", o.Mechanism)
	case o.Result == Neutral:
		add("mechanism", "default")
	}
	return pairs
}

func envelopeFrom(q Query) string {
	if q.MailFrom == "" {
		return "<>"
	}
	return q.MailFrom
}

// receivedComment are the words of the comment for people.
func receivedComment(o Outcome, q Query, receiver string) []string {
	ip := "the client"
	if q.IP.IsValid() {
		ip = q.IP.Unmap().String()
	}
	var text string
	switch sender := o.Sender; o.Result {
	case Pass:
		text = "domain of " + sender + " designates " + ip + " as permitted sender"
	case Fail:
		text = "domain of " + sender + " does not designate " + ip + " as permitted sender"
	case SoftFail:
		text = "domain of " + sender + " discourages use of " + ip + " as sender"
	case Neutral:
		text = "domain of " + sender + " neither permits nor denies " + ip
	case None:
		text = "domain of " + sender + " does not designate permitted senders"
	case TempError:
		text = "no answer from DNS for the domain of " + sender + ", client is " + ip
	default:
		text = "error in the SPF record for the domain of " + sender + ", client is " + ip
	}
	if receiver != "" {
		text = receiver + ": " + text
	}
	return authres.CommentWords(text)
}
