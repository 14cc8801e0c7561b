package spf

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// A finding is what a check finds for every sender of a domain at one client: nothing in it depends on
// the local-part, the HELO name or the time.
type finding struct {
	result         Result
	mechanism      string
	lookups, voids int
}

const findingBytes = 64 // of a finding, but for its text

func newFinding(o *Outcome) *finding {
	return &finding{o.Result, strings.Clone(o.Mechanism), o.Lookups, o.Voids} // the record may be long
}

func (f *finding) tell(o *Outcome) {
	o.Result, o.Mechanism, o.Lookups, o.Voids = f.result, f.mechanism, f.lookups, f.voids
}

// memoryKey is what a finding depends on besides the answers of DNS.
func (c *Checker) memoryKey(ip netip.Addr, domain string) string {
	key := append(make([]byte, 0, len("spf:")+8+16+maxName), "spf:"...)
	key = binary.BigEndian.AppendUint64(key, uint64(c.maxVoids()))
	b := ip.As16() // unmapped: of another family than any IPv6 address
	return string(append(append(key, b[:]...), domain...))
}
