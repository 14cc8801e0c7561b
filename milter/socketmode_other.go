//go:build !linux

package milter

import (
	"os"

	"golang.org/x/sys/unix"
)

// setSocketMode gives a unix socket its mode; a link gets none.
func setSocketMode(path string, mode os.FileMode) error {
	return unix.Fchmodat(unix.AT_FDCWD, path, uint32(mode.Perm()), unix.AT_SYMLINK_NOFOLLOW)
}
