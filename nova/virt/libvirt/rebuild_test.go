package libvirt_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/libvirttest"
	"hypernova/nova/virt/virttest"
	"hypernova/oslo/ids"
)

// TestRebuildOnDisk looks at the files of a rebuild, also where a crash between two renames left no folder of the
// server's name.
func TestRebuildOnDisk(t *testing.T) {
	t.Parallel()
	daemon := libvirttest.Start(t)
	dir := instances(t)
	c := libvirt.Config{URI: daemon.URI, InstancesPath: dir, VirtType: "qemu"}
	d := open(t, c)
	t.Cleanup(func() { destroyAll(t, d) })
	ctx := t.Context()
	s := virttest.Harness{Image: nova.ImageMeta{ID: ids.UUID(), DiskFormat: "raw", Size: 64 << 10}}.Spec()
	s.Flavor.Ephemeral = 1
	home := filepath.Join(dir, s.ID)
	next, before := filepath.Join(dir, "."+s.ID+".next"), filepath.Join(dir, "."+s.ID+".before")
	ok := func(errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	folders := func(want ...string) {
		t.Helper()
		var got []string
		for _, name := range []string{home, next, before} {
			if _, err := os.Stat(name); err == nil {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("folders %v, want %v", got, want)
		}
	}
	made := func(of *nova.Spec) { // the image of the server's disk, and what it wrote on the ephemeral one
		t.Helper()
		list, err := os.ReadFile(filepath.Join(home, "disks.json"))
		if err != nil || !strings.Contains(string(list), of.Image.ID) {
			t.Errorf("the disk is not of %s: %s, %v", of.Image.ID, list, err)
		}
		eph, err := os.Open(filepath.Join(home, "disk.eph0"))
		ok(err)
		defer eph.Close()
		text := make([]byte, 4)
		if _, err := eph.ReadAt(text, 0); err != nil || string(text) != "mine" {
			t.Errorf("the ephemeral disk begins with %q, %v", text, err)
		}
	}
	ok(d.Prepare(ctx, s, bytesImages{idle()}))
	eph, err := os.OpenFile(filepath.Join(home, "disk.eph0"), os.O_WRONLY, 0)
	ok(err)
	_, err = eph.WriteAt([]byte("mine"), 0)
	ok(err, eph.Close())

	other := *s
	other.Image.ID = ids.UUID()
	ok(d.PrepareRebuild(ctx, &other, bytesImages{idle()}, true))
	folders(home, next)
	ok(os.Rename(home, before)) // as a crash leaves it
	d = open(t, c)
	ok(d.Rebuild(ctx, &other, false))
	folders(home, before)
	made(&other)
	ok(d.UndoRebuild(ctx, s, false))
	folders(home)
	made(s)
	ok(d.PrepareRebuild(ctx, &other, bytesImages{idle()}, true), d.Rebuild(ctx, &other, false),
		d.FinishRebuild(ctx, s.ID))
	folders(home)
	made(&other)
	ok(os.Rename(home, before)) // a finished rebuild that lost its folder is found again
	ok(d.PrepareRebuild(ctx, s, bytesImages{idle()}, true))
	folders(home, next)
	made(&other)
	ok(d.Rebuild(ctx, s, false), d.Destroy(ctx, s.ID))
	folders()
}
