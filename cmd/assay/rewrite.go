package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// rewriteFile replaces the text of a file of at most limit bytes by what edit makes of
// it. Whoever reads the file has the old text or the new one, also after a power
// failure, never a part. Two that rewrite files of one folder wait for each other, up
// to maxLockWait.
// Mode and owner stay; a symbolic link stays, and what it leads to is replaced. edit is
// told whether the file exists; a new one has mode 0644. When edit fails, or the text
// is the same, nothing is written.
func rewriteFile(ctx context.Context, name string, limit int, edit func(text string, exists bool) (string, error)) error {
	name, err := resolveLink(name)
	if err != nil {
		return err
	}
	folder, err := lockFolder(ctx, filepath.Dir(name))
	if err != nil {
		return err
	}
	defer folder.Close() // ends the lock
	before, err := readListFile(name, limit)
	exists := !errors.Is(err, fs.ErrNotExist)
	if err != nil && exists {
		return fmt.Errorf("%s: %w", name, err)
	}
	after, err := edit(before, exists)
	switch {
	case err != nil:
		return err
	case after == before:
		return nil
	case len(after) > limit:
		return fmt.Errorf("%s: would be longer than %d bytes; nothing was changed", name, limit)
	}
	return replaceFile(folder, name, after)
}

// resolveLink is the file that a name leads to, which need not exist.
func resolveLink(name string) (string, error) {
	resolved, err := filepath.EvalSymlinks(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: no such folder; create it first", filepath.Dir(name))
	}
	if err != nil {
		return "", err
	}
	name = filepath.Join(folder, filepath.Base(name))
	// A file that is here now came since the first look: another's new one.
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return "", fmt.Errorf("%s: is a symbolic link to nothing; remove it", name)
	}
	return name, nil
}

// A rewrite takes milliseconds, so that the lock is had soon, unless somebody keeps it:
// anybody can lock a folder that they can read.
const (
	maxLockWait  = 10 * time.Second
	lockInterval = 10 * time.Millisecond // between two attempts
)

// lockFolder opens a folder and waits until no other process has it locked, at most for
// maxLockWait and until ctx is done.
func lockFolder(ctx context.Context, name string) (*os.File, error) {
	folder, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	locked := fmt.Errorf("another process keeps this folder locked; end it (fuser -v %s shows it) and try again", name)
	ctx, cancel := context.WithTimeoutCause(ctx, maxLockWait, locked)
	defer cancel()
	if err := lock(ctx, folder); err != nil {
		folder.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return folder, nil
}

// lock tries until it has the lock or ctx is done. A flock(2) that waits could not be ended.
func lock(ctx context.Context, f *os.File) error {
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		err := ignoringEINTR(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// replaceFile puts a new file with the text in the place of the old one.
func replaceFile(folder *os.File, name, text string) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".assay-*")
	if err != nil {
		return err
	}
	err = fill(temp, name, text)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // the first error tells more
		return err
	}
	return folder.Sync()
}

// fill writes the text to disk, into a file of the mode and owner of name.
func fill(temp *os.File, name, text string) error {
	if _, err := temp.WriteString(text); err != nil {
		return err
	}
	if err := dressAs(temp, name); err != nil {
		return err
	}
	return temp.Sync()
}

// dressAs gives a file the mode and the owner of another.
func dressAs(temp *os.File, name string) error {
	var old, now unix.Stat_t
	err := unix.Stat(name, &old)
	if errors.Is(err, unix.ENOENT) {
		return temp.Chmod(0o644)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := unix.Fstat(int(temp.Fd()), &now); err != nil {
		return fmt.Errorf("%s: %w", temp.Name(), err)
	}
	if old.Uid != now.Uid || old.Gid != now.Gid {
		if err := temp.Chown(int(old.Uid), int(old.Gid)); err != nil {
			return fmt.Errorf("keep the owner of %s: %w", name, withoutPath(err))
		}
	}
	return temp.Chmod(os.FileMode(old.Mode & 0o777))
}
