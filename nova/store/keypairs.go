package store

import (
	"context"
	"errors"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type keyPairRow struct {
	User        string  `db:"user_id"`
	Name        string  `db:"name"`
	Number      int64   `db:"number"`
	Kind        string  `db:"kind"`
	Fingerprint string  `db:"fingerprint"`
	PublicKey   string  `db:"public_key"`
	Created     db.Time `db:"created_at"`
}

// The primary key serves all of these.
var (
	keyPairs      = db.NewTable[keyPairRow](stmts, "keypairs", "user_id", "name")
	keyPairsAfter = keyPairs.Query("user_id = ?\n  AND name > ?\nORDER BY name\nLIMIT ?")
	countKeyPairs = db.NewQuery[int64](stmts, "SELECT COUNT(*)\nFROM keypairs\nWHERE user_id = ?")
	deleteKeyPair = keyPairs.Delete("")
)

func (r *keyPairRow) value() nova.KeyPair {
	return nova.KeyPair{User: r.User, Name: r.Name, Number: r.Number, Type: r.Kind, Fingerprint: r.Fingerprint,
		PublicKey: r.PublicKey, Created: r.Created.Time}
}

// KeyPairs returns one page of a user's key pairs in order of name, behind the name marker.
func KeyPairs(ctx context.Context, on db.Querier, user, marker string, limit int) ([]nova.KeyPair, error) {
	rows, err := keyPairsAfter.All(ctx, on, user, marker, limit)
	return values(rows, err, (*keyPairRow).value)
}

// KeyPair returns a user's key pair by its name; fault.NotFound.
func KeyPair(ctx context.Context, on db.Querier, user, name string) (nova.KeyPair, error) {
	r, err := keyPairs.Get(ctx, on, user, name)
	return r.value(), absent(err, "Keypair %s not found for user %s", name, user)
}

// CountKeyPairs counts a user's key pairs.
func CountKeyPairs(ctx context.Context, on db.Querier, user string) (int64, error) {
	return countKeyPairs.One(ctx, on, user)
}

// InsertKeyPair inserts a key pair and returns it with its number and stamp. A name that is taken is fault.Conflict.
func InsertKeyPair(ctx context.Context, tx *db.Tx, v nova.KeyPair, now time.Time) (nova.KeyPair, error) {
	var err error
	if v.Number, err = number(ctx, tx, "keypair"); err != nil {
		return v, err
	}
	v.Created = db.At(now).Time
	err = keyPairs.Insert(ctx, tx, keyPairRow{User: v.User, Name: v.Name, Number: v.Number, Kind: v.Type,
		Fingerprint: v.Fingerprint, PublicKey: v.PublicKey, Created: db.At(now)})
	if errors.Is(err, db.ErrDuplicate) {
		return v, fault.Conflictf("Key pair '%s' already exists.", v.Name)
	}
	return v, err
}

// DeleteKeyPair deletes a user's key pair; fault.NotFound.
func DeleteKeyPair(ctx context.Context, on db.Querier, user, name string) error {
	n, err := deleteKeyPair.Do(ctx, on, user, name)
	return changed(n, err, "Keypair %s not found for user %s", name, user)
}
