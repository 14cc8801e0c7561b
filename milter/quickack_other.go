//go:build !linux

package milter

// quickAck: other systems have no such option.
func quickAck(uintptr) {}
