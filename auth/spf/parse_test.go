package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"assay/auth/dns"
)

func TestIsRecord(t *testing.T) {
	for text, want := range map[string]bool{
		"v=spf1": true, "v=spf1 ": true, "v=spf1 -all": true, "V=SpF1 -all": true,
		"": false, "v=spf": false, "v=spf10 -all": false, " v=spf1": false, "v=spf1\t-all": false,
		"v=spf1;-all": false, "v=\u017fpf1": false, "v=\u017fpf1 -all": false, "spf2.0/pra -all": false,
	} {
		if got := isRecord(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

// parseTests are the terms of records and the error in them.
var parseTests = map[string]error{
	"":                              nil,
	"   ":                           nil,
	"ALL":                           nil,
	"+all -all ~ALL ?all":           nil,
	"all/8":                         errArgument,
	"all:":                          errArgument,
	"++all":                         errUnknown,
	"-":                             errUnknown,
	"moo":                           errUnknown,
	":a.test":                       errUnknown,
	"ip":                            errUnknown,
	"a":                             nil,
	"A:b.test":                      nil,
	"a/0":                           nil,
	"a/32//128":                     nil,
	"a//0":                          nil,
	"a:b.test/24//64":               nil,
	"a:b/24.test":                   nil,
	"a:b.test/":                     errTopLabel,
	"a:b.test//":                    errTopLabel,
	"a/":                            errNoDomain,
	"a//":                           errNoDomain,
	"a/24/64":                       errPrefixLength,
	"a/24/32":                       errNoDomain,
	"a//64/24":                      errNoDomain,
	"a///64":                        errNoDomain,
	"a/33":                          errPrefixLength,
	"a//129":                        errPrefixLength,
	"a/99999999999999999999":        errPrefixLength,
	"a/00":                          errPrefixLength,
	"a/024":                         errPrefixLength,
	"a/2x":                          errNoDomain,
	"a/-1":                          errNoDomain,
	"a:":                            errNoDomain,
	"a:/24":                         errNoDomain,
	"a:%{d}/24":                     nil,
	"mx:%{d}//64":                   nil,
	"mx/24:b.test":                  errNoDomain,
	"ptr":                           nil,
	"ptr:b.test":                    nil,
	"ptr/24":                        errNoDomain,
	"include":                       errNoDomain,
	"include:":                      errNoDomain,
	"include/24":                    errNoDomain,
	"include:b.test/24":             errTopLabel,
	"exists":                        errNoDomain,
	"exists:%{ir}.b.test":           nil,
	"exists:%{t}.b.test":            errMacroLetter,
	"ip4":                           errNoNetwork,
	"ip4/24":                        errNoNetwork,
	"ip4:":                          errNetwork,
	"ip4:1.2.3.4":                   nil,
	"ip4:1.2.3.4/0":                 nil,
	"ip4:1.2.3.4/33":                errPrefixLength,
	"ip4:1.2.3.4//32":               errNetwork,
	"ip4:1.2.3":                     errNetwork,
	"ip4:1.2.3.04":                  errNetwork,
	"ip4:1.2.3.4.5":                 errNetwork,
	"ip4:::1":                       errNetwork,
	"ip4:::ffff:1.2.3.4":            errNetwork,
	"ip6:1.2.3.4":                   errNetwork,
	"ip6:::":                        nil,
	"ip6:::1/128":                   nil,
	"ip6:::1/129":                   errPrefixLength,
	"ip6:::ffff:1.2.3.4/96":         nil,
	"ip6:fe80::1%eth0":              errNetwork,
	"ip6:1::2::3":                   errNetwork,
	"redirect=b.test":               nil,
	"REDIRECT=b.test":               nil,
	"redirect=":                     errNoDomain,
	"redirect=test":                 errTopLabel,
	"redirect=b.test/24":            errTopLabel,
	"redirect:b.test":               errUnknown,
	"-redirect=b.test":              errUnknown,
	"redirect=a.test redirect=%{d}": errTwice,
	"exp=a.test Exp=a.test":         errTwice,
	"exp=a.test redirect=a.test":    nil,
	"exp=%{c}.test":                 errMacroLetter,
	"x=":                            nil,
	"x=%{c}%{r}%{t}/:=":             nil,
	"x=%":                           errMacroPercent,
	"x=%{q}":                        errMacroLetter,
	"a.b-c_1=z x=1 x=2":             nil,
	"_x=1":                          errUnknown,
	"=":                             errUnknown,
	"a\tall":                        errNonASCII,
	"a\x00":                         errNonASCII,
	"\x7fall":                       errNonASCII,
	"all\xff":                       errNonASCII,
	"x=é":                           errNonASCII,
	"all \u212aall":                 errNonASCII,
}

func TestParseRecord(t *testing.T) {
	for terms, want := range parseTests {
		t.Run(terms, func(t *testing.T) {
			r, err := parseRecord("v=spf1 " + terms)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if (r == nil) == (err == nil) {
				t.Errorf("record %v with error %v", r, err)
			}
		})
	}
}

func TestParseRecordReads(t *testing.T) {
	r, err := parseRecord("v=spf1  ip4:192.0.2.77/24 -a:B.test/16//56  ~mx ?include:%{D2r-}x.test exp=e.test redirect=r.test ")
	if err != nil {
		t.Fatal(err)
	}
	literal := func(text string) macroString { return macroString{{literal: text}} }
	want := &record{
		directives: []directive{
			{text: "ip4:192.0.2.77/24", result: Pass, mechanism: mechIP4, network: netip.MustParsePrefix("192.0.2.0/24")},
			{text: "-a:B.test/16//56", result: Fail, mechanism: mechA, bits4: 16, bits6: 56, target: literal("B.test")},
			{text: "~mx", result: SoftFail, mechanism: mechMX, bits4: 32, bits6: 128},
			{text: "?include:%{D2r-}x.test", result: Neutral, mechanism: mechInclude, target: macroString{
				{letter: 'd', escape: true, reverse: true, keep: 2, delimiters: "-"},
				{literal: "x.test"},
			}},
		},
		redirect: literal("r.test"),
		exp:      literal("e.test"),
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got\n%+v\nwant\n%+v", r, want)
	}
}

// What a cache is said to hold is what it holds, about, and never more than its bound: for records that are as
// large as can be, and for those that are usual.
func TestRecordCacheMemory(t *testing.T) {
	const size = 1000
	for name, term := range map[string]string{
		"directives": "include:x ", "networks": "ip4:1.2.3.4/5 ", "macros": "exists:%{s}%{d} ", "usual": "",
		"macros in one": "exists:" + strings.Repeat("%{s}", 60) + " ", "bad": "oops",
	} {
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		before := heap()
		c := NewRecordCache(size)
		for i := range 3 * size {
			text := fmt.Sprintf("v=spf1 include:n%d.example ", i)
			if term != "" {
				text += strings.Repeat(term, (maxCachedText-len(text))/len(term))
			}
			_, _ = c.parse(text)
		}
		held, said := heap()-before, int64(c.records.Bytes())
		if held > 3*said/2 || said > size*dns.ParsedBytes || name == "usual" && c.records.Len() < size*9/10 {
			t.Errorf("%s: %d records, %d bytes, said to be %d", name, c.records.Len(), held, said)
		}
		runtime.KeepAlive(c)
	}
	if a, b := reflect.TypeFor[directive]().Size(), reflect.TypeFor[macroPart]().Size(); a != directiveBytes || b != partBytes {
		t.Errorf("%d and %d bytes", a, b)
	}
}

func TestRecordCache(t *testing.T) {
	c := NewRecordCache(2)
	good, bad := "v=spf1 a -all", "v=spf1 oops"
	first, err := c.parse(good)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := c.parse(strings.Clone(good)); again != first {
		t.Error("parsed again")
	}
	_, err1 := c.parse(bad)
	if _, err2 := c.parse(bad); err1 == nil || err1 != err2 {
		t.Errorf("errors %v and %v", err1, err2)
	}
	long := "v=spf1 " + strings.Repeat("ip4:192.0.2.1 ", 100)
	many := "v=spf1 " + strings.Repeat("a ", maxCachedDirectives+1)
	for _, text := range []string{long, many} {
		r1, _ := c.parse(text)
		if r2, _ := c.parse(text); r1 == nil || r1 == r2 {
			t.Errorf("kept a record of %d bytes and %d directives", len(text), len(r1.directives))
		}
	}
	if c.records.Len() != 2 {
		t.Errorf("keeps %d records", c.records.Len())
	}
	if NewRecordCache(0) != nil || NewRecordCache(-1) != nil {
		t.Error("a cache of no size")
	}
	if r, err := (*RecordCache)(nil).parse(good); r == nil || err != nil {
		t.Errorf("without a cache: %v", err)
	}
}
