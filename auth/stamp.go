package auth

import (
	"net/netip"
	"slices"
	"strings"

	"assay/auth/authres"
	"assay/auth/message"
	"assay/auth/spf"
)

// The names of the fields that are written.
const (
	authenticationResults = "Authentication-Results"
	receivedSPF           = "Received-SPF"
	spamFlag              = "X-Spam-Flag"
)

// Stamp says how the results are written into the header, and whose fields are
// removed from it. The zero value writes nothing useful: AuthServID is needed.
type Stamp struct {
	AuthServID     string          // our name in Authentication-Results
	Styles         []authres.Style // a field is written in each; empty means RFC8601
	TrustedIDs     []string        // authserv-ids whose fields stay, also with RemoveAll
	RemoveAll      bool            // remove the fields of every authserv-id
	ReceivedSPF    bool            // also write Received-SPF (RFC 7208 section 9.1)
	SPFFullAddress bool            // smtp.mailfrom is the address, not only its domain
	HideClientIP   bool            // the client's address is not written
}

// edits lists the changes to the header: deletions from the highest index
// down, since earlier ones shift later indexes on some MTAs; then insertions,
// each above the one before.
func (st Stamp) edits(r *Report, h message.Header) []Edit {
	edits := st.deletions(h)
	insert := func(name, value string) {
		edits = append(edits, Edit{Name: name, Value: value})
	}
	if r.Disposition.Flag {
		insert(spamFlag, "YES")
	}
	if st.ReceivedSPF && r.Exempt == "" {
		insert(receivedSPF, st.receivedSPF(r))
	}
	for _, style := range st.styles() {
		insert(authenticationResults, st.field(r, style))
	}
	return edits
}

func (st Stamp) styles() []authres.Style {
	if len(st.Styles) == 0 {
		return []authres.Style{authres.RFC8601}
	}
	return st.Styles
}

// field is the value of the Authentication-Results field in one style.
func (st Stamp) field(r *Report, style authres.Style) string {
	if style == authres.Microsoft {
		return st.microsoft(r).Format(style)
	}
	return st.results(r).Format(style)
}

func (st Stamp) receivedSPF(r *Report) string {
	query := spf.Query{IP: r.Envelope.IP, Helo: r.Envelope.Helo, MailFrom: r.Envelope.MailFrom}
	outcome := r.SPF
	if st.HideClientIP {
		query.IP, outcome.Mechanism, outcome.Err = netip.Addr{}, "", nil // which may tell the address
	}
	return spf.Received(outcome, query, st.AuthServID)
}

// deletions removes the fields that claim to be ours (RFC 8601 section 5).
func (st Stamp) deletions(h message.Header) []Edit {
	var edits []Edit
	index := h.Count(authenticationResults)
	for i := len(h) - 1; i >= 0; i-- {
		if !h[i].Is(authenticationResults) {
			continue
		}
		if st.removes(h[i].Value()) {
			edits = append(edits, Edit{Delete: true, Index: index, Name: h[i].Name})
		}
		index--
	}
	return edits
}

// removes tells whether a received field has to go.
func (st Stamp) removes(value string) bool {
	if authres.IsFrom(value, st.AuthServID) {
		return true
	}
	id, ok := authres.AuthServID(value)
	for _, trusted := range st.TrustedIDs {
		if ok && strings.EqualFold(id, trusted) {
			return false
		}
	}
	return st.RemoveAll || !ok && st.writesMicrosoft()
}

// writesMicrosoft tells whether our own fields may lack the authserv-id.
func (st Stamp) writesMicrosoft() bool {
	return slices.Contains(st.Styles, authres.Microsoft)
}
