package main

import (
	"assay/arc"
	"assay/auth/dkim"
	"assay/milter"
)

func historyOptions() []option {
	return []option{
		{name: "history.database", byDefault: "sqlite:history.db", values: "sqlite:FILE, postgres://…, or empty for none", secret: true, redact: withoutPassword,
			doc:  "Where the history is kept: a file, relative to state_dir, or a PostgreSQL database that several nodes share.",
			kind: single("sqlite:history.db", parseDatabase, asIs, func(c *Config) *string { return &c.History.Database })},
		{name: "history.min_messages", byDefault: int64(5), values: "1 to 1000",
			doc:  "How many authenticated messages in 30 days make a From domain and a sending infrastructure known to each other.",
			kind: integer(1, 1000, func(c *Config) *int { return &c.History.MinMessages })},
		{name: "history.min_days", byDefault: int64(3), values: "1 to 30",
			doc:  "On how many different days they have to come.",
			kind: integer(1, 30, func(c *Config) *int { return &c.History.MinDays })},
		{name: "history.max_domains", byDefault: int64(10), values: "1 to 10000",
			doc:  "An infrastructure that sends for more From organizations is shared and counts for none.",
			kind: integer(1, 10000, func(c *Config) *int { return &c.History.MaxDomains })},
		{name: "history.override_reject", byDefault: false, values: "true, false",
			doc:  "History, also that of whom a user wrote to (bounces, 501), may override a published p=reject, not only p=quarantine.",
			kind: boolean(func(c *Config) *bool { return &c.History.OverrideReject })},
		{name: "history.retention_days", byDefault: int64(90), values: "30 to 3650",
			doc:  "For how many days anything is kept.",
			kind: integer(30, 3650, func(c *Config) *int { return &c.History.RetentionDays })},
	}
}

func metricsOptions() []option {
	return []option{
		{name: "metrics.listen", byDefault: []string{}, values: "list of inet:HOST:PORT, inet:PORT@HOST, inet6:…, unix:PATH, local:PATH",
			doc:  "Where /metrics for Prometheus, /healthz and /readyz are served over HTTP, without a password: loopback addresses are best; none: nowhere.",
			kind: multiple("inet:127.0.0.1:9893", 0, parseMetricsAddress, stringOf, func(c *Config) *[]milter.Address { return &c.Metrics.Listen })},
	}
}

func limitOptions() []option {
	return []option{
		{name: "limits.header_size", byDefault: int64(1 << 20), values: "65536 to 16777216",
			doc:  "How many bytes the header of a message may have. Of one past this or one of the next two limits signatures and ARC sets aren't evaluated: it passes DMARC by SPF only, and a From that can't be read there counts as a failed one.",
			kind: integer(64<<10, 16<<20, func(c *Config) *int { return &c.Limits.HeaderSize })},
		{name: "limits.header_fields", byDefault: int64(2000), values: "50 to 100000",
			doc:  "How many fields the header may have.",
			kind: integer(50, 100_000, func(c *Config) *int { return &c.Limits.HeaderFields })},
		{name: "limits.field_size", byDefault: int64(128 << 10), values: "4096 to 1048576",
			doc:  "How many bytes one field may have, with its name. Postfix itself cuts a field at header_size_limit, 102400 bytes.",
			kind: integer(4<<10, 1<<20, func(c *Config) *int { return &c.Limits.FieldSize })},
		{name: "limits.recipients", byDefault: int64(1000), values: "1 to 100000",
			doc:  "How many recipients of a message are looked at; of one with more the history is not asked, and nothing is remembered.",
			kind: integer(1, 100_000, func(c *Config) *int { return &c.Limits.Recipients })},
		{name: "limits.tags", byDefault: int64(dkim.DefaultMaxTags), values: "16 to 256",
			doc:  "How many tags a DKIM or ARC signature or a key record may have. A signature with more is not accepted (dkim=policy), a chain with one fails, a key is a permerror.",
			kind: integer(16, 256, func(c *Config) *int { return &c.Limits.Tags })},
		{name: "limits.signed_names", byDefault: int64(dkim.DefaultMaxNames), values: "32 to 10000",
			doc:  "How many names a signature's h= may have. One with more is not accepted (dkim=policy), and a chain with one fails.",
			kind: integer(32, 10_000, func(c *Config) *int { return &c.Limits.SignedNames })},
		{name: "limits.arc_sets", byDefault: int64(arc.MaxSets), values: "1 to 50",
			doc:  "How many ARC sets a message may have; a chain with more fails (RFC 8617: never more than 50).",
			kind: integer(1, arc.MaxSets, func(c *Config) *int { return &c.Limits.ARCSets })},
		{name: "limits.mime_depth", byDefault: int64(5), values: "1 to 100",
			doc:  "How deep in the parts of a message a delivery status report is looked for; with 1 the message has to be one itself.",
			kind: integer(1, 100, func(c *Config) *int { return &c.Limits.MIMEDepth })},
		{name: "limits.dns_questions", byDefault: int64(500), values: "300 to 100000",
			doc:  "How many DNS questions one message may cause, answers from the cache not counted; further ones get no answer. Those that DMARC depends on, at most 270, are always asked, and more with more dkim.max_signatures.",
			kind: integer(300, 100_000, func(c *Config) *int { return &c.Limits.DNSQuestions })},
	}
}
