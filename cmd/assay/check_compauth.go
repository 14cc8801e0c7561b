package main

import (
	"fmt"
	"strings"

	"assay/auth"
	"assay/compauth"
)

// explainCompauth says what the composite verdict is, what it means, which rule gave it, on what
// evidence, and who can do something about it.
func explainCompauth(r *auth.Report, line func(what, format string, args ...any)) {
	v := &r.Verdict
	line("compauth", "%s reason=%s%s%s", v.Result, v.Reason, prefixed(" for ", verdictDomain(r)), prefixed(": ", explanationOf(v).Meaning))
	if r.Infrastructure != "" {
		line("", "sent by %s", r.Infrastructure)
	}
	if r.Entry != nil {
		line("", "%s", explainEntry(r))
	}
	for _, text := range evidence(r) {
		line("", "%s", text)
	}
	line("", "%s", explainFix(v))
	for _, step := range ruleWalk(r) {
		line("  rule "+step.Rule.Number, "%s: %s", step.State, step.Rule.Doc)
	}
}

// explainRelay says through whom the message came.
func explainRelay(r *auth.Report) string {
	text := fmt.Sprintf("%s, an internal relay, brought the message; ", addr(r.Relay))
	switch {
	case r.Exempt == auth.TrustedNetwork:
		return text + "it was made by a host of our own"
	case r.Lost:
		return text + "its Received fields do not tell who gave it to the relay"
	}
	return text + fmt.Sprintf("the client behind it is %s%s", addr(r.Envelope.IP), prefixed(", HELO ", r.Envelope.Helo))
}

// verdictDomain is the From domain that the verdict is about; "" when it is about the whole message.
func verdictDomain(r *auth.Report) string {
	if i := r.Verdict.Author; i >= 0 {
		return r.Evidence.Authors[i].Domain
	}
	return ""
}

// explanationOf is what is documented about the verdict's reason.
func explanationOf(v *compauth.Verdict) compauth.Explanation {
	row, _ := v.Reason.Explain()
	return row
}

func explainEntry(r *auth.Report) string {
	if r.Entry.Block {
		return "the spoofed senders say: " + r.Entry.String()
	}
	return "the spoofed senders say: " + r.Entry.String() + "; no action is taken"
}

func explainFix(v *compauth.Verdict) string {
	row := explanationOf(v)
	if row.Fix == 0 {
		return row.Advice
	}
	return fmt.Sprintf("who can do something: %s. %s", row.Fix, row.Advice)
}

// ruleWalk is what became of each rule, up to the one that decides.
func ruleWalk(r *auth.Report) []compauth.Step {
	return compauth.Trace(&r.Evidence, r.Verdict.Author)
}

// evidence says in words what was found about the message and each From domain, beyond the
// methods' results. What no rule needs is not looked for.
func evidence(r *auth.Report) []string {
	e := &r.Evidence
	var texts []string
	if e.OwnBounce {
		texts = append(texts, "it is a bounce that returns a message with a signature of our own")
	}
	for i := range e.Authors {
		a := &e.Authors[i]
		if len(e.Authors) > 1 {
			v := compauth.EvaluateAuthor(e, i)
			texts = append(texts, fmt.Sprintf("for %s alone: %s reason=%s", a.Domain, v.Result, v.Reason))
		}
		texts = append(texts, authorEvidence(a)...)
	}
	return texts
}

// authorEvidence says what was found about one From domain.
func authorEvidence(a *compauth.Author) []string {
	var texts []string
	for _, found := range []struct {
		is   bool
		text string
	}{
		{a.Accepted, "{F} is one of our own domains"},
		{a.Vouched, "a trusted ARC sealer vouches for {F}"},
		{a.ContactBounce, "it is a bounce, and the recipients have been in contact with {F}"},
		{a.BodyOnly, "a signature of {F}'s organization fails by nothing but its body hash"},
		{a.SPFFail, "SPF of {F}'s organization forbids the client to send for it"},
		{a.PTRWithin, "a confirmed PTR name of the client is {F} or below it"},
		{a.PTROrg, "a confirmed PTR name of the client is of {F}'s organization"},
		{a.PTRUnconfirmed, "a PTR name of the client is of {F}'s organization, but not confirmed"},
		{a.MX, "an MX host of {F} and a confirmed PTR name of the client belong together"},
		{a.Neighbour, "{F} or an MX host of it has an address in the client's network"},
		{a.History != 0, "the history knows that " + historyPair(a.History) + " belong together"},
	} {
		if found.is {
			texts = append(texts, strings.Replace(found.text, "{F}", a.Domain, 1))
		}
	}
	return texts
}

// historyPair names the pair of a reason, 701 to 704.
func historyPair(reason compauth.Reason) string {
	switch reason {
	case 701:
		return "{F} and the organization of the client's PTR name"
	case 702:
		return "{F} and the verified DKIM domain"
	case 703:
		return "{F} and the client's network"
	}
	return "the author's address and the recipients"
}

type jsonCompauth struct {
	Result         string             `json:"result"`
	Reason         string             `json:"reason"`
	Domain         string             `json:"domain,omitempty"` // that it is about
	Meaning        string             `json:"meaning"`
	Fix            []string           `json:"fix"` // who can do something about it
	Advice         string             `json:"advice"`
	Rule           string             `json:"rule"` // that decides
	Infrastructure string             `json:"infrastructure,omitempty"`
	Entry          string             `json:"entry,omitempty"`
	Evidence       []string           `json:"evidence"`          // in words
	Authors        []jsonAuthor       `json:"authors,omitempty"` // the verdict on each From domain alone
	Rules          []jsonCompauthRule `json:"rules"`             // in order, up to the one that decides
}

type jsonAuthor struct {
	Domain string `json:"domain"`
	Result string `json:"result"`
	Reason string `json:"reason"`
}

type jsonCompauthRule struct {
	Rule  string `json:"rule"`
	State string `json:"state"`
	About string `json:"about"`
}

func compauthJSON(r *auth.Report) *jsonCompauth {
	v := &r.Verdict
	row := explanationOf(v)
	j := &jsonCompauth{Result: string(v.Result), Reason: v.Reason.String(), Domain: verdictDomain(r), Meaning: row.Meaning,
		Fix: append([]string{}, row.Fix.Names()...), Advice: row.Advice, Rule: v.Rule().Number,
		Infrastructure: r.Infrastructure, Evidence: append([]string{}, evidence(r)...)}
	if r.Entry != nil {
		j.Entry = r.Entry.String()
	}
	for i := range r.Evidence.Authors {
		alone := compauth.EvaluateAuthor(&r.Evidence, i)
		j.Authors = append(j.Authors, jsonAuthor{r.Evidence.Authors[i].Domain, string(alone.Result), alone.Reason.String()})
	}
	for _, step := range ruleWalk(r) {
		j.Rules = append(j.Rules, jsonCompauthRule{step.Rule.Number, string(step.State), step.Rule.Doc})
	}
	return j
}
