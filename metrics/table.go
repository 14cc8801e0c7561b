package metrics

import (
	"slices"

	"assay/compauth/history"
)

// A Description is a metric of ours. Those of the Go runtime and of the process have none.
type Description struct {
	Name   string
	Type   string   // counter, gauge or histogram
	Labels []string // nil for none
	Help   string   // one line; begins in upper case, no full stop

	buckets []float64          // of a histogram
	read    func(*State, emit) // nil of a metric that is not of the State
}

// The types.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// Descriptions lists the metrics of ours, in the order of the documentation.
func Descriptions() []Description { return table() }

// describe finds a metric; it panics when there is none.
func describe(name string) Description {
	all := table()
	i := slices.IndexFunc(all, func(d Description) bool { return d.Name == name })
	if i < 0 {
		panic("metrics: " + name + " is not in the table")
	}
	return all[i]
}

// messageSeconds are bounds for the time of a message, in seconds. The default of milter.message_timeout is 25 s.
func messageSeconds() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 20, 25, 30, 60}
}

func table() []Description {
	return slices.Concat(messageTable(), dnsTable(), sessionTable(), historyTable(), daemonTable())
}

func messageTable() []Description {
	return []Description{
		{Name: "assay_messages_total", Type: counter, Labels: []string{"compauth", "reason"},
			Help: "Messages that were answered as their report says, by composite verdict and reason code"},
		{Name: "assay_results_total", Type: counter, Labels: []string{"method", "result"},
			Help: "Messages by the result of each method that was evaluated: dkim of the best signature, dmarc of the worst From domain"},
		{Name: "assay_dkim_signatures_total", Type: counter, Labels: []string{"result"},
			Help: "DKIM signatures by result"},
		{Name: "assay_dispositions_total", Type: counter, Labels: []string{"disposition"},
			Help: "Messages by what was done with them, those without a report too"},
		{Name: "assay_messages_exempt_total", Type: counter, Labels: []string{"exemption"},
			Help: "Messages that were stamped and not evaluated, because their sender is one of ours"},
		{Name: "assay_messages_past_limit_total", Type: counter, Labels: []string{"limit"},
			Help: "Messages with more header or more recipients than are looked at"},
		{Name: "assay_messages_unchecked_total", Type: counter,
			Help: "Messages that were answered without a report, after an internal error"},
		{Name: "assay_messages_aborted_total", Type: counter,
			Help: "Messages that the client or the MTA did not finish"},
		{Name: "assay_forged_fields_total", Type: counter,
			Help: "Header fields that pretended to be ours"},
		{Name: "assay_arc_seal_errors_total", Type: counter,
			Help: "Messages that were to get an ARC set of ours and got none"},
		{Name: "assay_message_answer_seconds", Type: histogram, buckets: messageSeconds(),
			Help: "Time from the end of a message to its answer"},
		{Name: "assay_message_evaluation_seconds", Type: histogram, buckets: messageSeconds(),
			Help: "Time from the end of the header to the report, the transfer of the body included"},
		{Name: "assay_message_dns_questions", Type: histogram, buckets: []float64{0, 1, 2, 5, 10, 20, 50, 100, 200, 400},
			Help: "DNS questions of a message that the cache did not answer"},
		{Name: "assay_message_timeout_seconds", Type: gauge,
			Help: "How long the lookups for a message may take (milter.message_timeout)",
			read: func(s *State, e emit) { e(s.MessageTimeout.Seconds()) }},
	}
}

