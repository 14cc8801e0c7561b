package compauth

// A State is what became of a rule.
type State string

// The states, in words that may be shown.
const (
	Decides     State = "decides" // the first rule that matches; no Step follows
	Leads       State = "yes"     // rule 20, which decides nothing
	NoMatch     State = "no"
	OffImplicit State = "left out: implicit is off" // Evidence.Implicit is false
	OffHintless State = "left out: rule 20 matched" // after Leads
)

// A Step is what became of one rule on the way to a verdict.
type Step struct {
	Rule  *Rule // not to be changed
	State State
}

// Trace says for each rule in order what became of it, up to the one that decides.
// The author is Verdict.Author; one that is no index into Evidence.Authors is allowed
// where a rule about the whole message decides, as -1 is then, and panics elsewhere.
func Trace(e *Evidence, author int) []Step {
	var a *Author
	hints := true
	steps := make([]Step, 0, len(rules))
	for i := range rules {
		r := &rules[i]
		if !r.Message && a == nil {
			a = &e.Authors[author]
		}
		state := r.state(e, a, e.Implicit, hints)
		steps = append(steps, Step{r, state})
		switch state {
		case Leads:
			hints = false
		case Decides:
			return steps
		}
	}
	return steps
}

// state tells what becomes of a rule that is reached; hints is false after rule 20.
func (r *Rule) state(e *Evidence, a *Author, implicit, hints bool) State {
	switch {
	case r.Implicit && !implicit:
		return OffImplicit
	case r.hint && !hints:
		return OffHintless
	case !r.when(e, a):
		return NoMatch
	case r.Result == "":
		return Leads
	}
	return Decides
}
