package main

import (
	"os"
	"slices"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/milter"
)

// week is the longest time that a config may name.
const week = 7 * 24 * time.Hour

// options is the table of every key, in the order of the documentation. A
// section's keys stand together, the keys without a section first.
func options() []option {
	return slices.Concat(topOptions(), milterOptions(), dnsOptions(), dkimOptions(), arcOptions(), policyOptions(), historyOptions(),
		metricsOptions(), limitOptions())
}

func topOptions() []option {
	return []option{
		{name: "authserv_id", byDefault: "HOSTNAME", values: "name, or HOSTNAME",
			doc:  "The name at the start of the fields written here, by which forged ones are known; HOSTNAME is this host's name in lower case.",
			kind: single("mx.example.org", parseAuthServID, asIs, func(c *Config) *string { return &c.AuthServID })},
		{name: "accepted_domains", byDefault: []string{}, values: "list of domains",
			doc:  "Our own domains, with their subdomains: spoofs of them have reasons of their own (010, 601), and their bounces are known.",
			kind: multiple("example.org", 0, parseDomain, asIs, func(c *Config) *[]string { return &c.AcceptedDomains })},
		{name: "trusted_networks", byDefault: []string{"127.0.0.0/8", "::1/128"}, values: "list of networks or addresses",
			doc:  "Our own hosts and users: their messages are not evaluated, only stamped.",
			kind: multiple("192.0.2.0/24", 0, parseNetwork, stringOf, func(c *Config) *[]prefix { return &c.TrustedNetworks })},
		{name: "internal_relays", byDefault: []string{}, values: "list of networks or addresses",
			doc:  "Our own hosts in front of this one: the client is the host that they name in the Received fields they write. Every one of them must write one. Of those that are in trusted_networks, too, the users who log in are ours.",
			kind: multiple("192.0.2.25", 0, parseNetwork, stringOf, func(c *Config) *[]prefix { return &c.InternalRelays })},
		{name: "header_style", byDefault: "rfc8601", values: headerStyles.list(),
			doc:  "How Authentication-Results is written: for any RFC 8601 parser, as Microsoft 365 does, or one field of each.",
			kind: choice(headerStyles, func(c *Config) *[]authres.Style { return &c.HeaderStyles })},
		{name: "trusted_authserv_ids", byDefault: []string{}, values: "list of names",
			doc:  "Authentication-Results fields by these names stay, also with remove_all_authres, and go into our ARC sets but for the methods that are evaluated here; behind internal_relays they are believed about signatures that the relay broke (108). Only for hosts of ours behind one that removes such fields from outside: anybody can write them.",
			kind: multiple("relay.example.org", 0, parseTrustedID, asIs, func(c *Config) *[]string { return &c.TrustedAuthServIDs })},
		{name: "remove_all_authres", byDefault: false, values: "true, false",
			doc:  "Remove every Authentication-Results field that comes with a message, not only those by our name.",
			kind: boolean(func(c *Config) *bool { return &c.RemoveAllAuthRes })},
		{name: "received_spf", byDefault: false, values: "true, false",
			doc:  "Also write Received-SPF (RFC 7208 section 9.1), and remove those that come with a message.",
			kind: boolean(func(c *Config) *bool { return &c.ReceivedSPF })},
		{name: "spf_helo", byDefault: false, values: "true, false",
			doc:  "Also write an SPF result for the HELO name.",
			kind: boolean(func(c *Config) *bool { return &c.SPFHelo })},
		{name: "spf_full_address", byDefault: false, values: "true, false",
			doc:  "Write the whole MAIL FROM address in smtp.mailfrom, not only its domain. Of one whose local part needs quotes that is the domain all the same.",
			kind: boolean(func(c *Config) *bool { return &c.SPFFullAddress })},
		{name: "hide_client_ip", byDefault: false, values: "true, false",
			doc:  "Leave the client's address out of the fields.",
			kind: boolean(func(c *Config) *bool { return &c.HideClientIP })},
		{name: "quarantine_header", byDefault: false, values: "true, false",
			doc:  "Quarantine by adding X-Spam-Flag: YES and have the MTA deliver, in place of the milter's quarantine.",
			kind: boolean(func(c *Config) *bool { return &c.QuarantineHeader })},
		{name: "implicit", byDefault: true, values: "true, false",
			doc:  "Without an explicit pass, hints such as reverse DNS, MX hosts and history may be enough for compauth=pass or softpass.",
			kind: boolean(func(c *Config) *bool { return &c.Implicit })},
		{name: "spoofed_senders_file", byDefault: "/etc/assay/spoofed-senders", values: "absolute path",
			doc:  "The file of the senders that may or may not be spoofed, one entry per line, which is read again when it changes; it need not exist, and empty text is no file.",
			kind: single("/etc/assay/spoofed-senders", parseListPath, asIs, func(c *Config) *string { return &c.SpoofedSendersFile })},
		{name: "shared_mx", byDefault: []string{}, values: "list of domains",
			doc:  "Organizations whose MX hosts serve many unrelated domains, in addition to the known ones: an MX host of theirs counts only when it is the client itself, and they make no history.",
			kind: multiple("mailhost.example", 0, parseDomain, asIs, func(c *Config) *[]string { return &c.SharedMX })},
		{name: "state_dir", byDefault: "", values: "absolute path",
			doc:  "The folder for what is kept; without it $STATE_DIRECTORY, which systemd sets, or /var/lib/assay for root and whoever may write there, or the user's state folder. Commands of a user without a history look into /var/lib/assay.",
			kind: single("/var/lib/assay", parseFolder, asIs, func(c *Config) *string { return &c.StateDir })},
		{name: "user", byDefault: "", values: "user, or user:group",
			doc:  "Whom serve runs as when it is started as root, after it has opened its sockets and read its keys.",
			kind: single("assay", parseUser, asIs, func(c *Config) *string { return &c.User })},
		{name: "log_format", byDefault: "logfmt", values: logFormats.list(),
			doc:  "The form of the log on standard error.",
			kind: choice(logFormats, func(c *Config) *string { return &c.LogFormat })},
	}
}

