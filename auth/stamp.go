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
	SpamFlag       bool            // we may write X-Spam-Flag (Policy.Flag): one that comes with a message goes
}

// edits lists the changes to the header: the deletions, then insertions, each above
// the one before.
func (st Stamp) edits(r *Report, deletions []Edit) []Edit {
	edits := deletions
	if r.Disposition.Flag {
		edits = append(edits, Edit{Name: spamFlag, Value: "YES"})
	}
	if st.ReceivedSPF && r.Exempt == "" {
		edits = append(edits, Edit{Name: receivedSPF, Value: st.receivedSPF(r)})
	}
	if len(st.Styles) == 0 {
		return append(edits, Edit{Name: authenticationResults, Value: st.field(r, authres.RFC8601)})
	}
	for _, style := range st.Styles {
		edits = append(edits, Edit{Name: authenticationResults, Value: st.field(r, style)})
	}
	return edits
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

// deletions removes the fields that claim to be ours (RFC 8601 section 5), from the
// highest index down, since earlier deletions shift later indexes on some MTAs. Of the
// other fields that are written, those that come with a message go as well.
func (st Stamp) deletions(h message.Header) []Edit {
	always := func(string) bool { return true }
	edits := deletions(h, authenticationResults, st.removes)
	if st.ReceivedSPF {
		edits = append(edits, deletions(h, receivedSPF, always)...)
	}
	if st.SpamFlag {
		edits = append(edits, deletions(h, spamFlag, always)...)
	}
	return edits
}

// deletions removes the fields of a name for whose value remove is true, and those whose value is not
// known.
func deletions(h message.Header, name string, remove func(value string) bool) []Edit {
	var edits []Edit
	index := 0
	for i := range h {
		f := &h[i]
		if !f.Is(name) {
			continue
		}
		index++
		if f.Unread || remove(f.Value()) {
			edits = append(edits, Edit{Delete: true, Index: index, Name: strings.TrimRight(f.Name, " \t")})
		}
	}
	slices.Reverse(edits)
	return edits
}

// removes tells whether a received Authentication-Results field has to go. Readers of
// the microsoft dialect know no authserv-id: what is not plainly another host's goes.
func (st Stamp) removes(value string) bool {
	switch {
	case authres.IsFrom(value, st.AuthServID):
		return true
	case st.trusts(value):
		return false
	case st.RemoveAll:
		return true
	}
	return st.writesMicrosoft() && !plainlyForeign(value)
}

// plainlyForeign tells whether a field follows the RFC's grammar and has a host name
// for authserv-id.
func plainlyForeign(value string) bool {
	r, err := authres.Parse(value)
	_, ok := authres.AuthServID(value)
	return ok && err == nil && strings.Contains(r.AuthServID, ".")
}

// trusts tells whether a field is by one of TrustedIDs.
func (st Stamp) trusts(value string) bool {
	id, ok := authres.AuthServID(value)
	return ok && !authres.IsFrom(value, st.AuthServID) && slices.ContainsFunc(st.TrustedIDs, func(trusted string) bool {
		return strings.EqualFold(id, trusted)
	})
}

// writesMicrosoft tells whether our own fields may lack the authserv-id.
func (st Stamp) writesMicrosoft() bool {
	return slices.Contains(st.Styles, authres.Microsoft)
}
