package milterclient

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The commands of the protocol, from the MTA.
const (
	cmdAbort   = 'A'
	cmdBody    = 'B'
	cmdConnect = 'C'
	cmdMacro   = 'D'
	cmdBodyEOB = 'E'
	cmdHelo    = 'H'
	cmdHeader  = 'L'
	cmdMail    = 'M'
	cmdEOH     = 'N'
	cmdOptNeg  = 'O'
	cmdQuit    = 'Q'
	cmdRcpt    = 'R'
	cmdData    = 'T'
)

// Replies of the milter, as Reply.Code.
const (
	Continue  byte = 'c'
	Accept    byte = 'a'
	Reject    byte = 'r'
	TempFail  byte = 't'
	Discard   byte = 'd'
	ReplyCode byte = 'y' // with a text
	Skip      byte = 's' // no more of this: of the body
	progress  byte = 'p'
)

// The modifications, before the final reply.
const (
	addHeader    byte = 'h'
	insertHeader byte = 'i'
	changeHeader byte = 'm'
	quarantine   byte = 'q'
)

// otherEdits are the modifications that are only counted: +rcpt, +rcpt with
// arguments, -rcpt, the sender, the body.
const otherEdits = "+2-eb"

// Protocol bits (SMFIP_*).
const (
	noConnect, noHelo, noMail, noRcpt = 1 << 0, 1 << 1, 1 << 2, 1 << 3
	noBody, noHeaders, noEOH          = 1 << 4, 1 << 5, 1 << 6
	nrHeader                          = 1 << 7
	noData, canSkip                   = 1 << 9, 1 << 10
	nrConnect, nrHelo, nrMail         = 1 << 12, 1 << 13, 1 << 14
	nrRcpt, nrData                    = 1 << 15, 1 << 16
	nrEOH, nrBody                     = 1 << 18, 1 << 19
	leadingSpace                      = 1 << 20
)

const (
	maxPacket = 64 << 20 // of one from the milter
	maxChunk  = 65535    // of the body
)

// A packet is one message from the milter. Its data is valid until the next read.
type packet struct {
	code byte
	data []byte
}

// readPacket reads one packet into buf, which it returns grown if need be.
func readPacket(r *bufio.Reader, buf []byte) (packet, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return packet{}, buf, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size == 0 || size > maxPacket {
		return packet{}, buf, fmt.Errorf("a packet of %d bytes", size)
	}
	n := int(size) - 1
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return packet{}, buf, err
	}
	return packet{head[4], buf[:n]}, buf, nil
}

// writePacket writes a packet whose data is the parts, each with a final NUL
// when it is a string.
func writePacket(w *bufio.Writer, code byte, parts ...any) {
	size := 1
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			size += len(p) + 1
		case []byte:
			size += len(p)
		}
	}
	var head [5]byte
	binary.BigEndian.PutUint32(head[:], uint32(size))
	head[4] = code
	w.Write(head[:])
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			w.WriteString(p)
			w.WriteByte(0)
		case []byte:
			w.Write(p)
		}
	}
}

var errShort = errors.New("a packet is cut short")

// cutString takes a NUL-terminated string from the front of data.
func cutString(data []byte) (s string, rest []byte, err error) {
	for i, b := range data {
		if b == 0 {
			return string(data[:i]), data[i+1:], nil
		}
	}
	return "", nil, errShort
}

// cutUint32 takes a number from the front of data.
func cutUint32(data []byte) (n uint32, rest []byte, err error) {
	if len(data) < 4 {
		return 0, nil, errShort
	}
	return binary.BigEndian.Uint32(data), data[4:], nil
}
