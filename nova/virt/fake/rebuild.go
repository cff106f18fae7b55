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

// disker is the part of the driver that rebuilds and rescues servers.
type disker struct{ d *Driver }

// disks are the images that a record's disks are made of besides its own.
type disks struct {
	Next   string `json:"next,omitempty"`   // of the disks that a rebuild has made
	Before string `json:"before,omitempty"` // of those that a rebuild has put aside
	Rescue string `json:"rescue,omitempty"` // of the rescue disk
	Copy   string `json:"copy,omitempty"`   // the name of a snapshot, and its format
	Format string `json:"format,omitempty"` // of the snapshot
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

// Disks lists the images that the disks of a server are made of, each as its id and checksum, its own first.
func (x disker) Disks(id string) []string {
	x.d.mu.Lock()
	defer x.d.mu.Unlock()
	r, err := x.d.find(id)
	if err != nil {
		return nil
	}
	return r.images()
}

// fetched reads an image unless this host has it.
func (x disker) fetched(ctx context.Context, s *nova.Spec, image nova.ImageMeta, images virt.Images,
	then func(r *record)) error {
	if gib := (image.Size + 1<<30 - 1) >> 30; s.Flavor.Disk > 0 && gib > int64(s.Flavor.Disk) {
		return fault.New(fault.TooLarge, "Image %s needs %d GiB of disk but flavor %s has %d GiB.", image.ID, gib,
			s.Flavor.Name, s.Flavor.Disk)
	}
	if !x.d.c.SkipImages {
		release, err := x.d.images.fetch(ctx, image, images, x.d.c.Now)
		defer release()
		if err != nil {
			return err
		}
	}
	return x.d.altered(s.ID, func(r *record) error { then(r); return nil })
}

// altered changes the record of a server that must be there.
func (x disker) altered(id string, f func(*record) error) error {
	return x.d.change(id, func(r *record) (*record, error) {
		if r == nil {
			return nil, unknown(id)
		}
		return r, f(r)
	})
}

// PrepareRebuild reads the image and notes it.
func (x disker) PrepareRebuild(ctx context.Context, s *nova.Spec, images virt.Images, _ bool) error {
	return x.d.do(ctx, "rebuild-prepare", s.ID, s.Name, func(plan) error {
		if err := x.d.altered(s.ID, func(*record) error { return nil }); err != nil {
			return err
		}
		return x.d.fetched(ctx, s, s.Image, images, func(r *record) {
			r.Disks.Next, r.Disks.Before = imageKey(s.Image), ""
		})
	})
}

// Rebuild makes the noted image the server's.
func (x disker) Rebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	return x.d.do(ctx, "rebuild", s.ID, s.Name, func(p plan) error {
		if _, err := x.d.settled(ctx, s.ID); err != nil {
			return err
		}
		fresh := false
		err := x.d.altered(s.ID, func(r *record) error {
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
		return x.d.boot(ctx, s, p.passing, func(now nova.PowerState) (bool, error) {
			return fresh || now != nova.Running, nil
		})
	})
}

// UndoRebuild forgets the noted image, and puts back the one before.
func (x disker) UndoRebuild(ctx context.Context, s *nova.Spec, boot bool) error {
	return x.d.do(ctx, "rebuild-undo", s.ID, s.Name, func(p plan) error {
		if _, err := x.d.settled(ctx, s.ID); err != nil {
			return err
		}
		back := false
		err := x.d.altered(s.ID, func(r *record) error {
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
		return x.d.boot(ctx, s, p.passing, startable(s.ID))
	})
}

// FinishRebuild forgets the image before.
func (x disker) FinishRebuild(ctx context.Context, id string) error {
	return x.d.do(ctx, "rebuild-finish", id, "", func(plan) error {
		return x.d.altered(id, func(r *record) error { r.Disks.Before = ""; return nil })
	})
}

// PrepareRescue reads the rescue image and notes it.
func (x disker) PrepareRescue(ctx context.Context, s *nova.Spec, rescue *nova.ImageMeta, images virt.Images) error {
	return x.d.do(ctx, "rescue-prepare", s.ID, s.Name, func(plan) error {
		if err := x.d.altered(s.ID, func(*record) error { return nil }); err != nil {
			return err
		}
		return x.d.fetched(ctx, s, *rescue, images, func(r *record) { r.Disks.Rescue = imageKey(*rescue) })
	})
}

// Rescue boots from the noted image.
func (x disker) Rescue(ctx context.Context, s *nova.Spec, _ *nova.ImageMeta, _ time.Duration) error {
	return x.d.do(ctx, "rescue", s.ID, s.Name, func(p plan) error {
		if _, err := x.d.settled(ctx, s.ID); err != nil {
			return err
		}
		fresh := false
		err := x.d.altered(s.ID, func(r *record) error {
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
		return x.startFrom(ctx, s, p.passing, func(r *record) (bool, error) {
			return fresh || r.Power != nova.Running, nil
		})
	})
}

// Unrescue forgets the rescue image.
func (x disker) Unrescue(ctx context.Context, s *nova.Spec, boot bool) error {
	return x.d.do(ctx, "unrescue", s.ID, s.Name, func(p plan) error {
		if _, err := x.d.settled(ctx, s.ID); err != nil {
			return err
		}
		err := x.d.altered(s.ID, func(r *record) error {
			if r.Disks.Rescued {
				r.end(nova.Shutdown)
			}
			r.Disks.Rescue, r.Disks.Rescued = "", false
			return nil
		})
		if err != nil || !boot {
			return err
		}
		return x.d.boot(ctx, s, p.passing, startable(s.ID))
	})
}
