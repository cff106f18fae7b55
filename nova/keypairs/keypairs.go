// Package keypairs implements the operations on key pairs.
package keypairs

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Limits returns how many key pairs a user may have; nova/quota implements it.
type Limits interface {
	Limits(ctx context.Context, project, user string) (nova.Limits, error)
}

// KeyPairs implements the operations; New makes it. Its methods may be called concurrently.
type KeyPairs struct {
	db     *db.DB
	now    clock.Now
	limits Limits
}

// New makes KeyPairs on a database. A nil now is the real clock.
func New(d *db.DB, now clock.Now, l Limits) *KeyPairs {
	if now == nil {
		now = clock.Real
	}
	return &KeyPairs{d, now, l}
}

// List reads one page by name after the marker; an unknown marker is fault.Invalid. A limit of 0 is none.
func (k *KeyPairs) List(ctx context.Context, user, marker string, limit int) ([]nova.KeyPair, error) {
	if marker != "" {
		if _, err := store.KeyPair(ctx, k.db, user, marker); err != nil {
			if fault.Is(err, fault.NotFound) {
				return nil, fault.Invalidf("Marker %s could not be found.", marker)
			}
			return nil, err
		}
	}
	if limit <= 0 {
		limit = 1 << 30
	}
	return store.KeyPairs(ctx, k.db, user, marker, limit)
}

// KeyPair returns a key pair by its name; fault.NotFound.
func (k *KeyPairs) KeyPair(ctx context.Context, user, name string) (nova.KeyPair, error) {
	return store.KeyPair(ctx, k.db, user, name)
}

// PublicKey returns the public key for a server of the user; fault.NotFound.
func (k *KeyPairs) PublicKey(ctx context.Context, user, name string) (string, error) {
	v, err := k.KeyPair(ctx, user, name)
	return v.PublicKey, err
}

// Delete deletes a key pair; servers keep their public key.
func (k *KeyPairs) Delete(ctx context.Context, user, name string) error {
	return store.DeleteKeyPair(ctx, k.db, user, name)
}

// CreateArgs are the arguments of Create. Without a public key Create generates a pair and returns the private key,
// which is not stored.
type CreateArgs struct {
	Project, User, Name, Type string // Type empty: ssh
	PublicKey                 string
}

// Create imports or generates a key pair. Faults: Invalid for a key that cannot be read, Conflict for a name in use,
// OverQuota.
func (k *KeyPairs) Create(ctx context.Context, a CreateArgs) (v nova.KeyPair, private string, err error) {
	if a.Type == "" {
		a.Type = nova.KeySSH
	}
	v = nova.KeyPair{User: a.User, Name: a.Name, Type: a.Type, PublicKey: a.PublicKey}
	limits, err := k.limits.Limits(ctx, a.Project, a.User)
	if err != nil {
		return v, "", err
	}
	if a.PublicKey == "" {
		v.PublicKey, private, err = generate(a.Type, a.User)
	}
	if err == nil {
		v.Fingerprint, err = fingerprint(a.Type, v.PublicKey)
	}
	if err != nil {
		return v, "", err
	}
	err = k.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := store.CountKeyPairs(ctx, tx, a.User)
		if err != nil {
			return err
		}
		if limits.KeyPairs >= 0 && n >= limits.KeyPairs {
			return fault.OverQuotaf("Quota exceeded, too many key pairs.")
		}
		v, err = store.InsertKeyPair(ctx, tx, v, k.now())
		return err
	})
	return v, private, err
}
