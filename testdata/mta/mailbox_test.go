package mta

import "testing"

func TestSplitMessage(t *testing.T) {
	for _, test := range []struct {
		raw    string
		fields int
		body   string
	}{
		{"", 0, ""},
		{"\r\n", 0, ""},
		{"A: b", 1, ""},
		{"A: b\r\n", 1, ""},
		{"A: b\r\n\r\n", 1, ""},
		{"A: b\r\n c\r\nB:\r\n\r\nbody\r\n", 2, "body\r\n"},
		{"A: b\r\n\tc", 1, ""},
		{"A: b\r\nno field\r\n", 1, "no field\r\n"},
		{"\r\nbody: x\r\n", 0, "body: x\r\n"},
	} {
		header, body := SplitMessage([]byte(test.raw))
		if len(header) != test.fields || string(body) != test.body {
			t.Errorf("%q: %v, %q", test.raw, header, body)
		}
	}
}

func FuzzSplitMessage(f *testing.F) {
	f.Add([]byte("A: b\r\n c\r\n\r\nbody"))
	f.Add([]byte("A: b\r\nbody"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		header, body := SplitMessage(raw)
		if n := header.Size() + len(body); n > len(raw)+2 || n < len(raw)-2 {
			t.Errorf("%d bytes became %d", len(raw), n)
		}
	})
}

func TestStuff(t *testing.T) {
	for in, want := range map[string]string{
		"":         "",
		"a":        "a\r\n",
		".\r\n":    "..\r\n",
		"a\r\n.b":  "a\r\n..b\r\n",
		"a\n.\r\n": "a\n..\r\n",
	} {
		if got := string(stuff([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestParseQueueFile(t *testing.T) {
	h := parseQueueFile("x1", "V8\nqtoo bad\nS<joe@sender.test>\nRPFD:<a@example.test>\nRPFD:b@example.test\nH?P?Return-Path: x\n.\n")
	if h.ID != "x1" || h.Reason != "too bad" || h.Sender != "joe@sender.test" || len(h.Recipients) != 2 || h.Recipients[0] != "a@example.test" {
		t.Errorf("%+v", h)
	}
}
