// Package identity implements the operations on domains, projects, users, groups and the configuration of domains.
//
// Each subject has a type of its own; Service holds one of each. All are safe for concurrent use, and each write is one
// transaction. Users and groups of domains that have an LDAP directory are read from there and cannot be changed.
package identity

import (
	"context"
	"errors"
	"maps"
	"time"

	"hypernova/keystone"
	"hypernova/keystone/ldapidentity"
	"hypernova/keystone/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Service is the operations by subject.
type Service struct {
	Projects *Projects
	Users    *Users
	Groups   *Groups
	Options  *DomainOptions
}

// Deps are what the operations use.
type Deps struct {
	DB        *db.DB
	Epochs    *store.Epochs
	Passwords *Passwords
	Directory *ldapidentity.Service // nil: no domain has a directory
	Now       clock.Now
}

// New returns the operations over the identity database.
func New(d Deps) *Service {
	b := base{d.DB, d.Epochs}
	l := directories{d.Directory}
	return &Service{
		Projects: &Projects{b},
		Users:    &Users{base: b, directories: l, passwords: d.Passwords, now: d.Now},
		Groups:   &Groups{b, l},
		Options:  &DomainOptions{b, d.Passwords},
	}
}

// base is what every subject needs.
type base struct {
	db     *db.DB
	epochs *store.Epochs
}

// write runs a change that can invalidate tokens.
func (b base) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return b.epochs.Change(ctx, b.db, fn)
}

// duplicate turns a unique violation into Keystone's conflict.
func duplicate(err error, kind, name string) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Conflict occurred attempting to store %s - Duplicate entry found with name %s.", kind, name).
			Because(err)
	}
	return err
}

// merge returns old with the changes. A null removes its attribute.
func merge(old, changes keystone.Extra) keystone.Extra {
	out := maps.Clone(old)
	for k, v := range changes {
		switch {
		case string(v) == "null":
			delete(out, k)
		case out == nil:
			out = keystone.Extra{k: v}
		default:
			out[k] = v
		}
	}
	return out
}

func set[T any](dst *T, v *T) {
	if v != nil {
		*dst = *v
	}
}

// options returns old with the changes. A nil removes its option.
func options(old, changes map[string]any) map[string]any {
	if len(changes) == 0 {
		return old
	}
	out := maps.Clone(old)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out
}

// longestToken is how long a revocation of all tokens of a user is kept. The token lifetime option may not exceed it.
const longestToken = 30 * 24 * time.Hour
