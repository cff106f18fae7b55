package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type credentialRow struct {
	ID        string `db:"id" list:"id"`
	UserID    string `db:"user_id" list:"user_id"`
	ProjectID string `db:"project_id"`
	Kind      string `db:"kind" list:"type"`
	Sealed    string `db:"sealed"`
	Extra     extra  `db:"extra"`
	MadeBy    string `db:"made_by,once"`
}

var (
	credentials      = db.NewTable[credentialRow](Statements, "credentials", "id")
	credentialUpdate = credentials.Update("")
	credentialDelete = credentials.Delete("")
	credentialList   = credentials.List()
	credentialsOf    = db.NewExec(Statements, `DELETE FROM credentials WHERE user_id = ?`)
	credentialsOn    = db.NewExec(Statements, `DELETE FROM credentials WHERE project_id = ?`)
	credentialsUsers = db.NewExec(Statements, `DELETE FROM credentials
		WHERE user_id IN (SELECT id FROM users WHERE domain_id = ?)`)
	credentialsIn = db.NewExec(Statements, `DELETE FROM credentials
		WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
)

// SealedCredential is a credential whose Blob is encrypted, as it is stored.
type SealedCredential keystone.Credential

func credential(r credentialRow) SealedCredential {
	return SealedCredential{
		ID:        r.ID,
		UserID:    r.UserID,
		ProjectID: r.ProjectID,
		Type:      r.Kind,
		Blob:      r.Sealed,
		Extra:     r.Extra.V,
		MadeBy:    r.MadeBy,
	}
}

func credentialRowOf(c SealedCredential) credentialRow {
	return credentialRow{ID: c.ID, UserID: c.UserID, ProjectID: c.ProjectID, Kind: c.Type, Sealed: c.Blob,
		Extra: extra{V: c.Extra}, MadeBy: c.MadeBy}
}

// Credential returns a credential; fault.NotFound.
func Credential(ctx context.Context, q db.Querier, id string) (SealedCredential, error) {
	r, err := credentials.Get(ctx, q, id)
	return credential(r), err
}

// Credentials returns one page.
func Credentials(ctx context.Context, q db.Querier, a db.ListArgs) ([]SealedCredential, error) {
	rs, err := credentialList.Page(ctx, q, a)
	return convert(rs, credential), err
}

// InsertCredential inserts a credential; fault.Conflict for a taken id.
func InsertCredential(ctx context.Context, tx *db.Tx, c SealedCredential) error {
	return credentials.Insert(ctx, tx, credentialRowOf(c))
}

// UpdateCredential writes every attribute of a credential but MadeBy.
func UpdateCredential(ctx context.Context, tx *db.Tx, c SealedCredential) error {
	_, err := credentialUpdate.Do(ctx, tx, credentialRowOf(c))
	return err
}

// DeleteCredential deletes a credential.
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
