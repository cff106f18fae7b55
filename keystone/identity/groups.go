package identity

import (
	"context"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Groups is the operations on groups and their members.
type Groups struct {
	base
	directories
}

// Get returns a group; fault.NotFound.
func (g *Groups) Get(ctx context.Context, id string) (keystone.Group, error) {
	if v, external, err := g.users.Group(ctx, id); external || err != nil {
		return v, err
	}
	v, err := store.Group(ctx, g.db, id)
	return v, store.Missing(err, "group", id)
}

// List returns one page.
func (g *Groups) List(ctx context.Context, a db.ListArgs) ([]keystone.Group, error) {
	if gs, external, err := g.listGroups(ctx, a); external || err != nil {
		return gs, err
	}
	return store.Groups(ctx, g.db, a)
}

// OfUser returns the groups of a user.
func (g *Groups) OfUser(ctx context.Context, user string) ([]keystone.Group, error) {
	external, err := g.users.GroupsOf(ctx, user)
	if err != nil {
		return nil, err
	}
	gs, err := store.GroupsOf(ctx, g.db, user)
	return append(gs, external...), err
}

// Members returns the users of a group.
func (g *Groups) Members(ctx context.Context, group string) ([]keystone.User, error) {
	if us, external, err := g.users.Members(ctx, group); external || err != nil {
		return us, err
	}
	return store.Members(ctx, g.db, group)
}

// Create inserts a group; fault.NotFound for an unknown domain, fault.Conflict for a taken name.
func (g *Groups) Create(ctx context.Context, v keystone.Group) (keystone.Group, error) {
	v.ID = ids.Hex()
	if v.DomainID == "" {
		v.DomainID = keystone.DefaultDomainID
	}
	if err := g.writable(ctx, v.DomainID); err != nil {
		return v, err
	}
	err := g.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err := store.Project(ctx, tx, v.DomainID); err != nil || !d.IsDomain {
			return fault.NotFoundf("Could not find domain: %s.", v.DomainID)
		}
		return duplicate(store.InsertGroup(ctx, tx, v), "group", v.Name)
	})
	return v, err
}

// Update changes name, description and extra attributes of a group; nil pointers change nothing. fault.NotFound.
func (g *Groups) Update(
	ctx context.Context, id string, name, description *string, extra keystone.Extra,
) (keystone.Group, error) {
	var v keystone.Group
	if err := g.changeable(ctx, id, keystone.OfGroup); err != nil {
		return v, err
	}
	err := g.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Group(ctx, tx, id); err != nil {
			return store.Missing(err, "group", id)
		}
		set(&v.Name, name)
		set(&v.Description, description)
		v.Extra = merge(v.Extra, extra)
		return duplicate(store.UpdateGroup(ctx, tx, v), "group", v.Name)
	})
	return v, err
}

// Delete removes a group with its role assignments; fault.NotFound.
func (g *Groups) Delete(ctx context.Context, id string) error {
	if err := g.changeable(ctx, id, keystone.OfGroup); err != nil {
		return err
	}
	return g.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteGroup(ctx, tx, id), "group", id) })
}

// AddMember adds a user to a group. It is idempotent.
func (g *Groups) AddMember(ctx context.Context, group, user string) error {
	if err := g.sameBackend(ctx, group, user); err != nil {
		return err
	}
	return g.write(ctx, func(tx *db.Tx) error { return store.AddMember(ctx, tx, group, user) })
}

// RemoveMember removes a user from a group; fault.NotFound if the user is not in it.
func (g *Groups) RemoveMember(ctx context.Context, group, user string) error {
	if err := g.sameBackend(ctx, group, user); err != nil {
		return err
	}
	return g.write(ctx, func(tx *db.Tx) error {
		was, err := store.RemoveMember(ctx, tx, group, user)
		if err == nil && !was {
			err = fault.NotFoundf("User %s is not in group %s.", user, group)
		}
		return err
	})
}

// IsMember reports whether the user is in the group.
func (g *Groups) IsMember(ctx context.Context, group, user string) (bool, error) {
	external, err := g.users.GroupsOf(ctx, user)
	if err != nil {
		return false, err
	}
	for _, v := range external {
		if v.ID == group {
			return true, nil
		}
	}
	return store.IsMember(ctx, g.db, group, user)
}
