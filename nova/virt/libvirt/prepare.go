package libvirt

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/command"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/nova/virt/libvirt/iso"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// Files of a server's folder.
const (
	rootFile    = "disk"
	configFile  = "disk.config"
	eph0File    = "disk.eph0"
	swapFile    = "disk.swap"
	disksFile   = "disks.json"
	consoleFile = "console.log"
)

// Prepare makes the server's folder beside and renames it when it is whole.
func (d *Driver) Prepare(ctx context.Context, s *nova.Spec, images virt.Images) error {
	if err := domain.Check(d.hostConfig(), s); err != nil {
		return err
	}
	if has, err := d.hasFolder(s.ID); err != nil || has {
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
	tmp := filepath.Join(d.c.InstancesPath, "."+s.ID+madeSuffix)
	err = d.fill(ctx, tmp, s, b)
	if err == nil {
		err = os.Rename(tmp, d.folder(s.ID))
	}
	if err != nil {
		return errors.Join(d.diskFull(err), os.RemoveAll(tmp))
	}
	return nil
}

func fits(s *nova.Spec, size int64, known bool) error {
	if known && s.Flavor.Disk > 0 && size > int64(s.Flavor.Disk)<<30 {
		return fault.New(fault.TooLarge, "Image %s is a disk of %d MiB, but flavor %s has %d GiB.", s.Image.ID, (size+1<<20-1)>>20, s.Flavor.Name, s.Flavor.Disk)
	}
	return nil
}

// fill makes all files of a server in dir.
func (d *Driver) fill(ctx context.Context, dir string, s *nova.Spec, b base) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := private.Passage(dir); err != nil { // for QEMU's user
		return err
	}
	disks := []domain.Disk{{Path: rootFile, Format: "qcow2", Base: b.path, BaseFormat: b.format}}
	size := max(b.size, int64(s.Flavor.Disk)<<30)
	if _, err := d.c.Run.Run(ctx, command.Cmd{Argv: []string{"qemu-img", "create", "-q", "-f", "qcow2", "-F", b.format, "-b", b.path,
		"-u", filepath.Join(dir, rootFile), strconv.FormatInt((size+511)&^511, 10)}}); err != nil {
		return err
	}
	more, err := d.extraDisks(ctx, dir, s)
	if err != nil {
		return err
	}
	disks = append(disks, more...)
	if s.ConfigDrive {
		if err := d.configDrive(filepath.Join(dir, configFile), s); err != nil {
			return err
		}
		disks = append(disks, domain.Disk{Path: configFile, Format: "raw", ReadOnly: true, ConfigRole: true})
	}
	for _, k := range disks {
		if err := d.own(filepath.Join(dir, k.Path)); err != nil {
			return err
		}
	}
	list, err := json.Marshal(disks)
	if err != nil {
		return err
	}
	return private.Write(filepath.Join(dir, disksFile), list)
}

// extraDisks are the flavor's ephemeral disk, with an empty file system, and swap.
func (d *Driver) extraDisks(ctx context.Context, dir string, s *nova.Spec) ([]domain.Disk, error) {
	var out []domain.Disk
	for _, x := range []struct {
		file string
		size int64
		argv []string
	}{
		{eph0File, int64(s.Flavor.Ephemeral) << 30, []string{"mkfs.ext4", "-q", "-F", "-L", "ephemeral0", "-E", "lazy_itable_init=1,lazy_journal_init=1"}},
		{swapFile, int64(s.Flavor.Swap) << 20, []string{"mkswap", "-q"}},
	} {
		if x.size == 0 {
			continue
		}
		name := filepath.Join(dir, x.file)
		if err := blank(name, x.size); err != nil {
			return nil, err
		}
		if _, err := d.c.Run.Run(ctx, command.Cmd{Argv: append(x.argv, name)}); err != nil {
			return nil, err
		}
		out = append(out, domain.Disk{Path: x.file, Format: "raw"})
	}
	return out, nil
}

func blank(name string, size int64) error {
	f, err := private.File(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

func (d *Driver) configDrive(name string, s *nova.Spec) error {
	if d.c.Files == nil {
		return fault.Invalidf("This host cannot make config drives.")
	}
	files, err := d.c.Files(s)
	if err != nil {
		return err
	}
	b, err := iso.Build("config-2", files, d.c.Now())
	if err != nil {
		return err
	}
	return private.Write(name, b)
}

// own keeps other users of the host out of the disk and gives it to QEMU's user where libvirt does not do so itself.
func (d *Driver) own(name string) error {
	if err := os.Chmod(name, 0o600); err != nil {
		return err
	}
	if d.uid < 0 && d.gid < 0 {
		return nil
	}
	return os.Chown(name, d.uid, d.gid)
}
