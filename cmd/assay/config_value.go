package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/sys/unix"

	"assay/auth"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/auth/dns"
	"assay/auth/message"
	"assay/compauth/history"
	"assay/milter"
)

// Short names for what the options table holds.
type (
	prefix   = netip.Prefix
	addrPort = netip.AddrPort
)

// choices is the words that an option takes, in the order to be shown.
type choices[T any] []struct {
	word string
	is   T
}

var (
	headerStyles = choices[[]authres.Style]{
		{"rfc8601", []authres.Style{authres.RFC8601}},
		{"microsoft", []authres.Style{authres.Microsoft}},
		{"both", []authres.Style{authres.RFC8601, authres.Microsoft}},
	}
	logFormats        = choices[string]{{"logfmt", "logfmt"}, {"json", "json"}}
	dkimEngines       = choices[dkim.Engine]{{"assay", dkim.EngineAssay}, {"go-msgauth", dkim.EngineGoMsgauth}}
	rejectActions     = choices[auth.Action]{{"none", auth.Accept}, {"quarantine", auth.Quarantine}, {"reject", auth.Reject}}
	quarantineActions = choices[auth.Action]{{"none", auth.Accept}, {"quarantine", auth.Quarantine}}
	failureActions    = choices[auth.Action]{{"pass", auth.Accept}, {"tempfail", auth.TempFail}}
	errorActions      = choices[auth.Action]{{"accept", auth.Accept}, {"tempfail", auth.TempFail}}
)

// list names the words: "logfmt, json".
func (c choices[T]) list() string {
	words := make([]string, len(c))
	for i := range c {
		words[i] = c[i].word
	}
	return strings.Join(words, ", ")
}

// choice is an option that takes one of a few words.
func choice[T any](words choices[T], field func(*Config) *T) kind {
	parse := func(text string) (is T, err error) {
		for _, w := range words {
			if w.word == text {
				return w.is, nil
			}
		}
		return is, fmt.Errorf("%s is not known; write one of %s", display(text), words.list())
	}
	format := func(is T) string {
		for _, w := range words {
			if reflect.DeepEqual(w.is, is) {
				return w.word
			}
		}
		return ""
	}
	return single(words[0].word, parse, format, field)
}

// duration is an option that is a time from low to high.
func duration(low, high time.Duration, field func(*Config) *time.Duration) kind {
	parse := func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%s is no duration; write one such as \"25s\", \"15m\" or \"1h30m\"", display(text))
		case d < low && low > 0:
			return 0, fmt.Errorf("%s is too short; write more than \"0s\"", display(text))
		case d < low:
			return 0, fmt.Errorf("%s is negative; write \"0s\" or more", display(text))
		case d > high:
			return 0, fmt.Errorf("%s is too long; write at most %q", display(text), formatDuration(high))
		}
		return d, nil
	}
	return single("25s", parse, formatDuration, field)
}

// formatDuration writes 2h, not 2h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func asIs(s string) string { return s }

// stringOf is the String method as a function.
func stringOf[T fmt.Stringer](x T) string { return x.String() }

// maxNameLength bounds an authserv-id, in bytes.
const maxNameLength = 255

// parseAuthServID takes the name for our fields. RFC 8601 section 2.2 allows
// any value; only tokens and U-labels are taken here, which every reader of
// the field knows how to compare.
func parseAuthServID(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("is empty; write a name such as \"mx.example.org\"")
	case len(text) > maxNameLength:
		return "", fmt.Errorf("has %d bytes; write a name of at most %d", len(text), maxNameLength)
	case !utf8.ValidString(text):
		return "", errors.New("is not UTF-8; write a name such as \"mx.example.org\"")
	}
	for _, r := range text {
		if r <= ' ' || r >= 0x7f && r < 0xa1 || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) {
			return "", fmt.Errorf("%q may not hold %q; write a name such as \"mx.example.org\"", clip(text), r)
		}
	}
	return text, nil
}

// parseTrustedID takes the name of another host, in lower case: they are
// compared without regard to case.
func parseTrustedID(text string) (string, error) {
	if strings.EqualFold(text, hostnameWord) {
		return "", errors.New("HOSTNAME stands for a name only as authserv_id; write the name of the other host")
	}
	id, err := parseAuthServID(text)
	return strings.ToLower(id), err
}

// parseNetwork takes 192.0.2.0/24 or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	var network netip.Prefix
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		network = netip.PrefixFrom(addr, addr.BitLen())
	} else if network, err = netip.ParsePrefix(text); err != nil {
		return prefix{}, fmt.Errorf("%s is no network; write one such as \"192.0.2.0/24\" or \"2001:db8::/32\"", display(text))
	}
	switch {
	case network.Addr().Is4In6() && network.Bits() >= 96:
		v4 := netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96).Masked()
		return prefix{}, fmt.Errorf("%s is IPv4 written as IPv6; write %q", display(text), v4)
	case network != network.Masked():
		return prefix{}, fmt.Errorf("%s has bits set after its length; write %q", display(text), network.Masked())
	}
	return network, nil
}

