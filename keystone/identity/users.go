package identity

import (
	"context"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// User finds a user; fault.NotFound.
func (s *Service) User(ctx context.Context, id string) (keystone.User, error) {
	u, _, err := store.User(ctx, s.db, id)
	return u, missing(err, "user", id)
}

// Users lists one page.
func (s *Service) Users(ctx context.Context, a db.ListArgs) ([]keystone.User, error) {
	return store.Users(ctx, s.db, a)
}

// CreateUser makes a user; an empty password means that the user cannot log in by password. fault.Invalid for a domain that is not there.
func (s *Service) CreateUser(ctx context.Context, u keystone.User, password string) (keystone.User, error) {
	if u.ID == "" {
		u.ID = ids.Hex()
	}
	if u.DomainID == "" {
		u.DomainID = keystone.DefaultDomainID
	}
	hash, err := s.passwords.Hash(password) // before the transaction: it takes its time
	if err != nil {
		return u, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err := store.Project(ctx, tx, u.DomainID); err != nil || !d.IsDomain {
			return fault.Invalidf("Could not find domain: %s.", u.DomainID)
		}
		return taken(store.InsertUser(ctx, tx, u, hash), "user", u.Name)
	})
	return u, err
}

// UserChange is what a client wants different of a user.
type UserChange struct {
	Name, Description, DefaultProjectID, Password *string
	Enabled                                       *bool
	Options                                       map[string]any
	Extra                                         keystone.Extra
}

// UpdateUser changes a user. A new password and a switch to disabled end all tokens the user holds.
func (s *Service) UpdateUser(ctx context.Context, id string, c UserChange) (keystone.User, error) {
	var hash string
	if c.Password != nil {
		var err error
		if hash, err = s.passwords.Hash(*c.Password); err != nil {
			return keystone.User{}, err
		}
	}
	var u keystone.User
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if u, _, err = store.User(ctx, tx, id); err != nil {
			return missing(err, "user", id)
		}
		off := u.Enabled && c.Enabled != nil && !*c.Enabled
		set(&u.Name, c.Name)
		set(&u.Description, c.Description)
		set(&u.DefaultProjectID, c.DefaultProjectID)
		set(&u.Enabled, c.Enabled)
		u.Options = options(u.Options, c.Options)
		u.Extra = merge(u.Extra, c.Extra)
		if err := taken(store.UpdateUser(ctx, tx, u), "user", u.Name); err != nil {
			return err
		}
		if c.Password != nil {
			u.PasswordExpires = time.Time{}
			if err := store.SetPassword(ctx, tx, id, hash, time.Time{}); err != nil {
				return err
			}
		}
		if off || c.Password != nil {
			return s.revokeUser(ctx, tx, id)
		}
		return nil
	})
	return u, err
}

// ChangePassword is a user's own change: it asks for the old password. fault.Unauthorized when that is wrong.
func (s *Service) ChangePassword(ctx context.Context, id, old, password string) error {
	_, sec, err := store.User(ctx, s.db, id)
	if err != nil {
		return missing(err, "user", id)
	}
	if !s.passwords.Verify(id, sec.Hash, old) {
		return fault.New(fault.Unauthorized, "The request you have made requires authentication.")
	}
	if old == password {
		return fault.Invalidf("The new password cannot be identical to the original password.")
	}
	_, err = s.UpdateUser(ctx, id, UserChange{Password: &password})
	return err
}

// DeleteUser removes a user with memberships and grants.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.DeleteUser(ctx, tx, id) })
}

// Group finds a group; fault.NotFound.
func (s *Service) Group(ctx context.Context, id string) (keystone.Group, error) {
	g, err := store.Group(ctx, s.db, id)
	return g, missing(err, "group", id)
}

// Groups lists one page.
func (s *Service) Groups(ctx context.Context, a db.ListArgs) ([]keystone.Group, error) {
	return store.Groups(ctx, s.db, a)
}

// GroupsOf are the groups a user is in; Members the users of a group.
func (s *Service) GroupsOf(ctx context.Context, user string) ([]keystone.Group, error) {
	return store.GroupsOf(ctx, s.db, user)
}

// Members are the users of a group.
func (s *Service) Members(ctx context.Context, group string) ([]keystone.User, error) {
	return store.Members(ctx, s.db, group)
}

// CreateGroup makes a group; fault.Invalid for a domain that is not there.
func (s *Service) CreateGroup(ctx context.Context, g keystone.Group) (keystone.Group, error) {
	g.ID = ids.Hex()
	if g.DomainID == "" {
		g.DomainID = keystone.DefaultDomainID
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err := store.Project(ctx, tx, g.DomainID); err != nil || !d.IsDomain {
			return fault.Invalidf("Could not find domain: %s.", g.DomainID)
		}
		return taken(store.InsertGroup(ctx, tx, g), "group", g.Name)
	})
	return g, err
}

// UpdateGroup changes name, description and free attributes of a group.
func (s *Service) UpdateGroup(ctx context.Context, id string, name, description *string, extra keystone.Extra) (keystone.Group, error) {
	var g keystone.Group
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var err error
		if g, err = store.Group(ctx, tx, id); err != nil {
			return missing(err, "group", id)
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
	return s.write(ctx, func(tx *db.Tx) error { return store.DeleteGroup(ctx, tx, id) })
}

// AddMember puts a user into a group; idempotent. RemoveMember is fault.NotFound when the user is not in it.
func (s *Service) AddMember(ctx context.Context, group, user string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.AddMember(ctx, tx, group, user) })
}

// RemoveMember takes a user out of a group; fault.NotFound when the user is not in it.
func (s *Service) RemoveMember(ctx context.Context, group, user string) error {
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
	return store.IsMember(ctx, s.db, group, user)
}
