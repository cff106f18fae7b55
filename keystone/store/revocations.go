package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

// Revocation says which tokens no longer prove anything: those of an audit id, of an audit chain, or of a user,
// issued up to a time. Empty fields match every token; at least one of the three ids is set.
type Revocation struct {
	ID           string  `db:"id"`
	AuditID      string  `db:"audit_id"`
	AuditChainID string  `db:"audit_chain_id"`
	UserID       string  `db:"user_id"`
	IssuedBefore db.Time `db:"issued_before"`
	ExpiresAt    db.Time `db:"expires_at"` // no token it matches lives longer; the row may go then
}

const revocationColumns = `id, audit_id, audit_chain_id, user_id, issued_before, expires_at`

var (
	revocationInsert = db.NewInsert[Revocation](Statements, "revocations")
	revocationAll    = db.NewQuery[Revocation](Statements, `SELECT `+revocationColumns+` FROM revocations ORDER BY id`)
	// Three index lookups: an empty id in a row matches no token here, and rows that matched by one id are held
	// against all.
	revocationsFor = db.NewQuery[Revocation](Statements, `SELECT `+revocationColumns+` FROM revocations WHERE audit_id = ?
		UNION ALL
		SELECT `+revocationColumns+` FROM revocations WHERE audit_chain_id = ?
		UNION ALL
		SELECT `+revocationColumns+` FROM revocations WHERE user_id IN (?, ?)`)
	revocationPurge = db.NewExec(Statements, `DELETE FROM revocations WHERE expires_at < ?`)
)

// Revoke adds a revocation. The caller moves the epoch in the same transaction.
func Revoke(ctx context.Context, tx *db.Tx, r Revocation) error {
	return revocationInsert.Do(ctx, tx, r)
}

// Revocations are all that are in force.
func Revocations(ctx context.Context, q db.Querier) ([]Revocation, error) {
	return revocationAll.All(ctx, q)
}

// RevocationsFor are those that could be about a token of this audit id and chain, of one of two users (the second
// may be the first again).
func RevocationsFor(ctx context.Context, q db.Querier, audit, chain, user, other string) ([]Revocation, error) {
	return revocationsFor.All(ctx, q, audit, chain, user, other)
}

// PurgeRevocations drops those that no living token can match.
func PurgeRevocations(ctx context.Context, q db.Querier, now time.Time) error {
	_, err := revocationPurge.Do(ctx, q, db.Time{Time: now})
	return err
}
