package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"assay/auth/authres"
	"assay/auth/message"
)

// Limits of what is explained of one input: it may be written to make the output long.
const (
	maxExplained = 300 // results
	maxShownText = 300 // characters of a text from the input
)

// An explained is what assay explain says; the JSON is one object, keys are only ever
// added. All text from the input is clean.
type explained struct {
	Fields []explainedField `json:"fields"`
	Sets   []explainedSet   `json:"arc_sets,omitempty"` // the newest first
	More   int              `json:"more,omitempty"`     // results that are not explained, because there are too many
	Stop   int              `json:"body_at,omitempty"`  // the blank line, from 1, behind which nothing was read; 0: all was

	shown int // results in Fields
}

type explainedField struct {
	Name     string            `json:"field"`
	Instance int               `json:"instance,omitempty"` // of an ARC set
	Writer   string            `json:"authserv_id,omitempty"`
	Own      bool              `json:"own"` // the authserv-id is this host's
	Origin   string            `json:"origin"`
	Problem  string            `json:"problem,omitempty"` // what could not be read
	Results  []explainedResult `json:"results,omitempty"`
}

// An explainedSet is what the seals of one ARC set claim; nothing is verified.
type explainedSet struct {
	Instance int    `json:"instance"`
	Results  bool   `json:"results"`          // there is an ARC-Authentication-Results
	Signer   string `json:"signer,omitempty"` // d= of the ARC-Message-Signature
	Sealer   string `json:"sealer,omitempty"` // d= of the ARC-Seal
	CV       string `json:"cv,omitempty"`
}

// writers are the authserv-ids that can be believed.
type writers struct {
	own     string
	trusted []string
}

// explainFields explains fields of the kinds that kindOf knows.
func explainFields(fields message.Header, w writers) *explained {
	e := &explained{Fields: []explainedField{}}
	sets := map[int]*explainedSet{}
	for _, f := range fields {
		switch kind := kindOf(f); kind {
		case resultsField, keptResultsField, arcResultsField:
			e.addResults(f, kind, w, sets)
		case receivedSPFField:
			e.addReceivedSPF(f)
		case arcSealField:
			if s := setOf(sets, f); s != nil {
				s.Sealer, s.CV = claimedTag(f, "d"), claimedTag(f, "cv")
			}
		case arcSignatureField:
			if s := setOf(sets, f); s != nil {
				s.Signer = claimedTag(f, "d")
			}
		}
	}
	for i := maxARCInstance; i > 0; i-- {
		if s := sets[i]; s != nil {
			e.Sets = append(e.Sets, *s)
		}
	}
	return e
}

// maxARCInstance is the highest instance of an ARC set (RFC 8617 section 4.2.1).
const maxARCInstance = 50

// add appends a field with what its results mean, as far as the limit allows.
func (e *explained) add(f explainedField, results []authres.Result) {
	kept := min(len(results), maxExplained-e.shown)
	e.shown += kept
	e.More += len(results) - kept
	from := fromDomain(results)
	for i := range results[:kept] {
		f.Results = append(f.Results, explainResult(&results[i], from))
	}
	if kept > 0 || len(e.Fields) < maxExplained {
		e.Fields = append(e.Fields, f)
	}
}

// addResults explains an Authentication-Results or ARC-Authentication-Results field.
func (e *explained) addResults(f message.Field, kind fieldKind, w writers, sets map[int]*explainedSet) {
	var results authres.Results
	var err error
	field := explainedField{Name: fieldName(f)}
	if kind == arcResultsField {
		field.Instance, results, err = authres.ParseARC(f.Value())
		if s := setOf(sets, f); s != nil {
			s.Results = true
		}
	} else {
		results, err = parseResults(f.Value())
	}
	field.Writer = shownText(results.AuthServID)
	field.Own = kind == resultsField && w.own != "" && strings.EqualFold(results.AuthServID, w.own)
	field.Origin = w.origin(kind, results.AuthServID)
	if err != nil {
		field.Problem = shownText(strings.TrimPrefix(err.Error(), "authres: "))
	}
	e.add(field, results.Results)
}

// parseResults reads the value of an Authentication-Results field. Microsoft 365 used to write
// the recipient's domain between the results.
func parseResults(value string) (authres.Results, error) {
	results, err := authres.Parse(value)
	if err == nil || len(value) > maxTagText {
		return results, err
	}
	parts := strings.Split(value, ";")
	kept := slices.DeleteFunc(parts[1:], func(part string) bool {
		_, err := message.ToASCII(strings.TrimSpace(part))
		return err == nil && strings.Contains(part, ".")
	})
	if again, err := authres.Parse(strings.Join(append(parts[:1], kept...), ";")); err == nil {
		return again, nil
	}
	return results, err
}

// origin says who wrote a field, and what that is worth.
func (w writers) origin(kind fieldKind, id string) string {
	isID := func(other string) bool { return strings.EqualFold(id, other) }
	switch {
	case kind == arcResultsField:
		return "What a host on the way found. It counts only if the ARC chain validates and its sealer is trusted; assay check tells."
	case kind == receivedSPFField:
		return "Anybody can write such a field. Believe it only if it stands above the Received field of your own host."
	case kind == keptResultsField:
		return "A host on the way kept it under this name, or anybody wrote it: nothing removes forged ones, so don't rely on it."
	case id == "":
		return "It names no host, as Microsoft 365 writes it. Anybody can write such a field: believe it only if your own host or provider wrote it."
	case isID(w.own):
		return "The authserv-id is that of this host. It can be believed if the message came in through assay here, which removes forged fields; elsewhere anybody can write it."
	case slices.ContainsFunc(w.trusted, isID):
		return "The authserv-id is listed in trusted_authserv_ids. It can be believed if the message came in through that host, and it removes forged fields."
	}
	return fmt.Sprintf("Anybody can write such a field, and it may be forged: believe it only if %s is a host of yours or of your provider, which removes forged fields.", quotedText(id))
}

// setOf is the ARC set that a field is part of; nil when it names none.
func setOf(sets map[int]*explainedSet, f message.Field) *explainedSet {
	i := authres.Instance(tag(f, "i"))
	if i == 0 {
		return nil
	}
	if sets[i] == nil {
		sets[i] = &explainedSet{Instance: i}
	}
	return sets[i]
}

// maxTagText bounds how much of a field is searched for a tag, in bytes.
const maxTagText = 16 << 10

// tag is the value of a tag of a list such as DKIM's (RFC 6376 section 3.2) without its
// white space; "" when it is missing.
func tag(f message.Field, name string) string {
	value := f.Value()
	for part := range strings.SplitSeq(value[:min(len(value), maxTagText)], ";") {
		if key, text, ok := strings.Cut(part, "="); ok && strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(text), "")
		}
	}
	return ""
}

func claimedTag(f message.Field, name string) string { return shownText(tag(f, name)) }

// fieldName is the name of a field of a known kind, as it was written.
func fieldName(f message.Field) string { return shownText(strings.TrimRight(f.Name, " \t\r\n")) }

// shownText is text of the input that may be shown: clean, and cut when it is long.
func shownText(text string) string { return clean(cutText(text)) }

// cutText cuts text at maxShownText characters.
func cutText(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxShownText {
			return text[:i] + "…"
		}
	}
	return text
}

// quotedText is text of the input in a sentence or behind an equals sign: in quotes when it
// could be taken for more than one word.
func quotedText(text string) string {
	special := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`";()`, r) }
	if text == "" || len(text) > maxShownText || strings.ContainsFunc(text, special) {
		return strconv.Quote(shownText(text))
	}
	return text
}
