package main

import (
	"slices"
	"strings"
)

// A foreignProgram is one whose config an admin may bring along.
type foreignProgram struct {
	name    string // as its users write it
	file    string // where its options are set
	options []foreignOption
}

// A foreignOption is what one or more options of another program are here. The guide to migration and
// "assay config check" read the same table.
type foreignOption struct {
	names string // as that program spells them, with spaces between
	key   string // ours; "" when there is none
	note  string // why there is none, or how ours differs; may be "" beside a key
}

// What several programs' options come to.
const (
	noSigning      = "remove it: no DKIM signatures are made here"
	noReports      = "remove it: no reports about failures are sent"
	noScripts      = "remove it: there are no scripts here"
	noSyslog       = "remove it: the log goes to standard error"
	noTests        = "remove it: assay check --zone tests without DNS"
	noSuch         = "remove it: there is nothing like it here"
	serviceManager = "remove it: the service manager does that"
	notBySPF       = "SPF alone rejects nothing: [policy] says what is done with mail that DMARC or compauth fail"
	alwaysSPF      = "remove it: SPF is always checked here"
	alwaysLogged   = "remove it: every message has one line in the log, with all results"
	alwaysStamped  = "remove it: every result is written"
	resolverDNSSEC = "remove it: checking DNSSEC is the resolver's work"
	inMemory       = "remove it: a message is never written to a file"
	oneFile        = "remove it: the config is one file"
	listInBinary   = "remove it: the list is built in"
	sealKeyOnly    = "no DKIM signatures are made here; for ARC seals it is "
	allowEntry     = "an allow entry there exempts the pair from every action; the results stay as they are"
	otherSockets   = "remove it: leave assay away from those services of the MTA that need no check"
	oneTimeout     = "the time for all of a message"
	headerSize     = "the default there is 65536; a message with more is not refused here but stamped with what is known"
	aDayAhead      = "remove it: a signature may be dated a day ahead of the clock; one past its x= has expired"
	ownHosts       = "your own hosts and users alone: their mail is not evaluated, whomever it names; for forwarders of others' mail there are trusted_sealers_file in [arc] and allow entries in spoofed_senders_file"
	relaysOnly     = "your own hosts in front, such as a secondary MX; for forwarders of others' mail there are trusted_sealers_file in [arc] and allow entries in spoofed_senders_file"
	aggregateFile  = "remove it: that file feeds aggregate reports, which are not sent; what compauth learns is in database of [history]"
)

// foreignPrograms lists the programs that the guide to migration is about, then what others are known for.
func foreignPrograms() []foreignProgram {
	return []foreignProgram{
		{"OpenDKIM", "opendkim.conf", openDKIM()},
		{"OpenDMARC", "opendmarc.conf", openDMARC()},
		{"OpenARC", "openarc.conf", openARC()},
		{"pyspf-milter and policyd-spf", "pyspf-milter.conf, policyd-spf.conf", spfEngine()},
		{"Rspamd", "local.d/spf.conf, dkim.conf, dmarc.conf, arc.conf, milter_headers.conf", rspamdModules()},
		{"Authentication Milter", "authentication_milter.json", authenticationMilter()},
		{"Other programs", "main.cf, SpamAssassin's local.cf, Microsoft 365", otherPrograms()},
	}
}

// adviceOnForeign says what the name of a key in other programs is here: the key, or why there is none;
// "" when none has it, or when it differs from a key of ours only in case and separators. leaf is as plain writes it.
func adviceOnForeign(leaf string) string {
	var said, full []string
	for _, p := range foreignPrograms() {
		for _, o := range p.options {
			if !o.has(leaf) {
				continue
			}
			if advice := o.advice(); !slices.Contains(said, advice) {
				said = append(said, advice)
				full = append(full, "in "+p.name+": "+advice)
			}
			break
		}
	}
	if len(said) == 1 {
		return said[0]
	}
	return strings.Join(full, "; ")
}

// foreignNames is the name of every option of another program, as plain writes it.
func foreignNames() map[string]bool {
	names := map[string]bool{}
	for _, p := range foreignPrograms() {
		for _, o := range p.options {
			for name := range strings.FieldsSeq(o.names) {
				names[plain(name)] = true
			}
		}
	}
	return names
}

// has tells whether leaf, as plain writes it, is one of the names, and is not found without this table.
func (o *foreignOption) has(leaf string) bool {
	if _, key := splitName(o.key); plain(key) == leaf {
		return false
	}
	for name := range strings.FieldsSeq(o.names) {
		if plain(name) == leaf {
			return true
		}
	}
	return false
}

// advice is what "config check" says.
func (o *foreignOption) advice() string {
	switch {
	case o.key == "":
		return o.note
	case o.note == "":
		return "the key for it is " + placed(o.key)
	default:
		return "the key for it is " + placed(o.key) + ": " + o.note
	}
}

func otherPrograms() []foreignOption {
	return []foreignOption{
		{"mynetworks", "trusted_networks", ownHosts},
		{"internal_networks", "internal_relays", relaysOnly},
		{"mydestination relay_domains LocalDomains", "accepted_domains", ""},
		{"EnableSpoofIntelligence", "implicit", ""},
		{"ArcTrustedSealers", "arc.trusted_sealers", ""},
		{"DmarcRejectAction", "policy.dmarc_reject", ""},
		{"DmarcQuarantineAction", "policy.dmarc_quarantine", ""},
		{"AuthenticationFailAction", "policy.compauth_fail", ""},
		{"BindSocket", "milter.listen", ""},
		{"MaxConnections", "milter.max_sessions", ""},
		{"nameserver", "dns.servers", ""},
		{"DNSTimeout", "dns.timeout", ""},
	}
}
