package main

// hostname is the name of the demo's mail server, and its authserv-id.
const hostname = "mx.example.test"

// zone is all that the demo's DNS knows, but for the DKIM keys.
const zone = `
; fabrikam.example signs, publishes SPF and asks to reject what is forged
fabrikam.example.                TXT "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all"
mail.fabrikam.example.           TXT "v=spf1 a -all"
_dmarc.fabrikam.example.         TXT "v=DMARC1; p=reject"
mail.fabrikam.example.           A    192.0.2.10
mail.fabrikam.example.           AAAA 2001:db8::10
10.2.0.192.in-addr.arpa.         PTR  mail.fabrikam.example.
0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR mail.fabrikam.example.

; newsletter.example has SPF only
newsletter.example.              TXT "v=spf1 ip4:192.0.2.20 -all"
_dmarc.newsletter.example.       TXT "v=DMARC1; p=none"
out.newsletter.example.          A    192.0.2.20
20.2.0.192.in-addr.arpa.         PTR  out.newsletter.example.

; attacker.example has SPF, and a reverse name that leads nowhere
attacker.example.                TXT "v=spf1 ip4:203.0.113.66 -all"
66.113.0.203.in-addr.arpa.       PTR  mail.attacker.example.

; lists.example is a mailing list
lists.example.                   TXT "v=spf1 ip4:198.51.100.30 -all"
mail.lists.example.              A    198.51.100.30
30.100.51.198.in-addr.arpa.      PTR  mail.lists.example.

; example.test and sister.test are our own; sister.test publishes no policy
example.test.                    TXT "v=spf1 ip4:10.20.0.1 -all"
_dmarc.example.test.             TXT "v=DMARC1; p=reject"
sister.test.                     TXT "the other office"

; contoso.example forgot that esp.example sends for it, too
contoso.example.                 TXT "v=spf1 ip4:192.0.2.40 -all"
_dmarc.contoso.example.          TXT "v=DMARC1; p=quarantine"
out.esp.example.                 A    198.51.101.40
40.101.51.198.in-addr.arpa.      PTR  out.esp.example.

; survey.example sends in the name of others
out.survey.example.              A    198.51.102.50
50.102.51.198.in-addr.arpa.      PTR  out.survey.example.

; these publish neither SPF nor DMARC, and have other things to be known by
mail.small.example.              A    198.51.103.60
60.103.51.198.in-addr.arpa.      PTR  mail.small.example.
shop.example.                    MX   10 mx.hosting.example.
mx.hosting.example.              A    198.51.104.70
out.hosting.example.             A    198.51.105.71
71.105.51.198.in-addr.arpa.      PTR  out.hosting.example.
plain.example.                   A    198.51.106.80
90.107.51.198.in-addr.arpa.      PTR  mail.lazy.example.
supplier.example.                TXT "nothing to be known by"

; remote.example and partner.example send bounces from hosts that they don't list
remote.example.                  TXT "v=spf1 -all"
_dmarc.remote.example.           TXT "v=DMARC1; p=reject"
partner.example.                 TXT "v=spf1 -all"
_dmarc.partner.example.          TXT "v=DMARC1; p=quarantine"
`

// brokenName is a name for which the demo's DNS has no answer.
const brokenName = "_dmarc.broken.example"

// config is the daemon's; the arguments are the demo's folder and the address of its DNS.
const config = `authserv_id = "` + hostname + `"
accepted_domains = ["` + ownDomain + `", "sister.test"]
trusted_networks = ["10.20.0.0/16"]
internal_relays = ["10.1.0.0/24"]
trusted_authserv_ids = ["gateway.example.test"]
spoofed_senders_file = "%[1]s/spoofed-senders"
state_dir = "%[1]s"
log_format = "json"

[milter]
listen = ["unix:%[1]s/assay.sock"]
socket_mode = "0666"   # Postfix's own user must reach it

[dns]
servers = ["%[2]s"]

[arc]
trusted_sealers_file = "%[1]s/trusted-sealers"

[policy]
dmarc_reject = "reject"
dmarc_quarantine = "quarantine"
compauth_fail = "quarantine"
spoof_block = "reject"

[history]
database = "sqlite:` + historyFile + `"
`
