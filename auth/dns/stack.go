package dns

import "runtime"

// GrowStack makes the stack of a new goroutine large enough for what usually follows, at once: it would
// have to be copied again and again while it grows, each time from deeper down.
//
//go:noinline
func GrowStack() {
	var room [12 << 10]byte
	runtime.KeepAlive(&room)
}
