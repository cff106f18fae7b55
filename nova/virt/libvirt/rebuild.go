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

// rebuilder is the part of the driver that rebuilds servers.
type rebuilder struct{ d *Driver }

// undoneFile marks the old folder of a rebuild that is being undone, until its guest has been started again.
const undoneFile = "rebuild.undone"

// PrepareRebuild fills the new folder. What an earlier call or an earlier rebuild has left is removed first.
func (x rebuilder) PrepareRebuild(ctx context.Context, s *nova.Spec, images virt.Images, keepEphemeral bool) error {
	if err := domain.Check(x.d.hostConfig(), s); err != nil {
		return err
	}
	if err := x.d.settleFolders(s.ID); err != nil {
		return err
	}
	b, release, err := x.d.fetch(ctx, s, s.Image, images)
	defer release()
	if err != nil {
		return err
	}
	tmp := x.d.folders.unfinished(s.ID)
	err = x.d.disks.fill(ctx, tmp, s, b)
	if keepEphemeral {
		for i := 0; err == nil && i < len(s.Disks().Ephemerals); i++ {
			err = sameFile(filepath.Join(x.d.folders.path(s.ID), ephemeral(i)), filepath.Join(tmp, ephemeral(i)))
		}
	}
	if err == nil {
		err = os.Rename(tmp, x.d.folders.next(s.ID))
	}
	if err != nil {
		return errors.Join(x.d.diskFull(err), os.RemoveAll(tmp))
	}
	return nil
}

// settleFolders leaves only the folder of a server: fault.NotFound if it has none.
func (x rebuilder) settleFolders(id string) error {
	has, err := x.d.folders.has(id)
	if err != nil {
		return err
	}
	if !has {
		if err := os.Rename(x.d.folders.before(id), x.d.folders.path(id)); err != nil {
			return unknown(id)
		}
	}
	return errors.Join(x.d.folders.discard(x.d.folders.next(id)), x.d.folders.discard(x.d.folders.before(id)))
}

// fetch returns the cached image of a server's disk. The caller calls release, which is never nil. fault.TooLarge if it
// is larger than the flavor's disk.
func (x rebuilder) fetch(ctx context.Context, s *nova.Spec, image nova.ImageMeta, images virt.Images) (b base,
	release func(), err error) {
	sized := *s
	sized.Image = image
	if err := fits(&sized, image.Size, image.DiskFormat == "raw"); err != nil {
		return b, func() {}, err // before the download where the size is known
	}
	b, release, err = x.d.images.get(ctx, image, images)
	if err != nil {
		return b, release, x.d.diskFull(err)
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
func (x rebuilder) Rebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	next, before := x.d.folders.next(s.ID), x.d.folders.before(s.ID)
	prepared, err := exists(next)
	if err != nil {
		return err
	}
	if prepared {
		if err := x.d.off(ctx, s.ID); err != nil {
			return err
		}
		aside, err := exists(before)
		if err != nil {
			return err
		}
		if !aside {
			if err := os.Rename(x.d.folders.path(s.ID), before); err != nil {
				return err
			}
		}
		if err := os.Rename(next, x.d.folders.path(s.ID)); err != nil {
			return err
		}
	} else if aside, err := exists(before); err != nil || !aside {
		return errors.Join(err, fault.NotFoundf("Server %s has no new disks.", s.ID))
	}
	if !boot {
		return nil
	}
	return x.d.Spawn(ctx, s)
}

// off ends a server's guest at once, and forgets its saved memory. A server without a domain is no error.
func (x rebuilder) off(ctx context.Context, id string) error {
	if err := x.d.domains.destroy(ctx, id); err != nil {
		return err
	}
	err := x.d.domains.do(ctx, id, func(lv *wire.Libvirt, dom wire.Domain) error { return forgetSaved(lv, dom) })
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// UndoRebuild removes the new folder and puts the old one back.
func (x rebuilder) UndoRebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	home, before := x.d.folders.path(s.ID), x.d.folders.before(s.ID)
	mark := filepath.Join(home, undoneFile)
	if err := x.d.folders.discard(x.d.folders.next(s.ID)); err != nil {
		return err
	}
	aside, err := exists(before)
	if err != nil {
		return err
	}
	if aside {
		if err := x.d.off(ctx, s.ID); err != nil {
			return err
		}
		if err := private.Write(filepath.Join(before, undoneFile), nil); err != nil {
			return err
		}
		if err := x.d.folders.discard(home); err != nil {
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
		if err := x.d.Spawn(ctx, s); err != nil {
			return err
		}
	}
	return os.Remove(mark)
}

// FinishRebuild removes the old folder.
func (x rebuilder) FinishRebuild(_ context.Context, id string) error {
	if has, err := x.d.folders.has(id); err != nil || !has {
		return errors.Join(err, unknown(id))
	}
	return x.d.folders.discard(x.d.folders.before(id))
}

func exists(name string) (bool, error) {
	_, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
