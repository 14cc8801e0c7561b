package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/template"
)

const (
	rspamdShare = "/usr/share/rspamd"
	nobody      = 65534 // the user and group it runs as, when root starts it
)

//go:embed rspamd.conf
var rspamdConfig string

func rspamdMissing() error {
	if _, err := exec.LookPath("rspamd"); err != nil {
		return errors.New("rspamd is not installed")
	}
	return nil
}

// startRspamd starts it as a milter that scans itself.
func startRspamd(ctx context.Context, _ *bench, dir string, dns netip.AddrPort) (*running, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	config := filepath.Join(dir, "rspamd.conf")
	if err := writeRspamd(config, map[string]any{"Dir": dir, "Share": rspamdShare, "Addr": address, "Resolver": dns}); err != nil {
		return nil, err
	}
	// The real list takes long to compile.
	if err := os.WriteFile(filepath.Join(dir, "tlds"), []byte("com\nexample\ntest\n"), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("rspamd", "--no-fork", "--skip-template", "--config", config)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return nil, err
		}
	}
	p, err := start(dir, "rspamd", cmd)
	if err != nil {
		return nil, err
	}
	return &running{milters: []string{"inet:" + address}, processes: []*process{p}}, p.waitFor(ctx, "tcp", address)
}

func writeRspamd(path string, data any) error {
	t, err := template.New("rspamd").Parse(rspamdConfig)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(t.Execute(file, data), file.Close())
}
