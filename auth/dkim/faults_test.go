package dkim

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// corpusTime is the time by which generated messages are verified: far enough
// ahead that the library, which has its own clock, comes to the same.
var corpusTime = time.Unix(4_000_000_000, 0)

// A fault is a reason why the library and our engine differ, told from the
// message alone.
type fault struct {
	name string
	is   func(c *comparison) bool
}

// rules are what we refuse, by RFC 6376 or by policy, where the library goes on.
var rules = []fault{
	{"not the grammar of a tag-list", func(c *comparison) bool {
		_, value, _ := strings.Cut(c.sig.field.Raw, ":")
		return !refTagList.MatchString(value)
	}},
	{"not the grammar of a tag", func(c *comparison) bool {
		for name, grammar := range refTags {
			if v, ok := c.sig.tags.Get(name); ok && !grammar.MatchString(v) {
				return true
			}
		}
		return false
	}},
	{"t= in the future", func(c *comparison) bool {
		t, ok := c.time("t")
		return ok && t > corpusTime.Unix()+86400
	}},
	{"x= not after t=", func(c *comparison) bool {
		t, signed := c.time("t")
		x, expires := c.time("x")
		return signed && expires && x <= t
	}},
	{"no From field, or one that is not signed", func(c *comparison) bool {
		return c.header.Count("from") == 0 || c.header.Count("from") > c.named("from")
	}},
	{"t=s and i= in a subdomain", func(c *comparison) bool {
		_, domain, _ := strings.Cut(c.tag("i"), "@")
		return strings.EqualFold(c.tag("s"), "strict") && domain != "" && !strings.EqualFold(domain, c.tag("d"))
	}},
}

// The grammar of RFC 6376 sections 3.2 and 3.5, as regular expressions.
var (
	refFWS     = `(?:[ \t]*\r\n[ \t]+|[ \t])*`
	refTagSpec = refFWS + `[A-Za-z][A-Za-z0-9_]*` + refFWS + `=(?:[!-:<-~\x80-\xff \t]|\r\n[ \t])*`
	refTagList = regexp.MustCompile(`^` + refTagSpec + `(?:;` + refTagSpec + `)*(?:;` + refFWS + `)?$`)
	refDomain  = `[A-Za-z0-9_\x80-\xff-]+(?:\.[A-Za-z0-9_\x80-\xff-]+)`
	refTags    = map[string]*regexp.Regexp{
		"a": regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9]+$`),
		"b": regexp.MustCompile(`^(?:` + refFWS + `[A-Za-z0-9+/=])+$`),
		"c": regexp.MustCompile(`^(?i:simple|relaxed)(?:/(?i:simple|relaxed))?$`),
		"d": regexp.MustCompile(`^` + refDomain + `+$`),
		"h": regexp.MustCompile(`^[!-9<-~]+(?:` + refFWS + `:` + refFWS + `[!-9<-~]+)*$`),
		"i": regexp.MustCompile(`^\S*@` + refDomain + `+$`),
		"q": regexp.MustCompile(`^[a-z/A-Z]+(?:` + refFWS + `:` + refFWS + `[a-z/A-Z]+)*$`),
		"s": regexp.MustCompile(`^` + refDomain + `*$`),
		"t": regexp.MustCompile(`^[0-9]{1,12}$`),
		"x": regexp.MustCompile(`^[0-9]{1,12}$`),
	}
)

// libraryFaults are those that facts.md of the design and the tests of this package know.
var libraryFaults = []fault{
	{"letter case of a=, c= or q=", func(c *comparison) bool {
		all := c.tag("a") + c.tag("c") + c.tag("q")
		return all != strings.ToLower(all)
	}},
	{"i= and d= spelled differently", func(c *comparison) bool {
		i := strings.Join(strings.Fields(c.tag("i")), "")
		return i != "" && !strings.HasSuffix(i, "@"+c.tag("d")) && !strings.HasSuffix(i, "."+c.tag("d"))
	}},
	{"b= in another tag", func(c *comparison) bool {
		b, _ := c.sig.tags.find("b")
		exact := c.sig.field.Raw[:b.start] + c.sig.field.Raw[b.end:]
		return librarySignature.ReplaceAllString(c.sig.field.Raw, "$1") != exact
	}},
	{"the signature's own field by h=", func(c *comparison) bool {
		below := 0
		for _, f := range c.header[c.sig.index:] {
			if f.Is("dkim-signature") {
				below++
			}
		}
		return c.named("dkim-signature") >= below
	}},
	{"bare CR in a relaxed field", func(c *comparison) bool {
		bare := false
		for _, f := range c.header {
			covered := c.named(strings.ToLower(strings.TrimRight(f.Name, " \t"))) > 0
			bare = bare || covered && strings.Contains(strings.ReplaceAll(f.Raw, "\r\n", ""), "\r")
		}
		return bare && c.sig.headerCanon == Relaxed
	}},
	{"bare CR in a relaxed body", func(c *comparison) bool {
		return c.sig.bodyCanon == Relaxed && strings.Contains(strings.ReplaceAll(c.body, "\r\n", ""), "\r")
	}},
	{"bare LF in the body", bareLF},
}

func bareLF(c *comparison) bool {
	return strings.Contains(strings.ReplaceAll(c.body, "\r\n", ""), "\n")
}

// librarySignature is how the library finds the value of b=.
var librarySignature = regexp.MustCompile(`(b\s*=)[^;]+`)

func (c *comparison) time(name string) (int64, bool) {
	n, err := strconv.ParseInt(c.tag(name), 10, 64)
	return n, err == nil
}

// named is how often h= has a name.
func (c *comparison) named(lowerName string) (n int) {
	for name := range strings.SplitSeq(c.tag("h"), ":") {
		if strings.ToLower(strings.TrimSpace(name)) == lowerName {
			n++
		}
	}
	return n
}
