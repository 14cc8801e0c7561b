package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/milter"
)

// fixtures lists testdata/config/FOLDER/*.toml.
func fixtures(t testing.TB, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "config", folder, "*.toml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", folder, err)
	}
	return files
}

func readFixture(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestGoodConfigs compares what is in force with golden files, and holds that
// "config show" writes a config that means the same.
func TestGoodConfigs(t *testing.T) {
	for _, file := range fixtures(t, "good") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := parseConfig(readFixture(t, file), filepath.Base(file), testHostname)
			if err != nil {
				t.Fatal(err)
			}
			shown := showTOML(c, options())
			golden(t, strings.TrimSuffix(file, ".toml")+".golden", shown)
			again, err := parseConfig([]byte(shown), "shown", testHostname)
			if err != nil {
				t.Fatal(err)
			}
			if !sameConfig(c, again) {
				t.Errorf("read back:\n%+v\nwant\n%+v", again, c)
			}
		})
	}
}

// sameConfig compares two configs but not where they come from, nor passwords.
func sameConfig(a, b *Config) bool {
	x, y := *a, *b
	x.History.Database, y.History.Database = withoutPassword(x.History.Database), withoutPassword(y.History.Database)
	x.file, y.file, x.lines, y.lines = "", "", nil, nil
	return reflect.DeepEqual(x, y)
}

// TestBadConfigs compares every mistake with golden files.
func TestBadConfigs(t *testing.T) {
	for _, file := range fixtures(t, "bad") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := parseConfig(readFixture(t, file), filepath.Base(file), testHostname)
			if err == nil || c != nil {
				t.Fatalf("accepted: %+v", c)
			}
			golden(t, strings.TrimSuffix(file, ".toml")+".golden", err.Error()+"\n")
			if err := wellFormed(err); err != nil {
				t.Error(err)
			}
		})
	}
}

// wellFormed tells whether every mistake has a line and advice, in order, on
// one line of printable text.
func wellFormed(err error) error {
	var errs ConfigErrors
	if !errors.As(err, &errs) || len(errs) == 0 {
		return fmt.Errorf("%T with no mistakes", err)
	}
	for i, e := range errs {
		switch {
		case e.Line < 1, i > 0 && e.Line < errs[i-1].Line:
			return fmt.Errorf("line %d in %q", e.Line, e.Error())
		case !strings.ContainsAny(e.Text, ";?"):
			return fmt.Errorf("no advice in %q", e.Error())
		case printable(e.Error()) != e.Error():
			return fmt.Errorf("not printable: %q", e.Error())
		}
	}
	return nil
}

