package netdev

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"hypernova/oslo/ids"
)

const ownMounts = "HYPERNOVA_TEST_OWN_MOUNTS"

// alone runs the calling test in a process that has its mounts, and an empty /run, to itself. It reports whether this
// is that process.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownMounts) != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("mounts need root")
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	c.Env = append(os.Environ(), ownMounts+"=yes")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// emptyRun is for a process that is alone with its mounts.
func emptyRun(t *testing.T) {
	t.Helper()
	if err := unix.Mount("", "/", "none", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
}

// TestNamespacesOfOthersDoNotCoverOurs: whoever makes one with iproute2 afterwards finds the folder as it would have
// made it.
func TestNamespacesOfOthersDoNotCoverOurs(t *testing.T) {
	if !alone(t) {
		return
	}
	emptyRun(t)
	name := "qdhcp-" + ids.UUID()
	if err := newSpace(name, 7); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"ip", "netns", "add", "foreign"}, {"ip", "netns", "exec", name, "true"}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(mounts), " /netns "+spacesDir+" "); n != 1 {
		t.Errorf("the folder is mounted %d times, want once:\n%s", n, mounts)
	}
	if err := removeSpace(name); err != nil {
		t.Errorf("remove: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(spacesDir, name)); !os.IsNotExist(err) {
		t.Errorf("the name is left: %v", err)
	}
}

// TestNameThatCannotBeRemovedIsTold: one that is covered already, by an agent of before.
func TestNameThatCannotBeRemovedIsTold(t *testing.T) {
	if !alone(t) {
		return
	}
	emptyRun(t)
	name := "qdhcp-" + ids.UUID()
	path := filepath.Join(spacesDir, name)
	if err := os.MkdirAll(spacesDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(self, path, "none", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	// not recursive: the name is bare in it
	if err := unix.Mount(spacesDir, spacesDir, "none", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if err := removeSpace(name); err == nil || !strings.Contains(err.Error(), "umount "+spacesDir) {
		t.Errorf("got %v, want what holds the name and what uncovers it", err)
	}
}
