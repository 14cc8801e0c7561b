package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

const checkData = "testdata/check/"

// What assay check prints, and its exit code.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		golden string
		args   string
		code   int
	}{
		{"mailbox.txt", "mailbox.eml", exitOK},
		{"spoof.txt", "--ip 198.51.100.9 --helo evil.example --mail-from joe@evil.example --rcpt ann@example.test mailbox.eml", exitFail},
		{"ptr.txt", "--ip 2001:db8::1 --ptr Mail.Example.org. --mail-from <> --helo mail.example.org mailbox.eml", exitFail},
		{"json.txt", "--json mailbox.eml", exitOK},
		{"json-spoof.txt", "--json --ip 198.51.100.9 --mail-from joe@evil.example mailbox.eml", exitFail},
		{"trusted.txt", "--ip 127.0.0.1 mailbox.eml", exitOK},
		{"trusted-json.txt", "--json --ip 127.0.0.1 mailbox.eml", exitOK},
		{"hostile.txt", "hostile.eml", exitFail},
		{"several.txt", "several.eml", exitFail},
	} {
		t.Run(test.golden, func(t *testing.T) {
			args := []string{"check", "-c", checkData + "assay.toml", "--zone", checkData + "example.zone"}
			for _, word := range strings.Fields(test.args) {
				if strings.HasSuffix(word, ".eml") {
					word = checkData + word
				}
				args = append(args, word)
			}
			p := newProgram(t)
			code, stdout, stderr := p.run(t, args...)
			if code != test.code || stderr != "" {
				t.Errorf("exit code %d, want %d; %s", code, test.code, stderr)
			}
			if i := strings.IndexFunc(stdout, func(r rune) bool { return r != '\n' && r < ' ' || r == '\u202e' }); i >= 0 {
				t.Errorf("a control character reaches the terminal: %q", stdout[i:])
			}
			golden(t, checkData+test.golden, p.withoutState(stdout))
		})
	}
}

// withoutState is text with STATE for the state folder.
func (p *testProgram) withoutState(text string) string {
	return strings.ReplaceAll(text, p.getenv("STATE_DIRECTORY"), "STATE")
}

// What could not be had of the daemon's is said, in both forms, and the rest is evaluated.
func TestCheckLeftOut(t *testing.T) {
	for name, test := range map[string]struct {
		config  string
		history string // the beginning of what is said; "" for nothing
		seal    string
	}{
		"no history":  {"history.database = ''", "", ""},
		"none yet":    {"", "none yet at STATE/history.db: nothing is known", ""},
		"elsewhere":   {"history.database = 'sqlite:sub/h.db'", "none yet at STATE/sub/h.db: nothing is known", ""},
		"damaged":     {"history.database = 'sqlite:/etc/passwd'", "left out: the database is down: ", ""},
		"no server":   {fmt.Sprintf("history.database = 'postgres://joe:hunter2@%s/mail?sslmode=disable'", freePort(t)), "left out: the database is down: ", ""},
		"no seal key": {"history.database = ''\n[arc]\nseal = true\ndomain = 'a.example'\nselector = 's'\nkey_file = '/nonexistent'", "", "left out: "},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t)
			writeFile(t, p.configFile, test.config)
			_, text, stderr := p.run(t, "check", "--zone", checkData+"example.zone", checkData+"mailbox.eml")
			notes, _, _ := strings.Cut(p.withoutState(text), "\n\n")
			_, asJSON, _ := p.run(t, "check", "--json", "--zone", checkData+"example.zone", checkData+"mailbox.eml")
			var j struct {
				LeftOut leftOut `json:"left_out"`
			}
			if err := json.Unmarshal([]byte(p.withoutState(asJSON)), &j); err != nil || stderr != "" {
				t.Fatal(err, stderr)
			}
			for _, part := range []struct{ what, want, inJSON string }{{"history    ", test.history, j.LeftOut.History}, {"seal       ", test.seal, j.LeftOut.Seal}} {
				line := part.what + part.inJSON
				if said := strings.Contains(notes, "\n"+part.what); said != (part.want != "") || (part.inJSON != "") != said || said && !strings.Contains(notes, "\n"+line) ||
					!strings.HasPrefix(part.inJSON, part.want) || strings.Contains(text, "hunter2") {
					t.Errorf("%s%q, want %q\n%s", part.what, part.inJSON, part.want, notes)
				}
			}
			if !strings.Contains(text, "compauth   pass reason=100") {
				t.Error(text)
			}
		})
	}
}