// parseServer takes an address, with a port or not.
func parseServer(text string) (netip.AddrPort, error) {
	server, err := dns.ParseServer(text)
	if err != nil {
		return addrPort{}, fmt.Errorf("%s is no address of a resolver; write one such as \"192.0.2.53:53\" or \"[2001:db8::53]:53\"", display(text))
	}
	return server, nil
}

// parseMode takes permissions as chmod does: three octal digits, with a 0
// before them or not.
func parseMode(text string) (os.FileMode, error) {
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || len(text) < 3 || len(text) > 4 || mode > 0o777 {
		return 0, fmt.Errorf("%s is no file mode; write octal digits from \"0000\" to \"0777\"", display(text))
	}
	return os.FileMode(mode), nil
}

func formatMode(m os.FileMode) string { return fmt.Sprintf("%04o", uint32(m)) }

// parseListPath takes the path of a file that the daemon reads and commands change, or
// "" for none. They may run in different folders, so it has to be absolute.
func parseListPath(text string) (string, error) {
	switch {
	case text == "":
		return "", nil
	case printable(text) != text || len(text) >= unix.PathMax:
		return "", fmt.Errorf("%s is no path of a file; write one such as \"/etc/assay/trusted-sealers\"", display(text))
	case !filepath.IsAbs(text):
		return "", fmt.Errorf("%s is not absolute; write one such as %q", display(text), filepath.Join("/etc/assay", clip(text)))
	case strings.HasSuffix(text, "/"):
		return "", fmt.Errorf("%s is a folder; write the file in it, too", display(text))
	}
	return filepath.Clean(text), nil
}

// parseOwnName takes a domain or a selector, or "" for none, and makes A-labels of it.
func parseOwnName(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	name, err := message.ToASCII(text)
	if err != nil {
		return "", fmt.Errorf("%s is no domain name; write one such as \"example.org\"", display(text))
	}
	return name, nil
}

// parseDomain takes a domain that stands for its subdomains, too, and makes A-labels of it.
func parseDomain(text string) (string, error) {
	bare := strings.TrimLeft(text, "*.@")
	name, err := message.ToASCII(bare)
	_, notAddress := netip.ParseAddr(text)
	suffix, official := publicsuffix.PublicSuffix(name)
	switch {
	case err != nil || notAddress == nil:
		return "", fmt.Errorf("%s is no domain name; write one such as \"example.org\"", display(text))
	case bare != text:
		return "", fmt.Errorf("%s is more than a domain name, and subdomains count anyway; write %q", display(text), name)
	case suffix == name && official:
		return "", fmt.Errorf("%s has domains of many owners below it; write a domain of one, such as \"example.org\"", display(text))
	}
	return name, nil
}

// parseUser takes USER or USER:GROUP, whether they exist or not, or "".
func parseUser(text string) (string, error) {
	user, group, grouped := strings.Cut(text, ":")
	if text != "" && (!isAccount(user) || grouped && !isAccount(group)) {
		return "", fmt.Errorf("%s is no user; write one such as \"assay\" or \"assay:assay\"", display(text))
	}
	return text, nil
}

// isAccount tells whether text may name a user or a group, or be the number of one.
func isAccount(text string) bool {
	return text != "" && len(text) <= 255 && text[0] != '-' &&
		strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}

// parseMetricsAddress takes what milter.ParseAddress takes, but for fd: those sockets are the MTA's.
func parseMetricsAddress(text string) (milter.Address, error) {
	a, err := milter.ParseAddress(text)
	if err == nil && a.Network == "fd" {
		return milter.Address{}, fmt.Errorf("%s is for the MTA; write an address such as \"inet:127.0.0.1:9893\"", display(text))
	}
	return a, err
}

// parseFolder takes the path of a folder, or "" for the default.
func parseFolder(text string) (string, error) {
	switch {
	case text == "":
		return "", nil
	case printable(text) != text || len(text) >= unix.PathMax:
		return "", fmt.Errorf("%s is no path of a folder; write one such as \"/var/lib/assay\"", display(text))
	case !filepath.IsAbs(text):
		return "", fmt.Errorf("%s is not absolute; write one such as %q", display(text), filepath.Join("/var/lib", clip(text)))
	}
	return filepath.Clean(text), nil
}

// parseDatabase takes the place of the history. The password of a URL reaches no message: the
// option is a secret.
func parseDatabase(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	return text, history.CheckDatabase(text)
}

// parseReplyText takes text for an SMTP reply: one line of printable ASCII
// (RFC 5321 section 4.2), short enough for the line with the codes and for log lines.
func parseReplyText(text string) (string, error) {
	const most = 200
	if len(text) > most {
		return "", fmt.Errorf("has %d characters; write at most %d", len(text), most)
	}
	for _, r := range text {
		if r < ' ' || r > '~' {
			return "", fmt.Errorf("may not hold %+q; write one line of ASCII", r)
		}
	}
	return text, nil
}

// clip shortens text for a message.
func clip(text string) string {
	if len(text) > 64 {
		return strings.ToValidUTF8(text[:64], "") + "…"
	}
	return text
}
