package arc

import "slices"

// maxClaimed bounds the domains of Claimed, which anybody can write into a message.
const maxClaimed = 20

// Claimed lists the domains of which [Outcome.Override] may want to know whether they
// are aligned with the author: those that sets by trusted sealers say pass SPF or DKIM,
// going down from the newest, without repetition and at most 20. The signatures are
// not verified yet. It is for looking up early what will be asked for; there are none
// when the chain is known to fail.
func (n *Validation) Claimed(sealers *Sealers) []string {
	if n.ended || n.keys == nil {
		return nil
	}
	var domains []string
	for i := n.chain.newest; i > 0; i-- {
		set := &n.chain.sets[i].Set
		if !sealers.Trusts(set.Seal.Domain) || !sealers.Trusts(set.Message.Domain) {
			break
		}
		domains = set.appendClaimed(domains)
	}
	return domains
}

func (s *Set) appendClaimed(domains []string) []string {
	if s.ResultsErr != nil {
		return domains
	}
	for _, method := range [...]string{"spf", "dkim"} {
		for c := range claims(s.Results, method) {
			if len(domains) == maxClaimed {
				return domains
			}
			if c.Pass && !slices.Contains(domains, c.Domain) {
				domains = append(domains, c.Domain)
			}
		}
	}
	return domains
}
