package spf

import (
	"context"
	"strings"

	"assay/auth/dns"
)

// maxExplanation bounds an explanation, in bytes. A line of an SMTP reply has
// 512 (RFC 5321 section 4.5.3.1.5), of which the reply needs some itself.
const maxExplanation = 400

// explain returns the explanation of a fail, one line of printable ASCII, and
// "" when there is none or anything is wrong with it (RFC 7208 section 6.2).
// It counts no terms and no void lookups: the result is certain by now.
func (e *evaluation) explain(ctx context.Context, v verdict) string {
	if v.exp == nil {
		return ""
	}
	aside := *e
	aside.explaining = true
	name, err := aside.expandName(ctx, v.exp, v.domain)
	if err != nil {
		return ""
	}
	answer, err := aside.query(ctx, name, dns.TypeTXT)
	if err != nil || len(answer.Texts) != 1 {
		return ""
	}
	m, _, err := parseMacros(answer.Texts[0], explainString)
	if err != nil {
		return ""
	}
	return aside.expandText(ctx, m, v.domain)
}

// expandText expands an explain-string until it is long enough.
func (e *evaluation) expandText(ctx context.Context, m macroString, domain string) string {
	var b strings.Builder
	for i := range m {
		value, err := e.expandPart(ctx, &m[i], domain)
		if err != nil {
			return ""
		}
		b.WriteString(value)
		if b.Len() > maxExplanation {
			break
		}
	}
	return printable(b.String(), maxExplanation)
}

// printable cuts s to max bytes and replaces what isn't printable ASCII: the
// explanation may be a reply line, where a line break would be a reply of the
// sender's making.
func printable(s string, max int) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == max {
			break
		}
		if r < ' ' || r > '~' {
			r = '?'
		}
		b.WriteByte(byte(r))
	}
	return b.String()
}
