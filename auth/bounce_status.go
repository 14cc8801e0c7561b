package auth

import (
	"bytes"
	"io"
	"iter"
	"strings"

	"assay/auth/dmarc"
	"assay/auth/message"
)

// maxStatus bounds what is read of a delivery status, in bytes, encoded or not: enough for
// hundreds of recipients. What lies behind it tells nothing.
const maxStatus = 64 << 10

// fromMailSystem tells whether the one mailbox in the one From field is that of a mail system:
// what a person writes is no bounce.
func fromMailSystem(h message.Header) bool {
	authors := message.AuthorsOf(h)
	if authors.Err != nil || authors.Fields != 1 || len(authors.List) != 1 || len(authors.List[0].More) > 0 {
		return false
	}
	local, _ := message.SplitAddress(authors.List[0].Address)
	return isMailSystem(strings.ToLower(strings.Trim(local, `"`)))
}

// isMailSystem tells whether MTAs write their bounces in the name of a local part, in lower case:
// most as MAILER-DAEMON, Domino and James as postmaster, MDaemon in its own name, Exchange as postmaster or as
// MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e.
func isMailSystem(local string) bool {
	switch local {
	case "mailer-daemon", "postmaster", "mailerdaemon", "mail-daemon", "maildaemon", "mdaemon":
		return true
	}
	id, ok := strings.CutPrefix(local, "microsoftexchange")
	return ok && len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}

// A statusPart is a part with a delivery status, as far as it is kept.
type statusPart struct {
	encoding transferEncoding
	text     []byte
	cut      bool // there was more than maxStatus
}

// readStatusPart reads the header of a part; not ok for a part of another kind.
func readStatusPart(h message.Header) (p statusPart, ok bool) {
	mediaType, _ := contentType(h)
	if mediaType != "message/delivery-status" && mediaType != "message/global-delivery-status" {
		return p, false
	}
	p.encoding = transferEncodingOf(h)
	return p, true
}

func (p *statusPart) write(text []byte) {
	n := min(len(text), maxStatus-len(p.text))
	p.text = append(p.text, text[:n]...)
	p.cut = p.cut || n < len(text)
}

// organizations are those of the recipients that are reported about, as registrable domains.
// Groups of fields are not told apart (RFC 3464 section 2.1): the fields that name a recipient
// stand in no other group. A recipient without a domain, and one of another address type than
// that of Internet mail, is none.
func (p *statusPart) organizations() map[string]bool {
	if p.encoding == unknownEncoding {
		return nil
	}
	decoded, err := io.ReadAll(p.encoding.decode(bytes.NewReader(p.text)))
	text := string(decoded)
	if p.cut || err != nil { // the last line may lack its end
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	found := map[string]bool{}
	for name, value := range statusFields(text) {
		if !strings.EqualFold(name, "Final-Recipient") && !strings.EqualFold(name, "Original-Recipient") {
			continue
		}
		if domain := recipientDomain(value); domain != "" {
			found[dmarc.Registrable(domain)] = true
		}
	}
	return found
}

// statusFields yields the fields of all groups, folded as they are.
func statusFields(text string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for text != "" {
			n := fieldLen(text)
			name, value, ok := strings.Cut(text[:n], ":")
			if ok && !yield(strings.TrimRight(name, " \t"), value) {
				return
			}
			text = text[n:]
		}
	}
}

// fieldLen is the length of the field that a text begins with: all up to a line end with no
// white space behind it.
func fieldLen(text string) int {
	for n := 0; ; {
		end := strings.IndexByte(text[n:], '\n')
		if end < 0 {
			return len(text)
		}
		if n += end + 1; n == len(text) || text[n] != ' ' && text[n] != '\t' {
			return n
		}
	}
}

// recipientDomain is the domain in the value of a Final-Recipient or Original-Recipient field
// (RFC 3464 section 2.3, RFC 6533 section 3); "" if it names none.
func recipientDomain(value string) string {
	if len(value) > maxContentType {
		return ""
	}
	kind, address, _ := strings.Cut(withoutComments(message.Unfold(value)), ";")
	if kind = strings.TrimSpace(kind); !strings.EqualFold(kind, "rfc822") && !strings.EqualFold(kind, "utf-8") {
		return ""
	}
	address = strings.TrimSpace(address)
	if inner, ok := strings.CutPrefix(address, "<"); ok { // against the RFC
		address = strings.TrimSuffix(inner, ">")
	}
	domain, err := message.DomainOf(address)
	if local, _ := message.SplitAddress(address); err != nil || local == "" {
		return ""
	}
	return domain
}

// reportsFor ends the body and tells whether the bounce is valid and reports about a recipient in
// this organization: one whose registrable domain is the same. After cancel it is false. Once
// ours or reportsFor has returned, it is safe for concurrent use.
func (b *bounce) reportsFor(orgDomain string) bool {
	if b == nil {
		return false
	}
	b.end()
	return b.about[dmarc.Registrable(orgDomain)]
}
