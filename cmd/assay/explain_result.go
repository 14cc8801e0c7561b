package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"assay/auth/authres"
	"assay/compauth"
)

// An explainedResult is one result and what is to be said about it.
type explainedResult struct {
	Method string   `json:"method"`
	Value  string   `json:"result"`
	Reason string   `json:"reason,omitempty"`
	Shown  string   `json:"text"`  // as it was written, nearly
	Means  []string `json:"means"` // sentences
	Advice []advice `json:"advice,omitempty"`
}

// Advice is who can fix something and how.
type advice struct {
	Fix []string `json:"fix"` // none: nobody needs to
	How string   `json:"how"`
}

// explainResult explains a result of a field; from is the From domain by its other results, "" when
// they don't tell.
func explainResult(r *authres.Result, from string) explainedResult {
	e := explainedResult{Method: shownText(r.Method), Value: shownText(r.Value), Reason: shownText(r.Reason), Shown: shownResult(r)}
	m, known := findMeaning(r.Method, r.Value)
	if !known {
		e.Means = []string{unknownResult(r)}
		return e
	}
	e.means(m.means, identityOf(r, from))
	for _, remark := range remarksOn(r) {
		e.means(remark.means, "")
		if remark.how != "" {
			e.advise(remark.fix, remark.how)
		}
	}
	switch r.Method {
	case "compauth":
		e.explainReason(r.Reason)
	case "arc":
		e.explainChain(r.Comment)
	}
	if len(e.Advice) == 0 && m.how != "" {
		e.advise(m.fix, m.how)
	}
	return e
}

// means adds a sentence that was not said yet; who takes the place of {who}.
func (e *explainedResult) means(sentence, who string) {
	if sentence = strings.ReplaceAll(sentence, "{who}", who); !slices.Contains(e.Means, sentence) {
		e.Means = append(e.Means, sentence)
	}
}

// advise adds advice that was not given yet.
func (e *explainedResult) advise(fix compauth.Parties, how string) {
	for _, a := range e.Advice {
		if a.How == how {
			return
		}
	}
	e.Advice = append(e.Advice, advice{Fix: append([]string{}, fix.Names()...), How: how})
}

// unknownResult says what is known of a result that the table lacks.
func unknownResult(r *authres.Result) string {
	for _, m := range methodNames {
		if m.method == r.Method {
			return fmt.Sprintf("The result %s of %s is not known to assay; the documentation of the host that wrote it may help.", quotedText(r.Value), m.name)
		}
	}
	return fmt.Sprintf("The method %s is not known to assay; the documentation of the host that wrote it may help.", quotedText(r.Method))
}

// remarksOn lists the remarks that apply to a result.
func remarksOn(r *authres.Result) []remark {
	said := strings.ToLower(cutText(r.Comment) + " " + cutText(r.Reason))
	var list []remark
	for _, table := range [...][]remark{dkimRemarks[:], otherRemarks[:]} {
		for _, m := range table {
			if m.method == r.Method && (m.in == "" && holds(said, m.text) || m.in != "" && m.aboutProperty(r)) {
				list = append(list, m)
			}
		}
	}
	return list
}

// maxProperties bounds the properties of one result that are looked at.
const maxProperties = 20

// aboutProperty tells whether a property has the value of the remark, or its comment the words.
func (m *remark) aboutProperty(r *authres.Result) bool {
	for _, p := range r.Properties[:min(len(r.Properties), maxProperties)] {
		if propertyName(p) == m.in && (strings.EqualFold(p.Value, m.text) || holds(strings.ToLower(cutText(p.Comment)), m.text)) {
			return true
		}
	}
	return false
}

