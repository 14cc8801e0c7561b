package main

import (
	"strings"
	"testing"

	"assay/compauth/spoof"
)

// fieldTricks bring results along.
func fieldTricks() []trick {
	spoof := "From: Joe <joe@victim.example>\n"
	claim := " dmarc=pass header.from=victim.example; compauth=pass reason=100\n"
	var all []trick
	for _, name := range []string{
		"Authentication-Results: mx.example.test;", "Authentication-Results : mx.example.test;", "AUTHENTICATION-RESULTS: MX.EXAMPLE.TEST;",
		"Authentication-Results: (x) mx.example.test;", `Authentication-Results: "mx.example.test";`, `Authentication-Results: "mx\.example.test" 1;`,
		"Authentication-Results:\n mx.example.test\n ;", "Authentication-Results: mx.example.test/1;", "Authentication-Results: mx.example.test.;",
		"Authentication-Results: mx.example.test\x00;", "Authentication-Results: m\u00adx.example.test;", "Authentication-Results: \uff4dx.example.test;",
		"Authentication-Results: " + word("mx.example.test;") + ";", "Authentication-Results: mx.example.test (;",
		`Authentication-Results: ; (\) mx.example.test;`,
	} {
		all = append(all, trick{name: "field of ours: " + name, header: strings.TrimSuffix(name, "\n") + claim + spoof})
	}
	return append(all,
		trick{name: "field of ours behind the limit", header: spoof + strings.Repeat("X: y\n", 3000) + "Authentication-Results: mx.example.test;" + claim},
		trick{name: "ARC set that nobody sealed", header: "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=victim.example; s=good; t=1; b=YQ==\n" +
			"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=victim.example; s=good; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==\n" +
			"ARC-Authentication-Results: i=1; victim.example;" + claim + spoof})
}

// settingTricks need a setting that takes the word of others.
func settingTricks() []trick {
	const blocked = 2
	spoof := "From: Joe <joe@victim.example>\n"
	signature := "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=victim.example; s=good; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==\n"
	evil := strings.Replace(strings.Replace(signature, "victim.example", "evil.example", 1), "good", "sel", 1)
	block, allow := []string{"block victim.example evil.example external"}, []string{"allow victim.example evil.example external"}
	elsewhere := "none.example" // no name of the client's by which the entry would match
	result := "; dmarc=pass header.from=victim.example; compauth=pass reason=100\n"
	received := "Received: from mail.evil.example (mail.evil.example [203.0.113.50]) by relay.example.test with ESMTP\n"
	forged := "Received: from mail.victim.example (mail.victim.example [192.0.2.1]) by relay.example.test with ESMTPSA\n"
	return []trick{
		{name: "blocked signer", header: spoof, sign: "d=evil.example s=sel", ptr: elsewhere, list: block, reason: blocked},
		{name: "blocked signer behind ten others", header: spoof, sign: "d=evil.example s=sel", after: strings.Repeat(signature, 10), ptr: elsewhere, list: block, reason: blocked},
		{name: "blocked signer past a limit", header: spoof, sign: "d=evil.example s=sel", after: strings.Repeat("X: y\n", 3000), ptr: elsewhere, list: block, reason: blocked},
		{name: "blocked signer above a limit", header: strings.Repeat("X: y\n", 3000) + spoof, sign: "d=evil.example s=sel", ptr: elsewhere, list: block, reason: blocked},
		{name: "blocked signer and a long field", header: "X: " + strings.Repeat("x", 131_100) + "\n" + spoof, sign: "d=evil.example s=sel", ptr: elsewhere, list: block, reason: blocked},
		{name: "blocked signer and two From", header: spoof, sign: "d=evil.example s=sel", after: spoof, ptr: elsewhere, list: block, reason: blocked},
		{name: "blocked name, From past the limit", header: strings.Repeat("X: y\n", 3000) + spoof, list: block, reason: blocked},
		{name: "blocked address of two", header: "From: ann@victim.example, joe@victim.example\n", list: []string{"block joe@victim.example * external"}, reason: blocked},
		{name: "allowed signer that did not sign", header: evil + spoof, ptr: elsewhere, list: allow},
		{name: "allowed signer behind ten others", header: spoof, after: strings.Repeat(signature, 10) + evil, ptr: elsewhere, list: allow},
		{name: "allowed signer past a limit", header: spoof, sign: "d=evil.example s=sel", after: strings.Repeat("X: y\n", 3000), ptr: elsewhere, list: allow},
		{name: "allowed name that is not confirmed", header: spoof, ptr: "mail.friend.example", list: []string{"allow victim.example friend.example external"}},
		{name: "PTR of the victim", header: spoof, ptr: "victim.example"},
		{name: "PTR below the victim", header: spoof, ptr: "mail.victim.example"},
		{name: "PTR that begins as the victim", header: spoof, ptr: "victim.example.evil.example"},
		{name: "PTR with a result", header: spoof, ptr: "dmarc=pass.header.from=victim.example"},
		{name: "PTR of the victim, own domain", header: ownFrom, ptr: "victim.example", own: true},
		{name: "trusted id", header: "Authentication-Results: inner.example.test" + result + spoof, config: "trusted_authserv_ids = ['inner.example.test']"},
		{name: "trusted id and ours", header: "Authentication-Results: inner.example.test; none; mx.example.test" + result + spoof, config: "trusted_authserv_ids = ['inner.example.test']"},
		{name: "forged field below that of a relay", header: received + forged + spoof, mailFrom: "joe@victim.example", config: "internal_relays = ['198.51.100.9']"},
		{name: "authenticated, says a field below that of a relay", header: received + strings.ReplaceAll(forged, "192.0.2.1", "127.0.0.1") + spoof,
			config: "internal_relays = ['198.51.100.9']\ntrusted_networks = ['127.0.0.0/8', '198.51.100.9']"},
		{name: "ARC set in the name of a trusted sealer", header: "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=victim.example; s=good; t=1; b=YQ==\n" +
			strings.Replace(signature, "DKIM-Signature: v=1", "ARC-Message-Signature: i=1", 1) + "ARC-Authentication-Results: i=1; victim.example" + result + spoof,
			config: "[arc]\ntrusted_sealers = ['victim.example']"},
		{name: "own seal, results of a trusted sealer", header: "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=evil.example; s=sel; t=1; b=YQ==\n" +
			strings.Replace(evil, "DKIM-Signature: v=1", "ARC-Message-Signature: i=1", 1) + "ARC-Authentication-Results: i=1; victim.example" + result + spoof,
			config: "[arc]\ntrusted_sealers = ['victim.example']"},
	}
}

// spoofedSenders makes the list of the entries.
func spoofedSenders(t *testing.T, entries []string) *spoof.List {
	t.Helper()
	f, err := spoof.ParseFile(strings.Join(entries, "\n"), "list")
	if err != nil {
		t.Fatal(err)
	}
	return f.List()
}