// Standard input is read with - and without a file; CRLF or LF makes no difference.
func TestCheckStandardInput(t *testing.T) {
	text, err := os.ReadFile(checkData + "mailbox.eml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(checkData + "mailbox.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range [][]string{{"-"}, {}} {
		p := newProgram(t)
		p.stdin = bytes.NewReader(crlf(text))
		code, stdout, stderr := p.run(t, append([]string{"check", "-c", checkData + "assay.toml", "--zone", checkData + "example.zone"}, last...)...)
		if code != exitOK || p.withoutState(stdout) != string(want) {
			t.Errorf("%v: exit code %d\n%s%s", last, code, stdout, stderr)
		}
	}
}

// Bad input gives one line that says what and where, and the right exit code.
func TestCheckBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	zone, message := checkData+"example.zone", checkData+"mailbox.eml"
	badZone := write("bad.zone", "a.example. IN A 192.0.2.1\nb.example. IN A not-an-address\n")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--zone", badZone, message}, exitData, badZone + ":2: "},
		{[]string{"--zone", dir + "/none", message}, exitData, "open " + dir + "/none: no such file or directory"},
		{[]string{"--zone", zone, dir + "/none"}, exitData, "open " + dir + "/none: no such file or directory"},
		{[]string{"--zone", zone, write("empty", "")}, exitData, "empty: message: no header field"},
		{[]string{"--zone", zone, write("text", "This is no message.\n")}, exitData, "text: message: no header field"},
		{[]string{"--zone", zone, "--ip", "192.0.2.300", message}, exitUsage, `flag --ip: "192.0.2.300" is no IP address`},
		{[]string{"--zone", zone, "--ptr", "x.example", write("plain", "From: a@b.example\n\n")}, exitUsage, "flag --ptr: "},
		{[]string{"-c", write("bad.toml", "x = 1\n"), message}, exitData, "bad.toml:1: x: "},
		{[]string{"--zone", zone, message, "another"}, exitUsage, `unexpected argument "another"`},
		{[]string{"--jsn", message}, exitUsage, "did you mean --json?"},
	} {
		code, stdout, stderr := newProgram(t).run(t, append([]string{"check"}, test.args...)...)
		if code != test.code || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: exit code %d, want %d; %q, want %q", test.args, code, test.code, stderr, test.want)
		}
	}
}

// A resolver that does not answer is a temporary error.
func TestCheckTemporary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assay.toml")
	config := "[dns]\nservers = [\"" + freePort(t) + "\"]\ntimeout = \"1s\"\n"
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := newProgram(t).run(t, "check", "-c", path, checkData+"mailbox.eml")
	if code != exitTemporary || !strings.Contains(stdout, "dmarc=temperror") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestCopyCRLF(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for in, want := range map[string]string{
		"":                          "",
		"a\nb\n":                    "a\r\nb\r\n",
		"a\r\nb":                    "a\r\nb",
		"\n\n\r\n":                  "\r\n\r\n\r\n",
		"a\rb\r\r\n":                "a\rb\r\r\n",
		long + "\n" + long + "\r\n": long + "\r\n" + long + "\r\n",
	} {
		for _, one := range []bool{false, true} {
			var got bytes.Buffer
			r := bufio.NewReader(strings.NewReader(in))
			if one {
				r = bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(in)), 16)
			}
			if err := copyCRLF(&got, r); err != nil || got.String() != want {
				t.Errorf("%.20q: got %.40q, %v", in, got.String(), err)
			}
		}
	}
}

// A line end may fall on any place of the reader's buffer.
func TestCopyCRLFAtBufferEnd(t *testing.T) {
	for n := range 40 {
		in := strings.Repeat("x", n) + "\r\n" + strings.Repeat("y", n) + "\nz"
		var got bytes.Buffer
		if err := copyCRLF(&got, bufio.NewReaderSize(strings.NewReader(in), 16)); err != nil {
			t.Fatal(err)
		}
		if want := strings.Repeat("x", n) + "\r\n" + strings.Repeat("y", n) + "\r\nz"; got.String() != want {
			t.Errorf("%d: %q", n, got.String())
		}
	}
}
