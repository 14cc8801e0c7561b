package dkim

import (
	"strings"
	"testing"

	"assay/auth/message"
)

// FuzzVerify gives any signature, field and body: one outcome comes back, it does
// not depend on the body's pieces, its reason has no text of the sender, and
// both engines come to the same.
func FuzzVerify(f *testing.F) {
	verifiers := []*Verifier{zoneVerifier(f, usualZone()), engineVerifier(f, EngineGoMsgauth, usualZone())}
	h, body := split(sign(rsa2048(), plainMessage, usualTags))
	f.Add(h[0].Value(), h[1].Value(), []byte(body), 10)
	f.Add(strings.Replace(h[0].Value(), "c=relaxed", "c=simple", 1), " a\r\n b", []byte("x\r\n\r\n"), 1)
	f.Add(strings.Replace(h[0].Value(), "h=from", "h=dkim-signature:from", 1), "a\rb", []byte("x \r"), 0)
	f.Add(" v=1;;", "", []byte(nil), 0)
	f.Fuzz(func(t *testing.T, signature, from string, body []byte, cut int) {
		h := message.Header{message.NewField("DKIM-Signature", signature), message.NewField("From", from)}
		h = append(h, message.NewField("to", " x"), message.NewField("Subject ", "y"))
		cut = min(max(cut, 0), len(body))
		var last [2]Outcome // by engine
		for e, v := range verifiers {
			var results [2]Outcome
			for i := range results {
				n := v.Begin(t.Context(), h)
				n.Write(body[:cut*i])
				n.Write(body[cut*i:])
				out := n.Finish()
				if len(out) != 1 || out[0].Result == "" || out[0].Reason == "" {
					t.Fatalf("%+v", out)
				}
				results[i] = out[0]
			}
			a, b := results[0], results[1]
			if a.Result != b.Result || a.Reason != b.Reason {
				t.Errorf("%s (%s), in pieces %s (%s)", a.Result, a.Reason, b.Result, b.Reason)
			}
			checkText(t, a)
			last[e] = a
		}
		c := &comparison{own: last[0], body: string(body)}
		if last[1].Result != Policy && !guardedAgrees(c, last[1]) {
			t.Errorf("%+v, the library %+v", last[0], last[1])
		}
	})
}

// checkText: what a sender wrote gets into an outcome only as far as it can be shown.
func checkText(t *testing.T, o Outcome) {
	if strings.ContainsFunc(o.Reason, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune("();\"\\", r) }) {
		t.Errorf("reason %q", o.Reason)
	}
	if !message.IsASCII(o.Domain + o.Selector + o.Algorithm + o.Signature) {
		t.Errorf("%+v", o)
	}
}
