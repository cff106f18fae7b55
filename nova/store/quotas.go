package store

import (
	"context"

	"hypernova/oslo/db"
)

type quotaRow struct {
	Resource string `db:"resource"`
	Value    int64  `db:"value"`
}

// The primary keys serve all of these.
var (
	quotasOf      = db.NewQuery[quotaRow](stmts, "SELECT resource, value\nFROM quotas\nWHERE project_id = ?\n  AND user_id = ?")
	quotasOfClass = db.NewQuery[quotaRow](stmts, "SELECT resource, value\nFROM quota_classes\nWHERE class = ?")
	setQuota      = db.NewExec(stmts, "INSERT INTO quotas (project_id, user_id, resource, value)\nVALUES (?, ?, ?, ?)\nON CONFLICT (project_id, user_id, resource) DO UPDATE\nSET value = excluded.value")
	setClassQuota = db.NewExec(stmts, "INSERT INTO quota_classes (class, resource, value)\nVALUES (?, ?, ?)\nON CONFLICT (class, resource) DO UPDATE\nSET value = excluded.value")
	deleteProject = db.NewExec(stmts, "DELETE FROM quotas\nWHERE project_id = ?")
	deleteUser    = db.NewExec(stmts, "DELETE FROM quotas\nWHERE project_id = ?\n  AND user_id = ?")
)

func byResource(rows []quotaRow) map[string]int64 {
	m := make(map[string]int64, len(rows))
	for _, r := range rows {
		m[r.Resource] = r.Value
	}
	return m
}

// Quotas are the limits that were set for a project, or with user for that user in it, by resource name.
func (s *Store) Quotas(ctx context.Context, on db.Querier, project, user string) (map[string]int64, error) {
	rows, err := quotasOf.All(ctx, on, project, user)
	return byResource(rows), err
}

// SetQuotas sets limits; others stay.
func (s *Store) SetQuotas(ctx context.Context, tx *db.Tx, project, user string, values map[string]int64) error {
	for resource, value := range values {
		if _, err := setQuota.Do(ctx, tx, project, user, resource, value); err != nil {
			return err
		}
	}
	return nil
}

// DeleteQuotas forgets what was set: for one user, or without user for the project and all its users.
func (s *Store) DeleteQuotas(ctx context.Context, on db.Querier, project, user string) error {
	var err error
	if user == "" {
		_, err = deleteProject.Do(ctx, on, project)
	} else {
		_, err = deleteUser.Do(ctx, on, project, user)
	}
	return err
}

// ClassQuotas are the limits that were set for a quota class.
func (s *Store) ClassQuotas(ctx context.Context, on db.Querier, class string) (map[string]int64, error) {
	rows, err := quotasOfClass.All(ctx, on, class)
	return byResource(rows), err
}

// SetClassQuotas sets limits of a class; others stay.
func (s *Store) SetClassQuotas(ctx context.Context, tx *db.Tx, class string, values map[string]int64) error {
	for resource, value := range values {
		if _, err := setClassQuota.Do(ctx, tx, class, resource, value); err != nil {
			return err
		}
	}
	return nil
}
