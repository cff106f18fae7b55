// Package delegation implements the operations on application credentials, access rules and trusts.
package delegation

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/assignment"
	"hypernova/keystone/identity"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Trusts are section [trust].
type Trusts struct {
	MaxRedelegation int64 `conf:"max_redelegation_count" default:"3" min:"0" help:"How often a trust may be handed on."`
}

// AppCredentials are section [application_credential].
type AppCredentials struct {
	PerUser int `conf:"user_limit" default:"-1" min:"-1" help:"How many application credentials a user may have; -1 is any number."`
}

// Config bounds what users delegate.
type Config struct {
	Trusts
	AppCredentials
}

// Deps are what the operations use.
type Deps struct {
	DB        *db.DB
	Epochs    *store.Epochs
	Passwords *identity.Passwords
	Roles     *assignment.Service
	Now       clock.Now
}

// Service is the operations. All are safe for concurrent use; each write is one transaction.
type Service struct {
	db        *db.DB
	epochs    *store.Epochs
	passwords *identity.Passwords
	roles     *assignment.Service
	config    Config
	now       clock.Now
}

// New returns the operations over the identity database.
func New(c Config, d Deps) *Service {
	return &Service{db: d.DB, epochs: d.Epochs, passwords: d.Passwords, roles: d.Roles, config: c, now: d.Now}
}

func (s *Service) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return s.epochs.Change(ctx, s.db, fn)
}

// AppCredential finds an application credential; fault.NotFound.
func (s *Service) AppCredential(ctx context.Context, id string) (keystone.AppCredential, error) {
	c, _, err := store.AppCredential(ctx, s.db, id)
	return c, store.Missing(err, "Application Credential", id)
}

// AppCredentials are those of a user.
func (s *Service) AppCredentials(ctx context.Context, user string) ([]keystone.AppCredential, error) {
	return store.AppCredentialsOf(ctx, s.db, user)
}

// CreateAppCredential makes an application credential and answers it with its secret, which nobody can read again. An
// empty secret is made up. Of an access rule only the id is needed, or the other fields; one that the user has
// already is taken again. fault.Invalid for an unknown rule or a past expiry, fault.Conflict for a taken name,
// fault.Forbidden over the user's number of them.
func (s *Service) CreateAppCredential(ctx context.Context, c keystone.AppCredential,
	secret string) (keystone.AppCredential, string, error) {
	if !c.Expires.IsZero() && !c.Expires.After(s.now()) {
		return c, "", fault.Invalidf("Invalid application credential: the expiration time is in the past.")
	}
	if secret == "" {
		raw := make([]byte, 64)
		rand.Read(raw)
		secret = base64.RawURLEncoding.EncodeToString(raw)
	}
	hash, err := s.passwords.Hash(secret) // before the transaction: it takes its time
	if err != nil {
		return c, "", err
	}
	c.ID = ids.Hex()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		have, err := store.AppCredentialsOf(ctx, tx, c.UserID)
		if err != nil {
			return err
		}
		if s.config.PerUser >= 0 && len(have) >= s.config.PerUser {
			return fault.Forbiddenf("Unable to create additional application credentials, maximum of %d already exceeded for "+
				"user.",
				s.config.PerUser)
		}
		for _, h := range have {
			c.Order = max(c.Order, h.Order+1)
		}
		if c.AccessRules, err = s.rules(ctx, tx, c.UserID, c.AccessRules); err != nil {
			return err
		}
		err = store.InsertAppCredential(ctx, tx, c, hash)
		if errors.Is(err, db.ErrDuplicate) {
			err = fault.Conflictf("Conflict occurred attempting to store application_credential - Duplicate entry found with "+
				"name %s.", c.Name).Because(err)
		}
		return err
	})
	return c, secret, err
}

// rules finds or makes the rules that a new credential names.
func (s *Service) rules(ctx context.Context, tx *db.Tx, user string,
	wanted []keystone.AccessRule) ([]keystone.AccessRule, error) {
	have, err := store.AccessRulesOf(ctx, tx, user)
	if err != nil {
		return nil, err
	}
	var out []keystone.AccessRule
	for _, w := range wanted {
		i := slices.IndexFunc(have, func(h keystone.AccessRule) bool {
			return w.ID != "" && h.ID == w.ID || w.ID == "" && h.Service == w.Service && h.Method == w.Method && h.Path == w.Path
		})
		switch {
		case i >= 0:
			w = have[i]
		case w.ID != "":
			return nil, fault.Invalidf("Could not find Access Rule: %s.", w.ID)
		default:
			w.ID, w.UserID = ids.Hex(), user
			for _, h := range have {
				w.Order = max(w.Order, h.Order+1)
			}
			if err := store.InsertAccessRule(ctx, tx, w); err != nil {
				return nil, err
			}
			have = append(have, w)
		}
		out = append(out, w)
	}
	return out, nil
}

// DeleteAppCredential removes an application credential and ends its tokens.
func (s *Service) DeleteAppCredential(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		return store.Missing(store.DeleteAppCredential(ctx, tx, id), "Application Credential", id)
	})
}

// AccessRule finds an access rule; fault.NotFound.
func (s *Service) AccessRule(ctx context.Context, id string) (keystone.AccessRule, error) {
	r, err := store.AccessRule(ctx, s.db, id)
	return r, store.Missing(err, "Access Rule", id)
}

// AccessRules are those of a user.
func (s *Service) AccessRules(ctx context.Context, user string) ([]keystone.AccessRule, error) {
	return store.AccessRulesOf(ctx, s.db, user)
}

// DeleteAccessRule removes an access rule; fault.Forbidden while an application credential has it.
func (s *Service) DeleteAccessRule(ctx context.Context, r keystone.AccessRule) error {
	return s.write(ctx, func(tx *db.Tx) error {
		cs, err := store.AppCredentialsOf(ctx, tx, r.UserID)
		if err != nil {
			return err
		}
		for _, c := range cs {
			if slices.ContainsFunc(c.AccessRules, func(have keystone.AccessRule) bool { return have.ID == r.ID }) {
				return fault.Forbiddenf("Unable to delete access rule %s: it is in use by an application credential.", r.ID)
			}
		}
		return store.Missing(store.DeleteAccessRule(ctx, tx, r.ID), "Access Rule", r.ID)
	})
}
