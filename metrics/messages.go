package metrics

import (
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"assay/arc"
	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dmarc"
	"assay/auth/iprev"
	"assay/auth/spf"
)

// The results of the methods, as they are written in Authentication-Results. Those of DKIM are in
// the order by which one signature is better than another.
var (
	spfResults   = [...]spf.Result{spf.Pass, spf.Fail, spf.SoftFail, spf.Neutral, spf.None, spf.TempError, spf.PermError}
	dkimResults  = [...]dkim.Result{dkim.Pass, dkim.TempError, dkim.Policy, dkim.Fail, dkim.PermError, dkim.Neutral, dkim.None}
	dmarcResults = [...]dmarc.Result{dmarc.Pass, dmarc.Fail, dmarc.None, dmarc.TempError, dmarc.PermError}
	arcResults   = [...]arc.Result{arc.Pass, arc.Fail, arc.None}
	iprevResults = [...]iprev.Result{iprev.Pass, iprev.Fail, iprev.TempError, iprev.PermError}
)

// messages are the metrics of what happens to messages.
type messages struct {
	verdicts     verdicts
	dispositions [auth.Reject + 1]prometheus.Counter // by Action

	spf        family[spf.Result]
	dkim       family[dkim.Result]
	dmarc      family[dmarc.Result]
	arc        family[arc.Result]
	iprev      family[iprev.Result]
	signatures family[dkim.Result]

	smtpAuth, trustedNetwork prometheus.Counter // exempt
	longHeader, manyRcpts    prometheus.Counter // past a limit
	unchecked, aborted       prometheus.Counter
	forged, sealErrors       prometheus.Counter

	answer, evaluation, questions prometheus.Histogram
}

func newMessages(r prometheus.Registerer) messages {
	results := newCounters(r, "assay_results_total")
	exempt := newCounters(r, "assay_messages_exempt_total")
	excess := newCounters(r, "assay_messages_past_limit_total")
	m := messages{
		verdicts: newVerdicts(newCounters(r, "assay_messages_total")),

		spf:        newFamily(results, spfResults[:], "spf"),
		dkim:       newFamily(results, dkimResults[:], "dkim"),
		dmarc:      newFamily(results, dmarcResults[:], "dmarc"),
		arc:        newFamily(results, arcResults[:], "arc"),
		iprev:      newFamily(results, iprevResults[:], "iprev"),
		signatures: newFamily(newCounters(r, "assay_dkim_signatures_total"), dkimResults[:len(dkimResults)-1]),

		smtpAuth:       exempt.WithLabelValues("smtp_auth"),
		trustedNetwork: exempt.WithLabelValues("trusted_network"),
		longHeader:     excess.WithLabelValues("header"),
		manyRcpts:      excess.WithLabelValues("recipients"),
		unchecked:      newCounter(r, "assay_messages_unchecked_total"),
		aborted:        newCounter(r, "assay_messages_aborted_total"),
		forged:         newCounter(r, "assay_forged_fields_total"),
		sealErrors:     newCounter(r, "assay_arc_seal_errors_total"),

		answer:     newHistogram(r, "assay_message_answer_seconds"),
		evaluation: newHistogram(r, "assay_message_evaluation_seconds"),
		questions:  newHistogram(r, "assay_message_dns_questions"),
	}
	dispositions := newCounters(r, "assay_dispositions_total")
	for i := range m.dispositions {
		m.dispositions[i] = dispositions.WithLabelValues(auth.Action(i).String())
	}
	return m
}

// Checked implements milter.Observer.
func (m *messages) Checked(r *auth.Report, took time.Duration) {
	m.verdicts.of(r.Verdict).Inc()
	m.dispositions[r.Disposition.Action].Inc()
	switch r.Exempt {
	case "":
		m.results(r)
	case auth.SMTPAuth:
		m.smtpAuth.Inc()
	case auth.TrustedNetwork:
		m.trustedNetwork.Inc()
	}
	if r.Envelope.Excess != "" {
		m.longHeader.Inc()
	}
	if r.Envelope.MoreRcpt {
		m.manyRcpts.Inc()
	}
	if r.SealErr != nil && !errors.Is(r.SealErr, arc.ErrNoMoreSets) {
		m.sealErrors.Inc()
	}
	m.forged.Add(float64(r.Forged))
	m.answer.Observe(took.Seconds())
	m.evaluation.Observe(r.Duration.Seconds())
	m.questions.Observe(float64(r.Queries))
}

// results counts what the methods found.
func (m *messages) results(r *auth.Report) {
	m.spf.inc(r.SPF.Result)
	m.dmarc.inc(r.DMARC.Result)
	m.arc.inc(r.ARC.Result)
	m.iprev.inc(r.IPRev.Result)
	best := len(dkimResults) - 1
	for i := range r.DKIM {
		if r.Envelope.Excess == "" { // else it stands for signatures that were not looked at
			m.signatures.inc(r.DKIM[i].Result)
		}
		if n := slices.Index(dkimResults[:], r.DKIM[i].Result); n >= 0 {
			best = min(best, n)
		}
	}
	m.dkim.inc(dkimResults[best])
}

// Unchecked implements milter.Observer.
func (m *messages) Unchecked(d auth.Disposition) {
	m.unchecked.Inc()
	m.dispositions[d.Action].Inc()
}

// Aborted implements milter.Observer.
func (m *messages) Aborted() { m.aborted.Inc() }
