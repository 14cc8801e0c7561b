package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

const explainData = "testdata/explain/"

// What assay explain prints.
func TestExplain(t *testing.T) {
	for _, test := range []struct{ golden, args string }{
		{"ours.txt", "ours.eml"},
		{"ours-json.txt", "--json ours.eml"},
		{"microsoft.txt", "microsoft.field"},
		{"microsoft-fail.txt", "microsoft-fail.value"},
		{"google.txt", "google.eml"},
		{"lost-folds.txt", "lost-folds.value"},
		{"apart.txt", "apart.value"},
		{"hostile.txt", "hostile.eml"},
		{"hostile-json.txt", "--json hostile.eml"},
		{"list.txt", "--list"},
		{"reason.txt", "--reason 601"},
		{"reason-history.txt", "--reason 702"},
		{"reason-json.txt", "--json --reason 1xx"},
	} {
		t.Run(test.golden, func(t *testing.T) {
			args := []string{"explain"}
			for _, word := range strings.Fields(test.args) {
				if strings.Contains(word, ".") {
					word = explainData + word
				}
				args = append(args, word)
			}
			code, stdout, stderr := newProgram(t).run(t, args...)
			if code != exitOK || stderr != "" {
				t.Errorf("exit code %d; %s", code, stderr)
			}
			checkSafe(t, stdout)
			golden(t, explainData+test.golden, stdout)
		})
	}
}

// checkSafe holds that nothing reaches the terminal that it acts upon.
func checkSafe(t *testing.T, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("a control character reaches the terminal: %q", text[i:])
	}
}

