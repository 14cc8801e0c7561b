package dkim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"assay/auth/dns"
	"assay/auth/message"
)

// A comparison is one signature as our engine and the library see it.
type comparison struct {
	own     Outcome
	library error // of go-msgauth alone, without the guards
	sig     *signature
	digest  [sha256.Size]byte
	header  message.Header
	body    string
}

func (c *comparison) tag(name string) string {
	v, _ := c.sig.tags.Get(name)
	return v
}

// result of the library, as far as it tells: pass, fail or neutral.
func libraryResult(err error) Result {
	if v := libraryVerdict(err); v.result == Pass || v.result == Fail {
		return v.result
	}
	return Neutral
}

// agree: both pass, both call it a forgery, or both do neither.
func (c *comparison) agree() bool {
	own := c.own.Result
	if own != Pass && own != Fail {
		own = Neutral
	}
	return own == libraryResult(c.library)
}

// corpusSize is the number of messages, for several goroutines.
const (
	corpusSize   = 10_400
	corpusShards = 4
)

// TestCorpus verifies generated messages by our engine, by the library alone,
// by the library behind the guards, and by the reference of the tests. Each
// difference must be one of the known ones, told from the message.
func TestCorpus(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 6376)
	key := mustRSA(1024)
	referees := make([]*referee, corpusShards)
	t.Run("shards", func(t *testing.T) {
		for i := range referees {
			referees[i] = newReferee(newCorpus(uint64(i), key))
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				referees[i].judgeAll(t, corpusSize/corpusShards)
			})
		}
	})
	seen := map[string]int{}
	for _, r := range referees {
		for name, n := range r.seen {
			seen[name] += n
		}
	}
	for _, f := range slices.Concat(rules, libraryFaults) {
		if seen[f.name] == 0 {
			t.Errorf("no message shows: %s", f.name)
		}
	}
	for _, result := range []Result{Pass, Fail, Neutral, Policy, PermError} {
		if n := seen["own "+string(result)]; n < 500 {
			t.Errorf("%d signatures %s, which says little", n, result)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[name], name)
	}
}

// A referee compares engines.
type referee struct {
	corpus       corpus
	texts        map[string]string
	own, guarded *Verifier
	seen         map[string]int
	unknown      int
}

func newReferee(c corpus) *referee {
	r := &referee{corpus: c, texts: c.texts(), seen: map[string]int{}}
	now := func() time.Time { return corpusTime }
	r.own = &Verifier{Resolver: r, Now: now}
	r.guarded = &Verifier{Resolver: r, Now: now, Engine: EngineGoMsgauth}
	return r
}

func (r *referee) Resolve(_ context.Context, q dns.Question) (dns.Answer, error) {
	texts, err := r.lookup(q.Name)
	return dns.Answer{Texts: texts, NXDomain: texts == nil}, err
}

func (r *referee) lookup(name string) ([]string, error) {
	if text, ok := r.texts[strings.ToLower(name)]; ok {
		return []string{text}, nil
	}
	return nil, nil
}

func (r *referee) judgeAll(t *testing.T, messages int) {
	for range messages {
		if r.judge(t, r.corpus.message()); r.unknown > 5 {
			t.Fatal("and maybe more")
		}
	}
}

// judge compares the results for all signatures of a message.
func (r *referee) judge(t *testing.T, raw string) {
	t.Helper()
	comparisons := r.compare(t, raw)
	var guarded []Outcome
	if r.corpus.often(25) || slices.ContainsFunc(comparisons, func(c *comparison) bool { return !c.agree() }) {
		guarded = run(r.guarded, raw)
	}
	for i, c := range comparisons {
		r.seen["own "+string(c.own.Result)]++
		name := "the library agrees"
		if !c.agree() {
			name = explain(c)
		}
		r.seen[name]++
		if name == "" || guarded != nil && !guardedAgrees(c, guarded[i]) || !referenceAgrees(c) {
			r.unknown++
			t.Errorf("%q\nown %s (%s), library %v, guarded %+v", raw, c.own.Result, c.own.Reason, c.library, guarded)
		}
	}
}

func (r *referee) compare(t *testing.T, raw string) []*comparison {
	t.Helper()
	h, body := split(raw)
	n := r.own.Begin(t.Context(), h)
	n.Write([]byte(body))
	var all []*comparison
	for i, o := range n.Finish() {
		all = append(all, &comparison{own: o, sig: &n.checks[i].sig, digest: n.checks[i].digest, header: h, body: body})
	}
	results, err := msgauth.VerifyWithOptions(strings.NewReader(raw), &msgauth.VerifyOptions{LookupTXT: r.lookup})
	if err != nil || len(results) != len(all) {
		t.Fatalf("%q: %d results, want %d; %v", raw, len(results), len(all), err)
	}
	for i, v := range results {
		all[i].library = v.Err
	}
	return all
}

// guardedAgrees: behind the guards the library never calls a good signature a
// forgery, or the other way round. A bare LF is the one exception.
func guardedAgrees(c *comparison, guarded Outcome) bool {
	unsupported := guarded.Result == Neutral && strings.HasSuffix(guarded.Reason, "not supported") ||
		guarded.Reason == "malformed line end in signed header"
	return guarded.Result == c.own.Result && guarded.Reason == c.own.Reason || unsupported || bareLF(c)
}

// referenceAgrees compares what was hashed and verified with the reference.
func referenceAgrees(c *comparison) bool {
	if c.own.Result != Pass && c.own.Result != Fail {
		return true
	}
	others := slices.Concat(c.header[:c.sig.index], c.header[c.sig.index+1:])
	var signed strings.Builder
	for _, f := range refPick(others, "h="+c.tag("h")) {
		signed.WriteString(refField(f.Raw, c.sig.headerCanon == Relaxed) + "\r\n")
	}
	b, _ := c.sig.tags.find("b")
	signed.WriteString(refField(c.sig.field.Raw[:b.start]+c.sig.field.Raw[b.end:], c.sig.headerCanon == Relaxed))
	body := sha256.Sum256(refBody(c.body, c.sig.bodyCanon == Relaxed))
	return c.digest == sha256.Sum256([]byte(signed.String())) &&
		bytes.Equal(body[:], c.sig.bodyHash) == (c.own.Reason != badBodyHash)
}

// explain names what makes the difference. A rule of ours explains only that we
// refuse a signature, a fault of the library only that we don't.
func explain(c *comparison) string {
	known := libraryFaults
	if c.own.Result != Pass && c.own.Result != Fail {
		known = rules
	}
	for _, f := range known {
		if f.is(c) {
			return f.name
		}
	}
	return ""
}
