package main

import (
	"testing"

	"assay/arc"
	"assay/auth/dns"
)

// A new verifier goes on with the bound of all sessions' questions and with what was parsed, unless DNS is asked
// in another way.
func TestVerifierGoesOn(t *testing.T) {
	config, err := parseConfig(nil, "", testHostname)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{config: config, dns: &dns.Cache{}, sealers: &arc.SealersFile{}}
	first := d.newVerifier()
	d.verifier = first
	next := d.newVerifier()
	if next == first || next.Room != first.Room || next.SPF.Records != first.SPF.Records ||
		next.DKIM.Keys != first.DKIM.Keys || next.ARC.Keys.Cache != first.DKIM.Keys {
		t.Errorf("%+v after %+v", next, first)
	}
	d.dns = &dns.Cache{}
	if other := d.newVerifier(); other.Room == first.Room || other.DKIM.Keys == first.DKIM.Keys || other.ARC.Keys.Cache != other.DKIM.Keys {
		t.Errorf("%+v after %+v", other, first)
	}
}
