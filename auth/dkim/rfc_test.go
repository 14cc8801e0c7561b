package dkim

import (
	"strings"
	"testing"
)

// footballBody is in the examples of RFC 6376 and RFC 8463.
const footballBody = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

const footballHeader = "From: Joe SixPack <joe@football.example.com>\r\n" +
	"To: Suzie Q <suzie@shopping.example.net>\r\n" +
	"Subject: Is dinner ready?\r\n" +
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n" +
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"

// TestRFC8463 is appendix A of RFC 8463: Ed25519 and RSA, relaxed.
func TestRFC8463(t *testing.T) {
	zone := zoneOf(
		"brisbane._domainkey.football.example.com",
		"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
		"test._domainkey.football.example.com",
		"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"+
			"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"+
			"DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"+
			"Ip3G+2kryOTIKT+l/K4w3QIDAQAB")
	signed := strings.ReplaceAll(`DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
`, "\n", "\r\n") + footballHeader + "\r\n" + footballBody
	got := run(zoneVerifier(t, zone), signed)
	if len(got) != 2 || got[0].Result != Pass || got[1].Result != Pass {
		t.Fatalf("%+v", got)
	}
	if got[0].KeyBits != 256 || got[1].KeyBits != 1024 {
		t.Errorf("keys of %d and %d bits", got[0].KeyBits, got[1].KeyBits)
	}
	for _, o := range run(zoneVerifier(t, zone), signed+"PS\r\n") {
		if o.Result != Fail || o.Reason != "body hash did not verify" {
			t.Errorf("with an addition: %+v", o)
		}
	}
}

// TestRFC6376 is appendix A.2 of RFC 6376: RSA, simple, the key of appendix C.
// The RFC's layout changed white space that is signed: the lines of the field
// were folded with six spaces, and "game. Are" had one.
func TestRFC6376(t *testing.T) {
	zone := zoneOf("brisbane._domainkey.example.com",
		"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"+
			"KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"+
			"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v"+
			"/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"+
			"tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB")
	signed := strings.ReplaceAll(`DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
`, "\n", "\r\n") + footballHeader + "\r\n" + footballBody
	wantOne(t, run(zoneVerifier(t, zone), signed), Fail, "body hash did not verify")
	signed = strings.Replace(signed, "game.  Are", "game. Are", 1)
	o := wantOne(t, run(zoneVerifier(t, zone), signed), Pass, "signature was verified")
	if o.Domain != "example.com" || o.Identity != "joe@football.example.com" || o.Selector != "brisbane" {
		t.Errorf("%+v", o)
	}
}

// TestEmptyBody has the hashes of RFC 6376 sections 3.4.3 and 3.4.4.
func TestEmptyBody(t *testing.T) {
	v := zoneVerifier(t, usualZone())
	for canon, hash := range map[string]string{
		"simple":  "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
		"relaxed": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	} {
		tags := strings.NewReplacer("relaxed/relaxed", "simple/"+canon, "BH", hash).Replace(usualTags)
		wantOne(t, run(v, sign(rsa2048(), footballHeader+"\r\n", tags)), Pass, "signature was verified")
	}
}
