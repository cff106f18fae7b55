// Package keypairs is the verbs on key pairs.
package keypairs

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Limits answers how many key pairs a user may have; nova/quota does.
type Limits interface {
	Limits(ctx context.Context, project, user string) (nova.Limits, error)
}

// KeyPairs is the verbs; New makes it. Methods may be called concurrently.
type KeyPairs struct {
	db     *db.DB
	now    clock.Now
	limits Limits
}

// New makes the verbs on a database. A nil now is the real clock.
func New(d *db.DB, now clock.Now, l Limits) *KeyPairs {
	if now == nil {
		now = clock.Real
	}
	return &KeyPairs{d, now, l}
}

// List is one page by name, behind the marker; an unknown marker is fault.Invalid. 0 is no limit.
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

// KeyPair by its name; fault.NotFound.
func (k *KeyPairs) KeyPair(ctx context.Context, user, name string) (nova.KeyPair, error) {
	return store.KeyPair(ctx, k.db, user, name)
}

// PublicKey is what a server of the user is given; fault.NotFound.
func (k *KeyPairs) PublicKey(ctx context.Context, user, name string) (string, error) {
	v, err := k.KeyPair(ctx, user, name)
	return v.PublicKey, err
}

// Delete forgets a pair; servers keep what they were given.
func (k *KeyPairs) Delete(ctx context.Context, user, name string) error {
	return store.DeleteKeyPair(ctx, k.db, user, name)
}

// CreateArgs asks for a pair. Without a public key one is made, and its private half is answered once.
type CreateArgs struct {
	Project, User, Name, Type string // Type empty: ssh
	PublicKey                 string
}

// Create imports or makes a pair. Faults: Invalid for a key that cannot be read, Conflict for a name that is taken, OverQuota.
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
