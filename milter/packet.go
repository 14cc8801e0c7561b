package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/emersion/go-milter"
)

// Packets are a length of 4 bytes, a command and its data; the length counts
// the command.
const (
	lengthSize = 4
	minPacket  = lengthSize + 1
	// maxPacket bounds a packet from the MTA, but for header fields. Body chunks, the largest ones, have
	// at most 65,535 bytes, because no more is asked for (SMFIP_MDS_*).
	maxPacket = lengthSize + 1<<17
	// maxFieldPacket bounds one with a header field, which may be as large as the MTA lets a message be.
	maxFieldPacket = lengthSize + 1<<30
)

const (
	codeUnknown  = milter.Code('U') // an SMTP command that the MTA doesn't know
	codeProgress = 'p'              // ours: still at work
)

var (
	errPacketSize = errors.New("milter: packet length out of range")
	errNoOffer    = errors.New("milter: the session does not begin with a valid SMFIC_OPTNEG")
	errMalformed  = errors.New("milter: malformed packet")
)

// packetSize reads the length at the start of b, and adds its own 4 bytes. Which lengths are well the
// command tells, if b has it.
func packetSize(b []byte) (int, error) {
	n, most := binary.BigEndian.Uint32(b), uint32(maxFieldPacket)
	if len(b) >= minPacket && code(b) != milter.CodeHeader {
		most = maxPacket
	}
	if n == 0 || n > most-lengthSize {
		return 0, fmt.Errorf("%w: %d", errPacketSize, n)
	}
	return lengthSize + int(n), nil
}

// code is the command of a whole packet.
func code(packet []byte) milter.Code { return milter.Code(packet[lengthSize]) }

// data is what follows the command of a whole packet.
func data(packet []byte) []byte { return packet[minPacket:] }

// clientAddress is the address in the data of a connect packet: the client's
// name, a family and, unless the family is unknown, a port and the address.
// It is "" for a client without an IP address.
func clientAddress(data []byte) (string, error) {
	_, rest, ok := bytes.Cut(data, []byte{0})
	if !ok || len(rest) == 0 {
		return "", fmt.Errorf("%w: connect", errMalformed)
	}
	family, rest := milter.ProtoFamily(rest[0]), rest[1:]
	if family != milter.FamilyInet && family != milter.FamilyInet6 {
		return "", nil
	}
	if len(rest) < 2 {
		return "", fmt.Errorf("%w: connect without port", errMalformed)
	}
	address, _, _ := bytes.Cut(rest[2:], []byte{0})
	return string(address), nil
}

// appendPacket appends a packet with the data that f appends.
func appendPacket(b []byte, command byte, f func([]byte) []byte) []byte {
	begin := len(b)
	b = f(append(b, 0, 0, 0, 0, command))
	binary.BigEndian.PutUint32(b[begin:], uint32(len(b)-begin-lengthSize))
	return b
}

// cutString cuts data after its first NUL, as strings end; without one, it is all a string.
func cutString(data []byte) (text, rest []byte) {
	text, rest, _ = bytes.Cut(data, []byte{0})
	return text, rest
}
