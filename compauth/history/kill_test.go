package history

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// childVariable makes this test binary a process that writes to the database it names.
const childVariable = "ASSAY_TEST_HISTORY_CHILD"

// batchSize is how many messages the child records between two writes.
const batchSize = 50

// writeForever records and writes, and says after each write how many messages there are, until
// it is killed.
func writeForever(path string) {
	tune := standard()
	tune.every = time.Hour
	s, err := open(Options{Database: "sqlite:" + path}, tune)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := 0; ; {
		for range batchSize {
			s.Record(Message{Verdict: good, Pair: Pair{OrgDomain: fmt.Sprintf("example%d.com", n%400), PTR: "sender.example"}})
			n++
		}
		reply := make(chan error)
		s.writes <- reply
		if err := <-reply; err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// TestKill9 kills a process that writes, again and again: the database stays whole, and
// keeps what the process knew to be written.
func TestKill9(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	before := 0
	for round := range 5 {
		told := killWriter(t, path)
		reader := openTest(t, "sqlite:"+path, func(o *Options, _ *tuning) { o.ReadOnly = true })
		if got := reader.count("SELECT SUM(good) FROM assay_pair"); got < before+told {
			t.Errorf("round %d: a reader finds %d messages, %d before, %d told", round, got, before, told)
		}
		reader.close()
		s := openTest(t, "sqlite:"+path)
		n := s.count("SELECT SUM(good) FROM assay_pair")
		if n < before+told || n > before+told+batchSize || n%batchSize != 0 {
			t.Errorf("round %d: %d messages, %d before, %d told", round, n, before, told)
		}
		before = n
		s.close()
		if text := integrity(t, path); text != "ok" {
			t.Fatalf("round %d: %s", round, text)
		}
	}
}

// killWriter starts a process that writes, kills it at some moment, and gives how many messages
// it had written as far as it said.
func killWriter(t *testing.T, path string) int {
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writes := 1 + rand.N(20)
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); writes-- {
		if told, err = strconv.Atoi(lines.Text()); err != nil {
			t.Error(err)
		}
		if writes == 0 {
			// Somewhere in one of the next writes.
			time.AfterFunc(rand.N(10*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() >= 0 {
		t.Errorf("not killed: %v", err)
	}
	return told
}
