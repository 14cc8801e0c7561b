package auth

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
)

// When all is known the body is not wanted any more.
func TestBounceWantsBody(t *testing.T) {
	r := toAnn(t, bounceSamples[1], signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed"))
	b := r.begin(t.Context())
	defer b.cancel()
	end := strings.Index(r.body, "\r\n\r\n--4XyZ.1/mail.remote.example--")
	if b.write([]byte(r.body[:end])); !b.wantsBody() {
		t.Error("in the returned header the body is not wanted")
	}
	if b.write([]byte(r.body[end:])); b.wantsBody() {
		t.Error("behind the returned header the body is wanted")
	}
	if !b.ours() {
		t.Error("not ours")
	}

	r.body = strings.Replace(r.body, ": 8bit\r\n\r\n", ": base64\r\n\r\n"+strings.Repeat("QUFB\r\n", maxReturnedHeader/6+1000), 1)
	b = r.begin(t.Context())
	defer b.cancel()
	if b.write([]byte(r.body[:len(r.body)-1500])); b.wantsBody() {
		t.Error("behind a header that is too long the body is wanted")
	}
}

// A slow body takes nothing from the time for the keys, which have as long as other lookups.
func TestBounceSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := postfix(t, signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed"))
		r.verifier.Resolver.(*dnstest.Resolver).Delay(9 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		b := r.begin(ctx)
		defer b.cancel()
		time.Sleep(time.Hour)
		b.write([]byte(r.body))
		if began := time.Now(); !b.ours() || time.Since(began) != 9*time.Second {
			t.Errorf("ours is %t after %v", b.ours(), time.Since(began))
		}
	})
}

// DNS that does not answer costs no more than that time; the end of the message ends the
// lookups at once. Nothing is left running: synctest would fail.
// TestBounceEndsWithBody has a returned header that only the end of the body ends: its key is asked
// for at once with what else is missing, not after it.
func TestBounceEndsWithBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testVerifier(stuck{dnstest.NewResolver(t, "example.org. IN A 192.0.2.1\n"), "silent.ours.example"})
		v.Accepted = []string{"ours.example"}
		returned := fmt.Sprintf("DKIM-Signature: v=1; a=rsa-sha256; d=silent.ours.example; s=sel; t=%d; h=from;\r\n"+
			" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YQ==\r\nFrom: ann@ours.example\r\n", time.Now().Unix())
		body := "--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n\r\n" +
			"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + returned
		header := testHeader("From: <mailer-daemon@example.org>", "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
			signature("other.silent.ours.example"))
		session, check := begin(t, v, Envelope{IP: strangerEnvelope.IP, Helo: "x.example", Rcpt: []string{"ann@ours.example"}}, header)
		_, _ = check.Write([]byte(body))
		began := time.Now()
		check.Finish()
		session.Close()
		if took := time.Since(began); took != v.Timeout {
			t.Errorf("took %v, not %v", took, v.Timeout)
		}
	})
}

// stuck answers nothing about the names below a domain until the question is given up.
type stuck struct {
	dns.Resolver
	below string
}

func (s stuck) Resolve(ctx context.Context, q dns.Question) (dns.Answer, error) {
	if !message.IsWithin(q.Name, s.below) {
		return s.Resolver.Resolve(ctx, q)
	}
	<-ctx.Done()
	return dns.Answer{}, ctx.Err()
}

func TestBounceEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(b *bounce, cancel context.CancelFunc)
		want time.Duration
	}{
		"ours":     {func(b *bounce, _ context.CancelFunc) { b.ours() }, 10 * time.Second},
		"cancel":   {func(b *bounce, _ context.CancelFunc) { b.cancel(); b.write([]byte("x")) }, 0},
		"context":  {func(b *bounce, cancel context.CancelFunc) { cancel(); b.ours() }, 0},
		"the last": {func(b *bounce, _ context.CancelFunc) { b.ours(); b.cancel(); b.ours() }, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := postfix(t, signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed"))
				r.verifier.Resolver.(*dnstest.Resolver).Delay(time.Hour)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				b := r.begin(ctx)
				b.write([]byte(r.body[:len(r.body)-100]))
				began := time.Now()
				tt.end(b, cancel)
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %v", took)
				}
				b.cancel()
				b.cancel()
				if b.ours() || b.wantsBody() {
					t.Error("after its end it is ours, or wants the body")
				}
			})
		})
	}
}

