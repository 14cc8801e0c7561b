package main

import "assay/compauth"

// The parties that can fix something.
const (
	bySender       = compauth.Sender
	byIntermediary = compauth.Intermediary
	byReceiver     = compauth.Receiver
	byNobody       = compauth.Parties(0)
)

// A meaning is what one result of one method means: {who} stands for the identity that
// it is about.
type meaning struct {
	method, value string
	means         string
	fix           compauth.Parties
	how           string // "" when nothing has to be done
}

// methodNames says what the methods of the table are.
var methodNames = [...]struct{ method, name string }{
	{"spf", "SPF (may this host send for the domain in MAIL FROM?)"},
	{"dkim", "DKIM (does a domain's signature verify?)"},
	{"dmarc", "DMARC (does SPF or DKIM speak for the domain in From?)"},
	{"arc", "ARC (what did the hosts on the way find?)"},
	{"iprev", "reverse DNS (does the client's name lead back to its address?)"},
	{"auth", "SMTP AUTH (did the client log in?)"},
	{"compauth", "composite authentication (all of it in one verdict)"},
}

// meanings lists every result of every method that is known.
var meanings = [...]meaning{
	{"spf", "pass", "The client is allowed to send for {who}.", byNobody, ""},
	{"spf", "fail", "The SPF record of {who} says that the client is not allowed to send for it (-all).", bySender | byIntermediary,
		"The sender adds the client's address to the SPF record, if it sends for the domain. A forwarder uses a MAIL FROM of its own (SRS). Else the message is forged."},
	{"spf", "hardfail", "The SPF record of {who} says that the client is not allowed to send for it (-all).", bySender | byIntermediary,
		"The sender adds the client's address to the SPF record, if it sends for the domain. A forwarder uses a MAIL FROM of its own (SRS). Else the message is forged."},
	{"spf", "softfail", "The SPF record of {who} says that the client is probably not allowed to send for it (~all).", bySender | byIntermediary,
		"The sender adds the client's address to the SPF record, if it sends for the domain. A forwarder uses a MAIL FROM of its own (SRS)."},
	{"spf", "neutral", "The SPF record of {who} says nothing about the client (?all, or no mechanism matches).", bySender,
		"The sender lists all its hosts in the SPF record and ends it in ~all or -all."},
	{"spf", "none", "There is no SPF record for {who}, or no domain to look it up for.", bySender,
		"The sender publishes an SPF record: a TXT record at the domain such as v=spf1 mx -all."},
	{"spf", "temperror", "DNS did not answer while the SPF record of {who} was evaluated.", bySender | byReceiver,
		"The sender looks at the name servers of the domain and of those it includes; the receiver at its resolvers, when many domains are concerned. Another try may pass."},
	{"spf", "permerror", "The SPF record of {who} can't be evaluated: a syntax error, two records, or more than 10 lookups.", bySender,
		"The sender corrects the record; assay check shows what is wrong with it. Fewer include, a and mx keep it below 10 lookups."},
	{"spf", "policy", "The receiver's own policy decided instead of the SPF record of {who}.", byReceiver, "The receiver looks at its configuration."},

	{"dkim", "pass", "A signature of {who} verifies: that domain answers for the message, and what it signed is unchanged.", byNobody, ""},
	{"dkim", "fail", "A signature of {who} does not verify: the message was changed on its way, or was not signed by that domain.", bySender | byIntermediary,
		"An intermediary leaves signed fields and the body as they are, or seals with ARC. The sender signs as the last step and compares the published key with the one that signs."},
	{"dkim", "neutral", "There is a signature of {who}, but it can't be evaluated.", bySender, "The sender corrects the signature."},
	{"dkim", "none", "The message is not signed.", bySender, "The sender signs with DKIM for the From domain."},
	{"dkim", "policy", "The signature of {who} is not accepted by the receiver, though it may verify.", bySender | byReceiver,
		"The sender makes a signature that the receiver accepts: a key of 2048 bits, rsa-sha256 or ed25519-sha256, every From field signed, no l= tag."},
	{"dkim", "temperror", "DNS did not answer when the key of {who} was looked up.", bySender | byReceiver,
		"The sender looks at the name servers of the domain; the receiver at its resolvers, when many domains are concerned. Another try may pass."},
	{"dkim", "permerror", "The signature of {who} or its key can't be used.", bySender, "The sender corrects the signature, or the key that it publishes at SELECTOR._domainkey.DOMAIN."},

	{"dmarc", "pass", "SPF or DKIM passes for {who} or its organization, as its DMARC record asks.", byNobody, ""},
	{"dmarc", "fail", "There is a DMARC record for {who}, and neither SPF nor DKIM passes for that domain.", bySender | byIntermediary,
		"The sender signs with DKIM for the From domain, or uses it in MAIL FROM with an SPF record that lists the host. " +
			"An intermediary that changes messages puts its own address in From, or seals with ARC, and the receiver trusts that sealer. Else the message is forged."},
	{"dmarc", "none", "There is no DMARC record for {who}.", bySender, "The sender publishes one: at first v=DMARC1; p=none with an address for reports."},
	{"dmarc", "bestguesspass", "There is no DMARC record for {who}, but the message would pass: SPF or DKIM passes for that domain.", bySender,
		"The sender publishes a DMARC record: at first v=DMARC1; p=none with an address for reports."},
	{"dmarc", "temperror", "DNS did not answer, and so DMARC has no result for {who}.", bySender | byReceiver,
		"The sender looks at its name servers; the receiver at its resolvers, when many domains are concerned. Another try may pass."},
	{"dmarc", "permerror", "DMARC can't be evaluated: no From domain can be read, or its record is wrong.", bySender,
		"The sender writes exactly one From field with a valid address, and publishes one DMARC record that begins with v=DMARC1."},
	{"dmarc", "policy", "The receiver's own policy decided instead of the DMARC record of {who}.", byReceiver, "The receiver looks at its configuration."},

	{"arc", "none", "No host on the way has sealed the message with ARC.", byNobody, ""},
	{"arc", "pass", "The ARC chain is intact: what the hosts on the way say they found is what they wrote. Whether they are to be believed is for the receiver to decide.", byNobody, ""},
	{"arc", "fail", "The ARC chain is broken: what the hosts on the way say counts for nothing.", byIntermediary,
		"The host that broke it seals after its last change, and leaves the ARC fields of others alone."},
	{"arc", "temperror", "DNS did not answer, and so the ARC chain could not be validated.", byIntermediary | byReceiver,
		"The sealer looks at its name servers; the receiver at its resolvers, when many domains are concerned. Another try may pass."},
	{"arc", "permerror", "The ARC fields can't be read.", byIntermediary, "The host that wrote them corrects its sealer."},

	{"iprev", "pass", "The client's address has a name, and that name leads back to the address.", byNobody, ""},
	{"iprev", "fail", "The client's address has no name that leads back to it.", bySender,
		"Who runs the client publishes a PTR record for its address, and an address record for that name."},
	{"iprev", "temperror", "DNS did not answer when the client's name was looked up.", bySender | byReceiver,
		"Who runs the client looks at the name servers of its reverse zone. Another try may pass."},
	{"iprev", "permerror", "There is no name for the client's address, or it can't be looked up.", bySender,
		"Who runs the client publishes a PTR record for its address, and an address record for that name."},

	{"auth", "pass", "The client logged in (SMTP AUTH): the message is of a user of the host that wrote this.", byNobody, ""},
	{"auth", "none", "The client did not log in.", byNobody, ""},
	{"auth", "fail", "The client tried to log in and failed.", bySender, "The user corrects the password in the mail program."},
	{"auth", "temperror", "The login could not be checked at that time.", byReceiver, "The receiver looks at its authentication service."},
	{"auth", "permerror", "The login can't be checked.", byReceiver, "The receiver looks at its authentication service."},

	{"compauth", "pass", "The message is taken to be from {who}.", byNobody, ""},
	{"compauth", "softpass", "There is a hint that the message is from {who}, no more.", bySender, "The sender publishes SPF and signs with DKIM for the From domain."},
	{"compauth", "none", "It was not checked whether the message is from {who}, or the check was bypassed.", byNobody, ""},
	{"compauth", "fail", "Nothing shows that the message is from {who}: it may be forged.", bySender,
		"The sender makes SPF or DKIM pass for the From domain and publishes a DMARC record."},
}

// findMeaning is the row of one result.
func findMeaning(method, value string) (meaning, bool) {
	for _, m := range meanings {
		if m.method == method && m.value == value {
			return m, true
		}
	}
	return meaning{}, false
}
