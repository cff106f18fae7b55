package fake

import (
	"context"
	"slices"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

// This driver rebuilds and rescues servers.
var (
	_ virt.Rebuilder = (*Driver)(nil)
	_ virt.Rescuer   = (*Driver)(nil)
)

// disks are the images that a record's disks are made of besides its own.
type disks struct {
	Next   string `json:"next,omitempty"`   // of the disks that a rebuild has made
	Before string `json:"before,omitempty"` // of those that a rebuild has put aside
	Rescue string `json:"rescue,omitempty"` // of the rescue disk
	// Rescued: the guest runs from the rescue disk.
	Rescued bool `json:"rescued,omitempty"`
}

// images are the keys of all that the record's disks are made of, each once.
func (r *record) images() []string {
	all := []string{r.Image}
	for _, key := range []string{r.Disks.Next, r.Disks.Before, r.Disks.Rescue} {
		if key != "" && !slices.Contains(all, key) {
			all = append(all, key)
		}
	}
	return all
}

// fetched reads an image unless this host has it.
func (d *Driver) fetched(ctx context.Context, s *nova.Spec, image nova.ImageMeta, images virt.Images,
	then func(r *record)) error {
	if gib := (image.Size + 1<<30 - 1) >> 30; s.Flavor.Disk > 0 && gib > int64(s.Flavor.Disk) {
		return fault.New(fault.TooLarge, "Image %s needs %d GiB of disk but flavor %s has %d GiB.", image.ID, gib,
			s.Flavor.Name, s.Flavor.Disk)
	}
	if !d.c.SkipImages {
		release, err := d.images.fetch(ctx, image, images, d.c.Now)
		defer release()
		if err != nil {
			return err
		}
	}
	return d.altered(s.ID, func(r *record) error { then(r); return nil })
}

// altered changes the record of a server that must be there.
func (d *Driver) altered(id string, f func(*record) error) error {
	return d.change(id, func(r *record) (*record, error) {
		if r == nil {
			return nil, unknown(id)
		}
		return r, f(r)
	})
}

// PrepareRebuild reads the image and notes it.
func (d *Driver) PrepareRebuild(ctx context.Context, s *nova.Spec, images virt.Images, _ bool) error {
	return d.do(ctx, "rebuild-prepare", s.ID, s.Name, func(plan) error {
		if err := d.altered(s.ID, func(*record) error { return nil }); err != nil {
			return err
		}
		return d.fetched(ctx, s, s.Image, images, func(r *record) {
			r.Disks.Next, r.Disks.Before = imageKey(s.Image), ""
		})
	})
}

// Rebuild makes the noted image the server's.
func (d *Driver) Rebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	return d.do(ctx, "rebuild", s.ID, s.Name, func(p plan) error {
		if _, err := d.settled(ctx, s.ID); err != nil {
			return err
		}
		fresh := false
		err := d.altered(s.ID, func(r *record) error {
			switch {
			case r.Disks.Next != "":
				r.end(nova.Shutdown)
				r.Saved, r.Log, fresh = false, "", true
				r.Image, r.Disks.Before, r.Disks.Next = r.Disks.Next, r.Image, ""
			case r.Disks.Before == "":
				return fault.NotFoundf("Server %s has no new disks.", s.ID)
			}
			return nil
		})
		if err != nil || !boot {
			return err
		}
		return d.boot(ctx, s, p.passing, func(now nova.PowerState) (bool, error) { return fresh || now != nova.Running, nil })
	})
}

// UndoRebuild forgets the noted image, and puts back the one before.
func (d *Driver) UndoRebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	return d.do(ctx, "rebuild-undo", s.ID, s.Name, func(p plan) error {
		if _, err := d.settled(ctx, s.ID); err != nil {
			return err
		}
		back := false
		err := d.altered(s.ID, func(r *record) error {
			r.Disks.Next = ""
			if back = r.Disks.Before != ""; back {
				r.end(nova.Shutdown)
				r.Image, r.Disks.Before = r.Disks.Before, ""
			}
			return nil
		})
		if err != nil || !boot || !back {
			return err
		}
		return d.boot(ctx, s, p.passing, startable(s.ID))
	})
}

// FinishRebuild forgets the image before.
func (d *Driver) FinishRebuild(ctx context.Context, id string) error {
	return d.do(ctx, "rebuild-finish", id, "", func(plan) error {
		return d.altered(id, func(r *record) error { r.Disks.Before = ""; return nil })
	})
}

// PrepareRescue reads the rescue image and notes it.
func (d *Driver) PrepareRescue(ctx context.Context, s *nova.Spec, rescue *nova.ImageMeta, images virt.Images) error {
	return d.do(ctx, "rescue-prepare", s.ID, s.Name, func(plan) error {
		if err := d.altered(s.ID, func(*record) error { return nil }); err != nil {
			return err
		}
		return d.fetched(ctx, s, *rescue, images, func(r *record) { r.Disks.Rescue = imageKey(*rescue) })
	})
}

// Rescue boots from the noted image.
func (d *Driver) Rescue(ctx context.Context, s *nova.Spec, _ *nova.ImageMeta, _ time.Duration) error {
	return d.do(ctx, "rescue", s.ID, s.Name, func(p plan) error {
		if _, err := d.settled(ctx, s.ID); err != nil {
			return err
		}
		fresh := false
		err := d.altered(s.ID, func(r *record) error {
			if r.Disks.Rescue == "" {
				return fault.NotFoundf("Server %s has no rescue disk.", s.ID)
			}
			if fresh = !r.Disks.Rescued; fresh {
				r.end(nova.Shutdown)
				r.Saved, r.Disks.Rescued = false, true
			}
			return nil
		})
		if err != nil {
			return err
		}
		return d.boot(ctx, s, p.passing, func(now nova.PowerState) (bool, error) { return fresh || now != nova.Running, nil })
	})
}

// Unrescue forgets the rescue image.
func (d *Driver) Unrescue(ctx context.Context, s *nova.Spec, boot bool) error {
	return d.do(ctx, "unrescue", s.ID, s.Name, func(p plan) error {
		if _, err := d.settled(ctx, s.ID); err != nil {
			return err
		}
		err := d.altered(s.ID, func(r *record) error {
			if r.Disks.Rescued {
				r.end(nova.Shutdown)
			}
			r.Disks.Rescue, r.Disks.Rescued = "", false
			return nil
		})
		if err != nil || !boot {
			return err
		}
		return d.boot(ctx, s, p.passing, startable(s.ID))
	})
}
