package history

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

// Result codes of SQLite, without what extends them (https://sqlite.org/rescode.html).
const (
	sqlitePerm     = 3
	sqliteReadOnly = 8
	sqliteCantOpen = 14
)

// touch makes the file, for its owner alone: SQLite gives its other files the same mode and owner. Where root
// makes it, or a folder for it, in the folder of another user, that user gets it: a daemon that is not
// root must not be locked out by a command that root ran.
func (d database) touch(readOnly bool) error {
	if readOnly {
		_, err := os.Stat(d.path)
		if errors.Is(err, fs.ErrNotExist) {
			return d.noHistory()
		}
		return err
	}
	dir := filepath.Dir(d.path)
	if err := makeFolder(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // nobody else's, which a link may name
	if errors.Is(err, fs.ErrExist) {
		if f, err = os.OpenFile(d.path, os.O_RDWR, 0); err == nil {
			err = f.Close()
		}
		return err
	}
	if err != nil {
		return err
	}
	if uid, gid, ok := heir(dir); ok {
		err = f.Chown(uid, gid)
	}
	return errors.Join(err, f.Close())
}

// heir is whose folder it is, when root is to leave to its owner what it makes there.
func heir(dir string) (uid, gid int, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	info, err := os.Stat(dir)
	if err != nil {
		return 0, 0, false
	}
	stat := info.Sys().(*syscall.Stat_t)
	return int(stat.Uid), int(stat.Gid), stat.Uid != 0
}

// makeFolder makes a folder and those above it.
func makeFolder(dir string) error {
	above := dir
	for above != "/" {
		if _, err := os.Stat(above); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		above = filepath.Dir(above)
	}
	uid, gid, ok := heir(above)
	if above == dir || !ok {
		return os.MkdirAll(dir, 0o700)
	}
	root, err := os.OpenRoot(above) // what its owner puts there meanwhile leads nowhere else
	if err != nil {
		return err
	}
	defer root.Close()
	names := strings.Split(strings.Trim(strings.TrimPrefix(dir, above), "/"), "/")
	for i := range names {
		name := filepath.Join(names[:i+1]...)
		if err := root.Mkdir(name, 0o700); err != nil {
			return err
		}
		if err := root.Lchown(name, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// resultCode is that of an error of SQLite; 0 for another one.
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// explain adds to an error about rights whose the file is, and who this is.
func (d database) explain(err error) error {
	if err == nil || d.config != nil {
		return err
	}
	switch code := resultCode(err); {
	case code == sqlitePerm, code == sqliteReadOnly, code == sqliteCantOpen:
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
	default:
		return err
	}
	if text := d.rights(); text != "" {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// rights tells of the first file or folder that may not be written to; "" when there is none.
func (d database) rights() string {
	for _, name := range []string{d.path, d.path + walSuffix, d.path + "-shm"} {
		if text := blocked(name, unix.W_OK); text != "" {
			return text
		}
	}
	dir := filepath.Dir(d.path)
	for dir != "/" {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return blocked(dir, unix.W_OK|unix.X_OK)
}

// blocked tells whose a file is that this process may not use so.
func blocked(name string, mode uint32) string {
	err := unix.Faccessat(unix.AT_FDCWD, name, mode, unix.AT_EACCESS)
	info, statErr := os.Stat(name)
	if err == nil || statErr != nil {
		return ""
	}
	text := fmt.Sprintf("%s is of uid %d, with mode %04o, and this is uid %d",
		name, info.Sys().(*syscall.Stat_t).Uid, info.Mode().Perm(), os.Geteuid())
	if errors.Is(err, unix.EROFS) {
		text += ", on a file system that can only be read"
	}
	return text
}

const walSuffix = "-wal"

// still tells that all there is stands in the file of SQLite, and nobody writes to it.
func (d database) still() bool {
	info, err := os.Lstat(d.path + walSuffix)
	return d.config == nil && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0)
}

// stillNeeded tells that the file can be read only as one that does not change: where SQLite may not write to
// the folder, it can't tell otherwise what others do.
func (d database) stillNeeded(err error) bool {
	code := resultCode(err)
	return (code == sqliteCantOpen || code == sqliteReadOnly) && d.still()
}
