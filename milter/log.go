package milter

import (
	"cmp"
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

// usualAttrs has room for the attributes of a usual line.
const usualAttrs = 24

// appendEnvelope begins every line about a message.
func appendEnvelope(attrs []slog.Attr, env *auth.Envelope) []slog.Attr {
	return append(attrs,
		slog.String("queue_id", clip(env.QueueID)),
		slog.String("client", address(env.IP)),
		slog.String("helo", clip(env.Helo)),
		slog.String("mail_from", clip(env.MailFrom)),
	)
}

func address(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// reported is the envelope as the verifier found it: the client is the host behind an internal
// relay. The queue id may have come after the check began.
func (s *session) reported(r *auth.Report) *auth.Envelope {
	if !r.Relay.IsValid() {
		return &s.env
	}
	env := s.env
	env.IP, env.Helo = r.Envelope.IP, r.Envelope.Helo
	return &env
}

// logReport writes the line of a message that was checked.
func (s *session) logReport(r *auth.Report) {
	ctx, log := context.Background(), s.server.Log
	if !log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := appendEnvelope(make([]slog.Attr, 0, usualAttrs), s.reported(r))
	attrs = append(attrs,
		slog.String("from", authors(r)),
		slog.String("spf", string(r.SPF.Result)),
		slog.String("dkim", signatures(r)),
		slog.String("dmarc", string(r.DMARC.Result)),
		slog.String("arc", string(r.ARC.Result)),
		slog.String("iprev", string(r.IPRev.Result)),
		slog.String("compauth", string(r.Verdict.Result)),
		slog.String("reason", r.Verdict.Reason.String()),
	)
	attrs = appendSender(attrs, r)
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
	logMessage(ctx, log, attrs)
}

// logMessage is log.LogAttrs without looking for the line of the source, which no handler shows.
func logMessage(ctx context.Context, log *slog.Logger, attrs []slog.Attr) {
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "message", 0)
	record.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, record) // as the Logger does
}

// appendSender says what sent the message, as far as there is something to say.
func appendSender(attrs []slog.Attr, r *auth.Report) []slog.Attr {
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
	if r.Envelope.Excess != "" && len(r.DKIM) > 0 {
		return r.DKIM[0].Err
	}
	if err := cmp.Or(r.DMARC.Err, r.SPF.Err); err != nil {
		return err
	}
	for i := range r.DKIM {
		if err := r.DKIM[i].Err; err != nil {
			return err
		}
	}
	if r.ARC.Err != nil || errors.Is(r.SealErr, arc.ErrNoMoreSets) { // the latter is no trouble
		return r.ARC.Err
	}
	return r.SealErr
}

// logUnchecked writes the line of a message for which there is no report.
func (s *session) logUnchecked(d auth.Disposition) {
	attrs := append(appendEnvelope(make([]slog.Attr, 0, usualAttrs), &s.env),
		slog.String("disposition", d.Action.String()),
		slog.String("text", d.Text),
		slog.Duration("duration", time.Since(s.msg.began).Round(time.Microsecond)),
	)
	s.server.Log.LogAttrs(context.Background(), slog.LevelInfo, "message", attrs...)
}

// aborted notes a message that was not finished.
func (s *session) aborted() {
	if ctx, log := context.Background(), s.server.Log; log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "message aborted", appendEnvelope(nil, &s.env)...)
	}
	s.observe(Observer.Aborted)
}

// authors lists the author domains.
func authors(r *auth.Report) string {
	list := r.Authors.List
	if len(list) == 1 {
		return clip(list[0].Domain)
	}
	var domains []string
	for _, a := range list[:min(len(list), auth.MaxAuthors)] {
		domains = append(domains, a.Domain)
	}
	return clip(strings.Join(domains, ","))
}

// signatures lists the results of the signatures, in header order.
func signatures(r *auth.Report) string {
	switch {
	case len(r.DKIM) == 1:
		return string(r.DKIM[0].Result)
	case len(r.DKIM) == 0 && r.Exempt == "":
		return string(dkim.None)
	}
	var results []string
	for i := range r.DKIM {
		results = append(results, string(r.DKIM[i].Result))
	}
	return clip(strings.Join(results, ","))
}
