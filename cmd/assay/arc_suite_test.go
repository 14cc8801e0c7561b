package main

import (
	"bufio"
	"bytes"
	"net/netip"
	"testing"

	"assay/auth/authres"
	"assay/auth/dns/dnstest"
	"assay/auth/message"
	"assay/testdata/conformance"
	"assay/testdata/milterclient"
)

// The public ARC suite through the milter: arc= of the stamped field is what the suite
// says.
func TestARCSuiteThroughMilter(t *testing.T) {
	count := 0
	for _, s := range conformance.ARC(t, "arc-draft-validation-tests.yml") {
		config, err := parseConfig([]byte("authserv_id = \"mx.example.test\""), "config", testHostname)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := milterclient.Dial("tcp", startMilter(t, newVerifier(config, dnstest.NewResolver(t, s.Zone()))), milterclient.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Connect(milterclient.Client{Addr: netip.MustParseAddr("192.0.2.1"), Helo: "mail.example.org"}); err != nil {
			t.Fatal(err)
		}
		for _, v := range s.Tests {
			count++
			t.Run(v.Name, func(t *testing.T) {
				if got := stampedARC(t, conn, v.CRLF()); got != v.Result() {
					t.Errorf("arc=%s, want %s", got, v.Result())
				}
			})
		}
	}
	if count != 175 {
		t.Errorf("%d tests were run, the suite has 175", count)
	}
}

// stampedARC sends a message and reads the result of arc.
func stampedARC(t *testing.T, conn *milterclient.Conn, text []byte) string {
	t.Helper()
	rest := bufio.NewReader(bytes.NewReader(text))
	header, err := message.ReadHeader(rest, maxHeader)
	body := readAll(t, rest)
	if err != nil { // to an MTA a message may have no field at all
		header, body = nil, text
	}
	result, err := conn.Send(milterclient.Message{From: "joe@example.org", Header: header, Body: body})
	if err != nil || len(result.Edits) == 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	results, err := authres.Parse(result.Edits[len(result.Edits)-1].Value)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results.Results {
		if r.Method == "arc" {
			return r.Value
		}
	}
	return ""
}
