package libvirt_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt/libvirt"
	"hypernova/nova/virt/libvirt/libvirttest"
	"hypernova/nova/virt/virttest"
	"hypernova/oslo/fault"
)

// A server whose folder is not below the instances path any more is found by its owner mark and removed with its files.
// Servers of other clouds are not found.
func TestStraysAreFoundByTheirMark(t *testing.T) {
	t.Parallel()
	daemon := libvirttest.Start(t)
	c := libvirt.Config{URI: daemon.URI, InstancesPath: instances(t), VirtType: "qemu", Owner: 7}
	old := open(t, c)
	t.Cleanup(func() { destroyAll(t, old) })
	ctx := t.Context()
	s := virttest.Harness{Image: nova.ImageMeta{ID: "11111111-2222-4333-8444-555555555555",
		DiskFormat: "raw", Size: 64 << 10}}.Spec()
	for _, err := range []error{old.Prepare(ctx, s, bytesImages{idle()}), old.Spawn(ctx, s)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(c.InstancesPath, s.ID)
	if strays, err := old.Strays(ctx); err != nil || len(strays) != 0 {
		t.Errorf("where it belongs: got %+v, %v, want none", strays, err)
	}
	c.InstancesPath = instances(t)
	moved := open(t, c)
	other := c
	other.Owner = 8
	if strays, err := open(t, other).Strays(ctx); err != nil || len(strays) != 0 {
		t.Errorf("of another cloud: got %+v, %v, want none", strays, err)
	}
	strays, err := moved.Strays(ctx)
	if err != nil || len(strays) != 1 || strays[0].ID != s.ID || strays[0].Folder != folder ||
		strays[0].Power != nova.Running {
		t.Errorf("elsewhere: got %+v, %v, want server %s in %s", strays, err, s.ID, folder)
	}
	for range 2 {
		if err := moved.Destroy(ctx, s.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its files: %v", err)
	}
	if _, err := moved.Info(ctx, s.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("its domain: %v", err)
	}
}
