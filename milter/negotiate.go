package milter

import (
	"encoding/binary"
	"fmt"

	"github.com/emersion/go-milter"
)

// minVersion is the oldest protocol that has quarantine and header changes.
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
	if version := binary.BigEndian.Uint32(data); version < minVersion {
		return offer{}, fmt.Errorf("%w: protocol version %d is too old", errNoOffer, version)
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

// macrosOf lists the macros that each stage is asked to send; the lists replace
// the MTA's own. Sendmail honours the list of the end of the message only next to
// one of the end of the header. Postfix sends the latter before every field and
// the former before every piece of the body: they are short.
func macrosOf() map[milter.Stage][]string {
	client := []string{"{client_addr}", "{client_name}", "{client_ptr}"}
	tls := []string{"{tls_version}", "{cipher}", "{cert_subject}", "{cert_issuer}"}
	return map[milter.Stage][]string{
		milter.StageConnect:  append([]string{"j", "{daemon_name}"}, client...),
		milter.StageHelo:     tls,
		milter.StageMailFrom: append([]string{"i", "{auth_type}", "{auth_authen}", "{tls_version}"}, client...),
		milter.StageRcptTo:   {"i"},
		milter.StageEOH:      {"i"},
		milter.StageEOM:      {"i"},
	}
}
