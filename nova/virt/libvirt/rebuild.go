package libvirt

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/domain"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// A rebuild makes the server's new folder beside the old one, under a name of its own, and then exchanges the two by
// renaming. So each name is a whole folder or absent, and after a crash the names tell how far the rebuild came:
//
//	<id> and next            prepared
//	before and next, no <id> between the two renames
//	<id> and before          exchanged; <id> is new
var _ virt.Rebuilder = (*Driver)(nil)

// undoneFile marks the old folder of a rebuild that is being undone, until its guest has been started again.
const undoneFile = "rebuild.undone"

// PrepareRebuild fills the new folder. What an earlier call or an earlier rebuild has left is removed first.
func (d *Driver) PrepareRebuild(ctx context.Context, s *nova.Spec, images virt.Images, keepEphemeral bool) error {
	if err := domain.Check(d.hostConfig(), s); err != nil {
		return err
	}
	if err := d.settleFolders(s.ID); err != nil {
		return err
	}
	b, release, err := d.fetch(ctx, s, s.Image, images)
	defer release()
	if err != nil {
		return err
	}
	tmp := d.folders.unfinished(s.ID)
	err = d.disks.fill(ctx, tmp, s, b)
	if err == nil && keepEphemeral {
		err = sameFile(filepath.Join(d.folders.path(s.ID), eph0File), filepath.Join(tmp, eph0File))
	}
	if err == nil {
		err = os.Rename(tmp, d.folders.next(s.ID))
	}
	if err != nil {
		return errors.Join(d.diskFull(err), os.RemoveAll(tmp))
	}
	return nil
}

// settleFolders leaves only the folder of a server: fault.NotFound if it has none.
func (d *Driver) settleFolders(id string) error {
	has, err := d.folders.has(id)
	if err != nil {
		return err
	}
	if !has {
		if err := os.Rename(d.folders.before(id), d.folders.path(id)); err != nil {
			return unknown(id)
		}
	}
	return errors.Join(d.folders.discard(d.folders.next(id)), d.folders.discard(d.folders.before(id)))
}

// fetch returns the cached image of a server's disk. The caller calls release, which is never nil. fault.TooLarge if it
// is larger than the flavor's disk.
func (d *Driver) fetch(ctx context.Context, s *nova.Spec, image nova.ImageMeta, images virt.Images) (b base,
	release func(), err error) {
	sized := *s
	sized.Image = image
	if err := fits(&sized, image.Size, image.DiskFormat == "raw"); err != nil {
		return b, func() {}, err // before the download where the size is known
	}
	b, release, err = d.images.get(ctx, image, images)
	if err != nil {
		return b, release, d.diskFull(err)
	}
	return b, release, fits(&sized, b.size, true)
}

// sameFile makes name another name of the file old, if there is one.
func sameFile(old, name string) error {
	if _, err := os.Stat(old); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Link(old, name)
}

// Rebuild exchanges the folders and boots from the new one.
func (d *Driver) Rebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	next, before := d.folders.next(s.ID), d.folders.before(s.ID)
	prepared, err := exists(next)
	if err != nil {
		return err
	}
	if prepared {
		if err := d.off(ctx, s.ID); err != nil {
			return err
		}
		aside, err := exists(before)
		if err != nil {
			return err
		}
		if !aside {
			if err := os.Rename(d.folders.path(s.ID), before); err != nil {
				return err
			}
		}
		if err := os.Rename(next, d.folders.path(s.ID)); err != nil {
			return err
		}
	} else if aside, err := exists(before); err != nil || !aside {
		return errors.Join(err, fault.NotFoundf("Server %s has no new disks.", s.ID))
	}
	if !boot {
		return nil
	}
	return d.Spawn(ctx, s)
}

// off ends a server's guest at once, and forgets its saved memory. A server without a domain is no error.
func (d *Driver) off(ctx context.Context, id string) error {
	if err := d.domains.destroy(ctx, id); err != nil {
		return err
	}
	err := d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error { return forgetSaved(lv, dom) })
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// UndoRebuild removes the new folder and puts the old one back.
func (d *Driver) UndoRebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	home, before := d.folders.path(s.ID), d.folders.before(s.ID)
	mark := filepath.Join(home, undoneFile)
	if err := d.folders.discard(d.folders.next(s.ID)); err != nil {
		return err
	}
	aside, err := exists(before)
	if err != nil {
		return err
	}
	if aside {
		if err := d.off(ctx, s.ID); err != nil {
			return err
		}
		if err := private.Write(filepath.Join(before, undoneFile), nil); err != nil {
			return err
		}
		if err := d.folders.discard(home); err != nil {
			return err
		}
		if err := os.Rename(before, home); err != nil {
			return err
		}
	}
	if undone, err := exists(mark); err != nil || !undone {
		return err
	}
	if boot {
		if err := d.Spawn(ctx, s); err != nil {
			return err
		}
	}
	return os.Remove(mark)
}

// FinishRebuild removes the old folder.
func (d *Driver) FinishRebuild(_ context.Context, id string) error {
	if has, err := d.folders.has(id); err != nil || !has {
		return errors.Join(err, unknown(id))
	}
	return d.folders.discard(d.folders.before(id))
}

func exists(name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
