//go:build !linux

package milter

import "net"

// listenTCP is how TCP sockets are bound: package net turns keepalive on for each of their connections.
func listenTCP() *net.ListenConfig { return &net.ListenConfig{} }
