package auth

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"assay/auth/message"
)

func TestFromMailSystem(t *testing.T) {
	for name, tt := range map[string]struct {
		from []string
		want bool
	}{
		"Postfix":          {[]string{"MAILER-DAEMON@mail.remote.example (Mail Delivery System)"}, true},
		"Sendmail":         {[]string{"Mail Delivery Subsystem <MAILER-DAEMON@mx.remote.example>"}, true},
		"Exim":             {[]string{"Mail Delivery System <Mailer-Daemon@exim.remote.example>"}, true},
		"Exchange":         {[]string{"<postmaster@remote.example>"}, true},
		"Exchange Online":  {[]string{"Microsoft Outlook\r\n <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@remote.example>"}, true},
		"Google":           {[]string{"Mail Delivery Subsystem <mailer-daemon@googlemail.com>"}, true},
		"MDaemon":          {[]string{"MDaemon@remote.example"}, true},
		"a person":         {[]string{"CEO <ceo@remote.example>"}, false},
		"a person by name": {[]string{"\"MAILER-DAEMON@remote.example\" <ceo@remote.example>"}, false},
		"and a person":     {[]string{"mailer-daemon@remote.example, ceo@remote.example"}, false},
		"and a stranger":   {[]string{"mailer-daemon@remote.example, postmaster@other.example"}, false},
		"two fields":       {[]string{"mailer-daemon@remote.example", "mailer-daemon@remote.example"}, false},
		"none":             {nil, false},
		"without a domain": {[]string{"MAILER-DAEMON"}, false},
		"more of a name":   {[]string{"mailer-daemon.ceo@remote.example"}, false},
		"not an Exchange":  {[]string{"microsoftexchange@remote.example"}, false},
		"a similar one":    {[]string{"MicrosoftExchangeOnlineTeam329e71ec88ae4615@remote.example"}, false},
	} {
		var h message.Header
		for _, value := range tt.from {
			h = append(h, message.NewField("From", " "+value))
		}
		if got := fromMailSystem(h); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Both 501 and 502 need a delivery status in front of what is returned.
func TestBounceStatus(t *testing.T) {
	const final = "Final-Recipient: rfc822; nobody@remote.example\r\n"
	status := func(text string) string { return "Content-Type: message/delivery-status\r\n\r\n" + text }
	encoded := func(encoding, text string) string {
		return "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n" + text
	}
	many := strings.Repeat("Final-Recipient: rfc822; nobody@other.example\r\n", maxStatus/47+1)
	for name, tt := range map[string]struct {
		part string
		want bool // ours, and about remote.example
	}{
		"all that there should be":   {aboutNobody, true},
		"only the recipient":         {status(final), true},
		"only the original one":      {status("X: y\r\n\r\nOriginal-recipient : RFC822 ;NoBody@Remote.Example\r\n"), true},
		"a user below the domain":    {status("Final-Recipient: rfc822; x@a.b.remote.example\r\n"), true},
		"in brackets":                {status("Final-Recipient: rfc822; <nobody@remote.example>\r\n"), true},
		"folded, with comments":      {status("Final-Recipient: rfc822 (x);\r\n\tnobody@remote.example (;y)\r\n"), true},
		"one of several":             {status("Final-Recipient: rfc822; x@other.example\r\n\r\n" + final), true},
		"LF lines":                   {strings.ReplaceAll(status(final), "\r\n", "\n"), true},
		"utf-8":                      {status("Final-Recipient: utf-8; nøbody@remote.example\r\n"), true},
		"in base64":                  {encoded("base64", base64.StdEncoding.EncodeToString([]byte(final))), true},
		"in quoted-printable":        {encoded("quoted-printable", strings.ReplaceAll(final, "@", "=40")), true},
		"at the end of what is read": {status(many[:maxStatus-maxStatus%47-47] + final), true},
		"no part":                    {"\r\nnobody@remote.example failed", false},
		"another part":               {"Content-Type: text/plain\r\n\r\n" + final, false},
		"an empty one":               {status(""), false},
		"without recipients":         {status("Reporting-MTA: dns; mx.remote.example\r\n"), false},
		"no address":                 {status("Final-Recipient: rfc822; nobody\r\n"), false},
		"no local part":              {status("Final-Recipient: rfc822; @remote.example\r\n"), false},
		"no type":                    {status("Final-Recipient: nobody@remote.example\r\n"), false},
		"another type":               {status("Final-Recipient: x400; nobody@remote.example\r\n"), false},
		"another field":              {status("Diagnostic-Code: rfc822; nobody@remote.example\r\n"), false},
		"only in a comment":          {status("Final-Recipient: rfc822; (nobody@remote.example)\r\n"), false},
		"in a continuation":          {status("X: y\r\n " + final), false},
		"in an unknown encoding":     {encoded("uuencode", final), false},
		"too long a field":           {status("Final-Recipient: rfc822; " + strings.Repeat(" ", maxContentType) + "nobody@remote.example\r\n"), false},
		"the second of two":          {status("X: y\r\n") + "\r\n--x\r\n" + status(final), false},
	} {
		t.Run(name, func(t *testing.T) {
			returned := "Content-Type: text/rfc822-headers\r\n\r\n" + signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed")
			r := postfix(t, "")
			r.contentType = " multipart/report; report-type=delivery-status; boundary=x"
			r.body = "--x\r\n\r\nSorry.\r\n--x\r\n" + tt.part + "\r\n--x\r\n" + returned + "\r\n--x--\r\n"
			for _, size := range []int{1, 7, 1000, len(r.body)} {
				if got := r.ours(t, size); got != tt.want {
					t.Errorf("in pieces of %d: ours is %t", size, got)
				}
				if got := r.reports(t, size, "remote.example"); got != tt.want {
					t.Errorf("in pieces of %d: about remote.example is %t", size, got)
				}
			}
		})
	}
}

// What is about somebody else's user is valid, but no report by the domain in From. Whether the
// bounce returns anything doesn't matter.
func TestBounceReportsFor(t *testing.T) {
	r := postfix(t, annsMessage)
	r.body, r.accepted = strings.Replace(r.body, "Content-Type: message/rfc822", "Content-Type: text/plain", 1), nil
	for org, want := range map[string]bool{
		"remote.example": true, "mail.remote.example": true, "other.example": false, "example": false, "aremote.example": false, "": false,
	} {
		if got := r.reports(t, 100, org); got != want {
			t.Errorf("%q: %t", org, got)
		}
	}
	var none *bounce
	if none.reportsFor("remote.example") {
		t.Error("no bounce reports")
	}
	b := r.begin(t.Context())
	b.write([]byte(r.body))
	if b.cancel(); b.reportsFor("remote.example") {
		t.Error("after cancel it reports")
	}
}

// A status behind the returned message comes too late, as in no MTA's bounces.
func TestBounceStatusBehind(t *testing.T) {
	r := postfix(t, "")
	r.contentType = " multipart/report; report-type=delivery-status; boundary=x"
	r.body = "--x\r\nContent-Type: text/rfc822-headers\r\n\r\n" + signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed") +
		"\r\n--x\r\n" + aboutNobody + "\r\n--x--\r\n"
	if r.ours(t, 100) || r.reports(t, 100, "remote.example") {
		t.Error("it proves something")
	}
}

// reports is ours for reportsFor.
func (r bounceCase) reports(t testing.TB, size int, org string) bool {
	t.Helper()
	b := r.begin(t.Context())
	defer b.cancel()
	for piece := range chunks(r.body, size) {
		b.write([]byte(piece))
	}
	return b.reportsFor(org)
}

// FuzzStatus: whatever stands in a delivery status, only domains that it names come out of it.
func FuzzStatus(f *testing.F) {
	f.Add("Reporting-MTA: dns; mx.remote.example\r\n\r\nFinal-Recipient: rfc822;\r\n nobody@a.remote.example\r\n", uint8(0))
	f.Add("Original-Recipient: utf-8; <\"a@b\"@remote.example> (x)\n\n\n \nFinal-Recipient", uint8(0))
	f.Add("RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAcmVtb3RlLmV4YW1wbGUK", uint8(1))
	f.Add("Final-Recipient: rfc822; a=40remote.example\r\n", uint8(2))
	f.Fuzz(func(t *testing.T, text string, encoding uint8) {
		p := statusPart{encoding: transferEncoding(encoding % 4)}
		for piece := range chunks(text, 1000) {
			p.write([]byte(piece))
		}
		found := p.organizations()
		if p.encoding == identity && len(found) > strings.Count(text, "@") {
			t.Errorf("%q of %q", slices.Collect(maps.Keys(found)), text)
		}
		for org := range found {
			if valid, err := message.ToASCII(org); err != nil || valid != org {
				t.Errorf("%q of %q", org, text)
			}
		}
	})
}

// The largest status, of one field or of many, takes linear time.
func BenchmarkStatus(b *testing.B) {
	for name, text := range map[string]string{
		"many": strings.Repeat("Final-Recipient: rfc822; nobody@remote.example\r\n", maxStatus/48),
		"one":  "Final-Recipient: rfc822;" + strings.Repeat("\r\n ", maxStatus/3-10),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				p := statusPart{}
				p.write([]byte(text))
				p.organizations()
			}
		})
	}
}
