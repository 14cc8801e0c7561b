package main

import (
	"bufio"
	"encoding/base64"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"assay/auth"
	"assay/auth/authres"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/compauth"
)

// The domain that is spoofed, and that of who does it, who has all the records that there are.
const (
	victim  = "victim.example"
	tricker = "evil.example"
)

const trickZone = `
victim.example. IN TXT "v=spf1 ip4:192.0.2.1 -all"
_dmarc.victim.example. IN TXT "v=DMARC1; p=reject"
victim.example. IN MX 10 mail.victim.example.
mail.victim.example. IN A 192.0.2.1
good._domainkey.victim.example. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"

evil.example. IN TXT "v=spf1 ip4:198.51.100.9 -all"
*.evil.example. IN TXT "v=spf1 ip4:198.51.100.9 -all"
_dmarc.evil.example. IN TXT "v=DMARC1; p=reject"
sel._domainkey.evil.example. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"
*._domainkey.evil.example. IN TXT "v=DKIM1; k=rsa; p={{rsa}}"
9.100.51.198.in-addr.arpa. IN PTR mail.evil.example.
mail.evil.example. IN A 198.51.100.9
`

// A trick is a message that is to look as if it came from victim.example. What is not told is as
// for a message that evil.example sends in its own name, with SPF.
type trick struct {
	name           string
	helo, mailFrom string // "" means mail.evil.example and me@evil.example; "-" is empty
	header         string // LF line ends
	sign           string // signatures as in a scenario, a line each
	after          string // put on top of the signed message
	tail           string // put behind its body
	own            bool   // it is a good message of evil.example: it passes, for that
	unread         bool   // nothing is known that could fail (reason 301)

	config string          // more of it
	list   []string        // entries of the spoofed-senders list
	ptr    string          // the client's name in place of mail.evil.example
	reason compauth.Reason // if it is to be a certain one
}

const ownFrom = "From: me@evil.example\n"

