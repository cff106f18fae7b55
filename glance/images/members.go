package images

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Members of an image, as far as the caller may know of them: the owner and administrators all, a member itself.
func (s *Service) Members(ctx context.Context, id string) ([]glance.Member, error) {
	i, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if i.Member != "" && !auth.From(ctx).Admin() {
		m, err := store.Member(ctx, s.db, id, i.Member)
		return []glance.Member{m}, err
	}
	return store.Members(ctx, s.db, id)
}

// Member is one of them; fault.NotFound.
func (s *Service) Member(ctx context.Context, id, project string) (glance.Member, error) {
	i, err := s.Get(ctx, id)
	if err != nil {
		return glance.Member{}, err
	}
	if i.Member != "" && i.Member != project && !auth.From(ctx).Admin() {
		return glance.Member{}, fault.NotFoundf("%s not found in the member list of the image %s.", project, id)
	}
	return store.Member(ctx, s.db, id, project)
}

// AddMember shares an image with a project, which may then accept it. fault.Forbidden unless the image is shared,
// fault.Conflict where it is a member.
func (s *Service) AddMember(ctx context.Context, id, project string) (glance.Member, error) {
	now := s.now()
	m := glance.Member{ImageID: id, ProjectID: project, Status: glance.Pending, Created: now, Updated: now}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
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
		if n := s.limits.Members; n >= 0 && len(have) >= n {
			return fault.New(fault.TooLarge, "The limit has been exceeded on the number of allowed image members for this image. Attempted: %d, Maximum: %d", len(have)+1, n)
		}
		return store.InsertMember(ctx, tx, m)
	})
	if fault.Is(err, fault.Conflict) {
		return m, fault.Conflictf("Member %s is duplicated for image %s", project, id).Because(err)
	}
	return m, err
}

// AnswerMember sets what a project thinks of being shared with.
func (s *Service) AnswerMember(ctx context.Context, id, project, status string) (glance.Member, error) {
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

// RemoveMember shares an image no more with a project.
func (s *Service) RemoveMember(ctx context.Context, id, project string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := store.Member(ctx, tx, id, project); err != nil {
			return err
		}
		return store.DeleteMember(ctx, tx, id, project)
	})
}
