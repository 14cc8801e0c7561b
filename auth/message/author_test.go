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
	{"zero width joiner", " a@go\u200dod.example", "!"},
	{"full-width letters", " a@ｇood.example", "!good.example"},
	{"decomposed letter", " a@bu\u0308cher.example", "!xn--bcher-kva.example"},
	{"fraction slash", " a@good.example⁄.evil.example", "!good.xn--example-7d7c.evil.example"},
	{"emoji", " a@☃.example", "!xn--n3h.example"},
	{"middle dot", " a@col·lecció.example", "xn--collecci-ioa91d.example"},
	{"Arabic", " a@مثال.إختبار", "xn--mgbh0fb.xn--kgbechtv"},
	{"full-width at", " a＠good.example@evil.example", "!evil.example"},
	{"no-break space", " a@good.example\u00a0", "!"},
	{"Latin-1 name", " J\xfcrgen <a@good.example>", "good.example"},
	{"Latin-1 local part", " j\xfcrgen@good.example", "!good.example"},
	{"Latin-1 domain", " a@b\xfccher.example", "!"},
	{"Shift-JIS backslash", " \"\x81\\\" <a@good.example>, \" <b@evil.example>", "!good.example evil.example"},
	{"Shift-JIS at", " \x81@good.example <b@evil.example>", "!good.example evil.example"},
	{"right to left", " \u202egro.doog@a\u202c@evil.example", "!evil.example"},
	{"right to left local part", " \u202ea@evil.example", "!evil.example"},
	{"right to left name", " \"\u202eecila\u202c\" <a@good.example>", "good.example"},

	// Two addresses in one.
	{"address for a name", " a@good.example <b@evil.example>", "good.example evil.example"},
	{"the same address for a name", " a@good.example <a@good.example>", "good.example"},
	{"quoted address for a name", ` "a@good.example" <b@evil.example>`, "evil.example"},
	{"apostrophes", " 'a@good.example' <a@good.example>", "good.example"},
	{"two addresses for a name", " x a@good.example, y <b@evil.example>", "!good.example evil.example"},
	{"at sign in a name", " Bob @ Work <a@good.example>", "!work good.example"},
	{"at sign before a name", " @bob <a@good.example>", "!bob good.example"},
	{"address in a comment", " (a@good.example) <b@evil.example>", "good.example evil.example"},
	{"address in a comment behind", " b@evil.example (<a@good.example>)", "good.example evil.example"},
	{"encoded address for a name", " =?utf-8?q?a@good.example?= <a@good.example>", "good.example"},
	{"encoded hidden address for a name", " " + b64("<a@good.example>") + " <b@evil.example>", "evil.example"},
	{"route in a name", " a@b@good.example <c@evil.example>", "b good.example evil.example"},

	// espoofer, "Composition Kills" figure 8, and their relatives.
	{"A14", " <first@attack.example>, <admin@legitimate.example>", "attack.example legitimate.example"},
	{"A15", " " + b64("<admin@legitimate.example>") + ",<second@attack.example>", "!attack.example"},
	{"A16", " <@attack.example,@any.example:admin@legitimate.example>", "!attack.example any.example legitimate.example"},
	{"A17", ` <admin@legitimate.example>\,<second@attack.example>`, "!legitimate.example attack.example"},
	{"A18", " admin@legitimate.example,<second@attack.example>", "legitimate.example attack.example"},
	{"A19", " <any@attack.example>admin@legitimate.example", "!attack.example legitimate.example"},
	{"A19 reversed", " admin@legitimate.example<any@attack.example>", "legitimate.example attack.example"},
	{"A5", " <any@legitimate.example(.attack.example>", "!legitimate.example"},
	{"A6", " <any@legitimate.example'@any.attack.example>", "!legitimate.example any.attack.example"},
	{"two angles", " <a@good.example> <b@evil.example>", "!good.example evil.example"},
	{"angle in angle", " <a@good.example<b@evil.example>>", "!good.example evil.example"},
	{"several @", " a@good.example@evil.example", "!good.example evil.example"},
	{"several @ in brackets", " <a@good.example@evil.example>", "!good.example evil.example"},
	{"quoted @", ` <"a@good.example"@evil.example>`, "!good.example evil.example"},
	{"quoted pair @", ` <a\@good.example@evil.example>`, "!good.example evil.example"},
	{"encoded word in an address", " =?utf-8?q?a=40good.example=00?=@evil.example", "!evil.example"},
	{"route without brackets", " @good.example:b@evil.example", "!good.example evil.example"},
	{"comment in the domain", " a@good(x).evil.example", "!good"},
	{"comment at the @", " a@(good.example)evil.example", "!"},
	{"comment in the brackets", " <a@evil.example(.good.example)>", "!evil.example"},
	{"comment first in the brackets", " <(x)a@evil.example>", "!evil.example"},
	{"space in the domain", " a@good.example .evil.example", "!good.example"},
	{"space at the @", " a @ evil.example", "!evil.example"},
	{"fold in the domain", " a@good.example\r\n .evil.example", "!good.example"},
	{"trailing address", " a@good.example b@evil.example", "!good.example evil.example"},
	{"trailing word", " <a@good.example> x", "!good.example"},
	{"semicolons", " a@good.example; b@evil.example", "!good.example evil.example"},
	{"colon in a name", " Re: <a@good.example>", "!good.example"},
	{"group in a group", " A: B: a@good.example;;", "!good.example"},
	{"group address", " a@good.example: b@evil.example;", "good.example evil.example"},
	{"text behind a group", " A: a@good.example; b@evil.example", "!good.example evil.example"},
	{"group without a name", " : a@good.example;", "!good.example"},

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
	{"literal for a local part", " [x]@good.example", "!good.example"},
	{"two words for a local part", ` "a"b@good.example`, "!good.example"},
	{"dot at the end", " a@good.example.", "!good.example"},
	{"dot at the start", " a@.good.example", "!good.example"},
	{"two dots", " a@good..example", "!"},
	{"long label", " a@" + strings.Repeat("x", 64) + ".example", "!"},
	{"long domain", " a@" + strings.Repeat("x.", 126) + "xx", "!"},
	{"longest domain", " a@" + strings.Repeat("x.", 126) + "x", strings.Repeat("x.", 126) + "x"},
	{"quote in the domain", ` a@"good.example"`, "!"},
	{"slash in the domain", " a@good.example/evil.example", "!good.example"},

	// Bytes.
	{"NUL", " a@good.example\x00.evil.example", "!good.example"},
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

