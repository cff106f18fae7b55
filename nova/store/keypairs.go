package store

import (
	"context"
	"errors"

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

const keyPairColumns = "user_id, name, number, kind, fingerprint, public_key, created_at"

func (r *keyPairRow) noun() nova.KeyPair {
	return nova.KeyPair{User: r.User, Name: r.Name, Number: r.Number, Type: r.Kind, Fingerprint: r.Fingerprint, PublicKey: r.PublicKey,
		Created: r.Created.Time}
}

// The primary key serves all of these.
var (
	keyPairByName = db.NewQuery[keyPairRow](stmts, "SELECT "+keyPairColumns+"\nFROM keypairs\nWHERE user_id = ?\n  AND name = ?")
	keyPairsAfter = db.NewQuery[keyPairRow](stmts, "SELECT "+keyPairColumns+"\nFROM keypairs\nWHERE user_id = ?\n  AND name > ?\nORDER BY name\nLIMIT ?")
	countKeyPairs = db.NewQuery[int64](stmts, "SELECT COUNT(*)\nFROM keypairs\nWHERE user_id = ?")
	insertKeyPair = db.NewInsert[keyPairRow](stmts, "keypairs")
	deleteKeyPair = db.NewExec(stmts, "DELETE FROM keypairs\nWHERE user_id = ?\n  AND name = ?")
)

// KeyPairs is one page of a user's key pairs by name, behind the marker's.
func (s *Store) KeyPairs(ctx context.Context, on db.Querier, user, marker string, limit int) ([]nova.KeyPair, error) {
	rows, err := keyPairsAfter.All(ctx, on, user, marker, limit)
	out := make([]nova.KeyPair, len(rows))
	for i := range rows {
		out[i] = rows[i].noun()
	}
	return out, err
}

// KeyPair by its name; fault.NotFound.
func (s *Store) KeyPair(ctx context.Context, on db.Querier, user, name string) (nova.KeyPair, error) {
	r, err := keyPairByName.One(ctx, on, user, name)
	if fault.Is(err, fault.NotFound) {
		return nova.KeyPair{}, noKeyPair(user, name)
	}
	return r.noun(), err
}

func noKeyPair(user, name string) error {
	return fault.NotFoundf("Keypair %s not found for user %s", name, user)
}

// CountKeyPairs is how many a user has.
func (s *Store) CountKeyPairs(ctx context.Context, on db.Querier, user string) (int64, error) {
	return countKeyPairs.One(ctx, on, user)
}

// InsertKeyPair writes a new pair; a name that is taken is fault.Conflict. The answer has number and stamp.
func (s *Store) InsertKeyPair(ctx context.Context, tx *db.Tx, v nova.KeyPair) (nova.KeyPair, error) {
	var err error
	if v.Number, err = s.number(ctx, tx, "keypair"); err != nil {
		return v, err
	}
	now := db.At(s.now())
	v.Created = now.Time
	err = insertKeyPair.Do(ctx, tx, keyPairRow{v.User, v.Name, v.Number, v.Type, v.Fingerprint, v.PublicKey, now})
	if errors.Is(err, db.ErrDuplicate) {
		return v, fault.Conflictf("Key pair '%s' already exists.", v.Name)
	}
	return v, err
}

// DeleteKeyPair forgets it; fault.NotFound.
func (s *Store) DeleteKeyPair(ctx context.Context, on db.Querier, user, name string) error {
	n, err := deleteKeyPair.Do(ctx, on, user, name)
	if err == nil && n == 0 {
		return noKeyPair(user, name)
	}
	return err
}
