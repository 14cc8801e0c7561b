package main

import (
	"strings"
	"testing"

	"assay/arc"
	"assay/auth/dkim"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/dkimpy"
	"assay/testdata/mta"
)

// An arcCase is a message with a chain, and what is to be said of it.
type arcCase struct {
	name string
	msg  []byte
	want arc.Result
	sets int
}

// arcJudges are the verifiers: assay's own, dkimpy, and rspamd.
type arcJudges struct {
	own     *arc.Validator
	records map[string]string
	rspamd  *mta.Rspamd
}

func newARCJudges(t *testing.T) *arcJudges {
	t.Helper()
	return &arcJudges{
		own:     &arc.Validator{Resolver: dnstest.NewResolver(t, arcZone(t))},
		records: arcRecords(t),
		rspamd:  mta.RspamdForTest(t, dnstest.Start(t, arcZone(t)).Addr()),
	}
}

// What the others say of a valid chain that they don't understand.
const (
	dkimpyLacks = "unknown signature algorithm: b'ed25519-sha256'" // in ARC; with DKIM it knows Ed25519
	rspamdLacks = "i parameter missing or invalid for ARC"         // of more than 10 sets
)

// judge asks all three about each message.
func (j *arcJudges) judge(t *testing.T, cases []arcCase) {
	t.Helper()
	answers := j.askDkimpy(t, cases)
	for i, c := range cases {
		header, body := mta.SplitMessage(c.msg)
		if o := j.askOwn(t, header, body); o.Result != c.want || o.Instance != c.sets {
			t.Errorf("%s: assay: %s (%s) with %d sets, want %s with %d", c.name, o.Result, o.Reason, o.Instance, c.want, c.sets)
		}
		if cv, reason := answers[i][0], answers[i][1]; cv != string(c.want) && !strings.Contains(reason, dkimpyLacks) {
			t.Errorf("%s: dkimpy: %s (%s), want %s", c.name, cv, reason, c.want)
		}
		j.askRspamd(t, c)
	}
}

func (j *arcJudges) askOwn(t *testing.T, header message.Header, body []byte) arc.Outcome {
	t.Helper()
	var hashes dkim.BodyHashes
	validation := j.own.Begin(t.Context(), header, &hashes)
	if _, err := hashes.Write(body); err != nil {
		t.Fatal(err)
	}
	return validation.Finish()
}

// askDkimpy gives cv and the reason for each message.
func (j *arcJudges) askDkimpy(t *testing.T, cases []arcCase) [][2]string {
	t.Helper()
	var messages [][]byte
	for _, c := range cases {
		messages = append(messages, c.msg)
	}
	var result struct {
		Validated [][2]string `json:"validated"`
	}
	job := map[string]any{"records": j.records, "validate": messages}
	if dkimpy.Run(t, "../../arc/testdata/dkimpy.py", job, &result); len(result.Validated) != len(cases) {
		t.Fatalf("dkimpy: %d answers for %d messages", len(result.Validated), len(cases))
	}
	return result.Validated
}

func (j *arcJudges) askRspamd(t *testing.T, c arcCase) {
	t.Helper()
	symbols, err := j.rspamd.Check(t.Context(), c.msg)
	if err != nil {
		t.Fatal(err)
	}
	if c.sets > 10 && strings.Contains(strings.Join(symbols["ARC_REJECT"], " "), rspamdLacks) {
		return
	}
	want := map[arc.Result]string{arc.Pass: "ARC_ALLOW", arc.Fail: "ARC_REJECT"}[c.want]
	_, ok := symbols[want]
	_, allowed := symbols["ARC_ALLOW"]
	if !ok || allowed != (c.want == arc.Pass) {
		t.Errorf("%s: rspamd: %v, want %s", c.name, symbols, want)
	}
}
