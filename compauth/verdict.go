package compauth

// A Verdict is the result for one message. The zero value is no verdict: its Result is "".
type Verdict struct {
	Result Result
	Reason Reason
	Author int // whose verdict counts: an index into Evidence.Authors; -1 when no From domain decided

	rule int // index into rules
}

// Rule is the row of the table that decided; it is not to be changed.
func (v Verdict) Rule() *Rule { return &rules[v.rule] }

// Evaluate goes through the rules: the first that matches decides. Of several From
// domains each is evaluated, and the worst verdict counts. It neither blocks nor allocates.
func Evaluate(e *Evidence) Verdict {
	for i := range messageRules {
		if r := &messageRules[i]; r.when(e, nil) {
			return r.verdict(i, -1, nil)
		}
	}
	worst := EvaluateAuthor(e, 0)
	for n := 1; n < len(e.Authors); n++ {
		if v := EvaluateAuthor(e, n); v.worse(worst) {
			worst = v
		}
	}
	return worst
}

// EvaluateAuthor is the verdict on one From domain alone, by the rules from 6 on. The
// author is an index into Evidence.Authors; it panics when it is none.
func EvaluateAuthor(e *Evidence, author int) Verdict { return e.author(author, e.Implicit) }

// EvaluateAuthorImplicit is EvaluateAuthor as if Evidence.Implicit were true.
func EvaluateAuthorImplicit(e *Evidence, author int) Verdict { return e.author(author, true) }

func (e *Evidence) author(author int, implicit bool) Verdict {
	a := &e.Authors[author]
	hints := true
	for i := 0; ; i++ {
		r := &authorRules[i]
		switch r.state(e, a, implicit, hints) {
		case Leads:
			hints = false
		case Decides:
			return r.verdict(firstOfAuthor+i, author, a)
		}
	}
}

func (r *Rule) verdict(rule, author int, a *Author) Verdict {
	v := Verdict{Result: r.Result, Reason: r.Reason, Author: author, rule: rule}
	if v.Reason == anyHistory {
		v.Reason = a.History
	}
	return v
}

// worse orders the verdicts on two From domains: of two that fail the one whose rule
// comes first is worse, of others the one whose rule comes later.
func (v Verdict) worse(other Verdict) bool {
	switch a, b := v.Result.badness(), other.Result.badness(); {
	case a != b:
		return a > b
	case v.Result == Fail:
		return v.rule < other.rule
	}
	return v.rule > other.rule
}

func (r Result) badness() int {
	switch r {
	case Pass:
		return 0
	case SoftPass:
		return 1
	case None:
		return 2
	}
	return 3
}
