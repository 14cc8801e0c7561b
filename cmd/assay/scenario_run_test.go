package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"assay/auth"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/milter"
	"assay/testdata/milterclient"
)

var updateScenarios = flag.Bool("update-scenarios", false, "write what the verifier gives into testdata/scenarios")

// Every scenario goes through the verifier, and through a milter client that
// plays Postfix and one that plays Sendmail; all have to give the same. Together
// they reach every rule.
func TestScenarios(t *testing.T) {
	scenarios := readScenarios(t)
	reached := newReachedRules(t, len(scenarios))
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			report := s.throughVerifier(t)
			reached.add(report)
			got := describeReport(report)
			if *updateScenarios {
				s.update(t, got)
				return
			}
			want := string(s.section("want"))
			for path, got := range map[string]string{
				"verifier": got,
				"Postfix":  s.throughMilter(t, false),
				"Sendmail": s.throughMilter(t, true),
			} {
				if got != want {
					t.Errorf("%s: got\n%swant\n%s", path, got, want)
				}
			}
		})
	}
}

func (s *scenario) verifier(t *testing.T) *auth.Verifier {
	t.Helper()
	config, err := parseConfig([]byte(s.config), "config", func() (string, error) { return "mx.example.test", nil })
	if err != nil {
		t.Fatal(err)
	}
	resolver := dnstest.NewResolver(t, s.zone)
	for _, question := range s.fail {
		name, typ, _ := strings.Cut(question, "/")
		resolver.FailType(name, s.questionType(t, typ))
	}
	v := newVerifier(config, &dns.Cache{Resolver: resolver})
	v.Spoofed = s.spoofed(t)
	v.History = s.history(t, config)
	v.Remember = true // as in the daemon: hints are looked for also without the implicit rules
	v.DKIM.Now = func() time.Time { return s.now }
	return v
}

// questionType is the word behind the slash in fail; without one it is every type.
func (s *scenario) questionType(t *testing.T, word string) dns.Type {
	t.Helper()
	switch word {
	case "":
		return 0
	case "mx":
		return dns.TypeMX
	case "txt":
		return dns.TypeTXT
	}
	t.Fatalf("%s: fail: %q", s.path, word)
	return 0
}

func (s *scenario) ip(t *testing.T) netip.Addr {
	t.Helper()
	if s.envelope["ip"] == "" {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(s.envelope["ip"])
	if err != nil {
		t.Fatal(err)
	}
	return ip
}

func (s *scenario) parse(t *testing.T) (message.Header, *bufio.Reader) {
	t.Helper()
	body := bufio.NewReader(bytes.NewReader(s.message))
	header, err := message.ReadHeader(body, len(s.message))
	if err != nil {
		t.Fatal(err)
	}
	return header, body
}

// throughVerifier gives what assay check would.
func (s *scenario) throughVerifier(t *testing.T) *auth.Report {
	t.Helper()
	env := auth.Envelope{IP: s.ip(t), Helo: s.envelope["helo"], MailFrom: s.envelope["mail-from"], Rcpt: s.rcpt}
	if s.envelope["auth"] != "" {
		env.AuthType, env.AuthUser = "PLAIN", s.envelope["auth"]
	}
	verifier, body := s.verifier(t), bufio.NewReader(bytes.NewReader(s.message))
	header := message.Collector{Limits: verifier.Limits.Header}
	if err := header.Read(body); err != nil {
		t.Fatal(err)
	}
	env.Excess = header.Excess()
	report, err := checkMessage(t.Context(), verifier, env, header.Header(), body)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func describeReport(report *auth.Report) string {
	var b strings.Builder
	for _, e := range report.Edits {
		if e.Delete {
			fmt.Fprintf(&b, "- %s %d\n", e.Name, e.Index)
		} else {
			fmt.Fprintf(&b, "+ %s: %s\n", e.Name, strings.ReplaceAll(e.Value, "\r\n", "\n"))
		}
	}
	d := report.Disposition
	switch {
	case d.Code != 0:
		fmt.Fprintf(&b, "%d %s %s\n", d.Code, d.Status, d.Text)
	case d.Action == auth.Quarantine && !d.Flag:
		fmt.Fprintf(&b, "quarantine: %s\naccept\n", d.Text)
	default:
		b.WriteString("accept\n")
	}
	return b.String()
}

// throughMilter gives what a milter client sees that plays one of the MTAs.
func (s *scenario) throughMilter(t *testing.T, sendmail bool) string {
	t.Helper()
	conn, err := milterclient.Dial("tcp", startMilter(t, s.verifier(t)), milterclient.Options{Sendmail: sendmail})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := milterclient.Client{Addr: s.ip(t), Helo: s.envelope["helo"]}
	if _, err := conn.Connect(client); err != nil {
		t.Fatal(err)
	}
	header, body := s.parse(t)
	m := milterclient.Message{From: s.envelope["mail-from"], Rcpts: s.rcpt, Header: header, Body: readAll(t, body), Macros: map[string]string{}}
	if user := s.envelope["auth"]; user != "" {
		m.Macros["{auth_type}"], m.Macros["{auth_authen}"] = "PLAIN", user
	}
	result, err := conn.Send(m)
	if err != nil {
		t.Fatal(err)
	}
	return describe(result)
}

func readAll(t *testing.T, r *bufio.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func describe(r *milterclient.Result) string {
	var b strings.Builder
	for _, e := range r.Edits {
		switch {
		case e.Kind == 'm' && e.Value == "":
			fmt.Fprintf(&b, "- %s %d\n", e.Name, e.Index)
		case e.Kind == 'i' && e.Index == 0:
			fmt.Fprintf(&b, "+ %s: %s\n", e.Name, strings.TrimPrefix(e.Value, " "))
		default:
			fmt.Fprintf(&b, "? %+v\n", e)
		}
	}
	if r.Quarantined {
		fmt.Fprintf(&b, "quarantine: %s\n", r.Reason)
	}
	fmt.Fprintf(&b, "%s\n", r.Reply)
	return b.String()
}

// startMilter serves the verifier on loopback until the test ends, and gives the address.
func startMilter(t testing.TB, v *auth.Verifier) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &milter.Server{Verifier: v, Log: slog.New(slog.DiscardHandler)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
	})
	return ln.Addr().String()
}
