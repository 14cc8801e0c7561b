package main

import (
	"fmt"
	"strings"
	"unicode"

	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dmarc"
)

// text says step by step what was found and what would be done.
func (c checked) text() string {
	r := c.Report
	var b strings.Builder
	line := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", what, clean(fmt.Sprintf(format, args...)))
	}
	b.WriteString(strings.Join(append(c.notes, c.left.lines()...), "\n") + "\n\n")
	if r.Relay.IsValid() {
		line("relay", "%s", explainRelay(r))
	}
	if r.Envelope.Excess != "" {
		line("header", "%s: not all of it is known", r.Envelope.Excess)
	}
	if r.Exempt != "" {
		line("exempt", "%s: stamped only, nothing is checked", r.Exempt)
	} else {
		explainMethods(r, line)
		explainARC(r, c.sealers, line)
	}
	explainCompauth(r, line)
	if r.SealErr != nil {
		line("seal", "none: %v", r.SealErr)
	}
	line("action", "%s", explainDisposition(r.Disposition))
	explainEdits(&b, r.Edits)
	return b.String()
}

// explainMethods writes a line or more for each method.
func explainMethods(r *auth.Report, line func(what, format string, args ...any)) {
	line("iprev", "%s%s%s", r.IPRev.Result, prefixed(": ", strings.Join(r.IPRev.Names, ", ")), because(r.IPRev.Err))
	line("spf", "%s", explainSPF(r))
	if r.SPFHelo != nil {
		line("spf helo", "%s for %s%s", r.SPFHelo.Result, r.SPFHelo.Domain, because(r.SPFHelo.Err))
	}
	if len(r.DKIM) == 0 {
		line("dkim", "none: the message is not signed")
	}
	for _, o := range r.DKIM {
		line("dkim", "%s", explainDKIM(o))
	}
	if len(r.Authored) > 1 {
		line("from", "%d From domains, the worst result counts", len(r.Authored))
	}
	for _, o := range r.Authored {
		line("dmarc", "%s", explainDMARC(o))
	}
}

func explainSPF(r *auth.Report) string {
	o := r.SPF
	text := fmt.Sprintf("%s for %s", o.Result, o.Domain)
	if o.Mechanism != "" {
		text += fmt.Sprintf(": %q matched, %d terms with DNS lookups, %d void lookups", o.Mechanism, o.Lookups, o.Voids)
	}
	return text + prefixed("; the domain explains: ", o.Explanation) + because(o.Err)
}

func explainDKIM(o dkim.Outcome) string {
	text := string(o.Result) + ": " + o.Reason
	var details []string
	for _, d := range []string{
		prefixed("d=", o.Domain), prefixed("s=", o.Selector), o.Algorithm, o.Canonicalization,
	} {
		if d != "" {
			details = append(details, d)
		}
	}
	if o.KeyBits > 0 {
		details = append(details, fmt.Sprintf("%d-bit key", o.KeyBits))
	}
	if o.Testing {
		details = append(details, "t=y: a test, as good as not signed")
	}
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	return text + because(o.Err)
}

func explainDMARC(o dmarc.Outcome) string {
	text := string(o.Result)
	if o.Author != "" {
		text += " for " + o.Author + ", organization " + o.OrgDomain
	}
	if o.Record != nil {
		text += fmt.Sprintf("; the record at _dmarc.%s asks for %s", o.RecordAt, o.Published)
		if o.Policy != o.Published {
			text += ", as a test for " + string(o.Policy)
		}
	} else if o.Err == nil {
		text += "; there is no DMARC record"
	}
	if o.NonExistent {
		text += "; the domain does not exist"
	}
	return text + explainAlignment(o) + because(o.Err)
}

// explainAlignment names the authenticated identifiers that are aligned.
func explainAlignment(o dmarc.Outcome) string {
	switch {
	case o.SPFAligned && o.DKIMAligned:
		return "; SPF and DKIM pass and are aligned"
	case o.SPFAligned:
		return "; SPF passes and is aligned"
	case o.DKIMAligned:
		return "; DKIM passes and is aligned"
	case o.SPFRelaxed || o.DKIMRelaxed:
		return "; aligned only in relaxed mode, the record asks for strict"
	case o.Author != "":
		return "; nothing that passes is aligned"
	}
	return ""
}

func explainDisposition(d auth.Disposition) string {
	switch {
	case d.Code != 0:
		return fmt.Sprintf("%s: %d %s %s", d.Action, d.Code, d.Status, d.Text)
	case d.Flag:
		return fmt.Sprintf("%s by a flag in the header: %s", d.Action, d.Text)
	case d.Text != "":
		return fmt.Sprintf("%s: %s", d.Action, d.Text)
	}
	return d.Action.String()
}

// explainEdits shows the header fields that would go and come, the latter in
// the order in which they would stand.
func explainEdits(b *strings.Builder, edits []auth.Edit) {
	var stamped []string
	for _, e := range edits {
		if e.Delete {
			fmt.Fprintf(b, "%-10s %s field %d\n", "removed", e.Name, e.Index)
		} else {
			stamped = append(stamped, e.Name+": "+strings.ReplaceAll(e.Value, "\r\n", "\n")+"\n")
		}
	}
	b.WriteString("\n")
	for i := len(stamped) - 1; i >= 0; i-- {
		b.WriteString(stamped[i])
	}
}

// prefixed is text behind a prefix, or nothing.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

// clean keeps what a message says from playing with the terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
