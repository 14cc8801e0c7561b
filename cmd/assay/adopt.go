package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"assay/compauth/history"
)

// rootAlone tells that a file is root's, and that nobody else may write to it.
func rootAlone(info os.FileInfo) bool {
	return info.Sys().(*syscall.Stat_t).Uid == 0 && info.Mode().Perm()&0o022 == 0
}

// openFolder opens a folder, which may be reached by links where they are asked for.
func openFolder(name string, flags int) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|flags, 0)
}

// makeFolder makes a folder of the account's, if there is none and the one above it is root's alone: what
// others may change there could lead anywhere. It is false where there was none to make.
func (a *account) makeFolder(dir string, mode os.FileMode) (made bool, err error) {
	above, err := openFolder(filepath.Dir(dir), 0)
	if err != nil {
		return false, nil // whoever needs the folder will say so
	}
	defer above.Close()
	if info, err := above.Stat(); err != nil || !rootAlone(info) {
		return false, err
	}
	name := filepath.Base(dir)
	switch err := unix.Mkdirat(int(above.Fd()), name, uint32(mode)); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	fd, err := unix.Openat(int(above.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	return true, errors.Join(f.Chmod(mode), f.Chown(a.uid, a.gid)) // whatever the umask
}

// historySuffixes are those of the files of a history of SQLite.
var historySuffixes = []string{"", "-wal", "-shm", "-journal"}

// historyFiles are the files that a history may have.
func historyFiles(file string) (files []string) {
	for _, suffix := range historySuffixes {
		files = append(files, file+suffix)
	}
	return files
}

// historyFile is the file of the history with its whole path; "" where there is none or it is no file.
func (d *daemon) historyFile() string {
	database, err := d.p.database(d.config, false)
	if err != nil {
		return ""
	}
	file, _ := history.SQLiteFile(database)
	return file
}

// takeHistory gives the account the folder of the history, which is made where there is none, and the files in it. One
// that a daemon left that ran as root is adopted: it, and the folder above it, have to be root's alone, and there
// may be nothing in it but the history, so that it is no folder of somebody else's. Another one is left as it is.
func (a *account) takeHistory(file string) error {
	dir := filepath.Dir(file)
	if made, err := a.makeFolder(dir, 0o750); made || err != nil {
		return err
	}
	above, err := os.Stat(filepath.Dir(dir))
	if err != nil || !rootAlone(above) {
		return nil
	}
	f, err := openFolder(dir, unix.O_NOFOLLOW)
	if err != nil {
		return nil // the history will say so
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !rootAlone(info) {
		return err
	}
	names, _ := f.Readdirnames(len(historySuffixes) + 1)
	if len(names) == 0 || !adoptable(f, names, filepath.Base(file)) {
		return nil
	}
	for _, name := range names {
		if err := unix.Fchownat(int(f.Fd()), name, a.uid, a.gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "chown", Path: filepath.Join(dir, name), Err: err}
		}
	}
	return f.Chown(a.uid, a.gid) // last: from here on the account may put there what it likes
}

// adoptable tells that the files of a folder, which nobody but root can change, are those of a history and
// root's, and in no other folder.
func adoptable(dir *os.File, names []string, history string) bool {
	known := historyFiles(history)
	for _, name := range names {
		var stat unix.Stat_t
		if !slices.Contains(known, name) || unix.Fstatat(int(dir.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil {
			return false
		}
		if stat.Mode&unix.S_IFMT != unix.S_IFREG || stat.Uid != 0 || stat.Nlink != 1 {
			return false
		}
	}
	return true
}

// lockedOut says that the account may not write the history, and what to do; "" when it may, where it is no file, and
// when the daemon is who it was at the start.
func (a *account) lockedOut(file string) string {
	if a == nil || file == "" {
		return ""
	}
	dir := filepath.Dir(file)
	denied := func(name string, mode uint32) bool { return errors.Is(unix.Access(name, mode), unix.EACCES) }
	if !denied(dir, unix.W_OK|unix.X_OK) && !slices.ContainsFunc(historyFiles(file), func(name string) bool { return denied(name, unix.W_OK) }) {
		return ""
	}
	return fmt.Sprintf("user %s, who the daemon became, may not write it: give it a folder of its own (chown %d:%d %s %s*), and restart", a.name, a.uid, a.gid, dir, file)
}
