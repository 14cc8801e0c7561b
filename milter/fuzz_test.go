package milter

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// FuzzSession sends any bytes as an MTA's stream. The session ends with the
// stream, and nothing of it stays.
func FuzzSession(f *testing.F) {
	offer := string(packet('O', offering(6, offeredActions, offeredProtocol)))
	replying := string(packet('O', offering(6, offeredActions, 0)))
	connect := string(packet('C', cstrings("m.example")+"4\x00\x19"+cstrings("192.0.2.1")))
	macros := string(packet('D', "C"+cstrings("j", "mx", "{client_addr}", "IPv6:::1", "odd")))
	mail := string(packet('M', cstrings("<a@example.com>", "SIZE=1"))) + string(packet('R', cstrings("<b@example.com>")))
	header := string(packet('L', cstrings("From", " a@example.com\n x"))) + string(packet('N', ""))
	body := string(packet('B', "hello\r\n")) + string(packet('E', ""))
	f.Add("")
	f.Add(offer)
	f.Add(offer + macros + connect + mail + header + body + mail + header + body + string(packet('Q', "")))
	f.Add(replying + connect + string(packet('H', cstrings("x"))) + mail + string(packet('A', "")) + header + body)
	f.Add(replying + connect + mail + string(packet('H', "x")) + header + connect + body + body)
	f.Add(offer + string(packet('U', "x")) + string(packet('T', "")) + string(packet('L', "a\x00b\x00c\x00")))
	f.Add(offer + string(packet('D', "")))
	f.Add(offer + "\xff\xff\xff\xff")
	f.Fuzz(func(t *testing.T, stream string) {
		v := &fake{}
		d := newDaemon(v)
		ours, theirs := socketPair(t)
		d.slots <- struct{}{}
		d.Server.start(ours)
		_ = theirs.SetDeadline(time.Now().Add(10 * time.Second))
		go func() {
			_, _ = io.WriteString(theirs, stream) // the milter may have closed it
			_ = theirs.(*net.UnixConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, theirs); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		_ = theirs.Close()
		d.running.Wait()
		if !v.ended() || d.Panics() != 0 || len(d.slots) != 0 {
			t.Errorf("%d panics, calls:\n%s", d.Panics(), v.history())
		}
	})
}

// socketPair is the two ends of a connection that has descriptors.
func socketPair(t testing.TB) (ours, theirs net.Conn) { return pairOf(t, syscall.SOCK_STREAM) }

// pairOf is a pair of sockets of a type.
func pairOf(t testing.TB, socketType int) (ours, theirs net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, socketType, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socket")
		ends[i], err = net.FileConn(file)
		_ = file.Close() // a copy is in use
		if err != nil {
			t.Fatal(err)
		}
	}
	return ends[0], ends[1]
}
