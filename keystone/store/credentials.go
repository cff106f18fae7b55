package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type credentialRow struct {
	ID        string `db:"id"`
	UserID    string `db:"user_id"`
	ProjectID string `db:"project_id"`
	Kind      string `db:"kind"`
	Sealed    string `db:"sealed"`
	Extra     extra  `db:"extra"`
	MadeBy    string `db:"made_by"`
}

const credentialColumns = `id, user_id, project_id, kind, sealed, extra, made_by`

var (
	credentialByID   = db.NewQuery[credentialRow](Statements, `SELECT `+credentialColumns+` FROM credentials WHERE id = ?`)
	credentialInsert = db.NewInsert[credentialRow](Statements, "credentials")
	credentialUpdate = db.NewExec(Statements, `UPDATE credentials SET user_id = ?, project_id = ?, kind = ?, sealed = ?, extra = ? WHERE id = ?`)
	credentialDelete = db.NewExec(Statements, `DELETE FROM credentials WHERE id = ?`)
	credentialsOf    = db.NewExec(Statements, `DELETE FROM credentials WHERE user_id = ?`)
	credentialsOn    = db.NewExec(Statements, `DELETE FROM credentials WHERE project_id = ?`)
	credentialsUsers = db.NewExec(Statements, `DELETE FROM credentials WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)`)
	credentialsIn    = db.NewExec(Statements, `DELETE FROM credentials WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
	credentialList   = db.NewList[credentialRow](Statements, `SELECT `+credentialColumns+` FROM credentials`, map[string]string{
		"id": "id", "user_id": "user_id", "type": "kind",
	}, "id")
)

// SealedCredential is a credential whose Blob is still as the database keeps it.
type SealedCredential keystone.Credential

func credential(r credentialRow) SealedCredential {
	return SealedCredential{ID: r.ID, UserID: r.UserID, ProjectID: r.ProjectID, Type: r.Kind, Blob: r.Sealed, Extra: r.Extra.V,
		MadeBy: r.MadeBy}
}

// Credential finds a credential; fault.NotFound.
func Credential(ctx context.Context, q db.Querier, id string) (SealedCredential, error) {
	r, err := credentialByID.One(ctx, q, id)
	return credential(r), err
}

// Credentials lists one page.
func Credentials(ctx context.Context, q db.Querier, a db.ListArgs) ([]SealedCredential, error) {
	rs, err := credentialList.Page(ctx, q, a)
	return convert(rs, credential), err
}

// InsertCredential writes a new credential; fault.Conflict for a taken id.
func InsertCredential(ctx context.Context, tx *db.Tx, c SealedCredential) error {
	return credentialInsert.Do(ctx, tx, credentialRow{c.ID, c.UserID, c.ProjectID, c.Type, c.Blob, extra{V: c.Extra}, c.MadeBy})
}

// UpdateCredential writes a credential anew.
func UpdateCredential(ctx context.Context, tx *db.Tx, c SealedCredential) error {
	_, err := credentialUpdate.Do(ctx, tx, c.UserID, c.ProjectID, c.Type, c.Blob, extra{V: c.Extra}, c.ID)
	return err
}

// DeleteCredential removes a credential.
func DeleteCredential(ctx context.Context, tx *db.Tx, id string) error {
	return gone(credentialDelete.Do(ctx, tx, id))
}

// deleteHeldBy removes what outlives its foreign keys when a user goes, deleteHeldOn when a project goes.
func deleteHeldBy(ctx context.Context, tx *db.Tx, user string) error {
	_, err := credentialsOf.Do(ctx, tx, user)
	return err
}

func deleteHeldOn(ctx context.Context, tx *db.Tx, project string) error {
	return all(ctx, tx, project, credentialsOn, trustsOn, limitsOn, limitsOf)
}

// gone is the outcome of a removal of one row by its id; fault.NotFound where somebody else was faster.
func gone(n int64, err error) error {
	if err == nil && n == 0 {
		err = fault.NotFoundf("The resource could not be found.")
	}
	return err
}

// all runs statements that take the same argument.
func all(ctx context.Context, tx *db.Tx, arg string, es ...*db.Exec) error {
	for _, e := range es {
		if _, err := e.Do(ctx, tx, arg); err != nil {
			return err
		}
	}
	return nil
}
