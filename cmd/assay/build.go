package main

import (
	"time"

	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/spf"
)

// spfRecords is how many parsed SPF records are kept.
const spfRecords = 10_000

// newResolver asks the servers of the config and keeps their answers.
func newResolver(c *Config) (dns.Resolver, error) {
	if len(c.DNS.Servers) == 0 {
		if _, err := dns.SystemServers(""); err != nil {
			return nil, err
		}
	}
	return &dns.Cache{
		Resolver:    &dns.Client{Servers: c.DNS.Servers, Timeout: c.DNS.Timeout},
		Entries:     c.DNS.CacheEntries,
		MaxTTL:      c.DNS.MaxTTL,
		MinTTL:      c.DNS.MinTTL,
		NegativeTTL: orNever(c.DNS.NegativeTTL),
	}, nil
}

// orNever is a time that a Cache does not take for its default.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// newVerifier checks messages as the config says.
func newVerifier(c *Config, resolver dns.Resolver) *auth.Verifier {
	return &auth.Verifier{
		Resolver: resolver,
		SPF:      spf.Checker{Receiver: c.AuthServID, Records: spf.NewRecordCache(spfRecords)},
		DKIM:     dkim.Verifier{MaxSignatures: c.DKIM.MaxSignatures, MinRSABits: c.DKIM.MinRSABits},
		SPFHelo:  c.SPFHelo,
		Trusted:  c.TrustedNetworks,
		Timeout:  c.Milter.MessageTimeout,
		Stamp: auth.Stamp{
			AuthServID:     c.AuthServID,
			Styles:         c.HeaderStyles,
			TrustedIDs:     c.TrustedAuthServIDs,
			RemoveAll:      c.RemoveAllAuthRes,
			ReceivedSPF:    c.ReceivedSPF,
			SPFFullAddress: c.SPFFullAddress,
			HideClientIP:   c.HideClientIP,
		},
		Policy: auth.Policy{
			DMARCReject:     c.Policy.DMARCReject,
			DMARCQuarantine: c.Policy.DMARCQuarantine,
			DNSFailure:      c.Policy.DNSFailure,
			RejectText:      c.Policy.RejectText,
			Flag:            c.QuarantineHeader,
		},
	}
}
