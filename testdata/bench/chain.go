package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
)

// Configs of the chain, of a socket, a folder and the resolver's address: those of Debian's packages, but for names, addresses, and what is said
// in the notes of the table.
const (
	spfConfig = `debugLevel = 0
TestOnly = 1
HELO_reject = False
Mail_From_reject = False
PermError_reject = False
TempError_Defer = False
skip_addresses = 127.0.0.0/8,::ffff:127.0.0.0/104,::1
Authserv_Id = mx.example.test
Socket = local:%[1]s
PidFile = %[2]s/pyspf.pid
UserID = root
InternalHosts = 127.0.0.1
`
	dkimConfig = `Syslog no
Mode v
AuthservID mx.example.test
AlwaysAddARHeader yes
OversignHeaders From
Socket local:%[1]s
PidFile %[2]s/opendkim.pid
UserID root
Nameservers %[3]s
`
	dmarcConfig = `Syslog false
AuthservID mx.example.test
TrustedAuthservIDs mx.example.test
Socket local:%[1]s
PidFile %[2]s/opendmarc.pid
UserID root
`
)

// chainLinks are the milters of the chain in the order of smtpd_milters: opendmarc needs what
// the others find.
var chainLinks = []struct {
	name, config string
	args         []string // the config file comes behind
	methods      []string
}{
	{"pyspf-milter", spfConfig, nil, []string{"spf"}},
	{"opendkim", dkimConfig, []string{"-f", "-x"}, []string{"dkim"}},
	{"opendmarc", dmarcConfig, []string{"-f", "-c"}, []string{"dmarc"}},
}

// chainMissing tells what keeps the chain from running here.
func chainMissing() error {
	for _, l := range chainLinks {
		if _, err := exec.LookPath(l.name); err != nil {
			return fmt.Errorf("%s is not installed", l.name)
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("only root can give pyspf-milter and opendmarc another /etc/resolv.conf, which they ask by")
	}
	return nil
}

// startChain starts all three. They get an /etc/resolv.conf of their own.
func startChain(ctx context.Context, _ *bench, dir string, dns netip.AddrPort) (*running, error) {
	resolv := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(resolv, fmt.Appendf(nil, "nameserver %s\n", dns.Addr()), 0o644); err != nil {
		return nil, err
	}
	r := &running{}
	for _, l := range chainLinks {
		socket := filepath.Join(dir, l.name+".sock")
		config := filepath.Join(dir, l.name+".conf")
		if err := os.WriteFile(config, fmt.Appendf(nil, l.config, socket, dir, dns.Addr()), 0o644); err != nil {
			return r, err
		}
		path, err := exec.LookPath(l.name)
		if err != nil {
			return r, err
		}
		const script = `mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`
		args := append([]string{"--mount", "--propagation", "private", "sh", "-c", script, "sh", resolv, path}, l.args...)
		cmd := exec.Command("unshare", append(args, config)...)
		p, err := start(dir, l.name, cmd)
		if err != nil {
			return r, err
		}
		r.processes = append(r.processes, p)
		r.milters = append(r.milters, "unix:"+socket)
		if err := p.waitFor(ctx, "unix", socket); err != nil {
			return r, err
		}
	}
	return r, nil
}