func milterOptions() []option {
	return []option{
		{name: "milter.listen", byDefault: []string{"inet:127.0.0.1:8893"}, values: "list of inet:HOST:PORT, inet:PORT@HOST, inet6:…, unix:PATH, local:PATH, fd",
			doc:  "Where the MTA connects. A socket that systemd passes on takes the place of the same address, and is served in any case; fd is those alone.",
			kind: multiple("inet:127.0.0.1:8893", 1, milter.ParseAddress, stringOf, func(c *Config) *[]milter.Address { return &c.Milter.Listen })},
		{name: "milter.socket_mode", byDefault: "0660", values: "octal number as a string",
			doc:  "Permissions of the unix sockets.",
			kind: single("0660", parseMode, formatMode, func(c *Config) *os.FileMode { return &c.Milter.SocketMode })},
		{name: "milter.max_sessions", byDefault: int64(2000), values: "1 to 100000",
			doc:  "How many connections of MTAs are served at a time; further ones wait.",
			kind: integer(1, 100000, func(c *Config) *int { return &c.Milter.MaxSessions })},
		{name: "milter.idle_timeout", byDefault: "0s", values: "duration up to 168h",
			doc:  "A connection that says nothing for this long while no message is under way is closed, and the MTA applies its default action to the rest of that SMTP session; 0s is never. A client can keep its session without a message for days, and then send one past a milter that has closed; a dead MTA is found without this.",
			kind: duration(0, week, func(c *Config) *time.Duration { return &c.Milter.IdleTimeout })},
		{name: "milter.message_timeout", byDefault: "25s", values: "duration up to 1h",
			doc:  "When it passes, missing results are temperror and the message is answered; less than the MTA's milter timeout.",
			kind: duration(1, time.Hour, func(c *Config) *time.Duration { return &c.Milter.MessageTimeout })},
	}
}

func dnsOptions() []option {
	return []option{
		{name: "dns.servers", byDefault: []string{}, values: "list of ADDRESS or ADDRESS:PORT",
			doc:  "The resolvers to ask; none: those of /etc/resolv.conf.",
			kind: multiple("192.0.2.53:53", 0, parseServer, stringOf, func(c *Config) *[]addrPort { return &c.DNS.Servers })},
		{name: "dns.timeout", byDefault: "5s", values: "duration up to milter.message_timeout",
			doc:  "How long one question may take, with all its retries.",
			kind: duration(1, time.Hour, func(c *Config) *time.Duration { return &c.DNS.Timeout })},
		{name: "dns.max_in_flight", byDefault: int64(8192), values: "1 to 60000",
			doc:  "How many questions may be under way at once, each with a socket; further ones wait. Each connection of an MTA may have 32, and what it asks beyond that shares half of this number with the others: by default, 128 connections that ask for names which never answer leave the others theirs.",
			kind: integer(1, 60000, func(c *Config) *int { return &c.DNS.MaxInFlight })},
		{name: "dns.cache_entries", byDefault: int64(100000), values: "1 to 10000000",
			doc:  "How many answers are remembered at most.",
			kind: integer(1, 10000000, func(c *Config) *int { return &c.DNS.CacheEntries })},
		{name: "dns.max_ttl", byDefault: "24h", values: "duration up to 168h",
			doc:  "Answers are remembered for this long at most.",
			kind: duration(1, week, func(c *Config) *time.Duration { return &c.DNS.MaxTTL })},
		{name: "dns.min_ttl", byDefault: "0s", values: "duration up to dns.max_ttl",
			doc:  "Answers are remembered for this long at least.",
			kind: duration(0, week, func(c *Config) *time.Duration { return &c.DNS.MinTTL })},
		{name: "dns.negative_ttl", byDefault: "15m", values: "duration up to 168h",
			doc:  "That a name or record does not exist is remembered for this long at most; 0s: not at all.",
			kind: duration(0, week, func(c *Config) *time.Duration { return &c.DNS.NegativeTTL })},
	}
}

