package mta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// daemons are the places where packages put Postfix's own programs.
var daemons = [...]string{"/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix/bin", "/usr/lib/postfix"}

// StartPostfix starts a Postfix and waits until it accepts mail. The error
// wraps [ErrMissing] when it can't be run here.
func StartPostfix(ctx context.Context, o Options) (*MTA, error) {
	daemonDir := ""
	for _, dir := range daemons {
		if _, err := os.Stat(filepath.Join(dir, "master")); err == nil {
			daemonDir = dir
			break
		}
	}
	if daemonDir == "" {
		return nil, fmt.Errorf("mta: postfix is not installed: %w", ErrMissing)
	}
	m, err := newMTA("postfix", &o)
	if err != nil {
		return nil, err
	}
	m.held = m.postfixHeld
	if err := m.startPostfix(ctx, o, daemonDir); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

func (m *MTA) startPostfix(ctx context.Context, o Options, daemonDir string) error {
	if err := m.postfixFiles(o, daemonDir); err != nil {
		return err
	}
	// Not by postfix(1), whose checks take seconds.
	cmd := exec.Command(filepath.Join(daemonDir, "master"), "-c", m.Dir, "-s")
	cmd.Env = append(os.Environ(), "MAIL_CONFIG="+m.Dir, "LC_ALL=C")
	var err error
	if m.proc, err = startProcess(cmd, m.Dir); err != nil {
		return err
	}
	return m.ready(ctx)
}

// postfixFiles writes the configuration and makes the directories.
func (m *MTA) postfixFiles(o Options, daemonDir string) error {
	snippet, err := postfixSnippet(o)
	if err != nil {
		return err
	}
	data := map[string]any{
		"Dir": m.Dir, "Daemons": daemonDir, "Hostname": o.Hostname, "Domain": o.Domain,
		"Interfaces": "127.0.0.1", "Protocols": "ipv4", "Port": m.Addr.Port(), "Port6": m.Addr6.Port(),
		"Snippet": snippet, "Extra": o.Extra,
	}
	if m.Addr6.IsValid() {
		data["Interfaces"], data["Protocols"] = "127.0.0.1, [::1]", "all"
	}
	if err := errors.Join(
		m.mkdirs("spool", "spool/pid"),
		m.render("postfix/main.cf", data, 0o644),
		m.render("postfix/master.cf", data, 0o644),
	); err != nil {
		return err
	}
	return m.queueDirs()
}

// queueDirs makes the directories that belong to Postfix's user.
func (m *MTA) queueDirs() error {
	owner, err := user.Lookup("postfix")
	if err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	queues := []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
		"incoming", "maildrop", "private", "public", "saved", "trace"}
	dirs := []string{m.path("data")}
	for _, q := range queues {
		dirs = append(dirs, m.path("spool/"+q))
	}
	for _, dir := range dirs {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, uid, -1)); err != nil {
			return fmt.Errorf("mta: %w", err)
		}
	}
	return nil
}

// postfixHeld reads the hold queue.
func (m *MTA) postfixHeld(ctx context.Context) ([]Held, error) {
	out, err := exec.CommandContext(ctx, "/usr/sbin/postqueue", "-c", m.Dir, "-j").Output()
	if err != nil {
		return nil, fmt.Errorf("mta: postqueue: %w", err)
	}
	var held []Held
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var entry struct {
			Queue      string `json:"queue_name"`
			ID         string `json:"queue_id"`
			Sender     string
			Recipients []struct{ Address string }
		}
		if err := d.Decode(&entry); err == io.EOF {
			return held, nil
		} else if err != nil {
			return nil, fmt.Errorf("mta: postqueue: %w", err)
		}
		if entry.Queue != "hold" {
			continue
		}
		h := Held{ID: entry.ID, Sender: entry.Sender}
		for _, r := range entry.Recipients {
			h.Recipients = append(h.Recipients, r.Address)
		}
		held = append(held, h)
	}
}
