package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/testdata/mta"
)

// dnsFaults are ways for a resolver to misbehave, and whether its answers are to be had nevertheless.
var dnsFaults = []struct {
	name  string
	fault dnstest.Fault
	works bool
}{
	{"silent", dnstest.Drop, false},
	{"SERVFAIL", dnstest.ServFail, false},
	{"REFUSED", dnstest.Refused, false},
	{"no EDNS", dnstest.NoEDNS, true},
	{"truncated", dnstest.Truncate, true},
	{"truncated by TCP too", dnstest.TruncateTCP, false},
	{"TCP closed", dnstest.HangUp, false},
	{"TCP silent", dnstest.SilentTCP, false},
	{"malformed", dnstest.Malformed, false},
	{"CNAME loop", dnstest.CNAMELoop, false},
	{"referral", dnstest.Lame, false},
	{"forged id", dnstest.WrongID, true},
	{"forged question", dnstest.WrongName, true},
	{"no question", dnstest.NoQuestion, true},
	{"forged source", dnstest.WrongSource, true},
	{"garbage", dnstest.Garbage, true},
	{"nothing but lies", dnstest.Lies, false},
}

// Whatever DNS does, nothing that is genuine fails, and nothing is refused for want of an answer: it
// is stamped temperror, or asked for again. Once DNS is well again, so is the next message.
func TestFaultDNS(t *testing.T) {
	t.Parallel()
	for _, failure := range []string{"pass", "tempfail"} {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			p := startFaulty(t, mtaZone, faultConfig+strict(failure))
			for _, f := range dnsFaults {
				p.dns.SetFault(f.fault)
				if f.works {
					p.normal(f.name)
					continue
				}
				for _, l := range []letter{genuine(t), spoofed()} {
					if got := p.answer(l); !undecided(got, failure) {
						t.Errorf("%s: %s", f.name, got)
					}
				}
				p.dns.SetFault(dnstest.None)
				p.normal(f.name)
			}
		})
	}
}

// undecided tells the answer to a message that nothing could be found out about.
func undecided(answer, failure string) bool {
	if failure == "tempfail" {
		return strings.HasPrefix(answer, "451 4.7.5 DNS failure")
	}
	for _, text := range []string{"=fail", "permerror", "softfail", "=none (no", "dmarc=none"} {
		if strings.Contains(strings.ReplaceAll(answer, "iprev=fail", ""), text) {
			return false
		}
	}
	return strings.HasPrefix(answer, "accept\n") && strings.Contains(answer, "spf=temperror") && strings.Contains(answer, "dmarc=temperror")
}

// With two resolvers, of which the first is bad in any way, all is as ever.
func TestFaultDNSOneOfTwo(t *testing.T) {
	t.Parallel()
	bad := dnstest.Start(t, strings.ReplaceAll(mtaZone, "{{rsa}}", publicKey(t, "rsa")))
	config := strings.Replace(faultConfig, `servers = [`, fmt.Sprintf("servers = [%q, ", bad.Addr()), 1)
	p := startFaulty(t, mtaZone, strings.Replace(config, `timeout = "1s"`, `timeout = "10s"`, 1)+strict("tempfail"))
	for _, f := range dnsFaults {
		if f.fault == dnstest.CNAMELoop {
			continue // an answer, if a useless one: nothing shows that another server has a better one
		}
		bad.SetFault(f.fault)
		p.normal(f.name)
	}
	bad.Stop()
	p.normal("its end")
}

// Loops that a sender publishes cost a bounded number of questions and are the sender's own fault: his SPF
// fails to be evaluated, and nothing else.
func TestFaultDNSLoops(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, mtaZone+`
loop.example.   TXT "v=spf1 include:a.loop.example -all"
a.loop.example. TXT "v=spf1 include:b.loop.example -all"
b.loop.example. TXT "v=spf1 include:a.loop.example -all"
redirect.example. TXT "v=spf1 redirect=redirect.example"
cname.example.  CNAME other.example.
other.example.  CNAME cname.example.
mail.loop.example. TXT "v=spf1 exists:%{i}.cname.example a:cname.example mx:cname.example -all"
`, faultConfig+strict("tempfail"))
	for from, want := range map[string]string{
		"loop.example":      "spf=permerror",
		"redirect.example":  "spf=permerror",
		"cname.example":     "spf=temperror",
		"mail.loop.example": "spf=temperror",
	} {
		before := len(p.dns.Queries())
		l := genuine(t)
		l.from = "joe@" + from
		if got := p.answer(l); !strings.HasPrefix(got, "accept\n") || !strings.Contains(got, want) || !strings.Contains(got, "dmarc=pass") {
			t.Errorf("%s: %s", from, got)
		}
		if n := len(p.dns.Queries()) - before; n > 40 {
			t.Errorf("%s: %d questions", from, n)
		}
	}
}

