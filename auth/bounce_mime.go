package auth

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"

	"assay/auth/message"
)

// Limits of what is read to find the returned message.
const (
	maxContentType = 4 << 10  // bytes of a Content-Type field
	maxPartHeader  = 16 << 10 // bytes of the header of a part
	maxBoundary    = 70       // bytes (RFC 2046 section 5.1.1)
)

// A multipart is what the header of a message or part says of its parts (RFC 2046 section 5.1).
type multipart struct {
	boundary string
	report   bool // it is a delivery status report (RFC 3464 section 2)
}

// readMultipart is not ok for a header of something else, a report of another type among it, and for
// one without a usable boundary.
func readMultipart(h message.Header) (m multipart, ok bool) {
	mediaType, params := contentType(h)
	m.boundary = params["boundary"]
	m.report = mediaType == "multipart/report" && strings.EqualFold(params["report-type"], "delivery-status")
	ok = (m.report || strings.HasPrefix(mediaType, "multipart/") && mediaType != "multipart/report") && m.boundary != "" && len(m.boundary) <= maxBoundary &&
		!strings.HasSuffix(m.boundary, " ") && !strings.ContainsFunc(m.boundary, notPrintable)
	return m, ok
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// contentType reads the one Content-Type field of a header (RFC 2045 section 5.1): "" without
// one, with several, and if it can't be read. Parameters that can't be read are none.
func contentType(h message.Header) (mediaType string, params map[string]string) {
	values := h.Values("Content-Type")
	if len(values) != 1 || len(values[0]) > maxContentType {
		return "", nil
	}
	mediaType, params, _ = mime.ParseMediaType(withoutComments(message.Unfold(values[0])))
	return mediaType, params
}

// withoutComments puts a space in the place of each comment (RFC 5322 section 3.2.2).
func withoutComments(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	b := make([]byte, 0, len(s))
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && depth > 0:
			i++
		case c == '\\' && quoted && i+1 < len(s):
			b = append(b, c)
			i++
			b = append(b, s[i])
		case c == '(' && !quoted:
			depth++
			b = append(b, ' ')
		case depth > 0:
			if c == ')' {
				depth--
			}
		default:
			quoted = quoted != (c == '"')
			b = append(b, c)
		}
	}
	return string(b)
}

// A transferEncoding is how a part is encoded (RFC 2045 section 6).
type transferEncoding uint8

const (
	identity transferEncoding = iota // 7bit, 8bit and binary, also where the field is missing
	inBase64
	inQuotedPrintable
	unknownEncoding
)

func transferEncodingOf(h message.Header) transferEncoding {
	values := h.Values("Content-Transfer-Encoding")
	if len(values) == 0 {
		return identity
	}
	if len(values) > 1 || len(values[0]) > maxContentType {
		return unknownEncoding
	}
	switch strings.ToLower(strings.TrimSpace(withoutComments(values[0]))) {
	case "7bit", "8bit", "binary":
		return identity
	case "base64":
		return inBase64
	case "quoted-printable":
		return inQuotedPrintable
	}
	return unknownEncoding
}

// A returnedPart is a part that holds a message or the header of one.
type returnedPart struct {
	whole    bool // with its body
	encoding transferEncoding
}

// readReturnedPart reads the header of a part; not ok for a part of another kind.
func readReturnedPart(h message.Header) (p returnedPart, ok bool) {
	mediaType, _ := contentType(h)
	switch mediaType {
	case "message/rfc822", "message/global":
		p.whole = true
	case "text/rfc822-headers", "message/global-headers":
	default:
		return p, false
	}
	p.encoding = transferEncodingOf(h)
	return p, true
}

// readable tells whether the part can be verified: an encoded body is not decoded.
func (p returnedPart) readable() bool {
	return p.encoding == identity || !p.whole && p.encoding != unknownEncoding
}

// decode reads what is encoded so.
func (e transferEncoding) decode(r io.Reader) io.Reader {
	switch e {
	case inBase64:
		return base64.NewDecoder(base64.StdEncoding, r)
	case inQuotedPrintable:
		return quotedprintable.NewReader(r)
	}
	return r
}

// A headerText keeps a header until the blank line behind it has come.
type headerText struct {
	limit   int // bytes
	text    []byte
	tooLong bool // over limit; text is empty then, and stays so
}

// write takes what belongs to the header and returns the rest of p. Ended: the blank line has
// come, or more than the limit.
func (t *headerText) write(p []byte) (rest []byte, ended bool) {
	for len(p) > 0 && !ended {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 {
			n = len(p)
		}
		if t.tooLong = t.tooLong || n > t.limit-len(t.text); t.tooLong {
			t.text = nil
			return nil, true
		}
		t.text = append(t.text, p[:n]...)
		p, ended = p[n:], t.blank()
	}
	return p, ended
}

// blank tells whether the text ends in a blank line.
func (t *headerText) blank() bool {
	text, ok := bytes.CutSuffix(t.text, []byte("\n"))
	text = bytes.TrimSuffix(text, []byte("\r"))
	return ok && (len(text) == 0 || text[len(text)-1] == '\n')
}

func (t *headerText) reader() *bytes.Reader { return bytes.NewReader(t.text) }
