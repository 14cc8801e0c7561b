package main

import (
	"strings"
	"testing"

	"assay/auth/message"
)

// Whom a Received-SPF field is about, in the forms in which it is found.
func TestReceivedSPF(t *testing.T) {
	for _, test := range []struct {
		field  string
		shown  string // the result, without the comment
		writer string
	}{
		// Microsoft 365 names the domain in its comment only; helo is not what was checked.
		{"Pass (protection.outlook.com: domain of contoso.example designates\r\n 198.51.100.7 as permitted sender) receiver=protection.outlook.com;\r\n" +
			" client-ip=198.51.100.7; helo=mail.fabrikam.example; pr=C", "spf=pass smtp.mailfrom=contoso.example", "protection.outlook.com"},
		{"SoftFail (protection.outlook.com: domain of transitioning\r\n contoso.example discourages use of 198.51.100.7 as permitted sender)",
			"spf=softfail smtp.mailfrom=contoso.example", ""},
		{"Fail (protection.outlook.com: domain of contoso.example does not\r\n designate 198.51.100.7 as permitted sender) receiver=protection.outlook.com;\r\n" +
			" client-ip=198.51.100.7; helo=mail.fabrikam.example;", "spf=fail smtp.mailfrom=contoso.example", "protection.outlook.com"},
		{"None (protection.outlook.com: contoso.example does not designate\r\n permitted sender hosts)", "spf=none smtp.mailfrom=contoso.example", ""},
		{"Neutral (protection.outlook.com: 198.51.100.7 is neither permitted\r\n nor denied by domain of contoso.example)", "spf=neutral smtp.mailfrom=contoso.example", ""},
		{"TempError (protection.outlook.com: error in processing during\r\n lookup of contoso.example: DNS Timeout)", "spf=temperror smtp.mailfrom=contoso.example", ""},
		// Google does so, too, with the address.
		{"pass (google.com: domain of joe@contoso.example designates 198.51.100.7 as permitted sender) client-ip=198.51.100.7;", "spf=pass smtp.mailfrom=joe@contoso.example", ""},
		{"softfail (google.com: domain of transitioning joe@contoso.example does not designate 198.51.100.7 as permitted sender) client-ip=198.51.100.7;",
			"spf=softfail smtp.mailfrom=joe@contoso.example", ""},
		{"neutral (google.com: 198.51.100.7 is neither permitted nor denied by best guess record for domain of joe@contoso.example) client-ip=198.51.100.7;",
			"spf=neutral smtp.mailfrom=joe@contoso.example", ""},
		{"none (google.com: joe@contoso.example does not designate permitted sender hosts) client-ip=198.51.100.7;", "spf=none smtp.mailfrom=joe@contoso.example", ""},
		// pyspf and policyd-spf.
		{"Pass (mailfrom) identity=mailfrom; client-ip=198.51.100.7;\r\n helo=mail.contoso.example; envelope-from=joe@contoso.example; receiver=<UNKNOWN> ",
			"spf=pass smtp.mailfrom=joe@contoso.example", ""},
		{"Softfail (domain owner discourages use of this host)\r\n identity=mailfrom; client-ip=198.51.100.7; helo=mail.contoso.example;\r\n envelope-from=joe@contoso.example; receiver=mx.example.org",
			"spf=softfail smtp.mailfrom=joe@contoso.example", "mx.example.org"},
		{"Pass (helo) identity=helo; client-ip=198.51.100.7;\r\n helo=mail.contoso.example; envelope-from=joe@fabrikam.example; receiver=<UNKNOWN>",
			"spf=pass smtp.helo=mail.contoso.example", ""},
		{"None (no SPF record) identity=mailfrom; client-ip=198.51.100.7; helo=mail.contoso.example; envelope-from=<>; receiver=mx.example.org",
			"spf=none smtp.helo=mail.contoso.example", "mx.example.org"},
		{"Pass (mx.example.org: domain of contoso.example designates 198.51.100.7 as permitted sender) client-ip=198.51.100.7; envelope-from=\"joe@contoso.example\";" +
			" helo=mail.contoso.example; receiver=mx.example.org; mechanism=\"ip4:198.51.100.0/24\"; identity=mailfrom", "spf=pass smtp.mailfrom=joe@contoso.example", "mx.example.org"},
		// The Perl policy server has brackets in its comment.
		{"pass (contoso.example: Sender is authorized to use 'joe@contoso.example' in 'mfrom' identity (mechanism 'mx' matched)) receiver=mx.example.org;" +
			" identity=mailfrom; envelope-from=\"joe@contoso.example\"; helo=mail.contoso.example; client-ip=198.51.100.7", "spf=pass smtp.mailfrom=joe@contoso.example", "mx.example.org"},
		{"pass (blaze: domain of joe@contoso.example designates 198.51.100.7 as\r\n permitted sender) client-ip=198.51.100.7; envelope-from=\r\n joe@contoso.example; identity=mailfrom; receiver=blaze",
			"spf=pass smtp.mailfrom=joe@contoso.example", "blaze"},
		// What there is of the grammar, and what there is not.
		{"fail", "spf=fail", ""},
		{"fail client-ip=198.51.100.7; helo=mail.contoso.example", "spf=fail", ""},
		{"fail envelope-from= helo=mail.contoso.example", "spf=fail smtp.helo=mail.contoso.example", ""},
		{"fail ENVELOPE-FROM = <joe@contoso.example>", "spf=fail", ""},
		{"fail Envelope-From=<joe@contoso.example>; envelope-from=ann@fabrikam.example", "spf=fail smtp.mailfrom=joe@contoso.example", ""},
		{`fail envelope-from="\"joe; helo=x\" smith"@contoso.example; helo=y`, `spf=fail smtp.mailfrom="\\\"joe; helo=x\\\" smith\"@contoso.example"`, ""},
		{`fail (identity=helo; helo=evil.example (envelope-from=<>)) envelope-from=joe@contoso.example`, "spf=fail smtp.mailfrom=joe@contoso.example", ""},
		{`fail (\) helo=evil.example; identity=helo`, "spf=fail", ""},
		{"pass(domain of)", "spf=pass", ""},
		{"pass (domain of transitioning)", "spf=pass smtp.mailfrom=transitioning", ""},
	} {
		e := explainFields(message.Header{message.NewField("Received-SPF", " "+test.field)}, writers{})
		got, writer := e.Fields[0].Results[0].Shown, e.Fields[0].Writer
		if i := strings.Index(got, " ("); i >= 0 {
			got = got[:i] + got[strings.LastIndexByte(got, ')')+1:]
		}
		if got != test.shown || writer != test.writer {
			t.Errorf("%s\n got %s, by %q\nwant %s, by %q", test.field, got, writer, test.shown, test.writer)
		}
	}
}
