package dmarc

// AtHand tells that all is known that Evaluate and Related have to know of an author who was given to Begin,
// where these domains may be authenticated or asked for: neither will wait. What is no domain name is of no matter.
func (v *Evaluation) AtHand(author string, domains ...string) bool {
	name, ok := normalize(author)
	if !ok {
		return false
	}
	a := v.author(name)
	if a == nil || a.done != nil {
		return false
	}
	for _, domain := range domains {
		if d, ok := normalize(domain); ok && a.policy.walk.asksFor(d) {
			return false
		}
	}
	return true
}
