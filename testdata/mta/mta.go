// Package mta runs real mail servers for the tests and the demo: Postfix and
// Sendmail as installed by testdata/setup, on loopback, with all of their state
// in a temporary directory, independent of each other and of any other mail
// server of the machine. They need root. Beside them it runs rspamd, which says
// whether the signatures of what they delivered are valid.
//
// Divergences from the RFC: none.
package mta

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// ErrMissing is returned when the machine can't run the server: it is not
// installed, or it needs root.
var ErrMissing = errors.New("run testdata/setup as root")

const startTimeout = 60 * time.Second

//go:embed postfix sendmail rspamd
var files embed.FS

// Options configure a server. The zero value is one without milters.
type Options struct {
	Hostname string // its own name; "" is mx.example.test
	Domain   string // mail for it is delivered; "" is example.test

	// Milters in the order asked, each inet:HOST:PORT or unix:PATH.
	Milters []string
	// OnMilterFailure is accept, reject or tempfail, and for Postfix also
	// quarantine; "" is tempfail.
	OnMilterFailure string
	// Extra is more lines of main.cf or sendmail.mc.
	Extra string
}

// An MTA is a running mail server. It is safe for concurrent use.
type MTA struct {
	Name     string // "postfix" or "sendmail"
	Hostname string
	Domain   string
	Addr     netip.AddrPort // 127.0.0.1 and the port
	Addr6    netip.AddrPort // ::1 and the port; the zero value where there is no IPv6
	Dir      string         // all of its state, removed by Stop
	Inbox    *Mailbox       // what it delivered

	held  func(context.Context) ([]Held, error)
	clean func() // after the process has ended
	proc  *process
}

// A Held is a message that a milter quarantined.
type Held struct {
	ID         string // the queue id
	Sender     string // without <>
	Recipients []string
	Reason     string // as the milter gave it; Postfix does not keep it
}

// newMTA makes the directory of a server and fills in the defaults of o.
func newMTA(name string, o *Options) (*MTA, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("mta: %s can only be started by root: %w", name, ErrMissing)
	}
	def(&o.Hostname, "mx.example.test")
	def(&o.Domain, "example.test")
	def(&o.OnMilterFailure, "tempfail")
	dir, err := os.MkdirTemp("", "assay-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	m := &MTA{Name: name, Hostname: o.Hostname, Domain: o.Domain, Dir: dir}
	m.Inbox = &Mailbox{dir: m.path("mail/box/new")}
	// The servers' own users must come through.
	if err := errors.Join(os.Chmod(dir, 0o755), m.ports()); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("mta: %w", err)
	}
	return m, nil
}

func def(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func (m *MTA) path(name string) string { return filepath.Join(m.Dir, name) }

// mkdirs makes the maildir, which uid 65534 fills, and the named directories.
func (m *MTA) mkdirs(names ...string) error {
	for _, name := range append(names, "mail", "mail/box", "mail/box/new", "mail/box/tmp", "mail/box/cur") {
		if err := os.MkdirAll(m.path(name), 0o755); err != nil {
			return fmt.Errorf("mta: %w", err)
		}
		if strings.HasPrefix(name, "mail") {
			if err := os.Chown(m.path(name), 65534, 65534); err != nil {
				return fmt.Errorf("mta: %w", err)
			}
		}
	}
	return nil
}

func (m *MTA) render(name string, data any, perm os.FileMode) error {
	return render(m.Dir, name, data, perm)
}

// render writes the template of this name with data into a directory.
func render(dir, name string, data any, perm os.FileMode) error {
	t, err := template.ParseFS(files, name)
	if err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	path := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(path, []byte(b.String()), perm); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	// Postfix reads a file again and again while it is newer than a second.
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, past, past); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	return nil
}

// Log is all that the server has logged so far.
func (m *MTA) Log() string { return readLog(m.Dir) }

func readLog(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, "mta.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Held lists the quarantined messages.
func (m *MTA) Held(ctx context.Context) ([]Held, error) { return m.held(ctx) }

// Dial connects to the server and reads its banner. from is the client's own
// address: 127.0.0.0/8 or ::1, the zero Addr for 127.0.0.1. Postfix takes any
// other address by [Client.XClient]; Sendmail knows no way.
func (m *MTA) Dial(ctx context.Context, from netip.Addr) (*Client, error) {
	to := m.Addr
	if from.Is6() {
		if to = m.Addr6; !to.IsValid() {
			return nil, errors.New("mta: no IPv6 on this machine")
		}
	}
	var d net.Dialer
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	return NewClient(conn)
}

// ready waits until the server answers with its banner.
func (m *MTA) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := until(ctx, func() (bool, error) {
		select {
		case <-m.proc.done:
			return false, fmt.Errorf("ended at once: %v: %s", m.proc.err, m.proc.output.String())
		default:
		}
		c, err := m.Dial(ctx, netip.Addr{})
		if err != nil {
			return false, nil
		}
		c.Quit()
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("mta: %s: %w\n%s", m.Name, err, m.Log())
	}
	return nil
}

// Stop ends the server with all its processes and removes its directory. Idempotent.
func (m *MTA) Stop() error {
	if m.proc != nil {
		m.proc.stop()
	}
	if m.clean != nil {
		m.clean()
	}
	if err := os.RemoveAll(m.Dir); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	return nil
}

// until calls f every few milliseconds until it is true, fails or ctx ends.
func until(ctx context.Context, f func() (bool, error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := f(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
