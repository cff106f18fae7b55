package identity

import (
	"context"
	"errors"
	"fmt"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// User finds a user; fault.NotFound.
func (s *Service) User(ctx context.Context, id string) (keystone.User, error) {
	if u, theirs, err := s.directory.User(ctx, id); theirs || err != nil {
		return u, err
	}
	u, _, err := store.User(ctx, s.db, id)
	u.Enabled = u.Enabled && !s.passwords.rules.Dormant(u, s.now())
	return u, store.Missing(err, "user", id)
}

// Users lists one page.
func (s *Service) Users(ctx context.Context, a db.ListArgs) ([]keystone.User, error) {
	if us, theirs, err := s.usersElsewhere(ctx, a); theirs || err != nil {
		return us, err
	}
	us, err := store.Users(ctx, s.db, a)
	for i := range us {
		us[i].Enabled = us[i].Enabled && !s.passwords.rules.Dormant(us[i], s.now())
	}
	return us, err
}

// Federated are what a user is known by elsewhere.
func (s *Service) Federated(ctx context.Context, user string) ([]keystone.FederatedID, error) {
	return store.FederatedIDs(ctx, s.db, user)
}

// KnownAs are the ids of the users who are known elsewhere by what the conditions ask for.
func (s *Service) KnownAs(ctx context.Context, where []db.Cond) ([]string, error) {
	return store.FederatedMatches(ctx, s.db, where)
}

// federate notes what a user is known by elsewhere; fault.Invalid for a provider or protocol that is not there, fault.Conflict where
// somebody is known by it.
func (s *Service) federate(ctx context.Context, tx *db.Tx, user string, known []keystone.FederatedID) error {
	for _, f := range known {
		if _, err := store.Protocol(ctx, tx, f.ProviderID, f.ProtocolID); err != nil {
			return fault.Body(store.Missing(err, "federated protocol", f.ProtocolID+" for Identity Provider: "+f.ProviderID))
		}
		f.UserID = user
		if err := store.InsertFederatedID(ctx, tx, f); errors.Is(err, db.ErrDuplicate) {
			return fault.Conflictf("Conflict occurred attempting to store federated_user - Duplicate entry.").Because(err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// CreateUser makes a user; an empty password means that the user cannot log in by password. fault.NotFound for a domain that is not there.
func (s *Service) CreateUser(ctx context.Context, u keystone.User, password string) (keystone.User, error) {
	if u.ID == "" {
		u.ID = ids.Hex()
	}
	if u.DomainID == "" {
		u.DomainID = keystone.DefaultDomainID
	}
	if err := validOptions(u.Options); err != nil {
		return u, err
	}
	if err := s.writable(ctx, u.DomainID); err != nil {
		return u, err
	}
	var hash string
	if password != "" {
		if err := s.passwords.fits(password); err != nil {
			return u, err
		}
		var err error
		if hash, err = s.passwords.Hash(password); err != nil { // before the transaction: it takes its time
			return u, err
		}
		u.PasswordExpires = s.passwords.rules.expiry(u, s.now(), false)
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err := store.Project(ctx, tx, u.DomainID); err != nil || !d.IsDomain {
			return fault.NotFoundf("Could not find domain: %s.", u.DomainID)
		}
		if err := taken(store.InsertUser(ctx, tx, u, hash, s.now()), "user", u.Name); err != nil {
			return err
		}
		return s.federate(ctx, tx, u.ID, u.Federated)
	})
	u.LastActive = s.now()
	return u, err
}

// UserChange is what a client wants different of a user.
type UserChange struct {
	Name, Description, DefaultProjectID, Password *string
	Enabled                                       *bool
	Options                                       map[string]any
	Extra                                         keystone.Extra
	Federated                                     *[]keystone.FederatedID
	own                                           bool // the user's own doing
}

// UpdateUser changes a user. A new password and a switch to disabled end all tokens the user holds.
func (s *Service) UpdateUser(ctx context.Context, id string, c UserChange) (keystone.User, error) {
	if err := validOptions(c.Options); err != nil {
		return keystone.User{}, err
	}
	if err := s.ours(ctx, id, keystone.OfUser); err != nil {
		return keystone.User{}, err
	}
	var hash string
	if c.Password != nil {
		if err := s.passwords.fits(*c.Password); err != nil {
			return keystone.User{}, err
		}
		var err error
		if hash, err = s.passwords.Hash(*c.Password); err != nil {
			return keystone.User{}, err
		}
	}
	var u keystone.User
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		var sec store.Secret
		if u, sec, err = store.User(ctx, tx, id); err != nil {
			return store.Missing(err, "user", id)
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
		if c.Federated != nil {
			if err := store.DeleteFederatedIDs(ctx, tx, id); err != nil {
				return err
			}
			if err := s.federate(ctx, tx, id, *c.Federated); err != nil {
				return err
			}
		}
		if c.Password != nil {
			if u.PasswordExpires, err = s.setPassword(ctx, tx, u, sec, hash, c.own); err != nil {
				return err
			}
		}
		if on := c.Enabled != nil && *c.Enabled && s.passwords.rules.Dormant(u, s.now()); on {
			u.LastActive = s.now()
			if err := store.Seen(ctx, tx, id, u.LastActive); err != nil {
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

// ChangePassword is a user's own change: it asks for the old password, and where that is wrong too often, locks the user. It is how an
// expired password is changed. fault.Unauthorized when the old one is wrong, fault.Invalid when the new one is not good enough.
func (s *Service) ChangePassword(ctx context.Context, id, old, password string) error {
	if err := s.ours(ctx, id, keystone.OfUser); err != nil {
		return err
	}
	u, sec, err := store.User(ctx, s.db, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	rules := s.passwords.rules
	ok := s.passwords.Verify(id, sec.Hash, old) && err == nil // for an unknown user it takes as long
	if err == nil && !ok && rules.LockoutAttempts > 0 && !rules.Locked(u, sec, s.now()) {
		if err := store.CountFailure(ctx, s.db, id, s.now()); err != nil {
			return err
		}
	}
	if !ok || rules.Locked(u, sec, s.now()) || !u.Enabled {
		return fault.New(fault.Unauthorized, "The request you have made requires authentication.")
	}
	if old == password {
		return fault.Invalidf("The new password cannot be identical to the original password.")
	}
	if err := s.fresh(ctx, u, sec, password); err != nil {
		return err
	}
	_, err = s.UpdateUser(ctx, id, UserChange{Password: &password, own: true})
	return err
}

// validOptions refuses values that the options keystone knows cannot have; unknown options are kept as they are.
func validOptions(options map[string]any) error {
	for _, name := range []string{ignoresChangeFirst, ignoresExpiry, ignoresLockout, ignoresInactivity, lockPassword, "multi_factor_auth_enabled"} {
		if v, ok := options[name]; ok && v != nil {
			if _, isBool := v.(bool); !isBool {
				return fault.Invalidf("Invalid input for option '%s': it must be true, false or null.", name)
			}
		}
	}
	v, ok := options["multi_factor_auth_rules"]
	if !ok || v == nil {
		return nil
	}
	rules, isList := v.([]any)
	seen := map[string]bool{}
	for _, r := range rules {
		methods, isRule := r.([]any)
		key := fmt.Sprint(r)
		if isList = isList && isRule && len(methods) > 0 && !seen[key]; !isList {
			break
		}
		seen[key] = true
		for _, m := range methods {
			name, isText := m.(string)
			isList = isList && isText && name != ""
		}
	}
	if !isList {
		return fault.Invalidf("Invalid input for option 'multi_factor_auth_rules': it must be a list of different, non-empty lists of methods.")
	}
	return nil
}

// DeleteUser removes a user with memberships and grants.
func (s *Service) DeleteUser(ctx context.Context, id string) error {
	if err := s.ours(ctx, id, keystone.OfUser); err != nil {
		return err
	}
	return s.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteUser(ctx, tx, id), "user", id) })
}
