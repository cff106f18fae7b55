package libvirt

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/command"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

var _ virt.Rescuer = (*Driver)(nil)

// rescuer is the part of the driver that rescues servers.
type rescuer struct{ d *Driver }

// Files of a rescue in a server's folder. rescueFile begins as the names of all disks do, so that the image cache finds
// its image. rescuedFile is there from the end of the server's own guest to the end of the rescue.
const (
	rescueFile       = rootFile + ".rescue"
	rescueConfigFile = configFile + ".rescue"
	rescueDisksFile  = "rescue.json"
	rescuedFile      = "rescued"
)

// PrepareRescue makes the rescue disk and its config drive, and at last the list of the rescue guest's disks.
func (x rescuer) PrepareRescue(ctx context.Context, s *nova.Spec, rescue *nova.ImageMeta, images virt.Images) error {
	own, err := x.d.folders.disks(s.ID)
	if err != nil {
		return err
	}
	device, err := domain.RescueDevice(x.d.hostConfig(), s, rescue)
	if err != nil {
		return err
	}
	b, release, err := x.d.images.get(ctx, *rescue, images)
	defer release()
	if err != nil {
		return x.d.diskFull(err)
	}
	err = x.d.rescueFiles(ctx, s, b, own, device)
	if err != nil {
		return errors.Join(x.d.diskFull(err), x.d.forgetRescue(s.ID))
	}
	return nil
}

func (x rescuer) rescueFiles(ctx context.Context, s *nova.Spec, b base, own []domain.Disk, device domain.Disk) error {
	if err := x.d.forgetRescue(s.ID); err != nil {
		return err
	}
	dir := x.d.folders.path(s.ID)
	device.Path, device.Format, device.Base, device.BaseFormat = rescueFile, "qcow2", b.path, b.format
	size := strconv.FormatInt((b.size+511)&^511, 10)
	if _, err := x.d.disks.run.Run(ctx, command.Cmd{Argv: []string{"qemu-img", "create", "-q", "-f", "qcow2",
		"-F", b.format, "-b", b.path, "-u", filepath.Join(dir, rescueFile), size}}); err != nil {
		return err
	}
	var drive []domain.Disk
	if s.ConfigDrive {
		if err := x.d.disks.configDrive(filepath.Join(dir, rescueConfigFile), s); err != nil {
			return err
		}
		drive = []domain.Disk{{Path: rescueConfigFile, Format: "raw", ReadOnly: true, ConfigRole: true}}
	}
	all := []domain.Disk{device}
	for _, k := range append([]domain.Disk{device}, drive...) {
		if err := x.d.disks.own(filepath.Join(dir, k.Path)); err != nil {
			return err
		}
	}
	if device.Boot { // all disks of the server stay as they are, and the rescue disk is the last
		all = nil
		for _, k := range own {
			if !k.ConfigRole {
				all = append(all, k)
			}
		}
		all = append(append(all, drive...), device)
	} else {
		all = append(append(all, own[0]), drive...)
	}
	list, err := json.Marshal(all)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "."+rescueDisksFile+madeSuffix)
	if err := private.Write(tmp, list); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, rescueDisksFile))
}

// Rescue boots from the rescue disk.
func (x rescuer) Rescue(ctx context.Context, s *nova.Spec, _ *nova.ImageMeta, grace time.Duration) error {
	disks, err := x.d.folders.disksIn(s.ID, rescueDisksFile)
	if err != nil {
		return err
	}
	mark := filepath.Join(x.d.folders.path(s.ID), rescuedFile)
	rescued, err := exists(mark)
	if err != nil {
		return err
	}
	if !rescued {
		if err := x.d.Stop(ctx, s.ID, grace); err != nil {
			return err
		}
		if err := private.Write(mark, nil); err != nil {
			return err
		}
	}
	g, err := x.d.domains.stable(ctx, s.ID)
	if err == nil && g.started() {
		return nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return x.d.bootDisks(ctx, s, disks)
}

// Unrescue ends a guest that runs from the rescue disk, and removes the rescue's files.
func (x rescuer) Unrescue(ctx context.Context, s *nova.Spec, boot bool) error {
	if has, err := x.d.folders.has(s.ID); err != nil || !has {
		return errors.Join(err, unknown(s.ID))
	}
	rescued, err := exists(filepath.Join(x.d.folders.path(s.ID), rescuedFile))
	if err != nil {
		return err
	}
	if rescued {
		if err := x.d.off(ctx, s.ID); err != nil {
			return err
		}
	}
	if boot {
		if err := x.d.Spawn(ctx, s); err != nil {
			return err
		}
	}
	return x.d.forgetRescue(s.ID)
}

// forgetRescue removes the files of a rescue; the mark is the last.
func (x rescuer) forgetRescue(id string) error {
	var errs []error
	for _, name := range []string{rescueDisksFile, rescueFile, rescueConfigFile, rescuedFile} {
		if err := os.Remove(filepath.Join(x.d.folders.path(id), name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
