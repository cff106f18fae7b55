package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

var (
	oldPasswords = db.NewQuery[string](
		Statements,
		`SELECT password_hash FROM old_passwords WHERE user_id = ? ORDER BY id DESC`,
	)
	passwords     = db.NewTable[oldPassword](Statements, "old_passwords", "id")
	passwordsTrim = db.NewExec(Statements, `DELETE FROM old_passwords WHERE user_id = ? AND id NOT IN (
		SELECT id FROM old_passwords WHERE user_id = ? ORDER BY id DESC LIMIT ?)`)
)

type oldPassword struct {
	ID     string `db:"id"`
	UserID string `db:"user_id"`
	Hash   string `db:"password_hash"`
}

// Seen notes that a user has just proved who they are.
func Seen(ctx context.Context, q db.Querier, user string, at time.Time) error {
	_, err := userSeen.Do(ctx, q, userRow{ID: user, LastActive: db.At(at)})
	return err
}

// OldPasswords returns the hashes of a user's earlier passwords, newest first.
func OldPasswords(ctx context.Context, q db.Querier, user string) ([]string, error) {
	return oldPasswords.All(ctx, q, user)
}

// KeepPassword remembers a hash, and forgets all but the newest; ids that are made later sort later.
func KeepPassword(ctx context.Context, tx *db.Tx, id, user, hash string, newest int) error {
	if err := passwords.Insert(ctx, tx, oldPassword{id, user, hash}); err != nil {
		return err
	}
	_, err := passwordsTrim.Do(ctx, tx, user, user, newest)
	return err
}