// word is an encoded word of RFC 2047.
func word(text string) string {
	return "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}

// The names in brackets are those of espoofer: Chen, Paxson and Jiang, "Composition Kills: A Case Study of
// Email Sender Authentication", USENIX Security 2020.
func tricks() []trick {
	return slices.Concat(envelopeTricks(), signatureTricks(), fromFieldTricks(), fromAddressTricks(), fieldTricks(), settingTricks())
}

// envelopeTricks give SPF another domain than a reader sees.
func envelopeTricks() []trick {
	spoof := "From: Joe <joe@victim.example>\n"
	return []trick{
		{name: "another domain", header: spoof},
		{name: "HELO of the victim [a2]", helo: "victim.example", mailFrom: "-", header: spoof},
		{name: "HELO of our own, null sender [a2]", mailFrom: "-", header: spoof},
		{name: "HELO of a name below the victim", helo: "mail.victim.example", mailFrom: "-", header: spoof},
		{name: "no such subdomain in MAIL FROM [a1]", mailFrom: "x@none.victim.example", header: spoof},
		{name: "no such subdomain in From", header: "From: joe@none.victim.example\n"},
		{name: "comment in MAIL FROM [a2]", mailFrom: "(any@victim.example", header: spoof},
		{name: "parenthesis in MAIL FROM [a5]", mailFrom: "any@victim.example(.evil.example", header: spoof},
		{name: "quote in MAIL FROM [a5]", mailFrom: "any@victim.example'@a.evil.example", header: spoof},
		{name: "double quote in MAIL FROM [a5]", mailFrom: `any@victim.example"@a.evil.example`, header: spoof},
		{name: "space in MAIL FROM", mailFrom: "any@victim.example @a.evil.example", header: spoof},
		{name: "NUL in MAIL FROM", mailFrom: "any@victim.example\x00@a.evil.example", header: spoof},
		{name: "NUL in the domain of MAIL FROM", mailFrom: "any@victim.example\x00.evil.example", header: spoof},
		{name: "semicolon in MAIL FROM", mailFrom: "any@evil.example; dmarc=pass header.from=victim.example", header: spoof},
		{name: "result in the local part", mailFrom: `"x; dmarc=pass header.from=victim.example; y"@evil.example`, header: spoof},
		{name: "CRLF in MAIL FROM", mailFrom: "any@evil.example\r\nAuthentication-Results: mx.example.test; dmarc=pass", header: spoof},
		{name: "route in MAIL FROM [a6]", mailFrom: "@victim.example,@any.example:me@evil.example", header: spoof},
		{name: "route and quote in MAIL FROM [a7]", mailFrom: "@victim.example,@any.example:'any@evil.example", header: spoof},
		{name: "two addresses in MAIL FROM", mailFrom: "joe@victim.example,me@evil.example", header: spoof},
		{name: "percent hack in MAIL FROM", mailFrom: "joe%victim.example@evil.example", header: spoof},
		{name: "SPF macros in MAIL FROM", mailFrom: "%{d}@evil.example", header: spoof},
		{name: "result in HELO", helo: "x; spf=pass smtp.helo=victim.example", mailFrom: "-", header: spoof},
		{name: "parenthesis in HELO", helo: "victim.example(.evil.example", mailFrom: "-", header: spoof},
		{name: "CRLF in HELO", helo: "x\r\nAuthentication-Results: mx.example.test; dmarc=pass", mailFrom: "-", header: spoof},
		{name: "full-width letters in MAIL FROM", mailFrom: "any@\uff56ictim.example", header: spoof},
		{name: "dot at the end of MAIL FROM", mailFrom: "any@evil.example.", header: spoof},
	}
}

// signatureTricks sign with another key than a reader takes it for.
func signatureTricks() []trick {
	spoof := "From: Joe <joe@victim.example>\nTo: ann@example.test\nSubject: x\n"
	tags := func(d, s, more string) string {
		return "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=" + d + "; s=" + s + ";" + more +
			" h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==\n"
	}
	return []trick{
		{name: "signed by another", header: spoof, sign: "d=evil.example s=sel"},
		{name: "NUL in s= [a3]", header: tags("victim.example", "x._domainkey.evil.example.\x00.any", "") + spoof},
		{name: "selector that goes on [a3]", header: tags("victim.example", "x._domainkey.evil.example.", "") + spoof},
		{name: "parenthesis in d= [a4]", header: tags("victim.example(.evil.example", "sel", "") + spoof},
		{name: "quote in d= [a4]", header: tags("victim.example'a.evil.example", "sel", "") + spoof},
		{name: "NUL in d=", header: tags("victim.example\x00.evil.example", "sel", "") + spoof},
		{name: "space in d=", header: tags("victim.example .evil.example", "sel", "") + spoof},
		{name: "dot at the end of d=", header: tags("victim.example.", "sel", "") + spoof},
		{name: "d= of a top-level domain", header: tags("example", "sel", "") + spoof},
		{name: "two d=", header: tags("evil.example", "sel", " d=victim.example;") + spoof},
		{name: "i= of the victim", header: tags("evil.example", "sel", " i=joe@victim.example;") + spoof},
		{name: "result in i=", header: tags("evil.example", "sel", ` i="x dmarc=pass header.from=victim.example"@evil.example;`) + spoof},
		{name: "result in s=", header: tags("evil.example", "x header.d=victim.example", "") + spoof},
		{name: "result in a=", header: strings.Replace(tags("evil.example", "sel", "")+spoof, "rsa-sha256", "rsa-x header.d=victim.example", 1)},
		{name: "full-width letters in d=", header: tags("\uff56ictim.example", "sel", "") + spoof},
		{name: "replay with another From [r1]", header: "From: joe@victim.example\nTo: ann@example.test\nSubject: x\n", sign: "d=victim.example s=good",
			after: "From: ceo@victim.example\n"},
		{name: "replay with From of another name", header: spoof, sign: "d=victim.example s=good", after: "from : me@evil.example\n"},
		{name: "replay with more body [r3]", header: spoof, sign: "d=victim.example s=good", tail: "Money!\n"},
		{name: "replay with another Subject on top [r2]", header: spoof, sign: "d=victim.example s=good h=From:To:Subject:Subject", after: "Subject: Money!\n"},
		{name: "l=0", header: tags("victim.example", "good", " l=0;") + spoof},
	}
}

// fromFieldTricks have another From field than a reader sees.
func fromFieldTricks() []trick {
	spoof := "From: Joe <joe@victim.example>\n"
	return []trick{
		{name: "two From fields [a8]", header: ownFrom + spoof},
		{name: "two From fields, the other way [a8]", header: spoof + ownFrom},
		{name: "a signed one and another [a8]", header: ownFrom, sign: "d=evil.example s=sel h=From", after: spoof},
		{name: "space in front [a9]", header: "Subject: x\n From: me@evil.example\n" + spoof},
		{name: "space in front of the victim's [a9]", header: "Subject: x\n " + spoof + ownFrom, own: true},
		{name: "space in front of the colon [a10]", header: "From : me@evil.example\n" + spoof},
		{name: "the victim's with a space in front of the colon [a10]", header: "From \t: joe@victim.example\n" + ownFrom},
		{name: "colon in the next line [a11]", header: "Subject: x\nFrom\n : me@evil.example\n" + spoof, unread: true},
		{name: "letter case", header: ownFrom + "FROM: joe@victim.example\n"},
		{name: "value in the next line", header: "From:\n joe@victim.example\n"},
		{name: "empty lines in the fold", header: "From: me@evil.example,\n \n joe@victim.example\n"},
		{name: "no From, a Sender [a12]", header: "Sender: joe@victim.example\nSubject: x\n", unread: true},
		{name: "From and Sender [a12]", header: ownFrom + "Sender: joe@victim.example\n", own: true},
		{name: "Resent-From [a12]", header: ownFrom + "Resent-From: joe@victim.example\n", own: true},
		{name: "Resent-From and no From [a12]", header: "Resent-From: joe@victim.example\n", unread: true},
		{name: "mbox line", header: "Subject: x\n>From joe@victim.example\n" + spoof, unread: true},
		{name: "non-ASCII name", header: ownFrom + "Fr\u043em: joe@victim.example\n", own: true},
		{name: "hundreds of fields", header: strings.Repeat(ownFrom, 300) + spoof},
		{name: "behind the limit", header: ownFrom + strings.Repeat("X: y\n", 3000) + spoof},
		{name: "alone behind the limit", header: strings.Repeat("X: y\n", 3000) + spoof},
		{name: "too long, behind the limit", header: ownFrom + strings.Repeat("X: y\n", 3000) + "From: " + strings.Repeat("x", 200_000) + " <joe@victim.example>\n"},
	}
}

// fromAddressTricks have another address in From than a reader sees.
func fromAddressTricks() []trick {
	from := func(value string) string { return "From: " + value + "\n" }
	return []trick{
		{name: "two addresses [a13]", header: from("<me@evil.example>, <joe@victim.example>")},
		{name: "two addresses, the other way [a13]", header: from("joe@victim.example, me@evil.example")},
		{name: "two without a comma", header: from("<joe@victim.example><me@evil.example>")},
		{name: "two with a space", header: from("<me@evil.example> <joe@victim.example>")},
		{name: "semicolon between", header: from("me@evil.example; joe@victim.example")},
		{name: "encoded address [a14]", header: from(word("<joe@victim.example>,") + " <me@evil.example>"), own: true},
		{name: "encoded address and no other [a14]", header: from(word("joe@victim.example"))},
		{name: "encoded in brackets", header: from("<" + word("joe@victim.example") + ">")},
		{name: "encoded, then plain", header: from(word("joe@victim.example") + "<me@evil.example>"), own: true},
		{name: "route [a15]", header: from("<@evil.example:joe@victim.example>")},
		{name: "route of the victim [a15]", header: from("<@victim.example:me@evil.example>")},
		{name: "routes [a15]", header: from("<@victim.example,@evil.example:me@evil.example>")},
		{name: "quoted pair [a16]", header: from(`<me@evil.example>\,<joe@victim.example>`)},
		{name: "quoted pair in brackets [a16]", header: from(`<joe@victim.example\>me@evil.example>`)},
		{name: "bare, then brackets [a17]", header: from("joe@victim.example<me@evil.example>")},
		{name: "bare, comma, brackets [a17]", header: from("joe@victim.example,<me@evil.example>")},
		{name: "brackets, then bare [a18]", header: from("<joe@victim.example>me@evil.example")},
		{name: "brackets, comma, bare [a18]", header: from("<joe@victim.example>,me@evil.example")},
		{name: "brackets and backslash [a19]", header: from(`<joe@victim.example>\<me@evil.example>`)},
		{name: "brackets in brackets", header: from("<<joe@victim.example>me@evil.example>")},
		{name: "no closing bracket", header: from("<joe@victim.example")},
		{name: "quote left open", header: from(`"me@evil.example <joe@victim.example>`)},
		{name: "quoted display name", header: from(`"joe@victim.example" <me@evil.example>`), own: true},
		{name: "display name with brackets in quotes", header: from(`"<joe@victim.example>" <me@evil.example>`), own: true},
		{name: "quoted local part", header: from(`"joe@victim.example"@evil.example`)},
		{name: "quoted pair in a display name", header: from(`"Joe \"<joe@victim.example>\"" <me@evil.example>`), own: true},
		{name: "comment with an address", header: from("me@evil.example (joe@victim.example)")},
		{name: "comment in an address", header: from("joe@victim.example(@evil.example)")},
		{name: "comment left open", header: from("me@evil.example (joe@victim.example")},
		{name: "comment in a comment", header: from(`<joe@victim.example> (\) <me@evil.example> ()`)},
		{name: "group", header: from("victims: joe@victim.example;")},
		{name: "group and address", header: from("victims: joe@victim.example;, me@evil.example")},
		{name: "empty group", header: from("joe@victim.example:;")},
		{name: "NUL", header: from("joe@victim.example\x00@evil.example")},
		{name: "NUL in front", header: from("\x00joe@victim.example, me@evil.example")},
		{name: "NUL in the domain", header: from("me@evil.example\x00.victim.example")},
		{name: "controls", header: from("joe@victim\x01.example")},
		{name: "bare CR", header: from("me@evil.example\rFrom: joe@victim.example")},
		{name: "full-width @", header: from("joe\uff20victim.example <me@evil.example>"), own: true},
		{name: "full-width @ in a local part", header: from("joe\uff20victim.example@evil.example")},
		{name: "full-width dot", header: from("joe@victim\uff0eexample")},
		{name: "soft hyphen", header: from("joe@vic\u00adtim.example")},
		{name: "zero-width space", header: from("joe@victim\u200b.example")},
		{name: "right-to-left override", header: from("\u202eelpmaxe.mitciv@eoj\u202c@evil.example")},
		{name: "domain literal", header: from("joe@[victim.example]")},
		{name: "part of a domain in brackets", header: from("joe@[victim].example")},
		{name: "domain literal with a tag", header: from("joe@[x:victim.example]")},
		{name: "domain literal with the tag of IPv6", header: from("<joe@[IPv6:victim.example]>")},
		{name: "domain literal, then the domain", header: from("joe@[1.2.3.4].victim.example")},
		{name: "domain literal, then a name", header: from("joe@[1.2.3.4]victim.example")},
		{name: "domain in apostrophes", header: from("joe@'victim.example'")},
		{name: "dot at the end", header: from("joe@victim.example.")},
		{name: "two dots", header: from("joe@victim..example")},
		{name: "space in the domain", header: from("joe@victim .example")},
		{name: "two @", header: from("joe@victim.example@evil.example")},
		{name: "hundreds of addresses", header: from(strings.Repeat("me@evil.example, ", 300) + "joe@victim.example")},
		{name: "tens of domains", header: from("a@a.example, b@b.example, c@c.example, d@d.example, e@e.example, joe@victim.example")},
		{name: "8-bit text", header: from("\xe4joe@victim.example\xff@evil.example")},
	}
}

// None of the tricks makes a field say that something of victim.example passed, however it is read;
// those that show the victim as the author fail.
func TestTricks(t *testing.T) {
	for _, style := range []string{"rfc8601", "microsoft", "both"} {
		for _, trick := range tricks() {
			t.Run(style+"/"+trick.name, func(t *testing.T) {
				t.Parallel()
				report, kept := trick.check(t, style)
				trick.judge(t, report)
				for _, e := range report.Edits {
					if !e.Delete {
						checkField(t, e.Name, e.Value)
					}
				}
				for _, f := range kept {
					if authres.IsFrom(f.Value(), "mx.example.test") {
						t.Errorf("a field of ours stays: %q", f.Raw)
					}
				}
			})
		}
	}
}

// check gives the report, and the Authentication-Results fields of the message that stay.
func (k trick) check(t *testing.T, style string) (*auth.Report, message.Header) {
	t.Helper()
	config := "authserv_id = 'mx.example.test'\nheader_style = '" + style + "'\nspf_helo = true\nspf_full_address = true\nreceived_spf = true\n" +
		k.config + "\n[policy]\ndmarc_reject = 'reject'\ncompauth_fail = 'reject'\n"
	c, err := parseConfig([]byte(config), "config", func() (string, error) { return "mx.example.test", nil })
	if err != nil {
		t.Fatal(err)
	}
	zone := strings.ReplaceAll(trickZone, "PTR mail.evil.example.", "PTR "+given(k.ptr, "mail.evil.example")+".")
	v := newVerifier(c, dnstest.NewResolver(t, strings.ReplaceAll(zone, "{{rsa}}", publicKey(t, "rsa"))))
	v.Spoofed = spoofedSenders(t, k.list)
	text := crlf([]byte(k.header + "\nHello\n"))
	for line := range strings.Lines(k.sign) {
		text = sign(t, text, line)
	}
	body := bufio.NewReader(strings.NewReader(string(crlf([]byte(k.after))) + string(text) + string(crlf([]byte(k.tail)))))
	header := message.Collector{Limits: v.Limits.Header}
	if err := header.Read(body); err != nil {
		t.Fatal(err)
	}
	env := auth.Envelope{IP: netip.MustParseAddr("198.51.100.9"), Helo: given(k.helo, "mail.evil.example"),
		MailFrom: given(k.mailFrom, "me@evil.example"), Rcpt: []string{"ann@example.test"}, Excess: header.Excess()}
	report, err := checkMessage(t.Context(), v, env, header.Header(), body)
	if err != nil {
		t.Fatal(err)
	}
	return report, staying(header.Header(), report.Edits)
}

func given(text, byDefault string) string {
	switch text {
	case "":
		return byDefault
	case "-":
		return ""
	}
	return text
}

// staying lists the Authentication-Results fields that are not removed.
func staying(h message.Header, edits []auth.Edit) (kept message.Header) {
	n := 0
	for _, f := range h {
		if !f.Is("Authentication-Results") {
			continue
		}
		n++
		if !slices.ContainsFunc(edits, func(e auth.Edit) bool { return e.Delete && e.Index == n && f.Is(e.Name) }) {
			kept = append(kept, f)
		}
	}
	return kept
}

// judge looks at the verdict.
func (k trick) judge(t *testing.T, r *auth.Report) {
	t.Helper()
	want, action := compauth.Fail, auth.Reject
	switch {
	case k.own:
		want, action = compauth.Pass, auth.Accept
	case k.unread:
		want, action = compauth.None, auth.Accept
	}
	if r.Verdict.Result != want || r.Disposition.Action != action {
		t.Errorf("%v, %v, want %s; from %+v", r.Verdict, r.Disposition, want, r.Authors)
	}
	if k.reason != 0 && r.Verdict.Reason != k.reason {
		t.Errorf("%v, want reason %s", r.Verdict, k.reason)
	}
	if i := r.Verdict.Author; k.own && (i < 0 || r.Evidence.Authors[i].Domain != tricker) {
		t.Errorf("it passes for another than %s", tricker)
	}
}

// checkField reads a stamped field in several ways.
func checkField(t *testing.T, name, value string) {
	t.Helper()
	if strings.ContainsFunc(strings.ReplaceAll(value, "\r\n ", " "), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("a control in %q", value)
	}
	if name != "Authentication-Results" {
		return
	}
	results, err := authres.Parse(value)
	if err != nil {
		t.Errorf("%q: %v", value, err)
	}
	for _, r := range results.Results {
		for _, p := range r.Properties {
			if passing(r.Value) && aboutVictim(p.Value) {
				t.Errorf("%s=%s %s.%s=%q", r.Method, r.Value, p.Type, p.Name, p.Value)
			}
		}
	}
	checkNaively(t, value)
	code, text, stderr := newProgramWith(t, name+": "+value+"\r\n\r\n")
	if code != exitOK || explainedPass.MatchString(text) {
		t.Errorf("explain: %d\n%s%s", code, text, stderr)
	}
}

// checkNaively reads a field as programs do that know neither quotes nor comments.
func checkNaively(t *testing.T, value string) {
	t.Helper()
	for part := range strings.SplitSeq(strings.ReplaceAll(value, "\r\n", ""), ";") {
		if !strings.Contains(part, "=pass") && !strings.Contains(part, "=softpass") {
			continue
		}
		for _, w := range strings.Fields(part) {
			_, text, _ := strings.Cut(w, "=")
			if aboutVictim(text) {
				t.Errorf("%q, read naively", part)
			}
		}
	}
}

func passing(result string) bool {
	return result == "pass" || result == "softpass" || result == "bestguesspass"
}

// aboutVictim tells whether a value is, or may be cut to, the name of the victim or an address there.
func aboutVictim(value string) bool { return victimName.MatchString(value) }

var (
	victimName    = regexp.MustCompile(`(?i)^[^?]*?(^|[@".])victim\.example\.?($|[^a-z0-9.?'-])`)
	explainedPass = regexp.MustCompile(`(?m)^ *(spf|dkim|dmarc|compauth)=(soft)?pass .*=[^ ]*victim\.example( |$)`)
)

// newProgramWith runs assay explain on a text.
func newProgramWith(t *testing.T, text string) (code int, stdout, stderr string) {
	t.Helper()
	p := newProgram(t)
	p.stdin = strings.NewReader(text)
	return p.run(t, "explain")
}
