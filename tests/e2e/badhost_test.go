package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hypernova/nova/virt/libvirt/libvirttest"
)

const deadLibvirt = "dead libvirt"

// TestBadHost checks that the server's fault names the problem of a bad host, and that nothing of a failed build
// remains.
func TestBadHost(t *testing.T) {
	need(t)
	if _, err := exec.LookPath("mount"); err != nil {
		t.Skip("mount is not installed")
	}
	disks, err := os.MkdirTemp("/var/tmp", "hypernova-full-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(disks) })
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs",
		disks).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be made: %v: %s", err, out)
	}
	t.Cleanup(func() { syscall.Unmount(disks, syscall.MNT_DETACH) })
	daemon := libvirttest.Start(t) // after the mounts, which it must see
	// The test fills the small disk, so min_free_disk_mb must not disable the host.
	s := newSite(t, "--set", "libvirt.connection_uri="+daemon.URI, "--set", "DEFAULT.instances_path="+disks,
		"--set", "DEFAULT.min_free_disk_mb=0")
	image := s.api.Find(t, "image", "/v2/images", "images", "guest")
	var flavor struct{ Flavor struct{ ID string } }
	s.api.Do(t, "POST", "compute", "/flavors", `{"flavor":{"name":"diskless","ram":128,"vcpus":1,"disk":0}}`,
		http.StatusOK, &flavor)
	body := fmt.Sprintf(`{"server":{"name":"b","flavorRef":%q,"imageRef":%q,"networks":"none"}}`, flavor.Flavor.ID, image)
	build := func() (v server) {
		t.Helper()
		var doc struct{ Server server }
		s.api.Do(t, "POST", "compute", "/servers", body, http.StatusAccepted, &doc)
		s.until("the build to end", func() bool {
			v, _ = s.look(doc.Server.ID)
			return v.Status == "ACTIVE" ||
				v.Status == "ERROR"
		})
		return v
	}
	remove := func(v server) {
		t.Helper()
		s.api.Do(t, "DELETE", "compute", "/servers/"+v.ID, "", http.StatusNoContent, nil)
		s.until("the server to be gone", func() bool { _, gone := s.look(v.ID); return gone })
	}
	fails := func(what string, words ...string) {
		t.Helper()
		v := build()
		t.Logf("%s: %s, fault %q", what, v.Status, v.Fault.Message)
		if v.Status != "ERROR" {
			t.Errorf("%s: the server is %s, want ERROR", what, v.Status)
		}
		for _, w := range words {
			if !strings.Contains(v.Fault.Message, w) {
				t.Errorf("%s: the fault says nothing of %q: %s", what, w, v.Fault.Message)
			}
		}
		if left, err := filepath.Glob(filepath.Join(disks, "_base", ".*")); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v %v", what, left, err)
		}
		remove(v)
		if left := s.folders(disks); len(left) > 0 && what != deadLibvirt {
			t.Errorf("%s: left %v", what, left)
		}
	}
	works := func(what string) {
		t.Helper()
		v := build()
		if v.Status != "ACTIVE" {
			t.Errorf("%s: %s: %s", what, v.Status, v.Fault.Message)
		}
		remove(v)
	}
	blocker := filepath.Join(disks, "blocker")
	fill := func(leave int64) {
		t.Helper()
		var st syscall.Statfs_t
		if err := syscall.Statfs(disks, &st); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blocker, make([]byte, max(0, int64(st.Bavail)*int64(st.Bsize)-leave)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free := func() {
		t.Helper()
		if err := os.Remove(blocker); err != nil {
			t.Fatal(err)
		}
	}

	data := findData(t, s.dir, image)
	if err := os.Rename(data, data+".away"); err != nil {
		t.Fatal(err)
	}
	fails("image data lost", image)
	if err := os.Rename(data+".away", data); err != nil {
		t.Fatal(err)
	}
	fill(20 << 20)
	fails("no room for the image", "full")
	free()
	works("with room again")
	fill(0)
	fails("no room for the disk", "full")
	free()
	daemon.Stop(t)
	fails(deadLibvirt, "libvirt")
	daemon.Run(t)
	works("with libvirt again")
	// Without libvirt it is unknown whether the disks are in use, so they are removed when it is back.
	s.until("the folders of servers to be gone", func() bool { return len(s.folders(disks)) == 0 })
}

// findData returns the file with an image's data.
func findData(t *testing.T, dir, image string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(filepath.Join(dir, "images"), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(path, image) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("the data of image %s is nowhere: %v", image, err)
	}
	return found
}