// The same text in every way in which it may be pasted.
func TestExplainPasted(t *testing.T) {
	const field = "Authentication-Results: mx.example.org;\n spf=pass smtp.mailfrom=a.example;\n dmarc=pass header.from=a.example\n"
	value := strings.TrimPrefix(field, "Authentication-Results: ")
	want := explainText(t, field)
	for name, text := range map[string]string{
		"no end of line":     strings.TrimRight(field, "\n"),
		"CRLF":               strings.ReplaceAll(field, "\n", "\r\n"),
		"one line":           strings.ReplaceAll(field, "\n", ""),
		"folds lost":         strings.ReplaceAll(field, "\n ", "\n"),
		"bare":               value,
		"bare on one line":   strings.ReplaceAll(value, "\n", ""),
		"bare, folds lost":   strings.ReplaceAll(value, "\n ", "\n"),
		"bare and indented":  "   " + value,
		"blank lines before": "\n \r\n" + field,
		"byte order mark":    "\ufeff" + field,
		"quoted":             quote("> ", field),
		"quoted twice":       quote(">> ", field),
		"quoted, folds lost": quote("> ", strings.ReplaceAll(field, "\n ", "\n")),
		"bare and quoted":    quote("> ", value),
		"a quotation":        "Joe wrote:\n>\n" + quote("> > ", field),
		"text before":        "Hello,\n\nwhat does this mean?\n\n" + field,
		"blank lines after":  field + "\n\n \n",
		"mbox separator":     "From joe@a.example Sat Nov  1 10:00:00 2025\n" + field,
		"garbage before":     "Original message\n" + field,
		"other fields":       "To: a@b.example\nX-Spam: no\n" + field + "Subject: x\n",
		"space before colon": strings.Replace(field, ":", " :", 1),
	} {
		if got := explainText(t, text); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// quote puts a sign before every line.
func quote(sign, text string) string { return sign + strings.ReplaceAll(text, "\n", "\n"+sign) }

// Where reading stops at a body, that is said; what stands in it is not explained.
func TestExplainStopped(t *testing.T) {
	const field = "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=a.example\n"
	const second = "Received-SPF: fail (mx: domain of b.example does not designate 192.0.2.1)\n"
	for name, test := range map[string]struct {
		text   string
		fields int
		stop   int
	}{
		"two fields":                {field + second, 2, 0},
		"apart":                     {field + "\n" + second, 2, 0},
		"far apart":                 {"\n" + field + "\n\n\n" + second + "\n\n" + field + "\n", 3, 0},
		"apart and indented":        {"  " + field + "\n   " + second, 2, 0},
		"apart and quoted":          {quote("> ", field+"\n"+second), 2, 0},
		"a bare value first":        {"mx.example.org; spf=pass\n\n" + second, 2, 0},
		"text between":              {field + "\nand\n\n" + second, 1, 2},
		"a bare value and text":     {"mx.example.org; spf=pass\n\nWhat is this?\n", 1, 2},
		"another field":             {field + "\nSubject: x\n" + second, 1, 2},
		"a message":                 {"Subject: x\n" + field + "\n" + second, 1, 3},
		"a message, other order":    {field + "Subject: x\n\n" + second, 1, 3},
		"a message with no body":    {"Subject: x\n" + field + "\n\n", 1, 0},
		"a message that quotes":     {"Subject: x\n" + field + "\n> " + second, 1, 3},
		"a body that is long":       {field + "\n" + strings.Repeat("x", 2*maxHeader), 1, 2},
		"blank lines before a body": {field + "Subject: x\n\n\n\nHello\n", 1, 3},
		"CRLF":                      {strings.ReplaceAll("Subject: x\n"+field+"\nHello\n", "\n", "\r\n"), 1, 3},
	} {
		var e explained
		if err := json.Unmarshal([]byte(explainText(t, test.text, "--json")), &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Fields) != test.fields || e.Stop != test.stop {
			t.Errorf("%s: %d fields, stopped at %d; want %d, %d", name, len(e.Fields), e.Stop, test.fields, test.stop)
		}
		said := ""
		if test.stop > 0 {
			said = "\n" + stoppedAt(test.stop) + "\n"
		}
		if got := explainText(t, test.text); !strings.HasSuffix(got, said) || said == "" && strings.Contains(got, "is blank: ") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// explainText is the output for standard input, which must be explained.
func explainText(t *testing.T, text string, args ...string) string {
	t.Helper()
	p := newProgram(t)
	p.stdin = strings.NewReader(text)
	code, stdout, stderr := p.run(t, append([]string{"explain"}, args...)...)
	if code != exitOK || stderr != "" {
		t.Errorf("%.80q: exit code %d; %s", text, code, stderr)
	}
	return stdout
}

// A bare value is taken for the field that it is of.
func TestBareValues(t *testing.T) {
	for value, want := range map[string]string{
		"i=1; mx.example.org; spf=pass smtp.mailfrom=a.example":       "ARC-Authentication-Results of ARC set 1, in the name of mx.example.org",
		"pass (mx.example.org: fine) client-ip=192.0.2.1":             "Received-SPF\n",
		"None\n client-ip=192.0.2.1; receiver=mx.example.org":         "Received-SPF, in the name of mx.example.org",
		"dkim=pass header.d=a.example":                                "Authentication-Results\n",
		"mx.example.org 1; dkim=pass (reverse: x) header.d=a.example": "Authentication-Results, in the name of mx.example.org",
	} {
		if got := explainText(t, value); !strings.HasPrefix(got, want) {
			t.Errorf("%q:\n%s\nwant %q", value, got, want)
		}
	}
}

func TestExplainBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const nothing = "nothing to explain: no Authentication-Results, ARC or Received-SPF field; expected is "
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{}, exitData, "standard input: " + nothing},
		{[]string{write("text", "This is no message.\n")}, exitData, nothing},
		{[]string{write("word", "mx.example.org\n")}, exitData, nothing},
		{[]string{write("none", "none\n")}, exitData, nothing},
		{[]string{write("body", "To: a@b.example\n\nAuthentication-Results: mx; spf=pass\n")}, exitData, "of such a field. Line 2 is blank: what follows was taken"},
		{[]string{write("long", "X: "+strings.Repeat("x", maxHeader))}, exitData, "header over 1048576 bytes"},
		{[]string{dir + "/missing"}, exitData, "no such file or directory\n"},
		{[]string{"601"}, exitData, "no such file or directory (assay explain --reason 601 explains the code)"},
		{[]string{dir}, exitData, "is a directory"},
		{[]string{"-c", dir + "/missing"}, exitData, "missing"},
		{[]string{"--reason", "800"}, exitUsage, `flag --reason: "800" is no reason code that is documented (assay explain --list shows them)`},
		{[]string{"--reason", "\x1b[31m"}, exitUsage, `"\x1b[31m" is no reason code`},
		{[]string{"--reason", ""}, exitUsage, `flag --reason: "": no code (see assay explain --help)`},
		{[]string{"--reason=", "x"}, exitUsage, `flag --reason: "": no code`},
		{[]string{"--reason", "601", "x"}, exitUsage, `unexpected argument "x": --reason and --list explain no file`},
		{[]string{"--list", "x"}, exitUsage, `unexpected argument "x"`},
		{[]string{"--list", "--reason", "601"}, exitUsage, "--reason and --list exclude each other"},
		{[]string{"a", "b"}, exitUsage, `unexpected argument "b"`},
		{[]string{"--reasn", "601"}, exitUsage, "did you mean --reason?"},
	} {
		code, stdout, stderr := newProgram(t).run(t, append([]string{"explain"}, test.args...)...)
		if code != test.code || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: exit code %d, want %d; %q, want %q", test.args, code, test.code, stderr, test.want)
		}
	}
}

