package main

import (
	"fmt"
	"slices"
	"time"

	"assay/auth/message"
	"assay/compauth/spoof"
)

// remarks is what may surprise about an entry that was put in the list.
func (c *spoofChange) remarks(e spoof.Entry, now time.Time) []string {
	lines := c.config.outOfScope(e)
	by, ok := c.matched(e, now)
	if ok && by.Block && !e.Block {
		lines = append(lines, fmt.Sprintf("a block comes before an allow: %s, %s", by, c.place(by)))
	}
	return lines
}

// stillMatched warns of other entries that do what those that went have done.
func (c *spoofChange) stillMatched(now time.Time) []string {
	var lines []string
	for _, gone := range c.edit.Removed {
		by, ok := c.matched(gone.Entry, now)
		if !ok || by.Block != gone.Block || len(lines) == maxRemarks {
			continue
		}
		still := "allowed"
		if by.Block {
			still = "blocked"
		}
		lines = append(lines, fmt.Sprintf("%s is still %s: %s, %s", pairOf(gone.Entry), still, by, c.place(by)))
	}
	return lines
}

// matched is the entry that decides about a message which an entry is meant for, as far as
// such a message can be made up: everybody has no From domain. One for a part of the entry's
// network does not count.
func (c *spoofChange) matched(e spoof.Entry, now time.Time) (spoof.Entry, bool) {
	s := spoof.Sender{Domain: e.User.Domain, Internal: e.Internal, IP: e.Infrastructure.Network.Addr()}
	if e.User.Local != "" {
		s.Address = e.User.String()
	}
	if e.Infrastructure.Domain != "" {
		s.Names = []string{e.Infrastructure.Domain}
	}
	by, ok := c.list.Match(s, now)
	part := by.Infrastructure.Network.IsValid() && by.Infrastructure.Network.Bits() > e.Infrastructure.Network.Bits()
	return by, ok && !part
}

// place is where an entry stands.
func (c *spoofChange) place(e spoof.Entry) string {
	i := slices.IndexFunc(c.after.Entries, func(f spoof.FileEntry) bool { return f.Entry == e })
	if i < 0 {
		return c.config.SpoofedSendersFile
	}
	return fmt.Sprintf("%s:%d", c.config.SpoofedSendersFile, c.after.Entries[i].Line)
}

// outOfScope says why no message can match an entry; nothing when one can.
func (c *Config) outOfScope(e spoof.Entry) []string {
	switch u := e.User; {
	case u == spoof.User{} && e.Internal && len(c.AcceptedDomains) == 0:
		return []string{fmt.Sprintf("%s never matches: accepted_domains names no domain", e)}
	case u == spoof.User{}:
	case !e.Internal && c.accepts(u.Domain):
		return []string{fmt.Sprintf("%s never matches: %s is one of accepted_domains; make it internal", e, u.Domain)}
	case e.Internal && !c.accepts(u.Domain) && !(u.Subdomains && c.ownsBelow(u.Domain)):
		return []string{fmt.Sprintf("%s never matches: %s is none of accepted_domains; make it external", e, u.Domain)}
	}
	return nil
}

// ownsBelow tells whether one of our own domains is below another.
func (c *Config) ownsBelow(domain string) bool {
	return slices.ContainsFunc(c.AcceptedDomains, func(own string) bool { return message.IsWithin(own, domain) })
}
