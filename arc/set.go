package arc

import (
	"errors"
	"fmt"

	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/message"
)

// maxFields bounds the ARC fields that are read: no chain that passes has more.
const maxFields = 3 * MaxSets

// A chain is the ARC fields of a message by instance.
type chain struct {
	sets    [MaxSets + 1]*link // by instance; [0] is not used
	fields  int
	maxTags int      // of one signature, as by dkim.FieldTags
	newest  int      // the highest instance
	problem *failure // the first of the structure that a single field has
}

// A link is a Set and what its signatures are verified with.
type link struct {
	Set
	hasAAR bool
	ams    *signature // nil if there is none, like as
	as     *signature
}

// A failure is why a signature or a chain fails.
type failure struct {
	reason    string
	temporary bool
	err       error
}

func failed(reason string) *failure { return &failure{reason: reason} }

// of names the field and the instance that a failure is about.
func (f *failure) of(what string, instance int) *failure {
	named := *f
	named.reason = fmt.Sprintf("%s %d: %s", what, instance, f.reason)
	return &named
}

// collect reads the ARC fields of a header (RFC 8617 section 5.2, step 1).
func collect(h message.Header, maxTags int) *chain {
	c := chain{maxTags: maxTags}
	for i, f := range h {
		read := c.reader(f)
		if read == nil {
			continue
		}
		if c.fields++; c.fields > maxFields {
			c.note(failed("too many ARC fields"))
			break
		}
		if v := read(i, f); v != nil {
			c.note(v)
		}
	}
	return &c
}

// hasFields tells whether a header has an ARC field.
func hasFields(h message.Header) bool {
	for i := range h {
		if f := &h[i]; mayBeField(f) && (f.Is(AuthenticationResults) || f.Is(MessageSignature) || f.Is(Seal)) {
			return true
		}
	}
	return false
}

// mayBeField is false for nearly every field.
func mayBeField(f *message.Field) bool { return len(f.Name) >= len(Seal) && f.Name[0]|0x20 == 'a' }

// reader is the method that reads a field; nil if it is no ARC field.
func (c *chain) reader(f message.Field) func(int, message.Field) *failure {
	switch {
	case !mayBeField(&f):
		return nil
	case f.Is(AuthenticationResults):
		return c.addResults
	case f.Is(MessageSignature):
		return c.addMessageSignature
	case f.Is(Seal):
		return c.addSeal
	}
	return nil
}

func (c *chain) note(v *failure) {
	if c.problem == nil {
		c.problem = v
	}
}

// set is the link of a valid instance.
func (c *chain) set(instance int) *link {
	if c.sets[instance] == nil {
		c.sets[instance] = &link{Set: Set{Instance: instance}}
	}
	c.newest = max(c.newest, instance)
	return c.sets[instance]
}

func (c *chain) addResults(_ int, f message.Field) *failure {
	instance, results, err := authres.ParseARC(f.Value())
	if instance == 0 {
		return &failure{reason: "no valid instance in " + AuthenticationResults, err: err}
	}
	l := c.set(instance)
	if l.hasAAR {
		return duplicate(AuthenticationResults, instance)
	}
	l.hasAAR, l.AAR, l.Results, l.ResultsErr = true, f, results, err
	return nil
}

func (c *chain) addMessageSignature(i int, f message.Field) *failure {
	s, instance, v := newSignature(i, f, MessageSignature, c.maxTags)
	if v != nil {
		return v
	}
	l := c.set(instance)
	if l.ams != nil {
		return duplicate(MessageSignature, instance)
	}
	l.ams, l.AMS = s, f
	return nil
}

func (c *chain) addSeal(i int, f message.Field) *failure {
	s, instance, v := newSignature(i, f, Seal, c.maxTags)
	if v != nil {
		return v
	}
	l := c.set(instance)
	if l.as != nil {
		return duplicate(Seal, instance)
	}
	l.as, l.AS = s, f
	l.ChainValidation = s.chainValidation()
	return nil
}

func duplicate(name string, instance int) *failure {
	return failed(fmt.Sprintf("several %s of instance %d", name, instance))
}

// newSignature reads the tag-list and the instance of a field.
func newSignature(index int, f message.Field, name string, maxTags int) (*signature, int, *failure) {
	tags, err := dkim.FieldTags(f, maxTags)
	switch {
	case errors.Is(err, dkim.ErrTooManyTags):
		return nil, 0, &failure{reason: "too many tags in " + name, err: err}
	case err != nil:
		return nil, 0, &failure{reason: "malformed " + name, err: err}
	}
	position, _ := tags.Get("i")
	instance := authres.Instance(position)
	if instance == 0 {
		return nil, 0, failed("no valid instance in " + name)
	}
	return &signature{index: index, field: f, tags: tags}, instance, nil
}

// check validates the structure (RFC 8617 section 5.2, steps 1 to 3).
func (c *chain) check(maxSets int) *failure {
	newest := c.sets[c.newest]
	switch {
	case c.newest > maxSets:
		return failed("too many ARC sets")
	case newest != nil && newest.ChainValidation == Fail:
		return failed(fmt.Sprintf("failed before instance %d", c.newest))
	case c.problem != nil:
		return c.problem
	}
	for i := 1; i <= c.newest; i++ {
		if v := c.sets[i].check(i); v != nil {
			return v
		}
	}
	return nil
}

// check validates the structure of the set of this instance; nil is one without
// fields.
func (l *link) check(instance int) *failure {
	want := Pass
	if instance == 1 {
		want = None
	}
	missing := ""
	switch {
	case l == nil:
		return failed(fmt.Sprintf("no ARC set of instance %d", instance))
	case !l.hasAAR:
		missing = AuthenticationResults
	case l.ams == nil:
		missing = MessageSignature
	case l.as == nil:
		missing = Seal
	case l.ChainValidation != want:
		return failed(fmt.Sprintf("wrong cv= in %s of instance %d", Seal, instance))
	default:
		return nil
	}
	return failed(fmt.Sprintf("no %s of instance %d", missing, instance))
}
