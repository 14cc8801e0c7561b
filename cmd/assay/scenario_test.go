package main

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/tools/txtar"

	"assay/arc"
	"assay/auth/authres"
	assaydkim "assay/auth/dkim"
	"assay/auth/dns/dnstest"
	"assay/compauth/history"
)

// A scenario is one file of testdata/scenarios: a message, what SMTP and DNS
// said, and what assay has to make of it. Sections:
//
//	config    TOML, as for assay serve; authserv_id is mx.example.test unless given
//	envelope  "key: value" lines: ip, client, helo, mail-from, rcpt, auth, and days: for so long
//	          the message was on its way since everything was signed, as DKIM sees it; none is 0
//	zone      a master file; {{rsa}} and {{ed25519}} stand for the p= of the test keys
//	fail      names whose questions get no answer, each with a type behind a slash or without
//	spoofed   a spoofed-senders file
//	history   what was seen before: see remember
//	original  a message that is returned, signed as by sign-original; in the message {{original}}
//	          stands for it and {{original-header}} for its header
//	sign      a signature per line, the last one on top: d= s= a= c= h= i= as in the field
//	message   the message, LF line ends; {{N*TEXT}} stands for N times TEXT, and alone on a line
//	          for N such lines
//	footer    what is put behind the signed message
//	hops      what hosts on the way did, in order: "seal d=DOMAIN s=SELECTOR a=KEY RESULTS" adds
//	          an ARC set with these results, "text TEXT" puts a line behind the message, "field NAME: VALUE"
//	          a field on top, "change TEXT" a line behind in the next host that seals, after it
//	          validated the chain
//	want      the edits and the reply
type scenario struct {
	name     string
	config   string
	envelope map[string]string
	rcpt     []string
	zone     string
	fail     []string
	message  []byte         // CRLF, signed
	change   string         // of the next hop
	store    *history.Store // nil until it is needed
	now      time.Time      // as DKIM sees it
	archive  *txtar.Archive
	path     string
}

// sections are the names of the sections, each between spaces.
const sections = " config envelope zone fail spoofed history original sign-original sign message footer hops want "

func readScenarios(t *testing.T) []*scenario {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/scenarios/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var all []*scenario
	for _, path := range paths {
		all = append(all, readScenario(t, path))
	}
	return all
}

func readScenario(t *testing.T, path string) *scenario {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if !strings.Contains(sections, " "+f.Name+" ") {
			t.Fatalf("%s: section %q", path, f.Name)
		}
	}
	s := &scenario{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), path: path, archive: archive, envelope: map[string]string{}}
	s.config = string(s.section("config"))
	if !strings.Contains(s.config, "authserv_id") {
		s.config = "authserv_id = \"mx.example.test\"\n" + s.config
	}
	s.readEnvelope(t)
	s.readNow(t)
	keys := strings.NewReplacer("{{rsa}}", publicKey(t, "rsa"), "{{ed25519}}", publicKey(t, "ed25519"))
	s.zone = keys.Replace(string(s.section("zone")))
	s.fail = strings.Fields(string(s.section("fail")))
	s.message = crlf(s.withOriginal(t, repeated(s.section("message"))))
	for line := range strings.Lines(string(s.section("sign"))) {
		s.message = sign(t, s.message, line)
	}
	s.message = append(s.message, crlf(s.section("footer"))...)
	for line := range strings.Lines(string(s.section("hops"))) {
		s.hop(t, strings.TrimSpace(line))
	}
	return s
}

// section is the content of a file of the archive; nil when it is missing.
func (s *scenario) section(name string) []byte {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func (s *scenario) readEnvelope(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(string(s.section("envelope"))) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ":")
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			t.Fatalf("%s: envelope: %q is no key: value", s.path, line)
		case key == "rcpt":
			s.rcpt = append(s.rcpt, value)
		default:
			s.envelope[key] = value
		}
	}
}

// hop does to the message what a host on its way did.
func (s *scenario) hop(t *testing.T, line string) {
	t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "text":
		s.message = append(s.message, rest+"\r\n"...)
	case "field":
		s.message = append([]byte(rest+"\r\n"), s.message...)
	case "change":
		s.change = rest + "\r\n"
	case "seal":
		words := strings.SplitN(rest, " ", 4)
		if len(words) != 4 {
			t.Fatalf("%s: hops: %q", s.path, line)
		}
		synctest.Test(t, func(t *testing.T) { s.message = s.seal(t, words[0][2:], words[1][2:], words[2][2:], words[3]) })
	default:
		t.Fatalf("%s: hops: %q", s.path, line)
	}
}

