package mta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

const (
	rspamdBinary = "/usr/bin/rspamd"
	rspamdShare  = "/usr/share/rspamd"
	nobody       = 65534 // the user and group it runs as, when root starts it
)

// An Rspamd is a running rspamd that verifies DKIM and ARC signatures and knows
// nothing else. It is safe for concurrent use.
type Rspamd struct {
	Addr netip.AddrPort // of its HTTP interface
	Dir  string         // all of its state, removed by Stop
	proc *process
}

// Symbols are what rspamd says of a message: ARC_ALLOW, ARC_REJECT, ARC_INVALID,
// ARC_NA, R_DKIM_ALLOW and so on, each with the details it gives.
type Symbols map[string][]string

// StartRspamd starts an rspamd that asks the resolver at this address, and waits
// until it answers. It need not be root. The error wraps [ErrMissing] when rspamd
// can't be run here.
func StartRspamd(ctx context.Context, resolver netip.AddrPort) (*Rspamd, error) {
	if _, err := os.Stat(rspamdBinary); err != nil {
		return nil, fmt.Errorf("mta: rspamd is not installed: %w", ErrMissing)
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	dir, err := os.MkdirTemp("", "assay-rspamd-")
	if err != nil {
		return nil, fmt.Errorf("mta: %w", err)
	}
	r := &Rspamd{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Dir: dir}
	if err := r.start(ctx, resolver); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

func (r *Rspamd) start(ctx context.Context, resolver netip.AddrPort) error {
	if err := r.files(resolver); err != nil {
		return err
	}
	cmd := exec.Command(rspamdBinary, "--no-fork", "--skip-template", "--config", filepath.Join(r.Dir, "rspamd.conf"))
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	cmd.Dir = r.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(r.Dir, nobody, nobody); err != nil {
			return fmt.Errorf("mta: %w", err)
		}
	}
	var err error
	if r.proc, err = startProcess(cmd, r.Dir); err != nil {
		return err
	}
	return r.ready(ctx)
}

// files writes the configuration.
func (r *Rspamd) files(resolver netip.AddrPort) error {
	return errors.Join(
		render(r.Dir, "rspamd/rspamd.conf", map[string]any{
			"Dir": r.Dir, "Share": rspamdShare, "Addr": r.Addr, "Resolver": resolver,
		}, 0o644),
		os.WriteFile(filepath.Join(r.Dir, "tlds"), []byte("com\nexample\ntest\n"), 0o644),
	)
}

// ready waits until it answers.
func (r *Rspamd) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := until(ctx, func() (bool, error) {
		select {
		case <-r.proc.done:
			return false, fmt.Errorf("ended at once: %v: %s", r.proc.err, r.proc.output.String())
		default:
		}
		_, err := r.ask(ctx, http.MethodGet, "ping", nil)
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("mta: rspamd: %w\n%s", err, r.Log())
	}
	return nil
}

// Check gives what rspamd says of a message.
func (r *Rspamd) Check(ctx context.Context, msg []byte) (Symbols, error) {
	answer, err := r.ask(ctx, http.MethodPost, "checkv2", msg)
	if err != nil {
		return nil, fmt.Errorf("mta: rspamd: %w", err)
	}
	var result struct {
		Symbols map[string]struct{ Options []string }
		Skipped bool `json:"is_skipped"`
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return nil, fmt.Errorf("mta: rspamd: %w: %s", err, answer)
	}
	if result.Skipped {
		return nil, fmt.Errorf("mta: rspamd skipped the message: %s", answer)
	}
	symbols := make(Symbols)
	for name, s := range result.Symbols {
		symbols[name] = s.Options
	}
	return symbols, nil
}

func (r *Rspamd) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.Addr.String()+"/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return answer, err
}

// Log is all that it has logged so far.
func (r *Rspamd) Log() string { return readLog(r.Dir) }

// Stop ends it and removes its directory. Idempotent.
func (r *Rspamd) Stop() error {
	if r.proc != nil {
		r.proc.stop()
	}
	if err := os.RemoveAll(r.Dir); err != nil {
		return fmt.Errorf("mta: %w", err)
	}
	return nil
}

// RspamdForTest starts an rspamd that asks this resolver, and stops it at the end
// of the test. Where it can't be run the test is skipped, as by [ForTest].
func RspamdForTest(t testing.TB, resolver netip.AddrPort) *Rspamd {
	t.Helper()
	r, err := StartRspamd(t.Context(), resolver)
	skipMissing(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rspamd log:\n%s", r.Log())
		}
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}