// explainReason says what a reason code of compauth means.
func (e *explainedResult) explainReason(code string) {
	row, ok := compauth.ExplainCode(code)
	switch {
	case code == "":
		return
	case !ok:
		e.means("The reason code "+quotedText(code)+" is not documented.", "")
		return
	}
	e.means("Reason "+code+": "+row.Meaning+".", "")
	if row.Code != code {
		e.means("The code itself is not documented, only its family "+row.Code+".", "")
	}
	if string(row.Result) != e.Value {
		e.means("By the documentation this code goes with compauth="+string(row.Result)+": who wrote the field means something else, or it is forged.", "")
	}
	e.advise(row.Fix, row.Advice)
}

// explainChain reads the words of the comment of arc=: "i=2 oda=1 ltdi=2
// spf=[1,1,smtp.mailfrom=example.org]". Microsoft leaves out the name of i.
func (e *explainedResult) explainChain(comment string) {
	words := strings.Fields(cutText(comment))
	for _, word := range words[:min(len(words), maxProperties)] {
		name, value, ok := strings.Cut(word, "=")
		switch inner, bracket := strings.CutPrefix(value, "["); {
		case !ok:
		case bracket:
			e.explainClaim(name, strings.TrimSuffix(inner, "]"))
		case authres.Instance(value) == 0:
		case name == "i":
			e.means("The newest set of the chain is number "+value+".", "")
		case name == "ltdi":
			e.means("Set "+value+" is the newest one by a trusted sealer, who answers for those below.", "")
		}
	}
}

// explainClaim reads what is in the brackets: the instance of a set, whether the result in it
// was a pass, and the identity.
func (e *explainedResult) explainClaim(method, claim string) {
	parts := strings.SplitN(claim, ",", 3)
	if _, known := findMeaning(method, "pass"); !known || len(parts) < 2 || authres.Instance(parts[0]) == 0 {
		return
	}
	what := "was no pass"
	if parts[1] == "1" {
		what = "was a pass"
	}
	if len(parts) == 3 {
		what += " for " + quotedText(parts[2])
	}
	e.means(fmt.Sprintf("By the results of set %s %s %s.", parts[0], method, what), "")
}

// identityOf is whom a result is about, in words.
func identityOf(r *authres.Result, from string) string {
	switch r.Method {
	case "spf":
		return domainIn(r, "the domain in MAIL FROM", "smtp.mailfrom", "smtp.mail", "smtp.helo")
	case "dkim":
		return domainIn(r, "the signing domain", "header.d", "header.i")
	}
	return domainIn(r, cmp.Or(from, "the From domain"), "header.from")
}

// domainIn is the domain of the first of the properties that there is, else what stands for it.
func domainIn(r *authres.Result, missing string, names ...string) string {
	for _, name := range names {
		for _, p := range r.Properties[:min(len(r.Properties), maxProperties)] {
			domain := p.Value[strings.LastIndexByte(p.Value, '@')+1:]
			if propertyName(p) == name && domain != "" && domain != "none" {
				return quotedText(domain)
			}
		}
	}
	return missing
}

// fromDomain is the From domain that a DMARC result of the field names, "" for none.
func fromDomain(results []authres.Result) string {
	for i := range results[:min(len(results), maxExplained)] {
		if r := &results[i]; r.Method == "dmarc" {
			return domainIn(r, "", "header.from")
		}
	}
	return ""
}

func propertyName(p authres.Property) string {
	if p.Type == "" {
		return p.Name
	}
	return p.Type + "." + p.Name
}

// shownResult writes a result in the order of the field, so that nobody takes a part of a
// value or comment for a result of its own.
func shownResult(r *authres.Result) string {
	text := cutText(r.Method) + "=" + cutText(r.Value)
	if r.Reason != "" {
		text += " reason=" + quotedText(r.Reason)
	}
	text += bracketed(r.Comment)
	for _, p := range r.Properties[:min(len(r.Properties), maxProperties)] {
		text += " " + cutText(propertyName(p)) + "=" + quotedText(p.Value) + bracketed(p.Comment)
	}
	return clean(text)
}

func bracketed(comment string) string {
	if comment == "" {
		return ""
	}
	return " (" + strings.NewReplacer("(", "[", ")", "]").Replace(cutText(comment)) + ")"
}