// The resolver dies, is silent and comes back, again and again, while mail comes in: every message
// is delivered once, none is refused, and none is delivered as what it isn't.
func TestFaultDNSUnderLoad(t *testing.T) {
	t.Parallel()
	for _, failure := range []string{"pass", "tempfail"} {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			p := startFaulty(t, mtaZone, strings.Replace(faultConfig, `timeout = "1s"`, `timeout = "300ms"`, 1)+strict(failure))
			m := mta.ForTest(t, mta.StartPostfix, mta.Options{Extra: noLookups, Milters: []string{p.listen}})
			l := startLedger(t, m, 4)
			for round := range 4 {
				l.more(5)
				p.dnsGone(round%2 == 0)
				_, _, before := l.counts()
				if failure == "pass" {
					l.more(5)
				} else {
					l.wait("messages that are asked for again", func(_, _, deferred int) bool { return deferred >= before+5 })
				}
				p.dnsBack(t)
			}
			l.more(5)
			delivered, held := l.finish()
			_, refused, deferred := l.counts()
			pass, unknown := stamped(delivered, "dmarc=pass"), stamped(delivered, "dmarc=temperror")
			if refused != 0 || held != 0 || pass+unknown != len(delivered) || stamped(delivered, "spf=fail")+stamped(delivered, "dkim=fail") > 0 {
				t.Errorf("%d refused, %d held, %d delivered: %d pass, %d temperror", refused, held, len(delivered), pass, unknown)
			}
			// Without the policy alone, what is aligned and passes vouches for the message (111).
			if failure == "tempfail" && unknown > stamped(delivered, "reason=111") || failure == "pass" && deferred > 0 {
				t.Errorf("%d temperror, deferred %d times", unknown, deferred)
			}
			p.normal("the last round")
		})
	}
}

// dnsGone stops the resolver, or only has it be silent.
func (p *process) dnsGone(stop bool) {
	if stop {
		p.dns.Stop()
		return
	}
	p.dns.SetFault(dnstest.Drop)
}

func (p *process) dnsBack(t *testing.T) {
	t.Helper()
	p.dns.SetFault(dnstest.None)
	if err := p.dns.Restart(); err != nil {
		t.Fatal(err)
	}
}

// resolverAt runs a resolver on port 53 of an address of loopback.
func resolverAt(t *testing.T, addr string) *dnstest.Server {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader(strings.ReplaceAll(mtaZone, "{{rsa}}", publicKey(t, "rsa"))), "zone")
	if err != nil {
		t.Fatal(err)
	}
	s, err := dnstest.Listen(zone, addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Another resolver in /etc/resolv.conf is asked within seconds, without a signal.
func TestFaultResolvConf(t *testing.T) {
	t.Parallel()
	needRoot(t)
	const first, second = "127.53.0.1", "127.53.0.2"
	old := resolverAt(t, first)
	resolverAt(t, second)
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(addr string) {
		if err := os.WriteFile(file, []byte("nameserver "+addr+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	p := prepareFaulty(t, "", strings.Replace(faultConfig, `servers = ["DNS"]`, "", 1)+strict("tempfail"))
	p.wrap = func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"/bin/sh", "-c", `mount --make-rprivate / && mount --bind "$0" /etc/resolv.conf && exec "$@"`, file, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	}
	p.start()
	p.normal("the start")
	old.Stop()
	if got := p.answer(genuine(t)); !undecided(got, "tempfail") {
		t.Errorf("without a resolver: %s", got)
	}
	write(second)
	until(t, "the new resolver", func() bool { return passes(p.answer(genuine(t))) })
	p.normal("the change")
}

// A resolver whose answers come late has messages wait for it, not fail, and not each for itself.
func TestFaultSlowDNS(t *testing.T) {
	t.Parallel()
	p := startFaulty(t, mtaZone, faultConfig+strict("tempfail"))
	p.dns.SetDelay(100 * time.Millisecond)
	l := genuine(t)
	answers := make(chan string)
	for range 20 {
		conn, err := p.open(netip.MustParseAddr("127.0.0.9"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			answer, err := answerOn(conn, l)
			answers <- fmt.Sprint(answer, err)
		}()
	}
	for range 20 {
		if got := <-answers; !passes(got) {
			t.Error(got)
		}
	}
}