// A header of exactly the limit is read.
func TestExplainLimit(t *testing.T) {
	field := "Authentication-Results: mx; spf=pass\n"
	text := "X: " + strings.Repeat("x", maxHeader-len(field)-4) + "\n" + field
	if got := explainText(t, text); !strings.Contains(got, "spf=pass") {
		t.Errorf("%d bytes: %s", len(text), got)
	}
}

// The output has a limit, whatever the input holds.
func TestExplainMany(t *testing.T) {
	for name, text := range map[string]string{
		"results": strings.Repeat("Authentication-Results: mx;"+strings.Repeat("spf=fail;", 200)+"\n", 300),
		"fields":  strings.Repeat("Authentication-Results: mx; none\n", 20_000),
		"text":    "Authentication-Results: mx; spf=pass (" + strings.Repeat("ü", 20_000) + ")\n",
		"seals":   strings.Repeat("ARC-Seal: i=7; d=a.example; cv=pass\n", 20_000),
	} {
		if got := explainText(t, text); len(got) > 200_000 {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
	got := explainText(t, strings.Repeat("Authentication-Results: mx; spf=fail; spf=pass\n", maxExplained))
	if want := "\n300 more results are not explained.\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in %s", want, got[max(0, len(got)-300):])
	}
}

// Who wrote a field, and what that is worth.
func TestExplainOrigin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assay.toml")
	config := "authserv_id = \"mx.example.org\"\ntrusted_authserv_ids = [\"inner.example.org\"]\n"
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for head, want := range map[string]string{
		"Authentication-Results: MX.example.org;":           "The authserv-id is that of this host.",
		"Authentication-Results: inner.example.org;":        "The authserv-id is listed in trusted_authserv_ids.",
		"Authentication-Results: mx.example.net;":           "it may be forged: believe it only if mx.example.net is a host of yours",
		"Authentication-Results: a\x1b[31m;":                "it may be forged: believe it only if \"a\ufffd[31m\" is a host of yours",
		`Authentication-Results: "mx (b\"";`:                `it may be forged: believe it only if "mx (b\"" is a host of yours`,
		"Authentication-Results:":                           "It names no host, as Microsoft 365 writes it.",
		"ARC-Authentication-Results: i=1; mx.example.org;":  "It counts only if the ARC chain validates",
		"X-MS-Exchange-Authentication-Results:":             "nothing removes forged ones",
		"Authentication-Results-Original: mx.example.org;":  "nothing removes forged ones",
		"X-Original-Authentication-Results: other.example;": "nothing removes forged ones",
		"X-Authentication-Results: inner.example.org;":      "nothing removes forged ones",
	} {
		got := explainText(t, head+" dmarc=temperror header.from=a.example\n", "-c", path)
		if flat := strings.Join(strings.Fields(got), " "); !strings.Contains(flat, want) {
			t.Errorf("%q: %s\nwant %q", head, got, want)
		}
		if own, us := strings.Contains(want, "of this host."), strings.Contains(got, "sender or us: "); own != us {
			t.Errorf("%q: %s", head, got)
		}
	}
}

// A value or comment does not look like a result of its own.
func TestExplainShown(t *testing.T) {
	for field, want := range map[string]string{
		`mx; spf=pass (a\) dkim=pass \(b) smtp.helo=x`:         "spf=pass (a] dkim=pass [b) smtp.helo=x",
		`mx; spf=pass smtp.helo="x; dkim=pass header.d=\"y"`:   `spf=pass smtp.helo="x; dkim=pass header.d=\"y"`,
		`mx; spf=pass reason="x dkim=pass" smtp.helo=a@b.test`: `spf=pass reason="x dkim=pass" smtp.helo=a@b.test`,
		`mx; spf=pass smtp.helo=""`:                            `spf=pass smtp.helo=""`,
	} {
		if got := explainText(t, "Authentication-Results: "+field); !strings.Contains(got, "\n  "+want+"\n") {
			t.Errorf("%s: %s\nwant %s", field, got, want)
		}
	}
}
