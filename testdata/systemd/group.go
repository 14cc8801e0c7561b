package systemd

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// hierarchies are where a host may have its control groups: those that a systemd makes use of.
var hierarchies = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"}

// Group is the name of a control group that nobody has, for a script to make and enter in each hierarchy. It is removed at
// the end of the test with those below it; what runs in them has to be ended by a later t.Cleanup. Where there are no
// control groups, as in a bare chroot, no systemd can run: the test is skipped.
func Group(t testing.TB) string {
	if !slices.ContainsFunc(hierarchies, isHierarchy) {
		t.Skip("no control groups are mounted here, a systemd can't run")
	}
	name := "assay-test-" + rand.Text()
	t.Cleanup(func() {
		for _, hierarchy := range hierarchies {
			if err := removeGroup(filepath.Join(hierarchy, name)); err != nil {
				t.Error(err)
			}
		}
	})
	return name
}

func isHierarchy(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "cgroup.procs"))
	return err == nil
}

// removeGroup removes a control group with those below it, once their processes have ended.
func removeGroup(root string) error {
	var dirs []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for _, dir := range slices.Backward(dirs) {
		err := os.Remove(dir)
		for limit := time.Now().Add(10 * time.Second); errors.Is(err, syscall.EBUSY) && time.Now().Before(limit); err = os.Remove(dir) {
			time.Sleep(10 * time.Millisecond) // the kernel tells nobody when the last one has left
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
