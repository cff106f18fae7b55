package store

import (
	"context"

	"hypernova/oslo/db"
)

type quotaRow struct {
	Project  string `db:"project_id"`
	User     string `db:"user_id"` // empty: the project's
	Resource string `db:"resource"`
	Value    int64  `db:"value"`
}

type classQuotaRow struct {
	Class    string `db:"class"`
	Resource string `db:"resource"`
	Value    int64  `db:"value"`
}

// The primary keys serve all of these.
var (
	quotas        = db.NewTable[quotaRow](stmts, "quotas", "project_id", "user_id", "resource")
	quotasOf      = quotas.Query("project_id = ?\n  AND user_id = ?")
	setQuota      = quotas.Upsert("value")
	deleteProject = db.NewExec(stmts, "DELETE FROM quotas\nWHERE project_id = ?")
	deleteUser    = db.NewExec(stmts, "DELETE FROM quotas\nWHERE project_id = ?\n  AND user_id = ?")
	quotaProjects = db.NewQuery[string](stmts, "SELECT DISTINCT project_id\nFROM quotas\nORDER BY project_id")

	classQuotas   = db.NewTable[classQuotaRow](stmts, "quota_classes", "class", "resource")
	quotasOfClass = classQuotas.Query("class = ?")
	setClassQuota = classQuotas.Upsert("value")
)

// Quotas returns the limits that were set for a project, or for a user in it where user is not empty, by resource name.
func Quotas(ctx context.Context, on db.Querier, project, user string) (map[string]int64, error) {
	rows, err := quotasOf.All(ctx, on, project, user)
	m := make(map[string]int64, len(rows))
	for _, r := range rows {
		m[r.Resource] = r.Value
	}
	return m, err
}

// SetQuotas sets limits of a project, or of a user in it where user is not empty; others stay.
func SetQuotas(ctx context.Context, tx *db.Tx, project, user string, limits map[string]int64) error {
	for resource, value := range limits {
		if err := setQuota.Do(ctx, tx, quotaRow{project, user, resource, value}); err != nil {
			return err
		}
	}
	return nil
}

// DeleteQuotas deletes the limits of a user in a project, or where user is empty those of the project and all its
// users.
func DeleteQuotas(ctx context.Context, on db.Querier, project, user string) error {
	var err error
	if user == "" {
		_, err = deleteProject.Do(ctx, on, project)
	} else {
		_, err = deleteUser.Do(ctx, on, project, user)
	}
	return err
}

// QuotaProjects returns the projects for which limits were set.
func QuotaProjects(ctx context.Context, on db.Querier) ([]string, error) {
	return quotaProjects.All(ctx, on)
}

// ClassQuotas returns the limits that were set for a quota class, by resource name.
func ClassQuotas(ctx context.Context, on db.Querier, class string) (map[string]int64, error) {
	rows, err := quotasOfClass.All(ctx, on, class)
	m := make(map[string]int64, len(rows))
	for _, r := range rows {
		m[r.Resource] = r.Value
	}
	return m, err
}

// SetClassQuotas sets limits of a quota class; others stay.
func SetClassQuotas(ctx context.Context, tx *db.Tx, class string, limits map[string]int64) error {
	for resource, value := range limits {
		if err := setClassQuota.Do(ctx, tx, classQuotaRow{class, resource, value}); err != nil {
			return err
		}
	}
	return nil
}
