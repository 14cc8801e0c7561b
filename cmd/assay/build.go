package main

import (
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/message"
	"assay/auth/spf"
)

// These are how many parsed records are kept: in 60 MB at most, of dns.ParsedBytes each. What is usual takes
// less than half of that.
const (
	spfRecords = 10_000
	keyRecords = 5_000 // of DKIM and ARC
)

// arcRSABits bounds RSA keys of ARC sets, of which a message may have a hundred signatures:
// verifiers need not know longer ones (RFC 8301 section 3.2).
const arcRSABits = 4096

// newResolver asks the servers of the config and keeps their answers.
func newResolver(c *Config) (dns.Resolver, error) {
	if len(c.DNS.Servers) == 0 {
		if _, err := dns.SystemServers(""); err != nil {
			return nil, err
		}
	}
	return &dns.Cache{
		Resolver:    &dns.Client{Servers: c.DNS.Servers, Timeout: c.DNS.Timeout, MaxInFlight: c.DNS.MaxInFlight},
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

// newSealer seals as the config says; nil when it says not to.
func newSealer(c *Config) (*arc.MessageSealer, error) {
	if !c.ARC.Seal {
		return nil, nil
	}
	key, err := arc.LoadKey(c.ARC.KeyFile)
	if err != nil {
		return nil, err
	}
	sealer := &arc.MessageSealer{Domain: c.ARC.Domain, Selector: c.ARC.Selector, Key: key}
	return sealer, sealer.Check()
}

// newVerifier checks messages as the config says. Trusted are the sealers of the config alone, and
// nobody may be spoofed: whoever has read the files of both sets the fields Sealers and Spoofed.
// There is no history.
func newVerifier(c *Config, resolver dns.Resolver) *auth.Verifier {
	keys := dkim.NewKeyCache(keyRecords)
	return &auth.Verifier{
		Resolver: resolver,
		Room:     dns.NewRoom(c.DNS.MaxInFlight / 2),
		SPF:      spf.Checker{Receiver: c.AuthServID, Records: spf.NewRecordCache(spfRecords)},
		DKIM: dkim.Verifier{
			MaxSignatures: c.DKIM.MaxSignatures, MinRSABits: c.DKIM.MinRSABits, Engine: c.DKIM.Engine, Keys: keys,
			MaxTags: c.Limits.Tags, MaxNames: c.Limits.SignedNames,
		},
		ARC: arc.Validator{
			Keys:    dkim.KeyLimits{MinRSABits: c.DKIM.MinRSABits, MaxRSABits: arcRSABits, MaxTags: c.Limits.Tags, Cache: keys},
			MaxSets: c.Limits.ARCSets, MaxTags: c.Limits.Tags, MaxNames: c.Limits.SignedNames,
		},
		Sealers: arc.NewSealers(c.ARC.TrustedSealers...),

		SPFHelo:  c.SPFHelo,
		Trusted:  c.TrustedNetworks,
		Relays:   c.InternalRelays,
		Accepted: c.AcceptedDomains,

		Implicit:       c.Implicit,
		SharedMX:       c.SharedMX,
		OverrideReject: c.History.OverrideReject,

		Limits: auth.Limits{
			Header:       message.Limits{Size: c.Limits.HeaderSize, Fields: c.Limits.HeaderFields, FieldSize: c.Limits.FieldSize},
			Recipients:   c.Limits.Recipients,
			MIMEDepth:    c.Limits.MIMEDepth,
			DNSQuestions: c.Limits.DNSQuestions,
		},
		Timeout: c.Milter.MessageTimeout,
		Stamp: auth.Stamp{
			AuthServID:     c.AuthServID,
			Styles:         c.HeaderStyles,
			TrustedIDs:     c.TrustedAuthServIDs,
			RemoveAll:      c.RemoveAllAuthRes,
			ReceivedSPF:    c.ReceivedSPF,
			SPFFullAddress: c.SPFFullAddress,
			HideClientIP:   c.HideClientIP,
			SpamFlag:       c.QuarantineHeader,
		},
		Policy: auth.Policy{
			DMARCReject:     c.Policy.DMARCReject,
			DMARCQuarantine: c.Policy.DMARCQuarantine,
			CompauthFail:    c.Policy.CompauthFail,
			SpoofBlock:      c.Policy.SpoofBlock,
			DNSFailure:      c.Policy.DNSFailure,
			RejectText:      c.Policy.RejectText,
			Flag:            c.QuarantineHeader,
		},
	}
}