func dnsTable() []Description {
	return []Description{
		{Name: "assay_dns_questions_total", Type: counter,
			Help: "DNS questions that the cache did not answer",
			read: of(func(s *State) uint64 { return s.DNS.Questions })},
		{Name: "assay_dns_errors_total", Type: counter,
			Help: "DNS questions that got no answer from any server",
			read: of(func(s *State) uint64 { return s.DNS.Errors })},
		{Name: "assay_dns_queries_total", Type: counter,
			Help: "DNS queries that were sent, by UDP and TCP, repeated ones too",
			read: of(func(s *State) uint64 { return s.DNS.Queries })},
		{Name: "assay_dns_timeouts_total", Type: counter,
			Help: "DNS queries that a server left without a reply",
			read: of(func(s *State) uint64 { return s.DNS.Timeouts })},
		{Name: "assay_dns_tcp_fallbacks_total", Type: counter,
			Help: "DNS replies that were truncated, so that TCP was tried",
			read: of(func(s *State) uint64 { return s.DNS.TCP })},
		{Name: "assay_dns_ignored_packets_total", Type: counter,
			Help: "Packets that were no reply to the DNS query: late, forged or garbage",
			read: of(func(s *State) uint64 { return s.DNS.Ignored })},
		{Name: "assay_dns_question_seconds", Type: histogram, buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			Help: "Time of a DNS question, with or without an answer"},
		{Name: "assay_dns_cache_lookups_total", Type: counter, Labels: []string{"result"},
			Help: "What the DNS cache was asked: hit, shared with an equal question under way, or miss", read: readCache},
		{Name: "assay_dns_cache_entries", Type: gauge,
			Help: "Answers in the DNS cache",
			read: of(func(s *State) int { return s.Cache.Entries })},
		{Name: "assay_dns_cache_bytes", Type: gauge,
			Help: "Memory of the answers in the DNS cache, about",
			read: of(func(s *State) int { return s.Cache.Bytes })},
	}
}

func readCache(s *State, e emit) {
	e(float64(s.Cache.Hits), "hit")
	e(float64(s.Cache.Shared), "shared")
	e(float64(s.Cache.Misses), "miss")
}

func sessionTable() []Description {
	return []Description{
		{Name: "assay_sessions", Type: gauge,
			Help: "Connections of MTAs that are being served",
			read: of(func(s *State) int { return s.Sessions })},
		{Name: "assay_sessions_max", Type: gauge,
			Help: "How many connections are served at a time, further ones wait (milter.max_sessions)",
			read: of(func(s *State) int { return s.MaxSessions })},
		{Name: "assay_sessions_total", Type: counter,
			Help: "Connections of MTAs that were served, those of now too",
			read: of(func(s *State) int64 { return s.Accepted })},
		{Name: "assay_panics_total", Type: counter,
			Help: "Internal errors that were caught; policy.on_error is done to the message that one hits",
			read: of(func(s *State) int64 { return s.Panics })},
	}
}

func historyTable() []Description {
	return []Description{
		{Name: "assay_history_up", Type: gauge,
			Help: "Whether the history's database works; absent when history.database is empty",
			read: readHistory(func(h *history.Stats) (float64, bool) { return truth(h.Up), true })},
		{Name: "assay_history_waiting_records", Type: gauge,
			Help: "Records that are not yet written to the history",
			read: readHistory(func(h *history.Stats) (float64, bool) { return float64(h.Waiting), true })},
		{Name: "assay_history_dropped_records_total", Type: counter,
			Help: "Records that are not in the history, because there was no room or the database refused them",
			read: readHistory(func(h *history.Stats) (float64, bool) { return float64(h.Dropped), true })},
		{Name: "assay_history_last_error_timestamp_seconds", Type: gauge,
			Help: "When the history's database failed last; absent when it never did",
			read: readHistory(func(h *history.Stats) (float64, bool) { return unix(h.LastError) })},
	}
}

func daemonTable() []Description {
	return []Description{
		{Name: "assay_ready", Type: gauge,
			Help: "Whether connections of MTAs are accepted, as /readyz tells",
			read: func(s *State, e emit) { e(truth(s.Accepting)) }},
		{Name: "assay_trusted_sealers", Type: gauge,
			Help: "Trusted ARC sealers in force, those of the config too",
			read: of(func(s *State) int { return s.TrustedSealers })},
		{Name: "assay_spoofed_senders", Type: gauge,
			Help: "Entries of the spoofed-senders list in force",
			read: of(func(s *State) int { return s.SpoofedSenders })},
		{Name: "assay_last_reload_successful", Type: gauge, Labels: []string{"part"},
			Help: "Whether the config, or a list, had no mistake when it was read last",
			read: readReloads(func(r Reload) (float64, bool) { return truth(!r.Failed), true })},
		{Name: "assay_last_reload_success_timestamp_seconds", Type: gauge, Labels: []string{"part"},
			Help: "When the config, or the list, that is in force was read",
			read: readReloads(func(r Reload) (float64, bool) { return unix(r.Good) })},
		{Name: "assay_log_lines_lost_total", Type: counter,
			Help: "Lines of the log that could not be written",
			read: of(func(s *State) uint64 { return s.LostLines })},
		{Name: "assay_build_info", Type: gauge, Labels: []string{"version", "revision", "goversion"},
			Help: "Always 1; the labels say which program it is"},
	}
}
