package systemd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two boxes at once know nothing of each other, and leave nothing on the host.
func TestBoxes(t *testing.T) {
	before := groups(t)
	t.Run("two", func(t *testing.T) {
		one, other := Start(t, t.TempDir()), Start(t, t.TempDir())
		one.Must("systemd-run --unit=here-one sleep 1000")
		other.Must("systemd-run --unit=here-other sleep 1000")
		for name, box := range map[string]*Box{"one": one, "other": other} {
			tree := box.Must("find /sys/fs/cgroup -name 'here-*' -o -name 'assay-test-*'")
			if want := "/sys/fs/cgroup/system.slice/here-" + name + ".service\n"; tree != want {
				t.Errorf("the control groups of a box:\n%swant %s", tree, want)
			}
		}
		one.Must("systemctl stop here-one")
		if state := other.Property("here-other", "ActiveState"); state != "active" {
			t.Errorf("the unit of the other box is %s", state)
		}
	})
	for name := range groups(t) {
		if !before[name] && strings.Contains(name, "/here-") {
			t.Errorf("%s is left", name)
		}
	}
}

// groups are the control groups of the host.
func groups(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, hierarchy := range hierarchies {
		_ = filepath.WalkDir(hierarchy, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				found[path] = true
			}
			return nil
		})
	}
	return found
}
