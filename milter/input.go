package milter

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// blockSize is how much is read at once, in bytes: an ordinary message in one read, a large one in few.
// It is also what a session holds that waits in the middle of a packet, however little of that has come.
const blockSize = 32 << 10

// An input is what an MTA sent and nobody has taken yet. It holds memory only while there is
// such a thing, as most sessions wait for their MTA most of the time; and it holds what has come,
// not what a length announces. It is not safe for concurrent use.
type input struct {
	conn   net.Conn
	raw    syscall.RawConn  // nil: conn has no descriptor, and a read holds a block while it waits
	ack    func(fd uintptr) // may be nil
	blocks *blocks

	block      *block // the memory of buf; nil when there is none, or when a packet needs more
	buf        []byte
	begin, end int // buf[begin:end] has come

	readOnce func(fd uintptr) bool
	tried    func(waits bool) error // called once in each fill, between the first look at what has come and the wait; may be nil
	first    bool                   // nothing was looked at in this fill
	seen     seen                   // what the last look found
	fd       int                    // while tried is called: of conn; else -1
	failed   error                  // of that look; io.EOF at the end of the connection
	// unanswered tells that nothing is sent soon that would acknowledge what came last.
	unanswered bool
}

// What a look at a connection finds.
type seen int

const (
	unseen seen = iota // nobody has looked since, or there was something to read
	empty              // nothing has come
	ended              // nothing will come any more
)

// A block is the memory for what is read or written at once.
type block [blockSize]byte

// blocks are shared by all connections. The zero value is ready to use.
type blocks struct{ free sync.Pool }

func (b *blocks) get() *block {
	if free, ok := b.free.Get().(*block); ok {
		return free
	}
	return new(block)
}

// put takes a block back; nil is none.
func (b *blocks) put(old *block) {
	if old != nil {
		b.free.Put(old)
	}
}

func newInput(conn net.Conn, blocks *blocks) *input {
	in := &input{conn: conn, blocks: blocks, fd: -1}
	if c, ok := conn.(syscall.Conn); ok {
		in.raw, _ = c.SyscallConn() // without it, the ordinary way
	}
	if _, ok := conn.(*net.TCPConn); ok {
		in.ack = quickAck
	}
	in.readOnce = in.tryRead
	return in
}

// bytes is what has come. It is valid until the next call of take or fill.
func (in *input) bytes() []byte { return in.buf[in.begin:in.end] }

// take takes the first n bytes away.
func (in *input) take(n int) {
	if in.begin += n; in.begin == in.end {
		in.release()
	}
}

// release gives back all memory, and what is in it.
func (in *input) release() {
	in.blocks.put(in.block)
	in.block, in.buf, in.begin, in.end = nil, nil, 0, 0
}

// fill waits until more has come of a packet of at most size bytes. unanswered tells that no answer
// acknowledges what came last. The error is io.EOF at the end of the connection.
func (in *input) fill(size int, unanswered bool) error {
	in.unanswered, in.failed, in.first = unanswered, nil, true
	if in.begin > 0 {
		in.end = copy(in.buf, in.bytes())
		in.begin = 0
	}
	if in.end > 0 && in.end == len(in.buf) {
		in.grow(size)
	}
	if in.raw == nil {
		if err := in.turn(-1, empty); err != nil {
			return err
		}
		in.hold()
		n, err := in.conn.Read(in.buf[in.end:])
		return in.came(n, err)
	}
	if err := in.raw.Read(in.readOnce); err != nil {
		return in.came(0, err)
	}
	return in.failed
}

// grow makes room for more, at most the size of the packet and at most twice what there is.
func (in *input) grow(size int) {
	more := make([]byte, max(min(size, 2*len(in.buf)), len(in.buf)+1))
	end := copy(more, in.buf[:in.end])
	in.release()
	in.buf, in.end = more, end
}

// hold makes sure that there is memory.
func (in *input) hold() {
	if in.buf != nil {
		return
	}
	in.block = in.blocks.get()
	in.buf = in.block[:]
}

// came notes what a read gave. An error that comes with something shows at the next read.
func (in *input) came(n int, err error) error {
	if in.end += n; in.end == in.begin {
		in.release()
	}
	if n > 0 {
		return nil
	}
	return err
}

// tryRead reads what is there. It is false when there is nothing: the caller waits, without memory
// of ours, and calls again.
func (in *input) tryRead(fd uintptr) (done bool) {
	in.hold()
	n, err := syscall.Read(int(fd), in.buf[in.end:])
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), in.buf[in.end:])
	}
	found := unseen
	switch {
	case err == syscall.EAGAIN:
		found, err = empty, nil
	case n == 0 && err == nil:
		found, err = ended, io.EOF
	case err != nil:
		found, err = ended, in.readError(err)
	}
	in.failed = in.came(max(n, 0), err)
	if err := in.turn(int(fd), found); err != nil {
		in.failed = err
		return true
	}
	if found == empty && in.unanswered && in.ack != nil {
		in.ack(fd)
	}
	return found != empty
}

// turn calls tried, if that has not been called in this fill.
func (in *input) turn(fd int, found seen) error {
	if !in.first || in.tried == nil {
		return nil
	}
	in.first, in.fd, in.seen = false, fd, found
	err := in.tried(found == empty)
	in.fd, in.seen = -1, unseen
	return err
}

// readError is the error of a system call as the connection's own Read has it.
func (in *input) readError(err error) error {
	e := &net.OpError{Op: "read", Source: in.conn.LocalAddr(), Addr: in.conn.RemoteAddr(), Err: os.NewSyscallError("read", err)}
	if e.Source != nil {
		e.Net = e.Source.Network()
	}
	return e
}

// peerGone is errGone when the MTA has closed the connection, as far as that can be known without waiting; or what
// ended the connection else, which is told only once: the next write does not find it any more.
func (in *input) peerGone() (err error) {
	switch {
	case in.seen == ended && in.failed == io.EOF:
		err = errGone
	case in.seen == ended:
		err = in.failed
	case in.seen == unseen && in.raw != nil:
		_ = in.raw.Control(func(fd uintptr) { // of a connection that we closed, nobody asks
			if isHungUp(fd) {
				err = errGone
			}
		})
	}
	return err
}

// tryWrite writes what can be written at once, if that is at hand, and tells how much that was.
func (in *input) tryWrite(b []byte) int {
	if in.fd < 0 {
		return 0
	}
	n, _ := syscall.Write(in.fd, b) // the error shows again in an ordinary write
	return max(n, 0)
}
