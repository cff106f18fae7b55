package images

import (
	"context"
	"maps"
	"slices"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/policy"
)

// Image is a record as its caller sees it.
type Image struct {
	glance.Image
	Stores []string // ids of the stores that hold the data
	Member string   // the caller's project if the image is shared with it
	copies []store.Copy
}

// PolicyTarget returns the attributes that glance's policy rules refer to.
func (i Image) PolicyTarget() policy.Target {
	t := policy.Target{"project_id": i.Owner, "tenant": i.Owner, "owner": i.Owner, "visibility": i.Visibility,
		"image_id": i.ID, "status": i.Status}
	if i.Member != "" {
		t["member_id"] = i.Member
	}
	return t
}

func view(r store.Record, member string) Image {
	i := Image{Image: r.Image, Member: member, copies: r.Copies()}
	for _, c := range i.copies {
		i.Stores = append(i.Stores, c.Store)
	}
	return i
}

// Records are the image records.
type Records struct {
	db     *db.DB
	stores *Stores
	cache  *Caching
	quota  *Quota
	limits Limits
	now    clock.Now
}

// Get returns an image. fault.NotFound if it does not exist or is not visible to the caller.
func (s *Records) Get(ctx context.Context, id string) (Image, error) { return get(ctx, s.db, id) }

func get(ctx context.Context, q db.Querier, id string) (Image, error) {
	r, member, err := visible(ctx, q, id)
	return view(r, member), err
}

// visible loads a record that the caller may see, and the caller's project if it is a member of the image.
// Administrators see all images, others public and community images, their own, and those shared with their project,
// whatever the member's status. fault.NotFound for all others.
func visible(ctx context.Context, q db.Querier, id string) (store.Record, string, error) {
	r, err := store.Image(ctx, q, id)
	if err != nil {
		return r, "", err
	}
	c := auth.From(ctx)
	project := projectOf(ctx)
	member := ""
	if r.Visibility == glance.Shared && project != "" && project != r.Owner {
		switch _, err := store.Member(ctx, q, id, project); {
		case err == nil:
			member = project
		case !fault.Is(err, fault.NotFound):
			return r, "", err
		}
	}
	open := r.Visibility == glance.Public || r.Visibility == glance.Community
	if c.Admin() || open || project != "" && project == r.Owner || member != "" {
		return r, member, nil
	}
	return store.Record{}, "", fault.NotFoundf("No image found with ID %s", id)
}

// projectOf returns the caller's project, "" without one.
func projectOf(ctx context.Context) string {
	if c := auth.From(ctx); c != nil {
		return c.ProjectID
	}
	return ""
}

// Create describes a new record. An empty ID is generated, an empty Owner is the caller's project, an empty Visibility
// is glance.Shared.
type Create struct {
	ID, Name, Owner, Visibility, DiskFormat, ContainerFormat string
	MinDisk, MinRAM                                          int64
	Protected, Hidden                                        bool
	Tags                                                     []string
	Properties                                               map[string]string
}

// Create inserts a queued record. fault.Conflict for a used id, fault.TooLarge over a limit or quota.
func (s *Records) Create(ctx context.Context, c Create) (Image, error) {
	now := s.now()
	i := glance.Image{ID: c.ID, Name: c.Name, Owner: c.Owner, Status: glance.Queued, Visibility: c.Visibility,
		DiskFormat: c.DiskFormat, ContainerFormat: c.ContainerFormat, Size: -1, VirtualSize: -1, MinDisk: c.MinDisk,
		MinRAM: c.MinRAM, Protected: c.Protected, Hidden: c.Hidden, Tags: unique(c.Tags), Properties: c.Properties,
		Created: now, Updated: now}
	if i.ID == "" {
		i.ID = ids.UUID()
	}
	if i.Visibility == "" {
		i.Visibility = glance.Shared
	}
	if i.Owner == "" {
		i.Owner = projectOf(ctx)
	}
	if err := s.limits.record(i, glance.Image{}); err != nil {
		return Image{}, err
	}
	limits, err := s.quota.allowance(ctx)
	if err != nil {
		return Image{}, err
	}
	r := store.Record{Image: i}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := within(ctx, tx, limits, CountTotal, 1); err != nil {
			return err
		}
		return store.InsertImage(ctx, tx, r)
	})
	if fault.Is(err, fault.Conflict) {
		return Image{}, fault.Conflictf("Image ID %s already exists!", i.ID).Because(err)
	}
	return view(r, ""), err
}

func unique(tags []string) []string {
	out := slices.Clone(tags)
	slices.Sort(out)
	return slices.Compact(out)
}

// Update loads a record, applies change to it and writes it back in one transaction. change may run more than once, so
// it must have no other effects; its error is returned unchanged. fault.Forbidden for a changed format of an image
// that has data, fault.TooLarge over a limit.
func (s *Records) Update(ctx context.Context, id string, change func(*glance.Image) error) (Image, error) {
	var out Image
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, member, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		old := r.Image
		r.Tags, r.Properties = slices.Clone(old.Tags), cloned(old.Properties)
		if err := change(&r.Image); err != nil {
			return err
		}
		if r.Status != glance.Queued && r.Status != glance.Importing {
			for name, moved := range map[string]bool{
				"disk_format":      r.DiskFormat != old.DiskFormat,
				"container_format": r.ContainerFormat != old.ContainerFormat,
			} {
				if moved {
					return fault.Forbiddenf("Attribute %s can be only replaced for a queued image.", name)
				}
			}
		}
		r.Tags = unique(r.Tags)
		if err := s.limits.record(r.Image, old); err != nil {
			return err
		}
		r.Updated = s.now()
		out = view(r, member)
		return store.UpdateImage(ctx, tx, r)
	})
	return out, err
}

// cloned copies a map; a nil one becomes empty.
func cloned(m map[string]string) map[string]string {
	out := make(map[string]string, len(m))
	maps.Copy(out, m)
	return out
}

// Delete removes an image and its data. fault.Forbidden for a protected one.
func (s *Records) Delete(ctx context.Context, id string) error {
	var gone store.Record
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Protected {
			return fault.Forbiddenf("Image %s is protected and cannot be deleted.", id)
		}
		gone = r
		return store.DeleteImage(ctx, tx, r)
	})
	if err == nil {
		s.stores.discard(ctx, gone.Pieces()...)
		s.cache.forget(ctx, id)
	}
	return err
}

// Deactivate denies the data to all but administrators. It is idempotent. fault.Forbidden unless the image is active.
func (s *Records) Deactivate(ctx context.Context, id string) error {
	return s.move(ctx, id, glance.Active, glance.Deactivated, "deactivate")
}

// Reactivate reverts Deactivate. It is idempotent. fault.Forbidden unless the image is deactivated.
func (s *Records) Reactivate(ctx context.Context, id string) error {
	return s.move(ctx, id, glance.Deactivated, glance.Active, "reactivate")
}

func (s *Records) move(ctx context.Context, id, from, to, action string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r.Status == to:
			return nil
		case r.Status != from:
			return fault.Forbiddenf("Not allowed to %s image in status '%s'", action, r.Status)
		}
		r.Status, r.Updated = to, s.now()
		return store.UpdateImage(ctx, tx, r)
	})
}