// seal adds an ARC set as a host does that validated the chain so far.
func (s *scenario) seal(t *testing.T, domain, selector, key, results string) []byte {
	t.Helper()
	header, body := s.parse(t)
	text := readAll(t, body)
	var before, after assaydkim.BodyHashes
	validator := arc.Validator{Resolver: dnstest.NewResolver(t, s.zone)}
	validation := validator.Begin(t.Context(), header, &before)
	_, _ = before.Write(text) // never fails
	after.Want(assaydkim.Relaxed)
	_, _ = after.Write(append(text, s.change...))
	s.message, s.change = append(s.message, s.change...), ""
	parsed, err := authres.Parse(results)
	if err != nil {
		t.Fatalf("%s: hops: %q: %v", s.path, results, err)
	}
	sealer := arc.MessageSealer{Domain: domain, Selector: selector, Key: privateKey(t, key)}
	set, err := sealer.Seal(header, validation.Finish(), after.Sum(assaydkim.Relaxed), parsed)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range set.Fields() {
		b.WriteString(f.Raw + "\r\n")
	}
	return append(b.Bytes(), s.message...)
}

// withOriginal puts the message that is returned into the one that returns it.
func (s *scenario) withOriginal(t *testing.T, text []byte) []byte {
	t.Helper()
	original := crlf(s.section("original"))
	for line := range strings.Lines(string(s.section("sign-original"))) {
		original = sign(t, original, line)
	}
	whole := strings.ReplaceAll(string(original), "\r\n", "\n")
	header, _, _ := strings.Cut(whole, "\n\n")
	return []byte(strings.NewReplacer("{{original}}\n", whole, "{{original-header}}", header).Replace(string(text)))
}

// repeats is what is written once and stands there often; with the line end when it is all of a line.
var repeats = regexp.MustCompile(`(?m)^\{\{(\d+)\*(.*)\}\}\n|\{\{(\d+)\*([^}\n]*)\}\}`)

// repeated is the text with what the braces stand for.
func repeated(text []byte) []byte {
	return repeats.ReplaceAllFunc(text, func(found []byte) []byte {
		parts := repeats.FindSubmatch(found)
		count, once := parts[1], append(parts[2], '\n')
		if parts[1] == nil {
			count, once = parts[3], parts[4]
		}
		n, _ := strconv.Atoi(string(count)) // digits
		return bytes.Repeat(once, n)
	})
}

func crlf(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")) }

// update writes a new want section into the file.
func (s *scenario) update(t *testing.T, want string) {
	t.Helper()
	for i := range s.archive.Files {
		if s.archive.Files[i].Name == "want" {
			s.archive.Files[i].Data = []byte(want)
			if err := os.WriteFile(s.path, txtar.Format(s.archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func privateKey(t testing.TB, kind string) crypto.Signer {
	t.Helper()
	data, err := os.ReadFile("../../testdata/scenarios/" + kind + ".pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

// publicKey is the key as a DKIM record has it, in strings of a master file
// that are short enough.
func publicKey(t testing.TB, kind string) string {
	t.Helper()
	var der []byte
	switch key := privateKey(t, kind).Public().(type) {
	case *rsa.PublicKey:
		der, _ = x509.MarshalPKIXPublicKey(key)
	case ed25519.PublicKey:
		der = key
	}
	p := base64.StdEncoding.EncodeToString(der)
	if len(p) > 200 {
		p = p[:200] + `" "` + p[200:]
	}
	return p
}

// sign puts a DKIM-Signature on top of the message. The time in it is that of a
// synctest bubble, so that the signature is the same in every run.
func sign(t *testing.T, msg []byte, line string) (signed []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { signed = signNow(t, msg, line) })
	return signed
}

// signNow signs as the words of line say: d= s= a= c= h= i=.
func signNow(t testing.TB, msg []byte, line string) []byte {
	t.Helper()
	tags := map[string]string{"a": "rsa", "c": "relaxed/relaxed", "h": "From:To:Subject"}
	for _, word := range strings.Fields(line) {
		name, value, _ := strings.Cut(word, "=")
		tags[name] = value
	}
	header, body, _ := strings.Cut(tags["c"], "/")
	options := &dkim.SignOptions{
		Domain: tags["d"], Selector: tags["s"], Identifier: tags["i"],
		Signer: privateKey(t, tags["a"]), Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.Canonicalization(header),
		BodyCanonicalization:   dkim.Canonicalization(body),
		HeaderKeys:             strings.Split(tags["h"], ":"),
	}
	var signed bytes.Buffer
	if err := dkim.Sign(&signed, bytes.NewReader(msg), options); err != nil {
		t.Fatalf("sign %q: %v", line, err)
	}
	return signed.Bytes()
}
