package main

import (
	"net/netip"
	"slices"
)

// by is a sample with a client that says its own name, and a message that nobody signs.
func by(title, client, name, mailFrom, from, verdict, done string) sample {
	return sample{
		title: title, client: netip.MustParseAddr(client), name: name, from: mailFrom,
		message: note(from, "Hello"), verdict: verdict, done: done,
	}
}

// forbiddenSamples claim to come from domains of our own.
func forbiddenSamples() []sample {
	spoof := by("a spoof of our own domain, p=reject", "203.0.113.66", "attacker.example",
		"al@attacker.example", "The boss <boss@"+ownDomain+">", "fail 010", rejected)
	spoof.has = []string{"rejected by DMARC policy for " + ownDomain + " (reason 010)"}
	return []sample{spoof, by("a spoof of our own domain without a policy", "203.0.113.66", "attacker.example",
		"al@attacker.example", "The boss <boss@sister.test>", "fail 601", quarantined)}
}

// entrySamples show what the entries of the spoofed-senders list do.
func entrySamples() []sample {
	unknown := by("From a domain that publishes nothing", "203.0.113.66", "attacker.example",
		"al@attacker.example", "Supplier <sales@supplier.example>", "fail 001", quarantined)
	blocked := unknown
	blocked.title, blocked.about = "the same, now blocked", "the admin blocks the pair of domain and network"
	blocked.command = []string{"spoof", "block", "supplier.example", "203.0.113.0/24"}
	blocked.verdict, blocked.done = "fail 002", rejected
	blocked.has = []string{"rejected by local policy for supplier.example (reason 002)"}

	allowed := by("a spoof of p=reject that is allowed", "198.51.102.50", "out.survey.example",
		"s@survey.example", "Ann <ann@fabrikam.example>", "fail 000", delivered)
	allowed.about = "an entry exempts a service that writes in fabrikam's name: the verdict stays, no action is taken"
	allowed.command = []string{"spoof", "allow", "fabrikam.example", "survey.example"}
	allowed.has = []string{"compauth=fail reason=000 (spoof allowed by policy)"}
	return []sample{unknown, blocked, allowed}
}

// hintSamples publish nothing that authenticates them, but are known by their hosts.
func hintSamples() []sample {
	return []sample{
		by("only a reverse name below From", "198.51.103.60", "mail.small.example", "joe@small.example",
			"Joe <joe@small.example>", "pass 103", delivered),
		by("only a reverse name beside From", "198.51.103.60", "mail.small.example", "joe@news.small.example",
			"Joe <joe@news.small.example>", "pass 104", delivered),
		by("only the organization of its MX", "198.51.105.71", "out.hosting.example", "eve@shop.example",
			"Eve <eve@shop.example>", "pass 116", delivered),
		by("only a host in the same network", "198.51.106.81", "mail.plain.example", "pat@plain.example",
			"Pat <pat@plain.example>", "softpass 201", delivered),
		by("only an unconfirmed reverse name", "198.51.107.90", "mail.lazy.example", "lou@lazy.example",
			"Lou <lou@lazy.example>", "softpass 202", delivered),
		by("the DMARC record can't be read", "198.51.108.91", "mail.broken.example", "bo@broken.example",
			"Bo <bo@broken.example>", "pass 112", delivered),
	}
}

// bypassSamples are not checked.
func bypassSamples() []sample {
	none := by("no From field", "203.0.113.66", "attacker.example", "al@attacker.example", "", "none 301", delivered)
	none.message = text("Subject: From whom?\r\n")
	user := by("one of our users, logged in", "203.0.113.7", "laptop.invalid", "joe@"+ownDomain, "Joe <joe@"+ownDomain+">", "none 401", delivered)
	user.login, user.has = "joe", []string{"auth=pass"}
	return []sample{none, user, by("one of our own hosts", "10.20.0.9", "printer.example.test", "printer@"+ownDomain,
		"Printer <printer@"+ownDomain+">", "none 402", delivered)}
}

// historySamples come from a service that the From domain's SPF record does not list.
func historySamples() []sample {
	known := by("p=quarantine fails, but the pair is known", "198.51.101.40", "out.esp.example", "bounce@esp.example",
		"Contoso <news@contoso.example>", "pass 701", delivered)
	known.remembered = true
	known.about = "contoso's SPF and DKIM don't cover the service, which has sent genuine mail for it on several days"
	stranger := by("p=quarantine fails, the pair is not known", "203.0.113.66", "attacker.example", "al@attacker.example",
		"Contoso <news@contoso.example>", "fail 000", quarantined)
	return []sample{known, stranger}
}

// relayField is what our gateway writes about the host that it got a message from.
func relayField(client, name string) []byte {
	return []byte("Received: from " + name + " (" + name + " [" + client + "])\r\n" +
		"\tby gateway.example.test (Postfix) with ESMTP id 4XyZ1b2C3d\r\n\tfor <box@example.test>; Mon, 05 Jan 2026 08:00:01 +0000\r\n")
}

// relayResults is what the gateway found.
const relayResults = "Authentication-Results: gateway.example.test; dkim=pass header.d=fabrikam.example header.s=s1\r\n"

// relaySamples come over a gateway of our own.
func relaySamples(signed []byte) []sample {
	gateway := netip.MustParseAddr("10.1.0.5")
	lost := sample{
		title: "over our gateway, which names no client", client: gateway, name: "gateway.example.test",
		from: "al@attacker.example", message: note("Ann <ann@fabrikam.example>", "Hello"), verdict: "none 905", done: delivered,
	}
	found := lost
	found.title, found.about = "over our gateway, which names the client", "SPF and reverse DNS are checked for the host behind the gateway"
	found.from = "news@newsletter.example"
	found.message = slices.Concat(relayField("192.0.2.20", "out.newsletter.example"), note("News <news@newsletter.example>", "This week"))
	found.verdict, found.results = "pass 100", []string{"spf=pass", "dkim=none", "dmarc=pass", "arc=none", "iprev=pass"}
	found.has = []string{"sender IP is 192.0.2.20", "policy.iprev=192.0.2.20 (out.newsletter.example)"}

	spoof := lost
	spoof.title = "over our gateway, a spoof"
	spoof.message = slices.Concat(relayField("203.0.113.66", "attacker.example"), note("Ann <ann@fabrikam.example>", "Hello"))
	spoof.verdict, spoof.done, spoof.has = "fail 000", rejected, []string{"(reason 000)"}

	changed := lost
	changed.title, changed.about = "over our gateway, which adds a footer", "DKIM fails here by the footer, and the gateway says that it passed there"
	changed.from = "ann@fabrikam.example"
	changed.message = slices.Concat([]byte(relayResults), relayField("198.51.109.10", "forward.example"), signed, []byte("-- \r\nscanned by the gateway\r\n"))
	changed.verdict = "pass 108"
	return []sample{lost, found, spoof, changed}
}