// A panic of the resolver comes to the one who asks for the result.
func TestBouncePanic(t *testing.T) {
	r := postfix(t, signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed"))
	r.verifier.Resolver = panicking{dns.TypeTXT}
	b := r.begin(t.Context())
	defer b.cancel()
	b.write([]byte(r.body))
	defer func() {
		if p, ok := recover().(*dns.Panic); !ok || p.Value != "boom" {
			t.Errorf("recovered %v", p)
		}
	}()
	b.ours()
	t.Error("no panic")
}

// Parts of 50 MB cost no memory, whatever they are made of.
func TestBounceMemory(t *testing.T) {
	original := signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed")
	before, after, _ := strings.Cut(postfix(t, original).body, "Ann\r\n\r\n--4XyZ")
	for name, line := range map[string]string{"text": strings.Repeat("text ", 15) + "\r\n", "delimiters": "--4XyZ1b2C3d.1732272000/mail.remote.example x\r\n"} {
		t.Run(name, func(t *testing.T) {
			r := postfix(t, original)
			b := r.begin(t.Context())
			defer b.cancel()
			filler := []byte(strings.Repeat(line, 60_000/len(line)))
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			allocated := stats.TotalAlloc
			stuff := func() {
				for range 50 << 20 / len(filler) {
					b.write(filler)
				}
			}
			stuff() // the preamble
			b.write([]byte(before))
			stuff() // the returned body
			b.write([]byte("Ann\r\n\r\n--4XyZ" + after))
			if runtime.ReadMemStats(&stats); stats.TotalAlloc-allocated > 1<<20 {
				t.Errorf("%d bytes allocated", stats.TotalAlloc-allocated)
			}
			if b.ours() {
				t.Error("ours, with another body")
			}
		})
	}
}

// The whole way through a Check.
func TestBounceOfMessage(t *testing.T) {
	for name, want := range map[string]bool{"ann@ours.example": true, "bob@ours.example": false} {
		t.Run(name, func(t *testing.T) {
			r := postfix(t, signOriginal(t, "ours.example", annsMessage, "relaxed/relaxed"))
			v := testVerifier(r.verifier.Resolver)
			v.Accepted = r.accepted
			env := testEnvelope
			env.MailFrom, env.Rcpt = "", []string{name}
			session, check := begin(t, v, env, message.Header{
				message.NewField("From", " MAILER-DAEMON@remote.example"), message.NewField("Content-Type", r.contentType),
			})
			defer session.Close()
			if !check.WantsBody() {
				t.Error("the body is not wanted")
			}
			_, _ = check.Write([]byte(r.body))
			if got := check.bounce.ours(); got != want {
				t.Errorf("ours is %t", got)
			}
			if e := check.Finish().Evidence; e.OwnBounce != want {
				t.Errorf("evidence %+v", e)
			}
		})
	}
}

// FuzzBounce: whatever is returned, and however it comes, the result is the same as in one
// piece, and there is no panic.
func FuzzBounce(f *testing.F) {
	resolver := bounceZone(f, "")
	original := signOriginal(f, "ours.example", annsMessage, "relaxed/relaxed")
	for i, s := range bounceSamples {
		f.Add(s.contentType, []byte(s.write(original)), uint64(i))
		wrapped := nested(f, s, 2+i%5)
		f.Add(wrapped.contentType, []byte(wrapped.body), uint64(i))
	}
	f.Add(" multipart/report; report-type=delivery-status; boundary=x", []byte("--x\nContent-Type:message/delivery-status\n\nFinal-Recipient:rfc822;a@remote.example\n--x\nContent-Type:message/rfc822\n\nA:\nno field\n--x--"), uint64(9))
	f.Add(" multipart/report (x); report-type=\"delivery-status\"; boundary*=''x", []byte("--x\r\nContent-Type:message/global-delivery-status\r\nContent-Transfer-Encoding:quoted-printable\r\n\r\nFinal-Recipient:utf-8;a=40remote.example\r\n--x\r\nContent-Type:text/rfc822-headers\r\nContent-Transfer-Encoding:base64\r\n\r\nQTo=\r\n--x--"), uint64(10))
	f.Fuzz(func(t *testing.T, contentType string, body []byte, seed uint64) {
		env := Envelope{Rcpt: []string{"ann@ours.example"}}
		h := message.Header{message.NewField("From", " postmaster@remote.example"), message.NewField("Content-Type", contentType)}
		r := mathrand.New(mathrand.NewPCG(seed, 0))
		run := func(longest int) (ours, about, checked bool) {
			b := beginBounce(t.Context(), env, h, []string{"ours.example"}, dkim.Verifier{Resolver: resolver}, 5)
			if b == nil {
				return false, false, false
			}
			defer b.cancel()
			for rest := body; len(rest) > 0; {
				n := min(1+r.IntN(longest), len(rest))
				piece := slices.Clone(rest[:n])
				b.write(piece)
				clear(piece)
				rest = rest[n:]
			}
			return b.ours(), b.reportsFor("remote.example"), b.check != nil
		}
		ours, about, checked := run(len(body) + 1)
		for _, longest := range []int{1, 5, 300} {
			if o, a, c := run(longest); o != ours || a != about || c != checked {
				t.Fatalf("ours is %t, reports %t, checked %t; in pieces of up to %d %t, %t, %t", ours, about, checked, longest, o, a, c)
			}
		}
	})
}

// The header and the body reach the end in time that is linear in their size.
func BenchmarkBounce(b *testing.B) {
	r := postfix(b, signOriginal(b, "ours.example", annsMessage+strings.Repeat("More text of Ann's.\r\n", 50_000), "relaxed/relaxed"))
	b.SetBytes(int64(len(r.body)))
	for b.Loop() {
		if !r.ours(b, 60_000) {
			b.Fatal("not ours")
		}
	}
}
