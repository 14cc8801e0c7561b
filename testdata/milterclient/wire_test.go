package milterclient

import (
	"bufio"
	"bytes"
	"testing"
)

// FuzzPacket feeds the client what a milter may send at the end of a message.
func FuzzPacket(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01a"))
	f.Add([]byte("\x00\x00\x00\x0ai\x00\x00\x00\x00A\x00 b\x00"))
	f.Add([]byte("\x00\x00\x00\x09y550 no\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xffm"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		var res Result
		var buf []byte
		for {
			var p packet
			var err error
			if p, buf, err = readPacket(r, buf); err != nil {
				return
			}
			final, err := res.modification(p, Actions)
			if err != nil {
				return
			}
			if final {
				if reply, err := parseReply(p); err == nil && reply.String() == "" {
					t.Errorf("reply %+v has no text", reply)
				}
				res.Apply(nil)
				return
			}
		}
	})
}
