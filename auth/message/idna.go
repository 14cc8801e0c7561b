package message

import "golang.org/x/net/idna"

var (
	// uLabels takes U-labels as they have to be, but for underscores and for
	// hyphens in the third and fourth place, which are in use.
	uLabels = idna.New(idna.ValidateForRegistration(), idna.StrictDomainName(false), idna.CheckHyphens(false))

	// anyLabels maps what looks like a domain to what a program may look up
	// (Unicode Technical Standard 46).
	anyLabels = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.CheckHyphens(false))
)
