package libvirt

import (
	"context"
	"errors"
	"os"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
)

// Prepare makes the server's folder: the disks, based on the cached image, and the config drive. It fills the folder
// under a temporary name and renames it, and does nothing if the folder exists. It blocks for the download of the
// image.
func (d *Driver) Prepare(ctx context.Context, s *nova.Spec, images virt.Images) error {
	if err := domain.Check(d.hostConfig(), s); err != nil {
		return err
	}
	if has, err := d.folders.has(s.ID); err != nil || has {
		return err
	}
	if s.Image.ID == "" {
		return fault.Invalidf("This host cannot boot a server from a volume.")
	}
	if err := fits(s, s.Image.Size, s.Image.DiskFormat == "raw"); err != nil {
		return err // before the download where the size is known
	}
	b, release, err := d.images.get(ctx, s.Image, images)
	defer release()
	if err != nil {
		return d.diskFull(err)
	}
	if err := fits(s, b.size, true); err != nil {
		return err
	}
	tmp := d.folders.unfinished(s.ID)
	err = d.disks.fill(ctx, tmp, s, b)
	if err == nil {
		err = os.Rename(tmp, d.folders.path(s.ID))
	}
	if err != nil {
		return errors.Join(d.diskFull(err), os.RemoveAll(tmp))
	}
	return nil
}

// fits returns fault.TooLarge if an image's disk, whose size is known, is larger than the flavor's.
func fits(s *nova.Spec, size int64, known bool) error {
	if known && s.Flavor.Disk > 0 && size > int64(s.Flavor.Disk)<<30 {
		return fault.New(fault.TooLarge, "Image %s is a disk of %d MiB, but flavor %s has %d GiB.", s.Image.ID,
			(size+1<<20-1)>>20, s.Flavor.Name, s.Flavor.Disk)
	}
	return nil
}
