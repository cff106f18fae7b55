package identity

import (
	"context"
	"errors"
	"fmt"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Users is the operations on users.
type Users struct {
	base
	directories
	passwords *Passwords
	now       clock.Now
}

// Get returns a user; fault.NotFound. A user who has been inactive for too long is returned as disabled.
func (u *Users) Get(ctx context.Context, id string) (keystone.User, error) {
	if v, external, err := u.users.User(ctx, id); external || err != nil {
		return v, err
	}
	v, _, err := store.User(ctx, u.db, id)
	v.Enabled = v.Enabled && !u.passwords.rules.Dormant(v, u.now())
	return v, store.Missing(err, "user", id)
}

// List returns one page.
func (u *Users) List(ctx context.Context, a db.ListArgs) ([]keystone.User, error) {
	if us, external, err := u.listUsers(ctx, a); external || err != nil {
		return us, err
	}
	us, err := store.Users(ctx, u.db, a)
	for i := range us {
		us[i].Enabled = us[i].Enabled && !u.passwords.rules.Dormant(us[i], u.now())
	}
	return us, err
}

// FederatedIDs returns the ids of a user at identity providers.
func (u *Users) FederatedIDs(ctx context.Context, user string) ([]keystone.FederatedID, error) {
	return store.FederatedIDs(ctx, u.db, user)
}

// IDsByFederation returns the ids of the users whose federated ids meet the conditions.
func (u *Users) IDsByFederation(ctx context.Context, where []db.Cond) ([]string, error) {
	return store.FederatedMatches(ctx, u.db, where)
}

// federate inserts federated ids of a user; fault.Invalid for an unknown provider or protocol, fault.Conflict for an id
// that a user has already.
func federate(ctx context.Context, tx *db.Tx, user string, known []keystone.FederatedID) error {
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

// Create inserts a user. Without a password the user cannot log in by password. fault.NotFound for an unknown domain,
// fault.Conflict for a taken name, fault.Invalid for a password that does not meet the rules.
func (u *Users) Create(ctx context.Context, v keystone.User, password string) (keystone.User, error) {
	if v.ID == "" {
		v.ID = ids.Hex()
	}
	if v.DomainID == "" {
		v.DomainID = keystone.DefaultDomainID
	}
	if err := validOptions(v.Options); err != nil {
		return v, err
	}
	if err := u.writable(ctx, v.DomainID); err != nil {
		return v, err
	}
	var hash string
	if password != "" {
		if err := u.passwords.fits(password); err != nil {
			return v, err
		}
		var err error
		if hash, err = u.passwords.Hash(password); err != nil { // before the transaction, because it is slow
			return v, err
		}
		v.PasswordExpires = u.passwords.rules.expiry(v, u.now(), false)
	}
	err := u.db.Tx(ctx, func(tx *db.Tx) error {
		if d, err := store.Project(ctx, tx, v.DomainID); err != nil || !d.IsDomain {
			return fault.NotFoundf("Could not find domain: %s.", v.DomainID)
		}
		if err := duplicate(store.InsertUser(ctx, tx, v, hash, u.now()), "user", v.Name); err != nil {
			return err
		}
		return federate(ctx, tx, v.ID, v.Federated)
	})
	v.LastActive = u.now()
	return v, err
}

// UserChange is a change of a user. Nil pointers and nil maps change nothing.
type UserChange struct {
	Name, Description, DefaultProjectID, Password *string
	Enabled                                       *bool
	Options                                       map[string]any
	Extra                                         keystone.Extra
	Federated                                     *[]keystone.FederatedID
	own                                           bool // made by the user
}

// Update changes a user; fault.NotFound. A new password and a change to disabled revoke all tokens of the user.
func (u *Users) Update(ctx context.Context, id string, c UserChange) (keystone.User, error) {
	if err := validOptions(c.Options); err != nil {
		return keystone.User{}, err
	}
	if err := u.changeable(ctx, id, keystone.OfUser); err != nil {
		return keystone.User{}, err
	}
	var hash string
	if c.Password != nil {
		if err := u.passwords.fits(*c.Password); err != nil {
			return keystone.User{}, err
		}
		var err error
		if hash, err = u.passwords.Hash(*c.Password); err != nil {
			return keystone.User{}, err
		}
	}
	var v keystone.User
	err := u.write(ctx, func(tx *db.Tx) error {
		var err error
		var sec store.Secret
		if v, sec, err = store.User(ctx, tx, id); err != nil {
			return store.Missing(err, "user", id)
		}
		off := v.Enabled && c.Enabled != nil && !*c.Enabled
		set(&v.Name, c.Name)
		set(&v.Description, c.Description)
		set(&v.DefaultProjectID, c.DefaultProjectID)
		set(&v.Enabled, c.Enabled)
		v.Options = options(v.Options, c.Options)
		v.Extra = merge(v.Extra, c.Extra)
		if err := duplicate(store.UpdateUser(ctx, tx, v), "user", v.Name); err != nil {
			return err
		}
		if c.Federated != nil {
			if err := store.DeleteFederatedIDs(ctx, tx, id); err != nil {
				return err
			}
			if err := federate(ctx, tx, id, *c.Federated); err != nil {
				return err
			}
		}
		if c.Password != nil {
			if v.PasswordExpires, err = u.setPassword(ctx, tx, v, sec, hash, c.own); err != nil {
				return err
			}
		}
		if on := c.Enabled != nil && *c.Enabled && u.passwords.rules.Dormant(v, u.now()); on {
			v.LastActive = u.now()
			if err := store.Seen(ctx, tx, id, v.LastActive); err != nil {
				return err
			}
		}
		if off || c.Password != nil {
			return u.revokeUser(ctx, tx, id)
		}
		return nil
	})
	return v, err
}

// ChangePassword changes a password for its user, who gives the old one; also an expired one. Wrong passwords count
// towards the lockout. fault.Unauthorized for a wrong old password, fault.Invalid for a new one that does not meet the
// rules. It takes as long for an unknown user as for a wrong password.
func (u *Users) ChangePassword(ctx context.Context, id, old, password string) error {
	if err := u.changeable(ctx, id, keystone.OfUser); err != nil {
		return err
	}
	v, sec, err := store.User(ctx, u.db, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	rules := u.passwords.rules
	ok := u.passwords.Verify(id, sec.Hash, old) && err == nil // takes as long for an unknown user
	if err == nil && !ok && rules.LockoutAttempts > 0 && !rules.Locked(v, sec, u.now()) {
		if err := store.CountFailure(ctx, u.db, id, u.now()); err != nil {
			return err
		}
	}
	if !ok || rules.Locked(v, sec, u.now()) || !v.Enabled {
		return fault.New(fault.Unauthorized, "The request you have made requires authentication.")
	}
	if old == password {
		return fault.Invalidf("The new password cannot be identical to the original password.")
	}
	if err := u.mayReplace(ctx, v, sec, password); err != nil {
		return err
	}
	_, err = u.Update(ctx, id, UserChange{Password: &password, own: true})
	return err
}

// validOptions checks the values of the options that Keystone knows; others are stored as they are. fault.Invalid.
func validOptions(options map[string]any) error {
	for _, name := range []string{ignoresChangeFirst, ignoresExpiry, ignoresLockout, ignoresInactivity, lockPassword,
		"multi_factor_auth_enabled"} {
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
		return fault.Invalidf(
			"Invalid input for option 'multi_factor_auth_rules': it must be a list of different, non-empty lists of methods.",
		)
	}
	return nil
}

// Delete removes a user with memberships and role assignments; fault.NotFound.
func (u *Users) Delete(ctx context.Context, id string) error {
	if err := u.changeable(ctx, id, keystone.OfUser); err != nil {
		return err
	}
	return u.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteUser(ctx, tx, id), "user", id) })
}

// revokeUser revokes all tokens that a user has been issued up to now.
func (u *Users) revokeUser(ctx context.Context, tx *db.Tx, id string) error {
	now := u.now()
	return store.Revoke(ctx, tx, store.Revocation{ID: ids.Ordered(now), UserID: id, IssuedBefore: now,
		ExpiresAt: now.Add(longestToken)})
}
