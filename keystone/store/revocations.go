package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

type revocationRow struct {
	ID           string  `db:"id"`
	AuditID      string  `db:"audit_id"`
	AuditChainID string  `db:"audit_chain_id"`
	UserID       string  `db:"user_id"`
	IssuedBefore db.Time `db:"issued_before,set"`
	ExpiresAt    db.Time `db:"expires_at,set"`
}

// Revocation is an event that revokes the tokens of an audit id, of an audit chain, or of a user, issued up to a time.
// Empty fields match every token; at least one of the three ids is set.
type Revocation struct {
	ID, AuditID, AuditChainID, UserID string
	IssuedBefore                      time.Time
	ExpiresAt                         time.Time // no token that it matches lives longer; the row may be deleted then
}

var (
	revocations   = db.NewTable[revocationRow](Statements, "revocations", "id")
	revocationAll = revocations.Query("ORDER BY id")
	// Three index lookups. A row that one id finds is compared with all ids of the token by the caller.
	revocationsFor = db.NewQuery[revocationRow](
		Statements,
		`SELECT `+revocations.Columns("")+` FROM revocations WHERE audit_id = ?
		UNION ALL
		SELECT `+revocations.Columns("")+` FROM revocations WHERE audit_chain_id = ?
		UNION ALL
		SELECT `+revocations.Columns("")+` FROM revocations WHERE user_id IN (?, ?)`,
	)
	revocationPurge = db.NewExec(Statements, `DELETE FROM revocations WHERE expires_at < ?`)
)

func revocation(r revocationRow) Revocation {
	return Revocation{r.ID, r.AuditID, r.AuditChainID, r.UserID, r.IssuedBefore.Time, r.ExpiresAt.Time}
}

// Revoke inserts a revocation. The caller moves the epoch in the same transaction.
func Revoke(ctx context.Context, tx *db.Tx, r Revocation) error {
	return revocations.Insert(
		ctx,
		tx,
		revocationRow{r.ID, r.AuditID, r.AuditChainID, r.UserID, db.Time{Time: r.IssuedBefore},
			db.Time{Time: r.ExpiresAt}},
	)
}

// Revocations returns all revocations.
func Revocations(ctx context.Context, q db.Querier) ([]Revocation, error) {
	rs, err := revocationAll.All(ctx, q)
	return convert(rs, revocation), err
}

// RevocationsFor returns the revocations that can match a token of this audit id and chain, of one of two users; the
// second may be the first again.
func RevocationsFor(ctx context.Context, q db.Querier, audit, chain, user, other string) ([]Revocation, error) {
	rs, err := revocationsFor.All(ctx, q, audit, chain, user, other)
	return convert(rs, revocation), err
}

// PurgeRevocations deletes the revocations that no valid token can match.
func PurgeRevocations(ctx context.Context, q db.Querier, now time.Time) error {
	_, err := revocationPurge.Do(ctx, q, db.Time{Time: now})
	return err
}
