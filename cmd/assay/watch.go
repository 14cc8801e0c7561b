package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchInterval is the time between two looks at the files that are read again when
// they change. A change is due after three looks at the latest.
const watchInterval = 500 * time.Millisecond

// An identity tells one content of a file from another, as far as that can be told
// without reading it. Identities are equal when nothing was done to the file.
type identity struct {
	device, inode     uint64
	size              int64
	modified, changed unix.Timespec
	err               unix.Errno // why there is none, such as ENOENT
}

// identify looks at a file, or at what a symbolic link leads to.
func identify(name string) identity {
	var stat unix.Stat_t
	err := ignoringEINTR(func() error { return unix.Stat(name, &stat) })
	if err != nil {
		var errno unix.Errno
		errors.As(err, &errno)
		return identity{err: errno}
	}
	return identity{device: uint64(stat.Dev), inode: stat.Ino, size: stat.Size, modified: stat.Mtim, changed: stat.Ctim}
}

// ignoringEINTR repeats a system call that a signal interrupts.
func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// A watch tells when a file has to be read again. The zero value watches nothing.
type watch struct {
	name   string
	read   identity // when it was read
	seen   identity // at the last look
	behind int      // looks since it is no longer what was read
}

// begin is called before the file is read: what happens to it from then on is a change.
func (w *watch) begin(name string) {
	*w = watch{name: name}
	if name != "" {
		w.read = identify(name)
		w.seen = w.read
	}
}

// due looks at the file. It is true when the file has changed, came or went since
// begin, and is at rest: the same at two looks. An editor that writes a file in place
// is so given the time to end. A file that is never at rest is due at the third look.
func (w *watch) due() bool {
	if w.name == "" {
		return false
	}
	now := identify(w.name)
	atRest := now == w.seen
	w.seen = now
	if now == w.read {
		w.behind = 0
		return false
	}
	w.behind++
	return atRest || w.behind >= 3
}

// readListFile reads a regular file of at most limit bytes. It does not wait for
// the writer of a pipe. Errors don't name the file.
func readListFile(name string, limit int) (string, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", withoutPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("is no regular file; name the file with the list")
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return "", withoutPath(err)
	}
	if len(data) > limit {
		return "", fmt.Errorf("is longer than %d bytes; is this the right file?", limit)
	}
	return string(data), nil
}
