//go:build !linux

package milter

import "net"

// quickAck: other systems have no such option.
func quickAck(net.Conn) func() { return nil }
