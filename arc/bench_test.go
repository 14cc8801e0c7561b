package arc

import (
	"testing"

	"assay/auth/dkim"
)

// BenchmarkValidate: a whole validation, keys from memory.
func BenchmarkValidate(b *testing.B) {
	for name, n := range map[string]int{"2 sets": 2, "50 sets": 50} {
		b.Run(name, func(b *testing.B) {
			v := zoneValidator(b)
			h, body := split(chainOf(b, n))
			b.ReportAllocs()
			for b.Loop() {
				if o := validate(v, h, body); o.Result != Pass {
					b.Fatal(o.Reason)
				}
			}
		})
	}
	b.Run("no chain", func(b *testing.B) {
		v := zoneValidator(b)
		h, _ := split(plainMessage)
		b.ReportAllocs()
		for b.Loop() {
			if o := v.Begin(b.Context(), h, &dkim.BodyHashes{}).Finish(); o.Result != None {
				b.Fatal(o.Reason)
			}
		}
	})
}

// BenchmarkSeal: the second set of a message.
func BenchmarkSeal(b *testing.B) {
	v := zoneValidator(b)
	h, body := split(chainOf(b, 1))
	o, sum, r := validate(v, h, body), relaxedHash(body), usualResults("list.example")
	for name, m := range map[string]*MessageSealer{"RSA-2048": rsaSealer("list.example"), "Ed25519": edSealer("list.example")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Seal(h, o, sum, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOverride: a long chain by trusted sealers in which the oldest one vouches.
func BenchmarkOverride(b *testing.B) {
	o := Outcome{Result: Pass, Instance: 50}
	for i := range 50 {
		o.Sets = append(o.Sets, setOfResults(b, i+1, "list.example", "list.example", "x; dmarc=fail header.from=fabrikam.com"))
	}
	o.Sets[0] = setOfResults(b, 1, "list.example", "list.example", microsoftAAR)
	sealers := trust(b, "list.example")
	b.ReportAllocs()
	for b.Loop() {
		if !o.Override(sealers, "fabrikam.com", fabrikamAlone).ODA {
			b.Fatal("no override")
		}
	}
}
