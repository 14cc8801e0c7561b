package milter

import (
	"encoding/binary"
	"fmt"

	"github.com/emersion/go-milter"
)

// minVersion is the oldest protocol that has quarantine and header changes. The answer names it as
// well: what came later is agreed on by itself.
const minVersion = 2

// wantedActions is what edits and dispositions need.
const wantedActions = milter.OptAddHeader | milter.OptChangeHeader | milter.OptQuarantine | milter.OptSetSymList

// wantedProtocol leaves the MTA waiting for one reply only, at the end of the
// message: nothing is decided earlier, and every reply costs a round trip.
//
// Of the two ways to deal with bodies, no reply (SMFIP_NR_BODY) is preferred to
// SMFIR_SKIP, because Sendmail fails messages when both are negotiated. A body
// that nobody needs is then sent all the same, but most mail is signed and needs
// it, and gets by without a round trip for each chunk.
const wantedProtocol = milter.OptHeaderLeadingSpace | milter.OptNoData | milter.OptNoUnknown |
	milter.OptNoConnReply | milter.OptNoHeloReply | milter.OptNoMailReply | milter.OptNoRcptReply |
	milter.OptNoHeaderReply | milter.OptNoEOHReply | milter.OptNoBodyReply | milter.OptSkip

// An offer is what the MTA can do, and after negotiation what is in use.
type offer struct {
	actions  milter.OptAction
	protocol milter.OptProtocol
}

// readOffer reads the data of an SMFIC_OPTNEG packet.
func readOffer(data []byte) (offer, error) {
	if len(data) < 12 {
		return offer{}, errNoOffer
	}
	if offered := binary.BigEndian.Uint32(data); offered < minVersion {
		return offer{}, fmt.Errorf("%w: protocol version %d is too old", errNoOffer, offered)
	}
	return offer{
		actions:  milter.OptAction(binary.BigEndian.Uint32(data[4:])),
		protocol: milter.OptProtocol(binary.BigEndian.Uint32(data[8:])),
	}, nil
}

// accept is the part of the offer that is of use. An MTA refuses a milter that
// asks for more than was offered.
func (o offer) accept() offer {
	o.actions &= wantedActions
	o.protocol &= wantedProtocol
	if o.protocol&milter.OptNoBodyReply != 0 {
		o.protocol &^= milter.OptSkip
	}
	return o
}

// repliesTo tells whether the MTA waits for a reply to the command.
func (o offer) repliesTo(command milter.Code) bool {
	switch command {
	case milter.CodeMacro, milter.CodeAbort, milter.CodeQuit:
		return false
	case milter.CodeConn:
		return o.protocol&milter.OptNoConnReply == 0
	case milter.CodeHelo:
		return o.protocol&milter.OptNoHeloReply == 0
	case milter.CodeMail:
		return o.protocol&milter.OptNoMailReply == 0
	case milter.CodeRcpt:
		return o.protocol&milter.OptNoRcptReply == 0
	case milter.CodeHeader:
		return o.protocol&milter.OptNoHeaderReply == 0
	case milter.CodeEOH:
		return o.protocol&milter.OptNoEOHReply == 0
	case milter.CodeBody:
		return o.protocol&milter.OptNoBodyReply == 0
	}
	return true
}

// append appends the packet that accepts what is in use; macros are those that the MTA is asked for.
func (o offer) append(b, macros []byte) []byte {
	return appendPacket(b, byte(milter.CodeOptNeg), func(b []byte) []byte {
		b = binary.BigEndian.AppendUint32(b, minVersion)
		b = binary.BigEndian.AppendUint32(b, uint32(o.actions))
		b = binary.BigEndian.AppendUint32(b, uint32(o.protocol))
		if o.actions&milter.OptSetSymList != 0 {
			b = append(b, macros...)
		}
		return b
	})
}

// appendMacros appends the macros that each stage is asked to send; the lists replace
// the MTA's own. Sendmail honours the list of the end of the message only next to
// one of the end of the header. Postfix sends the latter before every field and
// the former before every piece of the body: they are short.
func appendMacros(b []byte) []byte {
	const client = "{client_addr} {client_name} {client_ptr}"
	for _, list := range []struct {
		stage milter.Stage
		names string
	}{
		{milter.StageConnect, "j {daemon_name} " + client},
		{milter.StageHelo, "{tls_version} {cipher} {cert_subject} {cert_issuer}"},
		{milter.StageMailFrom, "i {auth_type} {auth_authen} {tls_version} " + client},
		{milter.StageRcptTo, "i"},
		{milter.StageEOH, "i"},
		{milter.StageEOM, "i"},
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(list.stage))
		b = append(append(b, list.names...), 0)
	}
	return b
}