func dkimOptions() []option {
	return []option{
		{name: "dkim.max_signatures", byDefault: int64(10), values: "1 to 100",
			doc:  "How many signatures of a message are verified, those of the From domain first.",
			kind: integer(1, 100, func(c *Config) *int { return &c.DKIM.MaxSignatures })},
		{name: "dkim.min_rsa_bits", byDefault: int64(1024), values: "1024 to 4096",
			doc:  "RSA keys shorter than this don't count (RFC 8301: never below 1024).",
			kind: integer(1024, 4096, func(c *Config) *int { return &c.DKIM.MinRSABits })},
		{name: "dkim.engine", byDefault: "assay", values: dkimEngines.list(),
			doc:  "What verifies DKIM signatures: our own code, or the library go-msgauth as a second opinion, which is slower and calls some valid signatures neutral.",
			kind: choice(dkimEngines, func(c *Config) *dkim.Engine { return &c.DKIM.Engine })},
	}
}

func arcOptions() []option {
	return []option{
		{name: "arc.trusted_sealers", byDefault: []string{}, values: "list of domains; .DOMAIN is with its subdomains",
			doc:  "Whose ARC seals are trusted, in addition to those of the file.",
			kind: multiple("example.org", 0, arc.ParseSealer, stringOf, func(c *Config) *[]arc.Sealer { return &c.ARC.TrustedSealers })},
		{name: "arc.trusted_sealers_file", byDefault: "/etc/assay/trusted-sealers", values: "absolute path",
			doc:  "The file of the trusted sealers, one domain per line, which is read again when it changes; it need not exist, and empty text is no file.",
			kind: single("/etc/assay/trusted-sealers", parseListPath, asIs, func(c *Config) *string { return &c.ARC.TrustedSealersFile })},
		{name: "arc.seal", byDefault: false, values: "true, false",
			doc:  "Add an ARC set of our own to every message that is evaluated and not refused, unless its chain can take no more.",
			kind: boolean(func(c *Config) *bool { return &c.ARC.Seal })},
		{name: "arc.domain", byDefault: "", values: "domain",
			doc:  "The domain that seals (d=).",
			kind: single("example.org", parseOwnName, asIs, func(c *Config) *string { return &c.ARC.Domain })},
		{name: "arc.selector", byDefault: "", values: "name",
			doc:  "Where the public key is published: SELECTOR._domainkey.DOMAIN (s=).",
			kind: single("arc2026", parseOwnName, asIs, func(c *Config) *string { return &c.ARC.Selector })},
		{name: "arc.key_file", byDefault: "", values: "absolute path",
			doc:  "The private key as PEM, RSA or Ed25519; nobody but the owner and the group may have access to the file.",
			kind: single("/etc/assay/arc.pem", parseListPath, asIs, func(c *Config) *string { return &c.ARC.KeyFile })},
	}
}

func policyOptions() []option {
	return []option{
		{name: "policy.dmarc_reject", byDefault: "none", values: rejectActions.list(),
			doc:  "What is done with a message that fails DMARC where p=reject is published.",
			kind: choice(rejectActions, func(c *Config) *auth.Action { return &c.Policy.DMARCReject })},
		{name: "policy.dmarc_quarantine", byDefault: "none", values: quarantineActions.list(),
			doc:  "What is done with a message that fails DMARC where p=quarantine is published.",
			kind: choice(quarantineActions, func(c *Config) *auth.Action { return &c.Policy.DMARCQuarantine })},
		{name: "policy.compauth_fail", byDefault: "none", values: rejectActions.list(),
			doc:  "What is done with a message that nothing authenticates though no DMARC policy is enforced (reasons 001 and 601).",
			kind: choice(rejectActions, func(c *Config) *auth.Action { return &c.Policy.CompauthFail })},
		{name: "policy.spoof_block", byDefault: "reject", values: rejectActions.list(),
			doc:  "What is done with a message that a block entry of the spoofed senders matches (reason 002).",
			kind: choice(rejectActions, func(c *Config) *auth.Action { return &c.Policy.SpoofBlock })},
		{name: "policy.dns_failure", byDefault: "pass", values: failureActions.list(),
			doc:  "What is done with a message whose results lack an answer of DNS.",
			kind: choice(failureActions, func(c *Config) *auth.Action { return &c.Policy.DNSFailure })},
		{name: "policy.on_error", byDefault: "accept", values: errorActions.list(),
			doc:  "What an internal error does to a message.",
			kind: choice(errorActions, func(c *Config) *auth.Action { return &c.Policy.OnError })},
		{name: "policy.reject_text", byDefault: "", values: "text of at most 200 ASCII characters",
			doc:  "What the reply to a rejected message says after whose mail is rejected and why, such as a web address for help.",
			kind: single("rejected by policy", parseReplyText, asIs, func(c *Config) *string { return &c.Policy.RejectText })},
	}
}
