package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/spf"
)

// The JSON of assay check: one object; keys are only ever added.
type jsonReport struct {
	Client      string          `json:"client"`
	Helo        string          `json:"helo"`
	MailFrom    string          `json:"mail_from"`
	Rcpt        []string        `json:"rcpt,omitempty"`
	Relay       string          `json:"relay,omitempty"`  // an internal one; client and helo are those behind it
	Lost        bool            `json:"lost,omitempty"`   // the client behind it is not known
	Excess      string          `json:"excess,omitempty"` // which limit the header is past
	Exempt      string          `json:"exempt,omitempty"`
	IPRev       *jsonIPRev      `json:"iprev,omitempty"`
	SPF         *jsonSPF        `json:"spf,omitempty"`
	SPFHelo     *jsonSPF        `json:"spf_helo,omitempty"`
	DKIM        []jsonDKIM      `json:"dkim,omitempty"`
	DMARC       []jsonDMARC     `json:"dmarc,omitempty"` // one per author domain
	ARC         *jsonARC        `json:"arc,omitempty"`
	Compauth    *jsonCompauth   `json:"compauth"`
	Disposition jsonDisposition `json:"disposition"`
	Removed     []jsonField     `json:"removed,omitempty"`
	Stamped     []jsonField     `json:"stamped"`            // from the top of the header
	LeftOut     *leftOut        `json:"left_out,omitempty"` // what could not be had
}

type jsonIPRev struct {
	Result    string   `json:"result"`
	Names     []string `json:"names,omitempty"`
	Confirmed []string `json:"confirmed,omitempty"`
	Error     string   `json:"error,omitempty"`
}

type jsonSPF struct {
	Result      string `json:"result"`
	Domain      string `json:"domain"`
	Mechanism   string `json:"mechanism,omitempty"`
	Explanation string `json:"explanation,omitempty"`
	Lookups     int    `json:"lookups"`
	Voids       int    `json:"voids"`
	Error       string `json:"error,omitempty"`
}

type jsonDKIM struct {
	Result           string `json:"result"`
	Reason           string `json:"reason"`
	Domain           string `json:"domain"`
	Identity         string `json:"identity"`
	Selector         string `json:"selector"`
	Algorithm        string `json:"algorithm"`
	Canonicalization string `json:"canonicalization"`
	KeyBits          int    `json:"key_bits"`
	Testing          bool   `json:"testing"`
	Error            string `json:"error,omitempty"`
}

type jsonDMARC struct {
	Result       string `json:"result"`
	Domain       string `json:"domain"`
	Organization string `json:"organization,omitempty"`
	RecordAt     string `json:"record_at,omitempty"`
	Published    string `json:"published,omitempty"`
	Policy       string `json:"policy,omitempty"`
	SPFAligned   bool   `json:"spf_aligned"`
	DKIMAligned  bool   `json:"dkim_aligned"`
	Error        string `json:"error,omitempty"`
}

type jsonDisposition struct {
	Action string `json:"action"`
	Code   int    `json:"code,omitempty"`
	Status string `json:"status,omitempty"`
	Text   string `json:"text,omitempty"`
}

type jsonField struct {
	Name  string `json:"name"`
	Index int    `json:"index,omitempty"` // of a removed field, from 1 at the top
	Value string `json:"value,omitempty"` // of a stamped field, with its folds
}

func (c checked) json() string {
	r := c.Report
	j := jsonReport{
		Client: addr(r.Envelope.IP), Helo: r.Envelope.Helo, MailFrom: r.Envelope.MailFrom, Rcpt: r.Envelope.Rcpt,
		Relay:       addr(r.Relay),
		Lost:        r.Lost,
		Excess:      r.Envelope.Excess,
		Exempt:      string(r.Exempt),
		Compauth:    compauthJSON(r),
		Disposition: jsonDisposition{r.Disposition.Action.String(), r.Disposition.Code, r.Disposition.Status, r.Disposition.Text},
	}
	if c.left != (leftOut{}) {
		j.LeftOut = &c.left
	}
	if r.Exempt == "" {
		j.methods(r)
		j.ARC = arcJSON(r, c.sealers)
	}
	for _, e := range r.Edits {
		if e.Delete {
			j.Removed = append(j.Removed, jsonField{Name: e.Name, Index: e.Index})
		} else {
			j.Stamped = append([]jsonField{{Name: e.Name, Value: e.Value}}, j.Stamped...)
		}
	}
	text, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and lists only: it can't
	}
	return plainJSON(string(text)) + "\n"
}

// plainJSON escapes what JSON may hold and a terminal acts upon: C1 controls and what
// changes the order of text.
func plainJSON(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String()
}

func (j *jsonReport) methods(r *auth.Report) {
	j.IPRev = iprevJSON(r.IPRev)
	j.SPF = spfJSON(&r.SPF)
	j.SPFHelo = spfJSON(r.SPFHelo)
	for _, o := range r.DKIM {
		j.DKIM = append(j.DKIM, dkimJSON(o))
	}
	for _, o := range r.Authored {
		j.DMARC = append(j.DMARC, dmarcJSON(o))
	}
}

func iprevJSON(o iprev.Outcome) *jsonIPRev {
	return &jsonIPRev{string(o.Result), o.Names, o.Confirmed, errorText(o.Err)}
}

func spfJSON(o *spf.Outcome) *jsonSPF {
	if o == nil {
		return nil
	}
	return &jsonSPF{string(o.Result), o.Domain, o.Mechanism, o.Explanation, o.Lookups, o.Voids, errorText(o.Err)}
}

func dkimJSON(o dkim.Outcome) jsonDKIM {
	return jsonDKIM{string(o.Result), o.Reason, o.Domain, o.Identity, o.Selector, o.Algorithm, o.Canonicalization,
		o.KeyBits, o.Testing, errorText(o.Err)}
}

func dmarcJSON(o dmarc.Outcome) jsonDMARC {
	return jsonDMARC{string(o.Result), o.Author, o.OrgDomain, o.RecordAt, string(o.Published), string(o.Policy),
		o.SPFAligned, o.DKIMAligned, errorText(o.Err)}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
