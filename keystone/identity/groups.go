package identity

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Group finds a group; fault.NotFound.
func (s *Service) Group(ctx context.Context, id string) (keystone.Group, error) {
	if g, theirs, err := s.directory.Group(ctx, id); theirs || err != nil {
		return g, err
	}
	g, err := store.Group(ctx, s.db, id)
	return g, store.Missing(err, "group", id)
}

// Groups lists one page.
func (s *Service) Groups(ctx context.Context, a db.ListArgs) ([]keystone.Group, error) {
	if gs, theirs, err := s.groupsElsewhere(ctx, a); theirs || err != nil {
		return gs, err
	}
	return store.Groups(ctx, s.db, a)
}

// GroupsOf are the groups a user is in; Members the users of a group.
func (s *Service) GroupsOf(ctx context.Context, user string) ([]keystone.Group, error) {
	theirs, err := s.directory.GroupsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	gs, err := store.GroupsOf(ctx, s.db, user)
	return append(gs, theirs...), err
}

// Members are the users of a group.
func (s *Service) Members(ctx context.Context, group string) ([]keystone.User, error) {
	if us, theirs, err := s.directory.Members(ctx, group); theirs || err != nil {
		return us, err
	}
	return store.Members(ctx, s.db, group)
}

// CreateGroup makes a group; fault.NotFound for a domain that is not there.
func (s *Service) CreateGroup(ctx context.Context, g keystone.Group) (keystone.Group, error) {
	g.ID = ids.Hex()
	if g.DomainID == "" {
		g.DomainID = keystone.DefaultDomainID
	}
	if err := s.writable(ctx, g.DomainID); err != nil {
		return g, err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err := store.Project(ctx, tx, g.DomainID); err != nil || !d.IsDomain {
			return fault.NotFoundf("Could not find domain: %s.", g.DomainID)
		}
		return taken(store.InsertGroup(ctx, tx, g), "group", g.Name)
	})
	return g, err
}

// UpdateGroup changes name, description and free attributes of a group.
func (s *Service) UpdateGroup(ctx context.Context, id string, name, description *string, extra keystone.Extra) (keystone.Group, error) {
	var g keystone.Group
	if err := s.ours(ctx, id, keystone.OfGroup); err != nil {
		return g, err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if g, err = store.Group(ctx, tx, id); err != nil {
			return store.Missing(err, "group", id)
		}
		set(&g.Name, name)
		set(&g.Description, description)
		g.Extra = merge(g.Extra, extra)
		return taken(store.UpdateGroup(ctx, tx, g), "group", g.Name)
	})
	return g, err
}

// DeleteGroup removes a group and what was granted to it.
func (s *Service) DeleteGroup(ctx context.Context, id string) error {
	if err := s.ours(ctx, id, keystone.OfGroup); err != nil {
		return err
	}
	return s.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteGroup(ctx, tx, id), "group", id) })
}

// AddMember puts a user into a group; idempotent. RemoveMember is fault.NotFound when the user is not in it.
func (s *Service) AddMember(ctx context.Context, group, user string) error {
	if err := s.oursBoth(ctx, group, user); err != nil {
		return err
	}
	return s.write(ctx, func(tx *db.Tx) error { return store.AddMember(ctx, tx, group, user) })
}

// RemoveMember takes a user out of a group; fault.NotFound when the user is not in it.
func (s *Service) RemoveMember(ctx context.Context, group, user string) error {
	if err := s.oursBoth(ctx, group, user); err != nil {
		return err
	}
	return s.write(ctx, func(tx *db.Tx) error {
		was, err := store.RemoveMember(ctx, tx, group, user)
		if err == nil && !was {
			err = fault.NotFoundf("User %s is not in group %s.", user, group)
		}
		return err
	})
}

// IsMember reports whether the user is in the group.
func (s *Service) IsMember(ctx context.Context, group, user string) (bool, error) {
	theirs, err := s.directory.GroupsOf(ctx, user)
	if err != nil {
		return false, err
	}
	for _, g := range theirs {
		if g.ID == group {
			return true, nil
		}
	}
	return store.IsMember(ctx, s.db, group, user)
}