func TestDefaults(t *testing.T) {
	c, err := parseConfig(nil, "", testHostname)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		AuthServID:         "mx.example.test",
		TrustedNetworks:    []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		HeaderStyles:       []authres.Style{authres.RFC8601},
		TrustedAuthServIDs: nil,
		Implicit:           true,
		SpoofedSendersFile: "/etc/assay/spoofed-senders",
		LogFormat:          "logfmt",
		Milter: MilterConfig{
			Listen:         []milter.Address{{Network: "tcp4", Address: "127.0.0.1:8893"}},
			SocketMode:     0o660,
			MaxSessions:    2000,
			IdleTimeout:    0,
			MessageTimeout: 25 * time.Second,
		},
		DNS: DNSConfig{
			Timeout:      5 * time.Second,
			MaxInFlight:  8192,
			CacheEntries: 100000,
			MaxTTL:       24 * time.Hour,
			NegativeTTL:  15 * time.Minute,
		},
		DKIM:    DKIMConfig{MaxSignatures: 10, MinRSABits: 1024},
		ARC:     ARCConfig{TrustedSealersFile: "/etc/assay/trusted-sealers"},
		Policy:  PolicyConfig{DMARCReject: auth.Accept, DMARCQuarantine: auth.Accept, CompauthFail: auth.Accept, SpoofBlock: auth.Reject, DNSFailure: auth.Accept, OnError: auth.Accept},
		History: HistoryConfig{Database: "sqlite:history.db", MinMessages: 5, MinDays: 3, MaxDomains: 10, RetentionDays: 90},
		Limits: LimitsConfig{HeaderSize: 1 << 20, HeaderFields: 2000, FieldSize: 128 << 10, Recipients: 1000, Tags: 64,
			SignedNames: 256, ARCSets: 50, MIMEDepth: 5, DNSQuestions: 500},
	}
	if !sameConfig(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

func TestEveryValue(t *testing.T) {
	c, err := parseConfig(readFixture(t, "testdata/config/good/all.toml"), "all.toml", testHostname)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		AuthServID:         "MX.Example.ORG",
		AcceptedDomains:    []string{"example.org", "xn--bcher-kva.example", "corp"},
		TrustedNetworks:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		InternalRelays:     []netip.Prefix{netip.MustParsePrefix("192.0.2.25/32"), netip.MustParsePrefix("2001:db8:25::/64")},
		HeaderStyles:       []authres.Style{authres.RFC8601, authres.Microsoft},
		TrustedAuthServIDs: []string{"relay.example.org"},
		RemoveAllAuthRes:   true, ReceivedSPF: true, SPFHelo: true, SPFFullAddress: true, HideClientIP: true, QuarantineHeader: true,
		SpoofedSendersFile: "/srv/assay/spoofed-senders", SharedMX: []string{"mailhost.example"}, StateDir: "/srv/assay/state",
		LogFormat: "json", User: "mail:assay",
		Milter: MilterConfig{
			Listen: []milter.Address{
				{Network: "tcp4", Address: "0.0.0.0:8893"}, {Network: "tcp4", Address: "mx.example.org:8894"},
				{Network: "tcp6", Address: "[::1]:8893"}, {Network: "tcp6", Address: "[::1]:8895"}, {Network: "tcp6", Address: "[2001:db8::1]:8896"},
				{Network: "unix", Address: "/run/assay/a.sock"}, {Network: "unix", Address: "/run/assay/b.sock"}, {Network: "fd"},
			},
			SocketMode: 0o660, MaxSessions: 1000, IdleTimeout: 90 * time.Minute, MessageTimeout: 90 * time.Second,
		},
		DNS: DNSConfig{
			Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:5353")},
			Timeout: 1500 * time.Millisecond, MaxInFlight: 4096, CacheEntries: 1024, MaxTTL: time.Hour, MinTTL: time.Hour,
		},
		DKIM: DKIMConfig{MaxSignatures: 3, MinRSABits: 2048, Engine: dkim.EngineGoMsgauth},
		ARC: ARCConfig{
			TrustedSealers:     []arc.Sealer{{Domain: "lists.example.org"}, {Domain: "xn--bcher-kva.example", Subdomains: true}},
			TrustedSealersFile: "/srv/assay/trusted-sealers",
			Seal:               true, Domain: "xn--bcher-kva.example", Selector: "arc2026", KeyFile: "/srv/assay/arc.pem",
		},
		Policy: PolicyConfig{DMARCReject: auth.Reject, DMARCQuarantine: auth.Quarantine, CompauthFail: auth.Quarantine, SpoofBlock: auth.Accept,
			DNSFailure: auth.TempFail, OnError: auth.TempFail,
			RejectText: `see https://example.org/\help 100% "now"`},
		History: HistoryConfig{Database: "postgres://assay:geheim@db1.example/mail?sslmode=verify-full&password=geheim",
			MinMessages: 50, MinDays: 7, MaxDomains: 3, RetentionDays: 365, OverrideReject: true},
		Metrics: MetricsConfig{Listen: []milter.Address{{Network: "tcp4", Address: "127.0.0.1:9893"}}},
		Limits: LimitsConfig{HeaderSize: 2 << 20, HeaderFields: 500, FieldSize: 64 << 10, Recipients: 10, Tags: 32,
			SignedNames: 100, ARCSets: 10, MIMEDepth: 2, DNSQuestions: 1000},
	}
	if !sameConfig(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
	if unset := slices.DeleteFunc(options(), func(o option) bool { return c.lines[o.name] > 0 }); len(unset) > 0 {
		t.Errorf("the fixture does not set %s", unset[0].name)
	}
}

func TestHostname(t *testing.T) {
	tests := []struct {
		data string
		name string
		err  error
		want string // the authserv-id, or the error
	}{
		{"", "Mx.Example.Test", nil, "mx.example.test"},
		{"authserv_id = 'hostname'", "mx.", nil, "mx"},
		{"authserv_id = 'a.example'", "", errors.New("no name"), "a.example"},
		{"", "", errors.New("no name"), `f: authserv_id: this host's name is not known (no name); write a name`},
		{"\nauthserv_id = 'HOSTNAME'", "", errors.New("no name"), `f:2: authserv_id: this host's name is not known (no name); write a name`},
		{"", "a b", nil, `f: authserv_id: this host's name is "a b", which can't be used; write a name such as "mx.example.org"`},
		{"", "", nil, `f: authserv_id: this host's name is "", which can't be used; write a name such as "mx.example.org"`},
		{"trusted_authserv_ids = ['MX']", "mx", nil, `f:1: trusted_authserv_ids: "mx" is our own authserv_id, whose fields are forged when they arrive; remove it`},
	}
	for _, test := range tests {
		c, err := parseConfig([]byte(test.data), "f", func() (string, error) { return test.name, test.err })
		got := fmt.Sprint(err)
		if err == nil {
			got = c.AuthServID
		}
		if got != test.want {
			t.Errorf("%q on %q:\n got %s\nwant %s", test.data, test.name, got, test.want)
		}
	}
}

func TestConfigCommands(t *testing.T) {
	p := newProgram(t)
	folder := filepath.Dir(p.configFile)
	good, bad := filepath.Join(folder, "good.toml"), filepath.Join(folder, "bad.toml")
	long, missing := filepath.Join(folder, "long.toml"), filepath.Join(folder, "none.toml")
	for file, text := range map[string]string{
		good: "spf_helo = true\n", bad: "spf_helo = 1\n\nx = 2\n", long: strings.Repeat("# long\n", maxConfigSize/7+1),
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mistakes := bad + ":1: spf_helo: is a number without quotes; write true or false\n" +
		bad + ":3: x: unknown key; remove it (assay config show lists every key)\n"
	tests := []struct {
		args   []string
		code   int
		stdout string // the beginning
		stderr string
	}{
		{[]string{"config", "check"}, exitOK, "no " + p.configFile + "; the built-in defaults are ok\n", ""},
		{[]string{"config", "check", "-c", good}, exitOK, good + ": ok\n", ""},
		{[]string{"config", "check", "--config=" + good}, exitOK, good + ": ok\n", ""},
		{[]string{"config", "check", "-c", bad}, exitData, "", mistakes},
		{[]string{"config", "show", "-c", bad}, exitData, "", mistakes},
		{[]string{"config", "show", "--json", "-c", bad}, exitData, "", mistakes},
		{[]string{"config", "check", "-c", missing}, exitData, "", missing + ": no such file or directory\n"},
		{[]string{"config", "check", "-c", folder}, exitData, "", folder + ": is a directory\n"},
		{[]string{"config", "check", "-c", long}, exitData, "", long + ": is longer than 262144 bytes; is this the right file?\n"},
		{[]string{"config", "show"}, exitOK, "authserv_id = \"mx.example.test\"  # default\n", ""},
	}
	for _, test := range tests {
		code, stdout, stderr := p.run(t, test.args...)
		if code != test.code || stderr != test.stderr || !strings.HasPrefix(stdout, test.stdout) || test.stdout == "" && stdout != "" {
			t.Errorf("%q:\n got %d %q %q\nwant %d %q %q", test.args, code, stdout, stderr, test.code, test.stdout, test.stderr)
		}
	}
}

// TestDefaultFile holds that the default file is read when it is there.
func TestDefaultFile(t *testing.T) {
	p := newProgram(t)
	if err := os.WriteFile(p.configFile, []byte("\nlog_format = 'json'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := p.run(t, "config", "show")
	if want := "log_format = \"json\"  # " + p.configFile + ":2\n"; !strings.Contains(stdout, want) {
		t.Errorf("no %q in:\n%s", want, stdout)
	}
	p.configFile = filepath.Dir(p.configFile)
	if code, _, stderr := p.run(t, "config", "check"); code != exitData || !strings.Contains(stderr, "is a directory") {
		t.Errorf("an unreadable default: %d %q", code, stderr)
	}
}

func TestConfigShowJSON(t *testing.T) {
	p := newProgram(t)
	file := filepath.Join(filepath.Dir(p.configFile), "a.toml")
	if err := os.WriteFile(file, []byte("[dns]\ncache_entries = 5\nservers = ['192.0.2.1:53']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stdout, _ := p.run(t, "config", "show", "--json", "-c", file)
	var got map[string]setting
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]setting{
		"authserv_id":          {"mx.example.test", "default"},
		"spf_helo":             {false, "default"},
		"trusted_authserv_ids": {[]any{}, "default"},
		"dns.cache_entries":    {5.0, file + ":2"},
		"dns.servers":          {[]any{"192.0.2.1:53"}, file + ":3"},
	}
	for name, s := range want {
		if !reflect.DeepEqual(got[name], s) {
			t.Errorf("%s: %v, want %v", name, got[name], s)
		}
	}
	if len(got) != len(options()) {
		t.Errorf("%d keys, want %d", len(got), len(options()))
	}
}

// TestSecret holds that a secret value appears nowhere.
func TestSecret(t *testing.T) {
	table := []option{{name: "policy.reject_text", byDefault: "", values: "text", secret: true, kind: single("", parseReplyText, asIs,
		func(c *Config) *string { return &c.Policy.RejectText })}}
	c := &Config{Policy: PolicyConfig{RejectText: "hunter2"}}
	for _, shown := range []string{showTOML(c, table), showJSON(c, table)} {
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, secretText) {
			t.Errorf("shown as:\n%s", shown)
		}
	}
	in := newInterpreter(defaultConfig(), []byte("policy.reject_text = 'hunter2\u0080'"))
	in.table = table
	in.interpret()
	if got, want := in.errors("f").Error(), "f:1: policy.reject_text: the value is not valid; write text"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestManyMistakes(t *testing.T) {
	for _, line := range []string{"x = 1\n", "x\n", "[dns]\n", "a = \"\"\"\n", "trusted_networks = ['" + strings.Repeat("','", 1000) + "']\n"} {
		_, err := parseConfig([]byte(strings.Repeat(line, 1000)), "f", testHostname)
		var errs ConfigErrors
		if !errors.As(err, &errs) || len(errs) > maxMistakes+1 || !strings.HasSuffix(errs[len(errs)-1].Text, tooMany) {
			t.Errorf("%.20q: %d mistakes, at the end %v", line, len(errs), errs[len(errs)-1:])
		}
	}
}

// TestDeepNesting holds that no value is too deep to be refused.
func TestDeepNesting(t *testing.T) {
	for _, text := range []string{
		"spf_helo = " + strings.Repeat("[", 100000),
		"spf_helo = " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"dns = " + strings.Repeat("{dns=", 5000) + "1" + strings.Repeat("}", 5000),
		strings.Repeat("dns.", 5000) + "dns = 1",
	} {
		if _, err := parseConfig([]byte(text), "f", testHostname); wellFormed(err) != nil {
			t.Errorf("%.20q: %v", text, wellFormed(err))
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		for _, file := range fixtures(f, folder) {
			f.Add(readFixture(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data, "f", testHostname)
		if err != nil {
			if bad := wellFormed(err); bad != nil || c != nil {
				t.Fatalf("%v, %v", c, bad)
			}
			return
		}
		if withoutPassword(c.History.Database) == secretText {
			return // no database
		}
		again, err := parseConfig([]byte(showTOML(c, options())), "shown", testHostname)
		if err != nil {
			t.Fatalf("what is shown is not accepted: %v\n%s", err, showTOML(c, options()))
		}
		if !sameConfig(c, again) {
			t.Fatalf("read back %+v\nwant %+v", again, c)
		}
	})
}
