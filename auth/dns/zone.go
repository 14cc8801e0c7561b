package dns

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// zoneTTL is the TTL of records that give none, in seconds.
const zoneTTL = 3600

// maxCNAMEs bounds the CNAMEs between a name and its records. RFC 1034 gives
// no number; resolvers in use stop at 8 to 16.
const maxCNAMEs = 10

// A Zone is all of DNS, from a master file: what isn't in it doesn't exist.
// It is a Resolver that needs no network, and safe for concurrent use.
// The zero value holds nothing.
type Zone struct {
	nodes map[string]node // by canonical name, "" for the root; also the empty non-terminals
}

// A node holds the records of one name by type.
type node map[uint16][]mdns.RR

// ParseZone reads a master file (RFC 1035 section 5). Names are relative to the
// root until a $ORIGIN, records without a TTL have 3600 seconds, $INCLUDE is
// refused. The file's name serves the errors, which read "FILE:LINE: what".
func ParseZone(r io.Reader, file string) (*Zone, error) {
	lines := &lineReader{r: bufio.NewReader(r)}
	p := mdns.NewZoneParser(lines, ".", "")
	p.SetDefaultTTL(zoneTTL)
	z := &Zone{nodes: map[string]node{"": {}}}
	seen := map[string]bool{}
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if err := z.add(rr, seen); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, max(lines.n, 1), err)
		}
	}
	if err := p.Err(); err != nil {
		return nil, zoneError(err, file)
	}
	return z, nil
}

// A lineReader counts the lines that were read, since the zone parser tells
// the line of a record only with its own errors.
type lineReader struct {
	r    *bufio.Reader
	n    int
	last byte
}

func (l *lineReader) Read(p []byte) (int, error) { return 0, errors.ErrUnsupported }

// ReadByte ends the last line with a newline when it has none.
func (l *lineReader) ReadByte() (byte, error) {
	c, err := l.r.ReadByte()
	if err == io.EOF && l.last != '\n' && l.last != 0 {
		c, err = '\n', nil
	}
	if err != nil {
		return 0, err
	}
	if c == '\n' {
		l.n++
	}
	l.last = c
	return c, nil
}

// zoneError moves the line to the front of what the zone parser says:
// `dns: WHAT: "TOKEN" at line: LINE:COLUMN`.
func zoneError(err error, file string) error {
	text := strings.TrimPrefix(err.Error(), "dns: ")
	what, at, ok := cutLast(text, " at line: ")
	line, _, _ := strings.Cut(at, ":")
	if !ok {
		return fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Errorf("%s:%s: %s", file, line, what)
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// add puts a record in its node. A record that is there already is dropped
// (RFC 2181 section 5).
func (z *Zone) add(rr mdns.RR, seen map[string]bool) error {
	h := rr.Header()
	owner, ok := fromText(h.Name)
	if !ok {
		return fmt.Errorf("%s: a label contains a dot", h.Name)
	}
	if err := checkRecord(rr); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	id := fmt.Sprintf("%s %d %s", owner, h.Rrtype, strings.TrimPrefix(rr.String(), h.String()))
	if seen[id] {
		return nil
	}
	seen[id] = true
	n := z.make(owner)
	n[h.Rrtype] = append(n[h.Rrtype], rr)
	if len(n[mdns.TypeCNAME]) > 0 && (len(n) > 1 || len(n[mdns.TypeCNAME]) > 1) {
		return fmt.Errorf("%s: a CNAME and other records (RFC 1034 section 3.6.2)", h.Name)
	}
	return nil
}

func checkRecord(rr mdns.RR) error {
	h := rr.Header()
	if h.Class != mdns.ClassINET {
		return fmt.Errorf("class %s: only IN is known", mdns.Class(h.Class))
	}
	if !hasData(rr) {
		return fmt.Errorf("%s without data", mdns.Type(h.Rrtype))
	}
	if rr, ok := rr.(*mdns.CNAME); ok {
		if _, ok := fromText(rr.Target); !ok {
			return errTarget
		}
	}
	return nil
}

// make returns the node of a name, which it creates with those above it.
func (z *Zone) make(name string) node {
	n, ok := z.nodes[name]
	if ok {
		return n
	}
	n = node{}
	z.nodes[name] = n
	z.make(parent(name))
	return n
}

// parent returns the name without its first label, "" for the last one.
func parent(name string) string {
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

// node finds the records of a name, by a wildcard at the closest encloser if
// need be (RFC 4592 section 3.3.1); nil means that the name doesn't exist.
func (z *Zone) node(name string) node {
	if n, ok := z.nodes[name]; ok {
		return n
	}
	for name != "" {
		name = parent(name)
		if _, ok := z.nodes[name]; ok {
			break
		}
	}
	return z.nodes[strings.TrimSuffix("*."+name, ".")]
}

// found is what a zone has for one question.
type found struct {
	aliases  []alias   // the CNAMEs that led to name
	name     string    // where the search ended
	records  []mdns.RR // of the asked type; their owner may be a wildcard
	nxdomain bool
	soa      *mdns.SOA // above name; nil for none
}

// An alias is a CNAME.
type alias struct {
	owner, target string
	ttl           uint32 // in seconds
}

var (
	errCNAMEs = errors.New("CNAME loop or chain too long")
	errTarget = errors.New("a label of the CNAME's target contains a dot")
	errType   = errors.New("type not supported")
)

func (z *Zone) find(name string, typ Type) (found, error) {
	f := found{name: name}
	for range maxCNAMEs + 1 {
		n := z.node(f.name)
		if n == nil {
			f.nxdomain, f.soa = true, z.soa(f.name)
			return f, nil
		}
		f.records = n[uint16(typ)]
		if len(f.records) > 0 || len(n[mdns.TypeCNAME]) == 0 {
			f.soa = z.soa(f.name)
			return f, nil
		}
		rr := n[mdns.TypeCNAME][0].(*mdns.CNAME)
		target, _ := fromText(rr.Target)
		f.aliases = append(f.aliases, alias{f.name, target, rr.Hdr.Ttl})
		f.name = target
	}
	return f, errCNAMEs
}

// soa returns the SOA at the name or the closest one above it.
func (z *Zone) soa(name string) *mdns.SOA {
	for {
		if rrs := z.nodes[name][mdns.TypeSOA]; len(rrs) > 0 {
			return rrs[0].(*mdns.SOA)
		}
		if name == "" {
			return nil
		}
		name = parent(name)
	}
}

// Resolve implements Resolver. A negative answer has the TTL of the zone's SOA
// (RFC 2308 section 5), zero without one. It fails only when ctx is done, when
// CNAMEs loop and for a type that Answer has no room for.
func (z *Zone) Resolve(ctx context.Context, q Question) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, questionError(q, err)
	}
	q, ok, err := q.check()
	if err != nil || !ok {
		return impossible, err
	}
	f, err := z.find(q.Name, q.Type)
	if err != nil {
		return Answer{}, questionError(q, err)
	}
	return f.answer(), nil
}

func (f *found) answer() Answer {
	a := Answer{NXDomain: f.nxdomain}
	ttl := ^uint32(0)
	for _, c := range f.aliases {
		ttl = min(ttl, c.ttl)
	}
	for _, rr := range f.records {
		ttl = min(ttl, rr.Header().Ttl)
		a.addRecord(rr)
	}
	switch {
	case len(f.records) > 0:
	case f.soa != nil:
		ttl = min(ttl, f.soa.Hdr.Ttl, f.soa.Minttl)
	default:
		ttl = 0
	}
	a.TTL = time.Duration(ttl) * time.Second
	a.sort()
	return a
}
