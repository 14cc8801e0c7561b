package main

import "runtime"

// heapRoom is how much garbage may gather, in bytes, before it is collected, however little is live. Left
// alone, the runtime would collect every 4 MiB of a small heap: a hundred times a second on a busy server, for
// a tenth of its CPU.
const heapRoom = 16 << 20

// makeHeapRoom makes room for garbage: memory that the collector takes for live, and that is never touched, so
// that it takes none from the system. The price is that the process may grow by as much while it is busy. A heap
// that is large already, and one that GOGC or GOMEMLIMIT is for, is left to the runtime.
func (p *program) makeHeapRoom() (release func()) {
	if p.getenv("GOGC") != "" || p.getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	room := make([]byte, heapRoom)
	return func() { runtime.KeepAlive(room) }
}
