package libvirt

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hypernova/nova/virt"
	"hypernova/oslo/ids"
)

var _ virt.LeftoverFinder = (*Driver)(nil)

// leftovers is the part of the driver that finds what operations have on the host.
type leftovers struct{ d *Driver }

// Leftovers reads the names in the instances path and in the servers' folders.
func (x leftovers) Leftovers(context.Context) ([]virt.Leftover, error) {
	root := x.d.c.InstancesPath
	es, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := map[string]*virt.Leftover{}
	of := func(id string) *virt.Leftover {
		if found[id] == nil {
			found[id] = &virt.Leftover{ID: id}
		}
		return found[id]
	}
	for _, e := range es {
		id, ok := serverOf(e.Name())
		switch {
		case !ok || !ids.IsUUID(id) || !e.IsDir():
		case strings.HasSuffix(e.Name(), nextSuffix):
			of(id).NewDisks = true
		case strings.HasSuffix(e.Name(), beforeSuffix):
			of(id).OldDisks = true
		case e.Name() == id:
			files, err := os.ReadDir(filepath.Join(root, id))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
			for _, f := range files {
				if name, ok := strings.CutPrefix(f.Name(), snapshotPrefix); ok {
					of(id).Snapshots = append(of(id).Snapshots, strings.TrimSuffix(name, partSuffix))
				}
				if f.Name() == rescueFile || f.Name() == rescueDisksFile {
					of(id).RescueDisk = true
				}
				if f.Name() == rescuedFile {
					of(id).Rescued = true
				}
			}
		}
	}
	var out []virt.Leftover
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if found[id].OldDisks {
			found[id].Image = x.image(id)
		}
		out = append(out, *found[id])
	}
	return out, nil
}

// image returns the id of the image that a server's disk is made of, which begins the name of the cached file.
func (x leftovers) image(id string) string {
	const length = 36
	disks, err := x.d.folders.disks(id)
	if err != nil || len(disks) == 0 {
		return ""
	}
	base := filepath.Base(disks[0].Base)
	if len(base) < length || !ids.IsUUID(base[:length]) {
		return ""
	}
	return base[:length]
}
