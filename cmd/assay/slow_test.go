package main

import (
	"strings"
	"testing"
	"time"

	"assay/testdata/mta"
)

const idleNote = "applies its default action to the rest of its SMTP session"

// A client that takes its time for a message does not get it by the milter of an MTA that lets mail through without
// one: there no timeout goes. One that takes its time before does, where a timeout is set, and that is
// said: Postfix's own timeouts are for each read.
func TestSlowClients(t *testing.T) {
	tests := map[string]struct {
		in       string // what takes longer than the timeout
		code     int    // of the final reply
		wantNote bool
	}{
		"in DATA":   {"DATA", 550, false},
		"before it": {"NOOP", 250, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, "inet:"+freePort(t), mtaZone, mtaConfig, "idle_timeout = \"1s\"\n")
			m := mta.ForTest(t, mta.StartPostfix, mta.Options{OnMilterFailure: "accept", Milters: []string{p.listen}})
			c := m.Client(t, badClient, "evil.example")
			drip := func(stage, line string) {
				pause := time.Duration(0)
				if stage == tt.in {
					pause = 2 * time.Second / time.Duration(len(line))
				}
				for i := range len(line) {
					if err := c.Raw([]byte{line[i]}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(pause) // the client is slow
				}
			}
			drip("NOOP", "NOOP x\r\n")
			if r, err := c.RawReply(); err != nil || r.Code != 250 {
				t.Fatal(r, err)
			}
			for _, line := range []string{"MAIL FROM:<joe@elsewhere.example>", "RCPT TO:<box@example.test>", "DATA"} {
				if r, err := c.Command(line); err != nil || !r.OK() {
					t.Fatal(line, r, err)
				}
			}
			if err := c.Raw([]byte("Authentication-Results: mx.example.test; dmarc=pass header.from=good.example\r\n" + plainFrom("joe@good.example"))); err != nil {
				t.Fatal(err)
			}
			drip("DATA", "slowly\r\n")
			drip("", ".\r\n")
			if r, err := c.RawReply(); err != nil || r.Code != tt.code {
				t.Errorf("%v, %v, want %d", r, err, tt.code)
			}
			if noted := strings.Contains(p.log.String(), idleNote); noted != tt.wantNote {
				t.Errorf("log: %s", p.log)
			}
		})
	}
}
