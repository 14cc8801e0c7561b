package message

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"strings"
	"testing"
)

func domains(a Authors) string {
	var list []string
	for _, author := range a.List {
		list = append(list, author.Domain)
	}
	return strings.Join(list, " ")
}

func b64(s string) string { return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?=" }

// fromTests: the value of one From field and the domains that it names. A want
// that begins with ! is an error besides.
var fromTests = []struct{ name, value, want string }{
	// RFC 5322 appendix A and the like.
	{"bare address", " a@good.example", "good.example"},
	{"no space", "a@good.example", "good.example"},
	{"angle", " <a@good.example>", "good.example"},
	{"name", " John Doe <jdoe@machine.example>", "machine.example"},
	{"quoted name", ` "Joe Q. Public" <john.q.public@Example.COM>`, "example.com"},
	{"escaped quotes", ` "Giant; \"Big\" Box" <a@good.example>`, "good.example"},
	{"comments of appendix A.5", " Pete(A nice \\) chap) <pete@silly.test>", "silly.test"},
	{"list", " <a@one.example>, b@two.example,\r\n \"C\" <c@three.example>", "one.example two.example three.example"},
	{"same domain twice", " a@good.example, b@GOOD.example", "good.example"},
	{"empty elements", " ,, a@good.example,\r\n ,", "good.example"},
	{"group", " A Group:Ed Jones <joe@where.test>,John <jdoe@one.test>;", "where.test one.test"},
	{"group and mailbox", " Team: a@one.example;, b@two.example", "one.example two.example"},
	{"old comment name", " a@good.example (Alice)", "good.example"},
	{"comment first", " (Alice) a@good.example", "good.example"},
	{"nested comment", " (a(b(c)\\)d)e) a@good.example", "good.example"},
	{"dots in the name", " John Q. Public <a@good.example>", "good.example"},
	{"brackets in the name", " [JIRA] (PRJ-1) Bob <a@good.example>", "good.example"},
	{"atext of all kinds", " !#$%&'*+-/=?^_`{|}~@good.example", "good.example"},
	{"quoted local part", ` "john doe"@good.example`, "good.example"},
	{"obsolete local part", ` <a."b c".d@good.example>`, "good.example"},
	{"dots in the local part", " .a..b.@good.example", "good.example"},
	{"spaces in the brackets", " < a@good.example >", "good.example"},
	{"folded name", " \"A\r\n B\"\r\n\t<a@good.example>", "good.example"},
	{"white end", " a@good.example\r\n ", "good.example"},
	{"no space after the name", ` "Alice"<a@good.example>`, "good.example"},
	{"underscore", " a@_x.good_one.example", "_x.good_one.example"},
	{"four hyphens", " a@r3---sn.example", "r3---sn.example"},

	// RFC 6532 and IDNA.
	{"UTF-8 name", " Jürgen <a@good.example>", "good.example"},
	{"UTF-8 local part", " ürgen@good.example", "good.example"},
	{"U-label", " a@Bücher.example", "xn--bcher-kva.example"},
	{"A-label", " a@XN--BCHER-KVA.example", "xn--bcher-kva.example"},
	{"U-label and A-label", " a@bücher.example, b@xn--bcher-kva.example", "xn--bcher-kva.example"},
	{"sharp s", " a@faß.example", "xn--fa-hia.example"},
	{"ideographic dot", " a@good。example", "!good.example"},
	{"full-width dot", " a@good．example", "!good.example"},
	{"one dot leader", " a@good․example", "!"},
	{"soft hyphen", " a@go\u00adod.example", "!good.example"},
	{"zero width joiner", " a@go\u200dod.example", "!good.example"},
	{"full-width letters", " a@ｇood.example", "!good.example"},
	{"decomposed letter", " a@bu\u0308cher.example", "!xn--bcher-kva.example"},
	{"fraction slash", " a@good.example⁄.evil.example", "!good.example good.xn--example-7d7c.evil.example"},
	{"emoji", " a@☃.example", "!xn--n3h.example"},
	{"middle dot", " a@col·lecció.example", "xn--collecci-ioa91d.example"},
	{"Arabic", " a@مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv"},
	{"full-width at", " a＠good.example@evil.example", "!good.example evil.example"},
	{"no-break space", " a@good.example\u00a0", "!good.example"},
	{"Latin-1 name", " J\xfcrgen <a@good.example>", "good.example"},
	{"Latin-1 local part", " j\xfcrgen@good.example", "!good.example"},
	{"Latin-1 domain", " a@b\xfccher.example", "!xn--bcher-kva.example"},
	{"Shift-JIS backslash", " \"\x81\\\" <a@good.example>, \" <b@evil.example>", "!good.example evil.example"},
	{"Shift-JIS at", " \x81@good.example <b@evil.example>", "!good.example evil.example"},
	{"right to left", " \u202egro.doog@a\u202c@evil.example", "!a evil.example"},
	{"right to left local part", " \u202ea@evil.example", "!evil.example"},
	{"right to left name", " \"\u202eecila\u202c\" <a@good.example>", "good.example"},

	// Two addresses in one.
	{"address for a name", " a@good.example <b@evil.example>", "evil.example good.example"},
	{"the same address for a name", " a@good.example <a@good.example>", "good.example"},
	{"quoted address for a name", ` "a@good.example" <b@evil.example>`, "evil.example"},
	{"apostrophes", " 'a@good.example' <a@good.example>", "good.example"},
	{"two addresses for a name", " x a@good.example, y <b@evil.example>", "!good.example evil.example"},
	{"at sign in a name", " Bob @ Work <a@good.example>", "!work good.example"},
	{"at sign before a name", " @bob <a@good.example>", "!bob good.example"},
	{"address in a comment", " (a@good.example) <b@evil.example>", "evil.example good.example"},
	{"address in a comment behind", " b@evil.example (<a@good.example>)", "evil.example good.example"},
	{"encoded address for a name", " =?utf-8?q?a@good.example?= <a@good.example>", "good.example"},
	{"encoded hidden address for a name", " " + b64("<a@good.example>") + " <b@evil.example>", "evil.example"},
	{"route in a name", " a@b@good.example <c@evil.example>", "evil.example b good.example"},

	// espoofer, "Composition Kills" figure 8, and their relatives.
	{"A14", " <first@attack.example>, <admin@legitimate.example>", "attack.example legitimate.example"},
	{"A15", " " + b64("<admin@legitimate.example>") + ",<second@attack.example>", "!attack.example legitimate.example"},
	{"A16", " <@attack.example,@any.example:admin@legitimate.example>", "!attack.example any.example legitimate.example"},
	{"A17", ` <admin@legitimate.example>\,<second@attack.example>`, "!legitimate.example attack.example"},
	{"A18", " admin@legitimate.example,<second@attack.example>", "legitimate.example attack.example"},
	{"A19", " <any@attack.example>admin@legitimate.example", "!attack.example legitimate.example"},
	{"A19 reversed", " admin@legitimate.example<any@attack.example>", "attack.example legitimate.example"},
	{"A5", " <any@legitimate.example(.attack.example>", "!legitimate.example"},
	{"A6", " <any@legitimate.example'@any.attack.example>", "!legitimate.example any.attack.example"},
	{"two angles", " <a@good.example> <b@evil.example>", "!good.example evil.example"},
	{"angle in angle", " <a@good.example<b@evil.example>>", "!good.example evil.example"},
	{"several @", " a@good.example@evil.example", "!good.example evil.example"},
	{"several @ in brackets", " <a@good.example@evil.example>", "!good.example evil.example"},
	{"quoted @", ` <"a@good.example"@evil.example>`, "!good.example evil.example"},
	{"quoted pair @", ` <a\@good.example@evil.example>`, "!good.example evil.example"},
	{"encoded word in an address", " =?utf-8?q?a=40good.example=00?=@evil.example", "!evil.example good.example"},
	{"route without brackets", " @good.example:b@evil.example", "!good.example evil.example"},
	{"comment in the domain", " a@good(x).evil.example", "!good good.evil.example"},
	{"comment at the @", " a@(good.example)evil.example", "!evil.example"},
	{"comment in the brackets", " <a@evil.example(.good.example)>", "!evil.example"},
	{"comment first in the brackets", " <(x)a@evil.example>", "!evil.example"},
	{"space in the domain", " a@good.example .evil.example", "!good.example good.example.evil.example"},
	{"space at the @", " a @ evil.example", "!evil.example"},
	{"fold in the domain", " a@good.example\r\n .evil.example", "!good.example good.example.evil.example"},
	{"trailing address", " a@good.example b@evil.example", "!good.example evil.example"},
	{"trailing word", " <a@good.example> x", "!good.example"},
	{"semicolons", " a@good.example; b@evil.example", "!good.example evil.example"},
	{"colon in a name", " Re: <a@good.example>", "!good.example"},
	{"group in a group", " A: B: a@good.example;;", "!good.example"},
	{"group address", " a@good.example: b@evil.example;", "evil.example good.example"},
	{"text behind a group", " A: a@good.example; b@evil.example", "!good.example evil.example"},
	{"group without a name", " : a@good.example;", "!good.example"},

	// Filler in front of the author.
	{"filler in a comment", " (a@e1.example b@e2.example c@e3.example d@e4.example e@e5.example) CEO <ceo@victim.example>",
		"victim.example e1.example e2.example e3.example e4.example e5.example"},
	{"filler in a name", " a@e1.example b@e2.example c@e3.example d@e4.example e@e5.example <ceo@victim.example>",
		"victim.example e1.example e2.example e3.example e4.example e5.example"},
	{"filler of one domain", " (" + strings.Repeat("@e.example ", 2000) + ") CEO <ceo@victim.example>", "victim.example e.example"},
	{"unreadable filler of one domain", strings.Repeat("@e.example ", 2000) + "CEO <ceo@victim.example", "!e.example victim.example"},

	// What programs may show of text that can't be read.
	{"em space", " <ceo@victim.example\u2003>", "!victim.example"},
	{"ideographic space", " <ceo@victim.example\u3000>", "!victim.example"},
	{"Latin-1 no-break space", " <ceo@victim.example\xa0>", "!victim.example"},
	{"no-break space inside", " <ceo@victim\u00a0.example>", "!victim victim.example"},
	{"no-break space at the @", " <ceo@\u00a0victim.example>", "!victim.example"},
	{"zero width space", " <ceo@victim.example\u200b>", "!victim.example"},
	{"zero width space inside", " <ceo@vic\u200btim.example>", "!victim.example"},
	{"byte order mark", " <ceo@\ufeffvictim.example\ufeff>", "!victim.example"},
	{"soft hyphen at the end", " <ceo@victim.example\u00ad>", "!victim.example"},
	{"soft hyphen and more", " <ceo@victim.example\u00ad.evil.example>", "!victim.example victim.example.evil.example"},
	{"Hangul filler", " <ceo@victim.example\u3164>", "!victim.example"},
	{"Braille blank", " <ceo@victim.example\u2800>", "!victim.example victim.xn--example-sb0e"},
	{"variation selector", " <ceo@victim.example\ufe0f>", "!victim.example"},
	{"symbol", " <ceo@victim.example™>", "!victim.example victim.exampletm"},
	{"C1 control", " <ceo@victim.example\u0085>", "!victim.example"},
	{"byte", " <ceo@victim.example\x80>", "!victim.example"},
	{"dots at the end", " <ceo@victim.example...>", "!victim.example"},
	{"ideographic dot at the end", " <ceo@victim.example。>", "!victim.example"},
	{"dots and more", " <ceo@victim.example..evil.example>", "!victim.example victim.example.evil.example"},
	{"hyphen at the end", " <ceo@victim.example-\u00a0>", "!victim.example victim.example-"},
	{"junk at the end", " <ceo@victim.example*>", "!victim.example"},
	{"tag at the end", " <ceo@victim.example&gt;", "!victim.example"},
	{"long junk at the end", " <ceo@victim.example." + strings.Repeat("x", 64) + ">", "!victim.example"},
	{"much junk at the end", " <ceo@victim.example" + strings.Repeat("\u200b", 5000) + ">", "!victim.example"},
	{"much junk inside", " <ceo@" + strings.Repeat("\u200b", 5000) + "victim." + strings.Repeat("\u200b", 5000) + "example>", "!victim.example"},
	{"much white space inside", " <ceo@victim" + strings.Repeat(" ", 5000) + ".example>", "!victim victim.example"},
	{"comment inside", " <ceo@vic(x)tim(y(z)).(w)example>", "!vic victim.example"},
	{"comment inside and an open quote", ` "( <ceo@victim(x).example>)`, "!victim victim.example"},
	{"white space around a dot", " <ceo@victim . example>", "!victim victim.example"},
	{"backslash inside", ` <ceo@victim\.example>`, "!victim victim.example"},
	{"small at", " <ceo\ufe6bvictim.example>", "!victim.example"},

	// Encoded words.
	{"encoded address", " " + b64("ceo@victim.example"), "!victim.example"},
	{"Q-encoded address", " =?utf-8?Q?CEO_=3Cceo=40victim.example=3E?=", "!victim.example"},
	{"any charset", " =?x-unknown*en?q?ceo=40victim.example?=", "!victim.example"},
	{"Latin-1 encoded address", " =?iso-8859-1?q?ceo=40b=FCcher.example?=", "!xn--bcher-kva.example"},
	{"UTF-16 encoded address", " =?utf-16be?b?AGMAZQBvAEAAdgBpAGMAdABpAG0ALgBlAHgAYQBtAHAAbABl?=", "!victim.example"},
	{"UTF-7 encoded address", " =?utf-7?q?ceo+AEA-victim.example?=", "!victim.example"},
	{"encoded in two words", " =?utf-8?q?ceo=40vic?=\r\n =?utf-8?b?dGltLmV4YW1wbGU?=", "!victim.example vic"},
	{"encoded in part", " =?utf-8?q?ceo=40victim?=.example", "!victim.example"},
	{"domain encoded", " <ceo@=?utf-8?q?victim.example?=>", "!victim.example"},
	{"white space in an encoded word", " <=?utf-8?q?ceo@victim .example?=>", "!victim victim.example"},
	{"encoded address that can be read otherwise", " =?utf-8?q?joe=40victim.example?= <group@list.example>", "list.example"},
	{"encoded words in an open angle", " =?utf-8?q?joe=40victim.example?= <group@list.example", "!list.example victim.example"},

	{"encoded word in an open one", " =?utf-8?q?," + b64("ceo@victim.example") + "ceo", "!victim.exampleceo"},
	{"no-break space in a label", " ceo@vic\u00a0tim.example", "!vic victim.example"},
	{"encoded word and another", " " + b64("ceo@victim.example") + " =?utf-8?q?x?=", "!victim.examplex victim.example"},
	{"white space in a name's domain", " ceo@victim .example <me@evil.example>", "evil.example victim victim.example"},
	{"comment in a name's domain", " ceo@vic(x)tim.example <me@evil.example>", "evil.example vic victim.example"},

	// Missing and broken parts.
	{"empty", "", "!"},
	{"white", " \t", "!"},
	{"empty list", " ,,", "!"},
	{"empty group", " Undisclosed:;", "!"},
	{"empty angle", " <>", "!"},
	{"name alone", " Alice", "!"},
	{"name and empty angle", " Alice <>", "!"},
	{"local part alone", " <alice>", "!"},
	{"no domain", " <a@>", "!"},
	{"no local part", " <@good.example>", "!good.example"},
	{"@ alone", " @", "!"},
	{"one name too many", " Doe, John <a@good.example>", "!good.example"},
	{"open angle", " <a@good.example", "!good.example"},
	{"closing angle", " a@good.example>", "!good.example"},
	{"open quote", ` "a@good.example`, "!good.example"},
	{"open quote before the address", ` "Alice <a@good.example>`, "!good.example"},
	{"escaped end of quote", ` "Alice\" <a@good.example>`, "!good.example"},
	{"open comment", " a@good.example (x", "!good.example"},
	{"closed comment", " a@good.example x)", "!good.example"},
	{"escaped end of comment", " (x\\) a@good.example", "!good.example"},
	{"backslash at the end", ` a@good.example \`, "!good.example"},
	{"open literal", " a@[192.0.2.1", "!"},
	{"domain literal", " a@[192.0.2.1]", "!"},
	{"IPv6 literal", " a@[IPv6:2001:db8::1]", "!"},
	{"literal and more", " a@[victim].example", "!victim.example"},
	{"literal with a tag", " a@[x:victim.example]", "!victim.example"},
	{"literal with tags", " a@[x:victim.example:y:1.2.3.4]", "!victim.example"},
	{"literal with the tag of IPv6", " <a@[IPv6:victim.example]>", "!victim.example"},
	{"IPv6 literal with IPv4", " a@[IPv6:::ffff:192.0.2.1]", "!"},
	{"literal with a tag and an address", " a@[x:192.0.2.1]", "!"},
	{"name below a literal", " a@[1.2.3.4].victim.example", "!1.2.3.4.victim.example victim.example"},
	{"name behind a literal", " a@[1.2.3.4]victim.example", "!1.2.3.4victim.example victim.example"},
	{"literal of one name", " a@[victim.example]", "!victim.example"},
	{"open literal of a name", " a@[victim.example", "!victim.example"},
	{"literal in a literal", " a@[[x:victim.example]]", "!victim.example"},
	{"white space in a literal", " a@[ x : victim.example ]", "!victim.example"},
	{"word behind a literal", " a@[192.0.2.1]x", "!192.0.2.1x"},
	{"apostrophes around the domain", " a@'victim.example'", "!victim.example"},
	{"apostrophe in the domain", " a@victim'.example", "!victim victim.example"},
	{"asterisks around the domain", " a@*victim.example*", "!victim.example"},
	{"braces around the domain", " a@{victim.example}", "!victim.example"},
	{"angle around the domain", " a@<victim.example>", "!victim.example"},
	{"word in asterisks", " a@*victim*", "!"},
	{"literal for a local part", " [x]@good.example", "!good.example"},
	{"two words for a local part", ` "a"b@good.example`, "!good.example"},
	{"dot at the end", " a@good.example.", "!good.example"},
	{"dot at the start", " a@.good.example", "!good.example"},
	{"two dots", " a@good..example", "!good.example"},
	{"long label", " a@" + strings.Repeat("x", 64) + ".example", "!"},
	{"long domain", " a@" + strings.Repeat("x.", 126) + "xx", "!" + strings.Repeat("x.", 125) + "x"},
	{"longest domain", " a@" + strings.Repeat("x.", 126) + "x", strings.Repeat("x.", 126) + "x"},
	{"quote in the domain", ` a@"good.example"`, "!good.example"},
	{"slash in the domain", " a@good.example/evil.example", "!good.example"},

	// Bytes.
	{"NUL", " a@good.example\x00.evil.example", "!good.example good.example.evil.example"},
	{"NUL in a name", " \"\x00\" <a@good.example>", "!good.example"},
	{"bare CR", " a@good.example\r<b@evil.example>", "!good.example evil.example"},
	{"bare LF", " a@good.example\n <b@evil.example>", "!good.example evil.example"},
	{"escape", " \"\x1b$B\" <a@good.example>", "!good.example"},
	{"DEL", " a\x7f@good.example", "!good.example"},
	{"no fold", " a@good.example\r\nb@evil.example", "!good.example evil.example"},
	{"blank fold", " <a@good.example>,\r\n \r\n <b@evil.example>", "!good.example evil.example"},
}

func TestAuthorsOfOneField(t *testing.T) {
	for _, tt := range fromTests {
		t.Run(tt.name, func(t *testing.T) {
			got := AuthorsOf(Header{NewField("From", tt.value)})
			want, broken := strings.CutPrefix(tt.want, "!")
			if domains(got) != want {
				t.Errorf("domains %q, want %q", domains(got), want)
			}
			if (got.Err != nil) != broken {
				t.Errorf("error %v, want one: %t", got.Err, broken)
			}
			if got.Err != nil && !strings.HasPrefix(got.Err.Error(), "message: From: ") {
				t.Errorf("error %q", got.Err)
			}
		})
	}
}

func TestAuthorsOfSeveralFields(t *testing.T) {
	tests := []struct {
		name   string
		header Header
		want   string
		fields int
	}{
		{"none", Header{NewField("Sender", " a@good.example"), NewField("Resent-From", " b@evil.example")}, "!", 0},
		{"two", Header{NewField("From", " a@good.example"), NewField("From", " b@evil.example")}, "good.example evil.example", 2},
		{"odd case", Header{NewField("fROM", " a@good.example")}, "good.example", 1},
		{"space before the colon", Header{NewField("From", " a@good.example"), NewField("From ", " b@evil.example")}, "good.example evil.example", 2},
		{"tab before the colon", Header{NewField("From\t", " b@evil.example")}, "evil.example", 1},
		{"fold before the colon", Header{NewField("From\r\n ", " b@evil.example")}, "evil.example", 1},
		{"text behind addresses", Header{NewField("From", " (a@x.example) b@y.example"), NewField("From", " c@z.example")}, "y.example z.example x.example", 2},
		{"unreadable text behind addresses", Header{NewField("From", " a@x.example>"), NewField("From", " c@z.example")}, "!z.example x.example", 2},
		{"one broken", Header{NewField("From", " <"), NewField("From", " b@evil.example")}, "!evil.example", 2},
		{"one empty", Header{NewField("From", ""), NewField("From", " b@evil.example")}, "!evil.example", 2},
		{"other names", Header{NewField("From-", " a@x.example"), NewField("X-From", " a@y.example"), NewField("From", " b@z.example")}, "z.example", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AuthorsOf(tt.header)
			want, broken := strings.CutPrefix(tt.want, "!")
			if domains(got) != want || (got.Err != nil) != broken || got.Fields != tt.fields {
				t.Errorf("got %q, %d fields, error %v", domains(got), got.Fields, got.Err)
			}
		})
	}
}

func TestAuthorsOfLimits(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a@d%d.example,", i)
		}
		return b.String()
	}
	tests := []struct {
		name   string
		header Header
		want   int // domains
		err    bool
	}{
		{"100 mailboxes", Header{NewField("From", many(100))}, 100, false},
		{"101 mailboxes", Header{NewField("From", many(101))}, 100, true},
		{"over two fields", Header{NewField("From", many(60)), NewField("From", "x@other.example,"+many(40))}, 61, true},
		{"101 mailboxes of one domain", Header{NewField("From", strings.Repeat("a@d.example,", 101))}, 1, true},
		{"101 domains in a name", Header{NewField("From", strings.ReplaceAll(many(101), ",", " ")+"<a@x.example>")}, 100, true},
		{"1001 comments", Header{NewField("From", strings.Repeat("(@d.example)", 1001)+"<a@x.example>")}, 2, false},
		{"64 KiB", Header{NewField("From", "a@d.example"+strings.Repeat(" ", maxFromField-11))}, 1, false},
		{"over 64 KiB", Header{NewField("From", "a@d.example"+strings.Repeat(" ", maxFromField-10))}, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := AuthorsOf(tt.header)
			if len(got.List) != tt.want || (got.Err != nil) != tt.err {
				t.Errorf("%d domains, error %v", len(got.List), got.Err)
			}
		})
	}
}

// checkAuthors holds what is true of all Authors.
func checkAuthors(t *testing.T, a Authors) {
	t.Helper()
	if a.Err == nil && len(a.List) == 0 {
		t.Error("neither an error nor a domain")
	}
	if len(a.List) > maxMailboxes {
		t.Errorf("%d domains", len(a.List))
	}
	seen := map[string]bool{}
	for _, author := range a.List {
		d := author.Domain
		if again, err := ToASCII(d); err != nil || again != d {
			t.Errorf("domain %q: %q, %v", d, again, err)
		}
		if seen[d] {
			t.Errorf("%q twice", d)
		}
		seen[d] = true
		if author.Address != "" && !strings.HasSuffix(author.Address, "@"+d) {
			t.Errorf("address %q of %q", author.Address, d)
		}
	}
}

func FuzzAuthors(f *testing.F) {
	for _, tt := range fromTests {
		f.Add(tt.value)
	}
	for _, h := range hostile {
		f.Add(h.value(50))
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := AuthorsOf(Header{NewField("From", value)})
		checkAuthors(t, got)
		list, err := mail.ParseAddressList(value)
		if err != nil || len(got.List) == maxMailboxes {
			return
		}
		for _, a := range list {
			domain := a.Address[strings.LastIndexByte(a.Address, '@')+1:]
			want, err := ToASCII(domain)
			if err != nil && got.Err != nil {
				continue // net/mail takes more for a domain than DNS
			}
			if err != nil || !strings.Contains(" "+domains(got)+" ", " "+want+" ") {
				t.Errorf("net/mail finds %q (%v), we only %q, error %v", a.Address, err, domains(got), got.Err)
			}
		}
	})
}
