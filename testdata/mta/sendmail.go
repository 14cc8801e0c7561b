package mta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// sendmailTree is the unpacked Sendmail that testdata/setup makes.
func sendmailTree() string {
	if dir := os.Getenv("ASSAY_SENDMAIL"); dir != "" {
		return dir
	}
	return "/var/cache/assay/sendmail"
}

// StartSendmail starts a Sendmail in namespaces of its own (UTS, mount, PID)
// and waits until it accepts mail. The error wraps [ErrMissing] when it can't
// be run here.
func StartSendmail(ctx context.Context, o Options) (*MTA, error) {
	if _, err := os.Stat(filepath.Join(sendmailTree(), "usr/libexec/sendmail/sendmail")); err != nil {
		return nil, fmt.Errorf("mta: sendmail is not unpacked: %w", ErrMissing)
	}
	if _, err := exec.LookPath("m4"); err != nil {
		return nil, fmt.Errorf("mta: m4 is not installed: %w", ErrMissing)
	}
	m, err := newMTA("sendmail", &o)
	if err != nil {
		return nil, err
	}
	m.held = m.sendmailHeld
	if err := m.startSendmail(ctx, o); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

func (m *MTA) startSendmail(ctx context.Context, o Options) error {
	if err := errors.Join(m.sendmailFiles(o), m.sendmailConfig(ctx), m.collectLog()); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", m.path("start"), o.Hostname, m.Dir,
		filepath.Join(sendmailTree(), "usr/libexec/sendmail/sendmail"), "-C", m.path("sendmail.cf"), "-bD", "-q10s")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWUTS | syscall.CLONE_NEWNS,
	}
	var err error
	if m.proc, err = startProcess(cmd, m.Dir); errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: sendmail needs namespaces (CAP_SYS_ADMIN): %w", err, ErrMissing)
	} else if err != nil {
		return err
	}
	return m.ready(ctx)
}

// sendmailFiles writes the sources of the configuration and makes the directories.
func (m *MTA) sendmailFiles(o Options) error {
	filters, err := sendmailSnippets(o)
	if err != nil {
		return err
	}
	data := map[string]any{
		"Dir": m.Dir, "Hostname": o.Hostname, "Port": m.Addr.Port(), "Port6": m.Addr6.Port(),
		"Filters": filters, "Extra": o.Extra,
	}
	if err := errors.Join(
		m.mkdirs("queue", "dev"),
		m.render("sendmail/sendmail.mc", data, 0o644),
		m.render("sendmail/deliver", data, 0o755),
		m.render("sendmail/start", data, 0o755),
	); err != nil {
		return err
	}
	return errors.Join(
		os.Chmod(m.path("queue"), 0o700),
		os.WriteFile(m.path("service.switch"), []byte("hosts files\naliases files\npasswd files\n"), 0o644),
		os.WriteFile(m.path("statistics"), nil, 0o600),
	)
}

// sendmailConfig makes sendmail.cf.
func (m *MTA) sendmailConfig(ctx context.Context) error {
	cf := filepath.Join(sendmailTree(), "usr/share/sendmail/cf") + "/"
	cmd := exec.CommandContext(ctx, "m4", "-D_CF_DIR_="+cf, cf+"m4/cf.m4", m.path("sendmail.mc"))
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("mta: m4: %w: %s", err, warnings.String())
	}
	if err := os.WriteFile(m.path("sendmail.cf"), out, 0o644); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	return nil
}

// collectLog receives what the server sends to the /dev/log of its namespace
// and writes it to the log file.
func (m *MTA) collectLog() error {
	file, err := os.Create(m.path("mta.log"))
	if err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path("dev/log"), Net: "unixgram"})
	if err != nil {
		file.Close()
		return fmt.Errorf("mta: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			file.Write(append(bytes.TrimRight(buf[:n:n], "\n\x00"), '\n'))
		}
	}()
	m.clean = func() {
		conn.Close()
		<-done
		file.Close()
	}
	return nil
}

// sendmailHeld reads the queue files of quarantined messages, which begin with hf.
func (m *MTA) sendmailHeld(context.Context) ([]Held, error) {
	names, err := filepath.Glob(m.path("queue/hf*"))
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	slices.Sort(names)
	var held []Held
	for _, name := range names {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("mta: %w", err)
		}
		held = append(held, parseQueueFile(strings.TrimPrefix(filepath.Base(name), "hf"), string(b)))
	}
	return held, nil
}

// parseQueueFile reads a Sendmail queue file: one letter a line says what the rest is.
func parseQueueFile(id, text string) Held {
	h := Held{ID: id}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "":
		case line[0] == 'S':
			h.Sender = strings.Trim(line[1:], "<>")
		case line[0] == 'q':
			h.Reason = line[1:]
		case line[0] == 'R':
			_, rcpt, _ := strings.Cut(line, ":")
			h.Recipients = append(h.Recipients, strings.Trim(rcpt, "<>"))
		}
	}
	return h
}
