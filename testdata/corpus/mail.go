package corpus

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"assay/auth/message"
	"assay/testdata/lab"
)

const (
	provider  = "esp.example"       // sends newsletters for others
	forwarder = "forwarder.example" // seals first
	list      = "lists.example"     // changes what comes, and seals again
	recipient = "box@example.test"
)

// A Mailer makes samples of mail, signed with keys of its own, and the zone in which they
// verify. It is not safe for concurrent use.
type Mailer struct {
	r                   *rand.Rand
	vocabulary          []string
	sender, hired, seal *lab.Key // shared by all domains that need such a key; Domain is set where it is used
	domains             int      // so far
	messages            int      // so far
	zone                strings.Builder
}

// NewMailer makes the keys. Mailers of one seed make the same messages but for the signatures.
func NewMailer(seed uint64) (*Mailer, error) {
	m := &Mailer{r: rand.New(rand.NewPCG(seed, seed)), vocabulary: strings.Fields(words)}
	for _, key := range []**lab.Key{&m.sender, &m.hired, &m.seal} {
		var err error
		if *key, err = lab.NewRSA("", "s1", 2048); err != nil {
			return nil, err
		}
	}
	m.zone.WriteString(". SOA ns.example. hostmaster.example. 1 3600 600 86400 3600\n")
	for _, d := range []struct {
		name string
		key  *lab.Key
		net  int
	}{{provider, m.hired, 200}, {forwarder, m.seal, 201}, {list, m.seal, 202}} {
		if err := m.publish(d.name, d.key, address(d.net, 1)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// address is one of the addresses for benchmarks (RFC 2544).
func address(net, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(net), byte(host)})
}

// publish writes what a domain with mail publishes: SPF by way of an include, DMARC, MX,
// the name of the host that sends, and a key.
func (m *Mailer) publish(domain string, key *lab.Key, host netip.Addr) error {
	record, err := (&lab.Key{Domain: domain, Selector: key.Selector, Signer: key.Signer}).Record()
	if err != nil {
		return err
	}
	a := host.As4()
	fmt.Fprintf(&m.zone, `%[1]s. MX 10 mx.%[1]s.
mx.%[1]s. A %[2]s
out.%[1]s. A %[2]s
%[1]s. TXT "v=spf1 include:_spf.%[1]s -all"
%[1]s. TXT "site-verification=4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_spf.%[1]s. TXT "v=spf1 ip4:%[2]s ip4:203.0.113.0/24 -all"
_dmarc.%[1]s. TXT "v=DMARC1; p=reject; rua=mailto:dmarc@%[1]s"
%[3]d.%[4]d.%[5]d.%[6]d.in-addr.arpa. PTR out.%[1]s.
%[7]s
`, domain, host, a[3], a[2], a[1], a[0], record)
	return nil
}

// Zone is the master file of all domains so far.
func (m *Mailer) Zone() string { return m.zone.String() }

// Make makes n samples of a kind from the given number of new domains in turn.
func (m *Mailer) Make(kind Kind, n, domains int) ([]Sample, error) {
	first := m.domains
	for range domains {
		if err := m.newDomain(); err != nil {
			return nil, err
		}
	}
	samples := make([]Sample, n)
	for i := range samples {
		var err error
		if samples[i], err = m.sample(kind, first+i%domains); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

func (m *Mailer) newDomain() error {
	n := m.domains
	if n/250 >= 200 {
		return fmt.Errorf("corpus: no addresses for more than %d domains", n)
	}
	m.domains++
	return m.publish(domainName(n), m.sender, address(n/250, 1+n%250))
}

func domainName(n int) string { return fmt.Sprintf("shop%05d.example", n) }

// sample makes one message from the n-th domain.
func (m *Mailer) sample(kind Kind, n int) (Sample, error) {
	m.messages++
	domain := domainName(n)
	s := Sample{
		Kind: kind, ID: fmt.Sprintf("4C%06X", m.messages), Client: address(n/250, 1+n%250), Host: "out." + domain,
		From: "ann@" + domain, To: recipient, Want: []string{"spf=pass", "dkim=pass", "dmarc=pass", "arc=none"},
	}
	text := m.text(kind, domain)
	var err error
	switch kind {
	case Newsletter:
		s.Client, s.Host, s.From = address(200, 1), "out."+provider, "bounce-"+fmt.Sprint(m.messages)+"@"+provider
		if text, err = m.sign(text, m.sender, domain); err == nil {
			text, err = m.sign(text, m.hired, provider)
		}
	case List:
		s.Client, s.Host, s.From = address(202, 1), "out."+list, "bounces@"+list
		s.Want = []string{"spf=pass", "dkim=fail", "dmarc=fail", "arc=pass"}
		if text, err = m.sign(text, m.sender, domain); err == nil {
			text, err = m.throughList(text, domain)
		}
	case Spoof:
		s.Client, s.Host = address(203, 66), "dsl-66.access.example"
		s.Want = []string{"spf=fail", "dkim=none", "dmarc=fail", "arc=none"}
	default:
		text, err = m.sign(text, m.sender, domain)
	}
	if err != nil {
		return Sample{}, err
	}
	s.Header, s.Body = split(text)
	s.Work = work(s.Header)
	return s, nil
}

// signedFields are what signers cover.
var signedFields = []string{
	"From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type",
	"List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
}

func (m *Mailer) sign(text []byte, key *lab.Key, domain string) ([]byte, error) {
	k := lab.Key{Domain: domain, Selector: key.Selector, Signer: key.Signer}
	return k.Sign(text, "relaxed/relaxed", signedFields...)
}

// text makes a message of the size of its kind, without a signature.
func (m *Mailer) text(kind Kind, domain string) []byte {
	var b bytes.Buffer
	for _, f := range m.fields(kind, domain) {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("\r\n")
	size := kinds[kind].size
	switch kind {
	case Newsletter:
		m.html(&b, size)
	case Large:
		m.lines(&b, 2<<10)
		m.attachment(&b, size)
	default:
		m.lines(&b, size)
	}
	return b.Bytes()
}

// fields are those of ordinary mail, 20 of them and those of its kind.
func (m *Mailer) fields(kind Kind, domain string) []string {
	date := epoch.Add(time.Duration(m.messages) * 37 * time.Second)
	id := fmt.Sprintf("%016x.%d@%s", m.r.Uint64(), m.messages, domain)
	fields := []string{
		m.received("out."+domain, "mx."+domain, date.Add(2*time.Second)),
		m.received("desk7."+domain, "out."+domain, date.Add(time.Second)),
		m.received("localhost", "desk7."+domain, date),
		"X-Virus-Scanned: Debian amavis at " + domain,
		fmt.Sprintf("From: %q <ann@%s>", title(m.words(12)), domain),
		"To: Box <" + recipient + ">",
		"Cc: Team <team@example.test>,\r\n Second <second@example.test>",
		"Reply-To: Office <office@" + domain + ">",
		"Subject: " + title(m.words(20+m.r.IntN(40))),
		"Date: " + date.Format(time.RFC1123Z),
		"Message-ID: <" + id + ">",
		fmt.Sprintf("In-Reply-To: <%016x@example.test>", m.r.Uint64()),
		fmt.Sprintf("References: <%016x@example.test>\r\n <%016x@%s>", m.r.Uint64(), m.r.Uint64(), domain),
		"MIME-Version: 1.0",
		"Content-Type: " + contentTypes[kind],
		"Content-Language: en-US",
		"User-Agent: Mozilla Thunderbird",
		"X-Mailer: Lab 1.0 (corpus)",
		"X-Originating-IP: [10.1.2.3]",
		fmt.Sprintf("X-Spam-Status: No, score=-%d.2 required=6.2 tests=[BAYES_00=-1.9,\r\n\tRCVD_IN_DNSWL_MED=-2.3] autolearn=ham", m.r.IntN(9)),
		fmt.Sprintf("Thread-Index: %s", base64.StdEncoding.EncodeToString([]byte(m.words(22)))),
	}
	if kind == Newsletter {
		fields = append(fields, fmt.Sprintf("List-Unsubscribe: <https://links.%s/u/%016x>,\r\n <mailto:leave-%08x@%s>", domain, m.r.Uint64(), m.r.Uint32(), domain),
			"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
			fmt.Sprintf("Feedback-ID: %d:%s:campaign:%s", m.r.IntN(1000), domain, provider),
			"Precedence: bulk", fmt.Sprintf("X-Campaign: %016x", m.r.Uint64()))
	}
	return fields
}

var contentTypes = [...]string{
	Small:      "text/plain; charset=utf-8; format=flowed",
	Newsletter: "text/html; charset=utf-8",
	Large:      "multipart/mixed;\r\n boundary=\"----=_Part_1\"",
	List:       "text/plain; charset=utf-8",
	Spoof:      "text/plain; charset=utf-8",
}

func (m *Mailer) received(from, by string, date time.Time) string {
	return fmt.Sprintf("Received: from %s (%s [10.1.%d.%d])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\r\n"+
		"\tby %s (Postfix) with ESMTPS id %08X\r\n\tfor <%s>; %s", from, from, m.r.IntN(250), m.r.IntN(250), by, m.r.Uint32(), recipient, date.Format(time.RFC1123Z))
}

func (m *Mailer) words(length int) string { return line(m.r, m.vocabulary, length) }

// lines writes paragraphs of text until b has this many bytes.
func (m *Mailer) lines(b *bytes.Buffer, size int) {
	for b.Len() < size {
		b.WriteString(m.words(40+m.r.IntN(36)) + "\r\n")
		if m.r.IntN(8) == 0 {
			b.WriteString("\r\n")
		}
	}
}

// html writes what newsletters are made of: indented, with long links.
func (m *Mailer) html(b *bytes.Buffer, size int) {
	b.WriteString("<!DOCTYPE html>\r\n<html>\r\n  <body>\r\n")
	for b.Len() < size {
		fmt.Fprintf(b, "    <tr>\r\n      <td style=\"padding: 0; font-size: 14px\" align=\"left\">\r\n        <a href=\"https://links.example/c/%016x%016x\">%s</a>\r\n        %s\r\n      </td>\r\n    </tr>\r\n",
			m.r.Uint64(), m.r.Uint64(), m.words(20), m.words(60))
	}
	b.WriteString("  </body>\r\n</html>\r\n")
}

// attachment writes one in base64.
func (m *Mailer) attachment(b *bytes.Buffer, size int) {
	b.WriteString("------=_Part_1\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	var raw [57]byte
	for b.Len() < size {
		for i := range raw {
			raw[i] = byte(m.r.Uint32())
		}
		b.WriteString(base64.StdEncoding.EncodeToString(raw[:]) + "\r\n")
	}
	b.WriteString("------=_Part_1--\r\n")
}

// split takes a message with CRLF line ends apart.
func split(text []byte) (message.Header, []byte) {
	head, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
	var header message.Header
	for field := range strings.SplitSeq(unfoldMark(string(head)), "\x00") {
		name, value, _ := strings.Cut(field, ":")
		header = append(header, message.NewField(name, value))
	}
	return header, body
}

// unfoldMark puts a NUL in place of every CRLF that ends a field.
func unfoldMark(head string) string {
	return strings.NewReplacer("\r\n ", "\r\n ", "\r\n\t", "\r\n\t", "\r\n", "\x00").Replace(head)
}