func TestAuthorAddress(t *testing.T) {
	tests := []struct{ value, want string }{
		{" Bob <Bob.X@Good.Example>", "Bob.X@good.example"},
		{` "a b"@good.example`, `"a b"@good.example`},
		{" x@good.example, y@good.example", "x@good.example"},
		{" ü@bücher.example", "ü@xn--bcher-kva.example"},
		{" <a.b@good.example", "a.b@good.example"},
		{" c.d@good.example <a@b.example>", "c.d@good.example"},
		{" <@good.example>", ""},
	}
	for _, tt := range tests {
		got := AuthorsOf(Header{NewField("From", tt.value)})
		if len(got.List) == 0 || got.List[0].Address != tt.want {
			t.Errorf("%q: %+v, want %q", tt.value, got.List, tt.want)
		}
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
		{"1001 comments", Header{NewField("From", strings.Repeat("(@d.example)", 1001)+"<a@x.example>")}, 2, true},
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

// hostile values, each as long as asked for: see BenchmarkAuthorsOf for their cost.
var hostile = []hostileValue{
	{"open comments", "", "(", ""},
	{"nested comments", "", "(", " a@good.example"},
	{"quotes", "", `"`, ""},
	{"escapes", `"`, `\"`, ""},
	{"at signs", "", "@", ""},
	{"short addresses", "", "a@b ", "<a@b.example>"},
	{"dots", "a@", ".", ""},
	{"letters", "a@", "x", ""},
	{"scripts", "a@", "中文ü", ""},
	{"folds", "a@good.example", "\r\n ", "x"},
	{"groups", "", "a:;,", ""},
	{"comments", "", "(@)", "a@good.example"},
	{"commas", "", ",", "a@good.example"},
	{"open angles", "", "<", ""},
	{"8-bit", "", "\xff", ""},
}

func (h hostileValue) value(size int) string {
	return h.start + strings.Repeat(h.middle, size/len(h.middle)) + h.end
}

type hostileValue struct{ name, start, middle, end string }

func TestAuthorsOfHostile(t *testing.T) {
	for _, h := range hostile {
		t.Run(h.name, func(t *testing.T) {
			for _, size := range []int{60 << 10, 1 << 20} {
				got := AuthorsOf(Header{NewField("From", h.value(size))})
				checkAuthors(t, got)
				if size > maxFromField && got.Err == nil {
					t.Error("over the limit without an error")
				}
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
		if got.Err != nil {
			return
		}
		list, err := mail.ParseAddressList(value)
		if err != nil {
			return
		}
		for _, a := range list {
			want, err := ToASCII(a.Address[strings.LastIndexByte(a.Address, '@')+1:])
			if err != nil || !strings.Contains(" "+domains(got)+" ", " "+want+" ") {
				t.Errorf("net/mail finds %q (%v), we only %q", a.Address, err, domains(got))
			}
		}
	})
}

func BenchmarkAuthorsOf(b *testing.B) {
	values := map[string]string{
		"plain": ` "Joe Q. Public" <john.q.public@example.com>`,
		"IDN":   " Jürgen <a@bücher.example>",
	}
	for _, h := range hostile {
		values[h.name] = h.value(60 << 10)
	}
	for name, value := range values {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(value)))
			h := Header{NewField("From", value)}
			for b.Loop() {
				AuthorsOf(h)
			}
		})
	}
}
