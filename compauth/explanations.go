package compauth

// explanations are the documented codes, in their order.
var explanations = [...]Explanation{
	{"000", Fail, "explicit failure: DMARC fails, and the From domain asks for quarantine or reject", Sender | Intermediary,
		"The owner of the From domain has to make SPF or DKIM pass for that domain on the host that sent the message. " +
			"A mailing list or forwarder that broke the signature can keep it intact, put its own address in From, or seal with ARC; " +
			"the receiver can trust such a sealer. If nobody of them sent it, the message is forged and nothing is to be fixed."},
	{"001", Fail, "implicit failure: nothing authenticates the From domain, which publishes no records or a weak policy (SPF ~all or ?all, DMARC p=none)", Sender,
		"The owner of the From domain has to publish SPF for its hosts, sign with DKIM, and publish a DMARC record. " +
			"The same code stands for a message with more than five From domains, or with a header past the receiver's limits whose From can't be read. " +
			"A receiver who knows the sender can allow the pair of From domain and sending infrastructure."},
	{"002", Fail, "local policy forbids this pair of sender and sending infrastructure", Receiver,
		"An entry of the spoofed-senders list blocks the pair. If the message is wanted, the admin removes the entry or allows the pair."},
	{"010", Fail, "DMARC fails with quarantine or reject, and the From domain is one of the receiver's own", Receiver | Sender,
		"The message claims to come from the receiver's own organization. If a service sends in its name, sign with DKIM for the domain " +
			"or add the service's hosts to the domain's SPF record; if the message came in over a gateway of the receiver's own, list that " +
			"as an internal relay. Else it is forged."},
	{"1xx", Pass, "explicit or implicit authentication passed", 0, "Nothing has to be done."},
	{"100", Pass, "SPF or DKIM passed and is aligned with the From domain", 0,
		"Nothing has to be done: this is the best result there is."},
	{"101", Pass, "the message is signed with DKIM by the organization of the From domain", Sender,
		"The DMARC record asks for strict alignment and the signature is for another domain of the same organization. " +
			"To pass DMARC, sign with exactly the From domain, or publish adkim=r."},
	{"102", Pass, "MAIL FROM and From are of the same organization, and SPF passed", Sender,
		"The DMARC record asks for strict alignment and MAIL FROM is another domain of the same organization. " +
			"To pass DMARC, use exactly the From domain in MAIL FROM, or publish aspf=r."},
	{"103", Pass, "the reverse DNS name of the client is the From domain or below it", Sender,
		"The message counts as genuine by a hint only. Publish SPF for this client and sign with DKIM, so that it does not depend on reverse DNS."},
	{"104", Pass, "the reverse DNS name of the client is of the From domain's organization", Sender,
		"The message counts as genuine by a hint only. Publish SPF for this client and sign with DKIM, so that it does not depend on reverse DNS."},
	{"108", Pass, "DKIM fails by a change of the body, made at an earlier legitimate hop", Receiver | Intermediary,
		"The gateway in front of the receiver changes messages, for example by a footer or a rewritten link, and says that the signature passed there " +
			"(assay: only a gateway of trusted_authserv_ids is believed). Let it change less, or seal with ARC and trust it as a sealer."},
	{"109", Pass, "there is no DMARC record, but the message would pass", Sender,
		"Publish a DMARC record: at first v=DMARC1; p=none with an address for reports."},
	{"111", Pass, "DMARC had a temporary or permanent error, but SPF or DKIM is aligned with the From domain", Sender | Receiver,
		"The owner of the From domain has to look at its DMARC record and its name servers; the receiver at its own resolvers when many domains are concerned."},
	{"112", Pass, "a DNS failure kept the DMARC record from being read, so the policy is not known", Sender | Receiver,
		"The owner of the From domain has to look at its name servers; the receiver at its own resolvers when many domains are concerned. " +
			"A receiver who does not want such mail unchecked can ask for it again later (assay: policy.dns_failure)."},
	{"115", Pass, "the message was sent from another Microsoft 365 organization that accepts the From domain", 0,
		"Nothing has to be done. Microsoft 365 only: assay never gives this code."},
	{"116", Pass, "the MX host of the From domain and the reverse DNS name of the client belong together", Sender,
		"The message counts as genuine by a hint only. Publish SPF for this client and sign with DKIM, so that it does not depend on the MX."},
	{"130", Pass, "what a trusted ARC sealer found overrides the DMARC failure", 0,
		"Nothing has to be done: the message was changed or forwarded on its way, and the receiver trusts the host that did it."},
	{"2xx", SoftPass, "implicit authentication passed softly: there is a hint that the message is genuine, no more", Sender,
		"The owner of the From domain has to publish SPF for its hosts and sign with DKIM."},
	{"201", SoftPass, "hosts of the From domain itself are in the network of the client", Sender,
		"The owner of the From domain has to publish SPF for this client and sign with DKIM."},
	{"202", SoftPass, "the reverse DNS name of the client is of the From domain's organization, but not confirmed by its address records", Sender,
		"The owner of the client has to publish an address record for its reverse DNS name; the owner of the From domain SPF and DKIM."},
	{"3xx", None, "composite authentication was not checked", 0, "Nothing can be said about the message."},
	{"301", None, "there is no From domain that could be checked with certainty", Sender,
		"The sender has to write exactly one From field with a valid address."},
	{"4xx", None, "composite authentication was bypassed", 0, "The receiver's own configuration exempts such messages."},
	{"401", None, "the client logged in (SMTP AUTH), so the message is one of the receiver's own users", 0, "Nothing has to be done."},
	{"402", None, "the client is in a network that the receiver trusts", Receiver,
		"If mail of others comes in over this client, it is no trusted network: list it as an internal relay."},
	{"501", Pass, "DMARC is not enforced: a valid bounce between parties that have been in contact before", 0, "Nothing has to be done."},
	{"502", Pass, "DMARC is not enforced: a valid bounce for a message that this organization sent", 0, "Nothing has to be done."},
	{"6xx", Fail, "implicit failure: nothing authenticates the From domain", Sender,
		"The owner of the From domain has to publish SPF for its hosts, sign with DKIM, and publish a DMARC record."},
	{"601", Fail, "implicit failure, and the From domain is one of the receiver's own", Receiver | Sender,
		"The message claims to come from the receiver's own organization, and nothing shows that it does. If a service sends in its name, " +
			"sign with DKIM for the domain or add the service's hosts to the domain's SPF record, or allow the pair of sender and infrastructure. " +
			"Then publish a DMARC record with an enforced policy."},
	{"7xx", Pass, "implicit authentication passed: a history of legitimate messages", Sender,
		"The owner of the From domain has to make SPF or DKIM pass, so that its mail does not depend on what a receiver remembers."},
	{"701", Pass, "DMARC is not enforced: the From domain has a history of legitimate messages from the organization of the client's reverse DNS name", Sender,
		"Publish SPF for this infrastructure, or let it sign with DKIM for the From domain."},
	{"702", Pass, "DMARC is not enforced: the From domain has a history of legitimate messages with signatures of this other domain", Sender,
		"Let the service that signs with its own domain sign for the From domain too."},
	{"703", Pass, "DMARC is not enforced: the From domain has a history of legitimate messages from the network of the client", Sender,
		"Publish SPF for this network, or sign with DKIM for the From domain."},
	{"704", Pass, "DMARC is not enforced: this address has a history of legitimate messages to these recipients", Sender,
		"Publish SPF for the hosts that send, and sign with DKIM for the From domain."},
	{"9xx", None, "composite authentication was bypassed", Receiver, "The receiver's own routing keeps the message from being checked."},
	{"905", None, "DMARC is not enforced: complex routing, the host that sent the message is not known", Receiver,
		"Another system stands in front of the receiver. Let it write Received fields that name the client's address, " +
			"and list every hop of it as an internal relay."},
}
