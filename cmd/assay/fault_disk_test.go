package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// With the state folder and the log on one full file system, mail goes on; once there is room, both are
// written again.
func TestFaultFullDisk(t *testing.T) {
	t.Parallel()
	dir := tinyDisk(t)
	logged := filepath.Join(dir, "log")
	scraped := freePort(t)
	p := prepareFaulty(t, mtaZone, fmt.Sprintf("metrics.listen = [\"inet:%s\"]\n", scraped)+withHistory("sqlite:"+filepath.Join(dir, "history.db")))
	log, err := os.OpenFile(logged, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p.wrap = func(cmd *exec.Cmd) { cmd.Stderr = log }
	p.launch()
	_ = log.Close()
	until(t, "the daemon to listen", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.listen, "inet:"))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	p.steady(3, "the start")
	p.waitSeen(3)
	end := fillDisk(t, dir)
	until(t, "the history to be down", func() bool {
		p.normal("a full disk")
		return p.metric(scraped, "assay_history_up") == 0
	})
	p.steady(20, "a full disk") // more lines than the last block of the log has room for
	end()
	until(t, "the history to be up", func() bool { return p.metric(scraped, "assay_history_up") == 1 })
	p.waitSeen(23)
	p.normal("room again")
	for _, text := range []string{"log lines were lost", "the history database is back"} {
		until(t, text, func() bool {
			p.normal("room again") // lines with which what waits is written
			data, err := os.ReadFile(logged)
			return err == nil && strings.Contains(string(data), text)
		})
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// metric is a value of the metrics that the daemon serves at an address.
func (p *process) metric(address, name string) float64 {
	t := p.t
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+" ")
	word, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.ParseFloat(word, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}
