package auth

import (
	"net/netip"

	"assay/auth/message"
)

// maxHops bounds the Received fields that are read to find the host behind the relays.
const maxHops = 30

// A hop is a host on the way of a message.
type hop struct {
	ip   netip.Addr
	helo string
}

// A place is where a hop stands.
type place int

const (
	unknown  place = iota
	outside        // it is the client
	user           // it is outside, and of a user who authenticated to a relay
	internal       // it is one of our own hosts, or the message was made on a relay
)

// behindRelay looks for the client behind the internal relays that brought the message, in the
// Received fields that these wrote.
func (r *Report) behindRelay(v *Verifier, h message.Header) {
	env := &r.Envelope
	relay := hop{env.IP.Unmap(), env.Helo}
	r.Relay = relay.ip
	client, where, written := v.behind(relay, h)
	if where == internal && written == len(h) && env.Excess != "" {
		client, where = hop{}, unknown // a field that tells of another host may be past the limit
	}
	r.written = written
	switch where {
	case unknown:
		r.Lost = true
	case user:
		r.Exempt = SMTPAuth
	case internal:
		r.Exempt = TrustedNetwork
	}
	if client != relay { // else it was made there
		env.Client = ""
	}
	env.IP, env.Helo = client.ip, client.helo
}

// behind walks from relay to relay, down the Received fields. Each field is read only
// after those above it have shown that a relay wrote it: what stands below the first host
// that is none of ours is that host's own text.
//
// A loopback address stands for the relay itself: a content filter, or a client there. A field
// without another host (message.Received.Local), or without a from clause, was written by
// the relay in passing the message on to itself. In either case the next field tells
// more; when there is none, the message was made there.
//
// A host outside that authenticated to a relay in Trusted is a user of ours: of a gateway that is not, others are
// customers as well. That a relay authenticated to the next one, or a content filter to its relay, says nothing
// about who is behind it.
//
// Written is how many fields of the header stand above all that may be the client's own text.
func (v *Verifier) behind(relay hop, h message.Header) (client hop, where place, written int) {
	made, hops := false, 0
	for i, f := range h {
		if !f.Is("Received") {
			continue
		}
		if hops++; hops > maxHops {
			return hop{}, unknown, i
		}
		received := message.ParseReceived(f.Value())
		next := hop{received.IP, received.Helo}
		switch {
		case next.ip.IsLoopback() || received.Local:
			made = true
		case next.ip.IsValid() && contains(v.Relays, next.ip):
			made, relay = false, next
		case next.ip.IsValid() && contains(v.Trusted, next.ip):
			return next, internal, i
		case received.Authenticated() && contains(v.Trusted, relay.ip):
			return next, user, i
		case next.ip.IsValid():
			return next, outside, i
		case received.From:
			return hop{}, unknown, i
		default:
			made = false
		}
	}
	if made {
		return relay, internal, len(h)
	}
	return hop{}, unknown, 0
}
