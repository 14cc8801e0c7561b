package main

import (
	"slices"
	"strings"
)

// foreignNames are what OpenDKIM, OpenDMARC and others call our keys, as plain
// writes them. Names that differ only in case and separators need no entry.
var foreignNames = map[string]string{
	"ignorehosts":               "trusted_networks",
	"internalhosts":             "trusted_networks",
	"externalignorelist":        "trusted_networks",
	"peerlist":                  "trusted_networks",
	"mynetworks":                "trusted_networks",
	"localaddrs":                "trusted_networks",
	"internalnetworks":          "internal_relays",
	"localdomains":              "accepted_domains",
	"mydestination":             "accepted_domains",
	"relaydomains":              "accepted_domains",
	"enablespoofintelligence":   "implicit",
	"basedirectory":             "state_dir",
	"historyfile":               "history.database",
	"trustedauthserv":           "trusted_authserv_ids",
	"removearall":               "remove_all_authres",
	"hostname":                  "authserv_id",
	"bindsocket":                "milter.listen",
	"socket":                    "milter.listen",
	"umask":                     "milter.socket_mode",
	"maxconnections":            "milter.max_sessions",
	"nameservers":               "dns.servers",
	"nameserver":                "dns.servers",
	"resolver":                  "dns.servers",
	"dnstimeout":                "dns.timeout",
	"maximumsignaturestoverify": "dkim.max_signatures",
	"minimumkeybits":            "dkim.min_rsa_bits",
	"arctrustedsealers":         "arc.trusted_sealers",
	"whitelistedsignersmap":     "arc.trusted_sealers_file",
	"rejectfailures":            "policy.dmarc_reject",
	"dmarcrejectaction":         "policy.dmarc_reject",
	"dmarcquarantineaction":     "policy.dmarc_quarantine",
	"authenticationfailaction":  "policy.compauth_fail",
	"holdquarantinedmessages":   "policy.dmarc_quarantine",
	"ondnserror":                "policy.dns_failure",
	"ondefault":                 "policy.on_error",
	"oninternalerror":           "policy.on_error",
	"onsecurity":                "policy.on_error",
}

// foreignNotes say why a name of theirs has no key here.
var foreignNotes = map[string]string{
	"mode":                       "remove it: no DKIM signatures are made here",
	"domain":                     "no DKIM signatures are made here; for ARC seals it is domain in [arc]",
	"selector":                   "no DKIM signatures are made here; for ARC seals it is selector in [arc]",
	"keyfile":                    "no DKIM signatures are made here; for ARC seals it is key_file in [arc]",
	"keytable":                   "remove it: no DKIM signatures are made here",
	"signingtable":               "remove it: no DKIM signatures are made here",
	"ignoreauthenticatedclients": "remove it: clients that use SMTP AUTH are always exempt",
	"spfignoreresults":           "remove it: SPF is always checked here",
	"spfselfvalidate":            "remove it: SPF is always checked here",
	"publicsuffixlist":           "remove it: the list is built in",
	"syslog":                     "remove it: the log goes to standard error",
	"syslogfacility":             "remove it: the log goes to standard error",
	"background":                 "remove it: the service manager does that",
	"autorestart":                "remove it: the service manager does that",
	"userid":                     "remove it: the service manager does that",
	"pidfile":                    "remove it: the service manager does that",
}

// adviceOnKey says what an unknown key may have been meant as.
func adviceOnKey(path []string, table []option) string {
	leaf := plain(path[len(path)-1])
	if note := foreignNotes[leaf]; note != "" {
		return note
	}
	if name := foreignNames[leaf]; name != "" {
		return "the key for it is " + placed(name)
	}
	if name := nearestKey(path, table); name != "" {
		if section, _ := splitName(name); len(path) > 1 && section == "" && plain(name) == leaf {
			return name + " goes at the top of the file, before the first section"
		}
		return "did you mean " + placed(name) + "?"
	}
	return "remove it (assay config show lists every key)"
}

// nearestKey looks in the key's own section first, then for the same key in
// another, then for one that is near there.
func nearestKey(path []string, table []option) string {
	section, leaf := "", path[len(path)-1]
	if len(path) > 1 {
		section = path[0]
	}
	var here, keys, names []string
	for _, o := range table {
		if o.section() == section {
			here = append(here, o.key())
		}
		keys = append(keys, o.key())
		names = append(names, o.name)
	}
	if i := slices.IndexFunc(keys, func(k string) bool { return plain(k) == plain(leaf) }); i >= 0 {
		return names[i]
	}
	if near := nearest(leaf, here); near != "" {
		return strings.TrimPrefix(section+"."+near, ".")
	}
	if near := nearest(strings.Join(path, "."), names); near != "" {
		return near
	}
	if near := nearest(leaf, keys); near != "" {
		return names[slices.Index(keys, near)]
	}
	return ""
}

// placed names a key and the section it stands in.
func placed(name string) string {
	section, key := splitName(name)
	if section == "" {
		return key
	}
	return key + " in [" + section + "]"
}

func splitName(name string) (section, key string) {
	section, key, found := strings.Cut(name, ".")
	if !found {
		return "", name
	}
	return section, key
}

// sectionNames lists the sections of the table.
func sectionNames(table []option) []string {
	var names []string
	for _, o := range table {
		if s := o.section(); s != "" && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	return names
}

// showPath writes a key as in the file; parts that are no bare keys in quotes.
func showPath(path []string) string {
	shown := make([]string, len(path))
	for i, part := range path {
		bare := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
		}
		shown[i] = clip(part)
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !bare(r) }) {
			shown[i] = quoteTOML(clip(part))
		}
	}
	return strings.Join(shown, ".")
}
