package milter

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/dkim"
)

// maxLogged bounds what a sender's text takes in a log line, in bytes; the
// handler quotes it.
const maxLogged = 255

func clip(text string) string { return text[:min(len(text), maxLogged)] }

// envelopeAttrs begins every line about a message.
func envelopeAttrs(env auth.Envelope) []slog.Attr {
	return []slog.Attr{
		slog.String("queue_id", clip(env.QueueID)),
		slog.String("client", address(env.IP)),
		slog.String("helo", clip(env.Helo)),
		slog.String("mail_from", clip(env.MailFrom)),
	}
}

func address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// reported is the envelope as the verifier found it: the client is the host behind an internal
// relay. The queue id may have come after the check began.
func (s *session) reported(r *auth.Report) auth.Envelope {
	env := s.env
	if r.Relay.IsValid() {
		env.IP, env.Helo = r.Envelope.IP, r.Envelope.Helo
	}
	return env
}

// logReport writes the line of a message that was checked.
func (s *session) logReport(r *auth.Report) {
	attrs := append(envelopeAttrs(s.reported(r)),
		slog.String("from", authors(r)),
		slog.String("spf", string(r.SPF.Result)),
		slog.String("dkim", signatures(r)),
		slog.String("dmarc", string(r.DMARC.Result)),
		slog.String("arc", string(r.ARC.Result)),
		slog.String("iprev", string(r.IPRev.Result)),
		slog.String("compauth", string(r.Verdict.Result)),
		slog.String("reason", r.Verdict.Reason.String()),
	)
	attrs = append(attrs, senderAttrs(r)...)
	if r.Exempt != "" {
		attrs = append(attrs, slog.String("exempt", string(r.Exempt)))
	}
	if r.Override.ODA {
		attrs = append(attrs, slog.Int("oda", 1), slog.String("sealer", r.ARC.Sets[len(r.ARC.Sets)-1].Seal.Domain))
	}
	if r.ARC.Reason != "" {
		attrs = append(attrs, slog.String("arc_reason", r.ARC.Reason))
	}
	if r.Forged > 0 {
		attrs = append(attrs, slog.Int("removed", r.Forged))
	}
	if err := trouble(r); err != nil {
		attrs = append(attrs, slog.String("error", clip(err.Error())))
	}
	if r.Disposition.Text != "" {
		attrs = append(attrs, slog.String("text", r.Disposition.Text))
	}
	attrs = append(attrs,
		slog.String("disposition", r.Disposition.Action.String()),
		slog.Duration("duration", r.Duration.Round(time.Microsecond)),
		slog.Int("dns_queries", r.Queries),
		slog.Int("dns_hits", r.Hits),
	)
	s.server.Log.LogAttrs(context.Background(), slog.LevelInfo, "message", attrs...)
}

// senderAttrs says what sent the message, as far as there is something to say.
func senderAttrs(r *auth.Report) (attrs []slog.Attr) {
	if r.Relay.IsValid() {
		attrs = append(attrs, slog.String("relay", r.Relay.String()))
	}
	if r.Infrastructure != "" {
		attrs = append(attrs, slog.String("infrastructure", clip(r.Infrastructure)))
	}
	if r.Entry != nil {
		attrs = append(attrs, slog.String("entry", clip(r.Entry.String())))
	}
	return attrs
}

// trouble is the first error behind the results: why one is temperror or permerror.
func trouble(r *auth.Report) error {
	errs := []error{r.DMARC.Err, r.SPF.Err}
	for _, o := range r.DKIM {
		errs = append(errs, o.Err)
	}
	for _, err := range append(errs, r.ARC.Err, r.SealErr) {
		if err != nil && !errors.Is(err, arc.ErrNoMoreSets) {
			return err
		}
	}
	return nil
}

// logUnchecked writes the line of a message for which there is no report.
func (s *session) logUnchecked(d auth.Disposition) {
	attrs := append(envelopeAttrs(s.env),
		slog.String("disposition", d.Action.String()),
		slog.String("text", d.Text),
		slog.Duration("duration", time.Since(s.msg.began).Round(time.Microsecond)),
	)
	s.server.Log.LogAttrs(context.Background(), slog.LevelInfo, "message", attrs...)
	s.server.Observer.Unchecked(d)
}

// logAborted notes a message that the client did not finish.
func (s *session) logAborted() {
	s.server.Log.LogAttrs(context.Background(), slog.LevelDebug, "message aborted", envelopeAttrs(s.env)...)
	s.server.Observer.Aborted()
}

// authors lists the author domains.
func authors(r *auth.Report) string {
	var domains []string
	for _, a := range r.Authors.List[:min(len(r.Authors.List), auth.MaxAuthors)] {
		domains = append(domains, a.Domain)
	}
	return clip(strings.Join(domains, ","))
}

// signatures lists the results of the signatures, in header order.
func signatures(r *auth.Report) string {
	if len(r.DKIM) == 0 && r.Exempt == "" {
		return string(dkim.None)
	}
	var results []string
	for _, o := range r.DKIM {
		results = append(results, string(o.Result))
	}
	return clip(strings.Join(results, ","))
}
