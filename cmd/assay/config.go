package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"assay/arc"
	"assay/auth"
	"assay/auth/authres"
	"assay/auth/dkim"
	"assay/milter"
)

// A Config is what the config file says, each key with its default filled in.
// The options table (config_table.go) says what each key means and allows. The
// zero value is not valid; loadConfig and parseConfig give one that is.
type Config struct {
	AuthServID         string   // never "HOSTNAME": that is resolved
	AcceptedDomains    []string // lower case, A-labels
	TrustedNetworks    []netip.Prefix
	InternalRelays     []netip.Prefix
	HeaderStyles       []authres.Style // one, or both: RFC8601 first
	TrustedAuthServIDs []string        // never our own
	RemoveAllAuthRes   bool
	ReceivedSPF        bool
	SPFHelo            bool
	SPFFullAddress     bool
	HideClientIP       bool
	QuarantineHeader   bool
	Implicit           bool
	SpoofedSendersFile string   // absolute; "" for none
	SharedMX           []string // lower case, A-labels
	LogFormat          string   // "logfmt" or "json"
	User               string   // USER or USER:GROUP, that need not exist; "" for none
	StateDir           string   // absolute; "" for the default, which depends on the environment

	Milter  MilterConfig
	DNS     DNSConfig
	DKIM    DKIMConfig
	ARC     ARCConfig
	Policy  PolicyConfig
	History HistoryConfig
	Metrics MetricsConfig
	Limits  LimitsConfig

	file  string         // "" when the defaults are used
	lines map[string]int // where the file sets a key; no line: it doesn't
}

// MilterConfig is the section [milter].
type MilterConfig struct {
	Listen         []milter.Address // at least one, no two the same
	SocketMode     os.FileMode
	MaxSessions    int           // at least 1
	IdleTimeout    time.Duration // 0: no limit
	MessageTimeout time.Duration // above 0
}

// DNSConfig is the section [dns].
type DNSConfig struct {
	Servers      []netip.AddrPort // none: those of /etc/resolv.conf
	Timeout      time.Duration    // above 0, at most Milter.MessageTimeout
	MaxInFlight  int              // at least 1
	CacheEntries int              // at least 1
	MaxTTL       time.Duration    // above 0
	MinTTL       time.Duration    // at most MaxTTL
	NegativeTTL  time.Duration    // 0: negative answers are not kept
}

// DKIMConfig is the section [dkim].
type DKIMConfig struct {
	MaxSignatures int // at least 1
	MinRSABits    int // at least 1024
	Engine        dkim.Engine
}

// ARCConfig is the section [arc].
type ARCConfig struct {
	TrustedSealers     []arc.Sealer // in addition to the file, no two the same
	TrustedSealersFile string       // absolute; "" for none

	Seal     bool   // with it the following are not empty
	Domain   string // d= of our seals
	Selector string // s= of our seals
	KeyFile  string // absolute
}

// PolicyConfig is the section [policy].
type PolicyConfig struct {
	DMARCReject     auth.Action // Accept stands for "none"
	DMARCQuarantine auth.Action // Accept or Quarantine
	CompauthFail    auth.Action // Accept stands for "none"
	SpoofBlock      auth.Action // Accept stands for "none"
	DNSFailure      auth.Action // Accept or TempFail
	OnError         auth.Action // Accept or TempFail
	RejectText      string      // printable ASCII, at most 200 bytes; "" is the text of our own
}

// HistoryConfig is the section [history].
type HistoryConfig struct {
	Database       string // "", sqlite:FILE, where FILE may be relative to StateDir, or a postgres:// URL
	MinMessages    int    // at least 1
	MinDays        int    // at least 1
	MaxDomains     int    // at least 1
	RetentionDays  int    // at least 30
	OverrideReject bool
}

// MetricsConfig is the section [metrics].
type MetricsConfig struct {
	Listen []milter.Address // never fd; none: nothing is served
}

// LimitsConfig is the section [limits]: what of a message is looked at. Sizes are bytes.
type LimitsConfig struct {
	HeaderSize, HeaderFields, FieldSize, Recipients int
	Tags, SignedNames, ARCSets                      int
	MIMEDepth                                       int
	DNSQuestions                                    int
}

// A ConfigError is one mistake in a config.
type ConfigError struct {
	File string // "" for the built-in defaults
	Line int    // from 1; 0 when no line is to blame
	Key  string // with its section, "dns.timeout"; "" for a mistake of syntax
	Text string // what is wrong; what to do
}

// Error is one line, FILE:LINE: KEY: TEXT.
func (e ConfigError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(printable(e.File))
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Text)
	return b.String()
}

// ConfigErrors is every mistake of a config, in the order of the lines.
type ConfigErrors []ConfigError

// Error is one line for each mistake.
func (e ConfigErrors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// maxConfigSize bounds a config file, in bytes.
const maxConfigSize = 256 << 10

// loadConfig reads the config that a command is to use: file if it is given,
// else p.configFile if that exists, else the built-in defaults. Every error is
// a ConfigErrors.
func (p *program) loadConfig(file string) (*Config, error) {
	given := file != ""
	if !given {
		file = p.configFile
	}
	data, err := readFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return parseConfig(nil, "", p.hostname)
	case err != nil:
		return nil, ConfigErrors{{File: file, Text: err.Error()}}
	}
	return parseConfig(data, file, p.hostname)
}

// readFile reads a config file of at most maxConfigSize bytes.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigSize+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(data) > maxConfigSize {
		return nil, fmt.Errorf("is longer than %d bytes; is this the right file?", maxConfigSize)
	}
	return data, nil
}

// withoutPath strips the name of the file, which the message has already.
func withoutPath(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// parseConfig reads a config; file is its name for messages. The error is a
// ConfigErrors with every mistake, as far as one can be told from another.
func parseConfig(data []byte, file string, hostname func() (string, error)) (*Config, error) {
	c := defaultConfig()
	c.file = file
	in := newInterpreter(c, data)
	in.interpret()
	in.finish(hostname)
	if len(in.mistakes) == 0 {
		c.lines = in.lineNumbers()
		return c, nil
	}
	return nil, in.errors(file)
}

// defaultConfig is the config of an empty file, the host's name still open.
func defaultConfig() *Config {
	c := new(Config)
	for _, o := range options() {
		if wrong := o.set(c, literal(o.byDefault)); len(wrong) > 0 {
			panic("assay: the default of " + o.name + " is not valid: " + wrong[0].text)
		}
	}
	return c
}

// errors gives the mistakes their places, sorted, no two the same.
func (in *interpreter) errors(file string) ConfigErrors {
	slices.SortStableFunc(in.mistakes, func(a, b mistake) int { return a.offset - b.offset })
	errs := make(ConfigErrors, len(in.mistakes))
	for i, m := range in.mistakes {
		errs[i] = ConfigError{File: file, Key: m.key, Text: m.text}
		if m.offset >= 0 {
			line, column := in.lines.position(m.offset)
			errs[i].Line = line
			if m.key == "" {
				errs[i].Text = fmt.Sprintf("column %d: %s", column, m.text)
			}
		}
	}
	return slices.Compact(errs)
}
