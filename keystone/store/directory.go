package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"hypernova/oslo/db"
)

type directoryRow struct {
	Public string `db:"public_id"`
	Domain string `db:"domain_id"`
	Kind   string `db:"kind"`
	Local  string `db:"local_id"`
}

var (
	directoryIDs    = db.NewTable[directoryRow](Statements, "directory_ids", "public_id")
	grantsElsewhere = db.NewExec(Statements, `DELETE FROM grants
		WHERE actor_id IN (SELECT public_id FROM directory_ids WHERE domain_id = ?)`)
)

// DirectoryID maps the public id of a user or group (by kind) of a domain's directory to its id there.
type DirectoryID struct{ Public, Domain, Kind, Local string }

// PublicID is the id of what a domain knows by a local id, the same one in every deployment: keystone's sha256 over
// domain, kind ("user" or "group") and local id. Federated users get theirs in the same way.
func PublicID(domain, kind, local string) string {
	sum := sha256.Sum256([]byte(domain + kind + local))
	return hex.EncodeToString(sum[:])
}

// LocalID returns the directory's id of a public id; fault.NotFound.
func LocalID(ctx context.Context, q db.Querier, public string) (DirectoryID, error) {
	r, err := directoryIDs.Get(ctx, q, public)
	return DirectoryID(r), err
}

// KeepLocalID inserts a public id. It is idempotent.
func KeepLocalID(ctx context.Context, q db.Querier, d DirectoryID) error {
	_, err := directoryIDs.Absent(ctx, q, directoryRow(d))
	return err
}
