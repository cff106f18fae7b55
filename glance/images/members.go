package images

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Members are the projects that images are shared with.
type Members struct {
	db    *db.DB
	limit int // per image; negative: none
	now   clock.Now
}

// List returns the members of an image that the caller may see: the owner and administrators see all, a member itself.
func (s *Members) List(ctx context.Context, id string) ([]glance.Member, error) {
	i, err := get(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	if i.Member != "" && !auth.From(ctx).Admin() {
		m, err := store.Member(ctx, s.db, id, i.Member)
		return []glance.Member{m}, err
	}
	return store.Members(ctx, s.db, id)
}

// Get returns one member, with the visibility of List. fault.NotFound.
func (s *Members) Get(ctx context.Context, id, project string) (glance.Member, error) {
	i, err := get(ctx, s.db, id)
	if err != nil {
		return glance.Member{}, err
	}
	if i.Member != "" && i.Member != project && !auth.From(ctx).Admin() {
		return glance.Member{}, fault.NotFoundf("%s not found in the member list of the image %s.", project, id)
	}
	return store.Member(ctx, s.db, id, project)
}

// Add shares an image with a project. The new member is pending. fault.Forbidden unless the image's visibility is
// shared, fault.Conflict if the project is a member, fault.TooLarge over the limit.
func (s *Members) Add(ctx context.Context, id, project string) (glance.Member, error) {
	now := s.now()
	m := glance.Member{ImageID: id, ProjectID: project, Status: glance.Pending, Created: now, Updated: now}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Visibility != glance.Shared {
			return fault.Forbiddenf("Only shared images have members.")
		}
		have, err := store.Members(ctx, tx, id)
		if err != nil {
			return err
		}
		if n := s.limit; n >= 0 && len(have) >= n {
			return fault.New(fault.TooLarge,
				"The limit has been exceeded on the number of allowed image members for this image. Attempted: %d, Maximum: %d",
				len(have)+1, n)
		}
		return store.InsertMember(ctx, tx, m)
	})
	if fault.Is(err, fault.Conflict) {
		return m, fault.Conflictf("Member %s is duplicated for image %s", project, id).Because(err)
	}
	return m, err
}

// Answer sets a member's status. fault.NotFound, fault.Invalid for an unknown status.
func (s *Members) Answer(ctx context.Context, id, project, status string) (glance.Member, error) {
	if status != glance.Pending && status != glance.Accepted && status != glance.Rejected {
		return glance.Member{}, fault.Invalidf("Status must be \"pending\", \"accepted\" or \"rejected\".")
	}
	var m glance.Member
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if m, err = store.Member(ctx, tx, id, project); err != nil {
			return err
		}
		m.Status, m.Updated = status, s.now()
		return store.UpdateMember(ctx, tx, m)
	})
	return m, err
}

// Remove ends the sharing with a project. fault.NotFound.
func (s *Members) Remove(ctx context.Context, id, project string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := store.Member(ctx, tx, id, project); err != nil {
			return err
		}
		return store.DeleteMember(ctx, tx, id, project)
	})
}
