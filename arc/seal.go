package arc

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/message"
)

// ErrNoMoreSets is what Seal returns when the chain can take no further set: the newest
// one says that it had failed, or there are 50 (RFC 8617 sections 5.1 and 4.2.1).
// The message goes on as it is.
var ErrNoMoreSets = errors.New("arc: the chain can take no further set")

// A MessageSealer adds ARC Sets to messages (RFC 8617 section 5.1). It must not
// change once it is in use, and is safe for concurrent use then if Key and Random
// are.
type MessageSealer struct {
	Domain   string        // d= of both signatures
	Selector string        // s= of both signatures
	Key      crypto.Signer // RSA of at least 1024 bits, or Ed25519; see LoadKey

	// Headers names the fields that the ARC-Message-Signature covers: all of a name
	// that the message has, at most 250 in all. A name may end in "*". Nil means
	// DefaultHeaders. Authentication-Results, Received, Return-Path and ARC fields
	// are never covered, whatever is said here.
	Headers []string

	// Oversign names fields of Headers that are in h= once more than the message has
	// them, so that no further one can be added (RFC 6376 section 8.15). Nil means
	// From; none if empty.
	Oversign []string

	Now    func() time.Time // for t=; nil means time.Now
	Random io.Reader        // for signing; nil means crypto/rand
}

// DefaultHeaders are the names of the fields that an ARC-Message-Signature should cover.
func DefaultHeaders() []string {
	return []string{
		"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "DKIM-Signature", "List-*",
	}
}

// A NewSet holds the values of the fields of one ARC Set, without the space before
// and the CRLF after: folded at 78 columns with CRLF and one space.
type NewSet struct {
	AAR, AMS, AS string
}

// Fields are the three fields as they are to stand on top of a header, the ARC-Seal
// first (RFC 8617 section 5.1): to get there by inserting, begin with the last.
func (s NewSet) Fields() message.Header {
	return message.Header{
		newField(Seal, s.AS),
		newField(MessageSignature, s.AMS),
		newField(AuthenticationResults, s.AAR),
	}
}

func newField(name, value string) message.Field { return message.NewField(name, " "+value) }

// Seal makes the next ARC Set of a message: of the header as it goes on, what
// validation of the chain in it gave, the body hash in relaxed canonicalization, and
// the results for the ARC-Authentication-Results, those of the whole ADMD merged. After
// a chain that failed the seal covers its own set only (section 5.1.2).
//
// The error is ErrNoMoreSets when there must be no set, else one of Check or of the
// key.
func (m *MessageSealer) Seal(h message.Header, o Outcome, body [sha256.Size]byte, r authres.Results) (NewSet, error) {
	switch {
	case o.Result != None && o.Result != Pass && o.Result != Fail:
		return NewSet{}, errors.New("arc: the chain was not validated")
	case o.Ended() || o.Instance >= MaxSets:
		return NewSet{}, ErrNoMoreSets
	}
	return m.seal(h, o, body, r, usualLayout())
}

func (m *MessageSealer) seal(h message.Header, o Outcome, body [sha256.Size]byte, r authres.Results, l layout) (NewSet, error) {
	if err := m.Check(); err != nil {
		return NewSet{}, err
	}
	common, err := m.commonTags(o.Instance + 1)
	if err != nil {
		return NewSet{}, err
	}
	set := NewSet{AAR: r.FormatARC(o.Instance + 1)}
	if set.AMS, err = m.messageSignature(h, body, common, l); err != nil {
		return NewSet{}, err
	}
	set.AS, err = m.sealSignature(o, set, common, l)
	return set, err
}

// Check tells what is wrong with the fields: a domain or a selector that is none,
// no key or one that can't be used.
func (m *MessageSealer) Check() error {
	domain, err := message.ToASCII(m.Domain)
	if err == nil && !strings.Contains(domain, ".") {
		err = errors.New("no dot in it")
	}
	if err != nil {
		return fmt.Errorf("arc: domain %q: %w", m.Domain, err)
	}
	if _, err := message.ToASCII(m.Selector); err != nil {
		return fmt.Errorf("arc: selector %q: %w", m.Selector, err)
	}
	if m.Key == nil {
		return errors.New("arc: no key to seal with")
	}
	if _, err := dkim.SigningAlgorithm(m.Key.Public()); err != nil {
		return fmt.Errorf("arc: %w", err)
	}
	return nil
}

// commonTags are the tags that both signatures have, without b=.
func (m *MessageSealer) commonTags(instance int) (map[string]string, error) {
	algorithm, err := dkim.SigningAlgorithm(m.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("arc: %w", err)
	}
	domain, _ := message.ToASCII(m.Domain)
	selector, _ := message.ToASCII(m.Selector)
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	return map[string]string{
		"i": strconv.Itoa(instance), "a": algorithm, "d": domain, "s": selector,
		"t": strconv.FormatInt(now().Unix(), 10),
	}, nil
}

// messageSignature makes the value of the ARC-Message-Signature (RFC 8617 section
// 4.1.2).
func (m *MessageSealer) messageSignature(h message.Header, body [sha256.Size]byte, common map[string]string, l layout) (string, error) {
	names := m.signedNames(h)
	tags := map[string]string{
		"c": "relaxed/relaxed", "h": joinNames(names), "bh": base64.StdEncoding.EncodeToString(body[:]),
	}
	for name, value := range common {
		tags[name] = value
	}
	hash := dkim.NewHeaderHash(dkim.Relaxed)
	for _, i := range dkim.NewFieldIndex(h, names).Pick(names, -1) {
		hash.Add(h[i])
	}
	return m.sign(MessageSignature, tags, l, l.messageTags, hash)
}

// sealSignature makes the value of the ARC-Seal (RFC 8617 section 5.1.1).
func (m *MessageSealer) sealSignature(o Outcome, set NewSet, common map[string]string, l layout) (string, error) {
	tags := map[string]string{"cv": string(o.Result)}
	for name, value := range common {
		tags[name] = value
	}
	hash := dkim.NewHeaderHash(dkim.Relaxed)
	if o.Result == Pass {
		for _, s := range o.Sets {
			hash.Add(s.AAR)
			hash.Add(s.AMS)
			hash.Add(s.AS)
		}
	}
	hash.Add(newField(AuthenticationResults, set.AAR))
	hash.Add(newField(MessageSignature, set.AMS))
	return m.sign(Seal, tags, l, l.sealTags, hash)
}

// sign writes the tags and their signature.
func (m *MessageSealer) sign(name string, tags map[string]string, l layout, order []string, hash *dkim.HeaderHash) (string, error) {
	w := l.write(name, order, tags)
	field := newField(name, w.text())
	list, err := dkim.FieldTags(field, 0)
	if err != nil {
		return "", fmt.Errorf("arc: %w", err)
	}
	hash.AddSignature(field, list)
	sum, err := hash.Sum()
	if err != nil {
		return "", fmt.Errorf("arc: %w", err)
	}
	random := m.Random
	if random == nil {
		random = rand.Reader
	}
	signature, err := dkim.Sign(random, m.Key, sum)
	if err != nil {
		return "", fmt.Errorf("arc: %w", err)
	}
	return w.signed(base64.StdEncoding.EncodeToString(signature)), nil
}
