package milter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// setSocketMode gives a unix socket that was just bound its mode. Who owns the folder may have put something else
// in its place by now: what is no socket of this process's user gets no mode, and is an error.
func setSocketMode(path string, mode os.FileMode) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) // from here on it is one file
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	switch {
	case stat.Mode&unix.S_IFMT != unix.S_IFSOCK || int(stat.Uid) != os.Geteuid() || stat.Nlink != 1:
		return errors.New("another file has taken its place")
	case os.FileMode(stat.Mode).Perm() == mode.Perm():
		return nil
	}
	// fchmod refuses such a descriptor, and fchmodat2 is not in every kernel.
	return os.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode.Perm())
}
