package milter

import (
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"assay/auth/dns/dnstest"
)

// memoryOfSessions is what this many sessions hold, in bytes each: heap and stacks, with what the
// sockets of both sides take in this process.
func memoryOfSessions(t testing.TB, addr net.Addr, count int, begin func(*mta)) int {
	t.Helper()
	memory := func() int {
		debug.FreeOSMemory()
		runtime.GC() // this one shrinks stacks and empties pools
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int(stats.HeapAlloc + stats.StackInuse)
	}
	before := memory()
	for range count {
		m := connected(t, addr, offeredActions, offeredProtocol)
		m.macros = nil
		begin(m)
	}
	return (memory() - before) / count
}

// A session that waits for its MTA costs little more than its goroutine, and in the middle of a packet a
// block more.
func TestMemoryOfIdleSessions(t *testing.T) {
	const sessions = 200
	v := verifierOf{realVerifier(dnstest.NewResolver(t, zone))}
	for name, tt := range map[string]struct {
		begin func(*mta)
		most  int
	}{
		"negotiated": {func(*mta) {}, 32 << 10},
		"after a message": {func(m *mta) {
			m.hello()
			m.message("I1", "a@example.com", "X-Long: "+strings.Repeat("x", 30000))
		}, 40 << 10},
		"half a packet": {func(m *mta) {
			m.hello()
			_, _ = m.Write([]byte("\x00\x01\xff\xffLhalf")) // the length says 128 KB
		}, 52 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, v)
			got := memoryOfSessions(t, d.addr, sessions, tt.begin)
			t.Logf("%d bytes each", got)
			if got > tt.most {
				t.Errorf("%d bytes each, at most %d are well", got, tt.most)
			}
		})
	}
}
