package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"hypernova/oslo/db"
)

// DirectoryID ties the id that this cloud knows somebody by to the one that a domain's own directory does.
type DirectoryID struct {
	Public string `db:"public_id"`
	Domain string `db:"domain_id"`
	Kind   string `db:"kind"`
	Local  string `db:"local_id"`
}

var (
	directoryByID   = db.NewQuery[DirectoryID](Statements, `SELECT public_id, domain_id, kind, local_id FROM directory_ids WHERE public_id = ?`)
	grantsElsewhere = db.NewExec(Statements, `DELETE FROM grants WHERE actor_id IN (SELECT public_id FROM directory_ids WHERE domain_id = ?)`)
	directoryInsert = db.NewInsert[DirectoryID](Statements, "directory_ids")
)

// PublicID is the id of what a domain knows by a local id, the same one in every deployment: keystone's sha256 over
// domain, kind ("user" or "group") and local id. Federated users get theirs in the same way.
func PublicID(domain, kind, local string) string {
	sum := sha256.Sum256([]byte(domain + kind + local))
	return hex.EncodeToString(sum[:])
}

// LocalID finds what a public id stands for; fault.NotFound.
func LocalID(ctx context.Context, q db.Querier, public string) (DirectoryID, error) {
	return directoryByID.One(ctx, q, public)
}

// KeepLocalID notes a public id; there already is no error.
func KeepLocalID(ctx context.Context, q db.Querier, d DirectoryID) error {
	_, err := directoryInsert.Absent(ctx, q, d)
	return err
}
