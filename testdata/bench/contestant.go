package main

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"assay/testdata/corpus"
	"assay/testdata/load"
)

// A contestant can be started any number of times.
type contestant struct {
	key     string
	name    string
	parts   []string // the names of its milters; nil: one
	methods []string // that it evaluates: "spf", "dkim", "dmarc", "arc"
	floor   bool     // the lower bound
	rival   bool
	missing func() error // why it can't be started here; nil: it can
	start   func(ctx context.Context, b *bench, dir string, dns netip.AddrPort) (*running, error)
}

// contestants are all of them in their order.
func contestants() []*contestant {
	all := []string{"spf", "dkim", "dmarc", "arc"}
	here := func() error { return nil }
	return []*contestant{
		{key: "floor", name: "the floor", methods: all, floor: true, missing: here, start: startFloor},
		{key: "assay", name: "assay", methods: all, missing: here, start: startAssay},
		{
			key: "chain", name: "pyspf-milter, opendkim, opendmarc", parts: []string{"pyspf-milter", "opendkim", "opendmarc"},
			methods: []string{"spf", "dkim", "dmarc"}, rival: true, missing: chainMissing, start: startChain,
		},
		{key: "rspamd", name: "rspamd", methods: all, rival: true, missing: rspamdMissing, start: startRspamd},
	}
}

// A running contestant is one or more milters.
type running struct {
	contestant *contestant
	milters    []string   // their addresses, in the order of smtpd_milters
	processes  []*process // one of each milter
}

func (r *running) stop() {
	for _, p := range r.processes {
		p.stop()
	}
}

// cpu is the CPU time of each milter.
func (r *running) cpu() (times []time.Duration) {
	for _, p := range r.processes {
		times = append(times, p.cpu())
	}
	return times
}

// settledMemory is the memory of all processes, in bytes, once they have computed nothing for
// some time.
func (r *running) settledMemory(ctx context.Context) (sum int, err error) {
	const calm = 300 * time.Millisecond
	last, since := r.cpu(), time.Now()
	for deadline := time.Now().Add(20 * time.Second); time.Since(since) < calm && time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(calm / 10):
		}
		if now := r.cpu(); !slices.Equal(now, last) {
			last, since = now, time.Now()
		}
	}
	for _, p := range r.processes {
		n, err := p.memory()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// wanted are those of the sample's results that the contestant gives.
func (c *contestant) wanted(s *corpus.Sample) (want []string) {
	for _, w := range s.Want {
		for _, method := range c.methods {
			if strings.HasPrefix(w, method+"=") {
				want = append(want, w)
			}
		}
	}
	return want
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

const assayConfig = `authserv_id = "mx.example.test"
spoofed_senders_file = ""
state_dir = %q
[milter]
listen = ["inet:%s"]
[dns]
servers = [%q]
[arc]
trusted_sealers_file = ""
`

// startAssay starts it with its defaults: the history in a file, one line of the log for each
// message.
func startAssay(ctx context.Context, b *bench, dir string, dns netip.AddrPort) (*running, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	config := filepath.Join(dir, "assay.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, assayConfig, dir, address, dns), 0o644); err != nil {
		return nil, err
	}
	p, err := start(dir, "assay", exec.Command(b.assay, "serve", "-c", config))
	if err != nil {
		return nil, err
	}
	return &running{milters: []string{"inet:" + address}, processes: []*process{p}}, p.waitFor(ctx, "tcp", address)
}

// startFloor starts the floor, which answers as assay does: assay is asked first.
func startFloor(ctx context.Context, b *bench, dir string, dns netip.AddrPort) (*running, error) {
	path := filepath.Join(dir, "plan")
	if err := b.writePlan(ctx, path, dir, dns); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(program, "-floor", path)
	cmd.Stdout = in
	p, err := start(dir, "floor", cmd)
	in.Close()
	if err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("floor: %w: %s", err, p.tail())
	}
	address = strings.TrimSpace(address)
	return &running{milters: []string{"inet:" + address}, processes: []*process{p}}, p.waitFor(ctx, "tcp", address)
}

// writePlan writes down how assay answers each warm sample.
func (b *bench) writePlan(ctx context.Context, path, dir string, dns netip.AddrPort) error {
	assay, err := startAssay(ctx, b, dir, dns)
	if err != nil {
		return err
	}
	defer assay.stop()
	plan := floorPlan{Messages: map[string]floorMessage{}}
	for _, samples := range b.mail.kinds {
		negotiation, answers, err := load.Answers(ctx, assay.milters[0], samples)
		if err != nil {
			return err
		}
		plan.Negotiation = negotiation
		for i, s := range samples {
			plan.Messages[s.ID] = floorMessage{Work: s.Work, Answer: answers[i]}
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return gob.NewEncoder(file).Encode(plan)
}
