package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type registeredLimitRow struct {
	ID          string `db:"id"`
	ServiceID   string `db:"service_id"`
	RegionID    string `db:"region_id"`
	Resource    string `db:"resource_name"`
	Default     int64  `db:"default_limit"`
	Description string `db:"description"`
}

type limitRow struct {
	ID          string `db:"id"`
	ProjectID   string `db:"project_id"`
	DomainID    string `db:"domain_id"`
	ServiceID   string `db:"service_id"`
	RegionID    string `db:"region_id"`
	Resource    string `db:"resource_name"`
	Value       int64  `db:"resource_limit"`
	Description string `db:"description"`
}

const (
	registeredColumns = `id, service_id, region_id, resource_name, default_limit, description`
	limitColumns      = `id, project_id, domain_id, service_id, region_id, resource_name, resource_limit, description`
)

var (
	registeredByID   = db.NewQuery[registeredLimitRow](Statements, `SELECT `+registeredColumns+` FROM registered_limits WHERE id = ?`)
	registeredOf     = db.NewQuery[registeredLimitRow](Statements, `SELECT `+registeredColumns+` FROM registered_limits WHERE service_id = ? AND region_id = ? AND resource_name = ?`)
	registeredInsert = db.NewInsert[registeredLimitRow](Statements, "registered_limits")
	registeredUpdate = db.NewExec(Statements, `UPDATE registered_limits
		SET service_id = ?, region_id = ?, resource_name = ?, default_limit = ?, description = ?
		WHERE id = ?`)
	registeredDelete = db.NewExec(Statements, `DELETE FROM registered_limits WHERE id = ?`)
	registeredList   = db.NewList[registeredLimitRow](Statements, `SELECT `+registeredColumns+` FROM registered_limits`, map[string]string{
		"id": "id", "service_id": "service_id", "region_id": "region_id", "resource_name": "resource_name",
	}, "id")

	limitByID   = db.NewQuery[limitRow](Statements, `SELECT `+limitColumns+` FROM limits WHERE id = ?`)
	limitsUnder = db.NewQuery[int64](Statements, `SELECT COUNT(*) FROM limits WHERE service_id = ? AND region_id = ? AND resource_name = ?`)
	limitInsert = db.NewInsert[limitRow](Statements, "limits")
	limitUpdate = db.NewExec(Statements, `UPDATE limits SET resource_limit = ?, description = ? WHERE id = ?`)
	limitDelete = db.NewExec(Statements, `DELETE FROM limits WHERE id = ?`)
	limitsOn    = db.NewExec(Statements, `DELETE FROM limits WHERE project_id = ?`)
	limitsOf    = db.NewExec(Statements, `DELETE FROM limits WHERE domain_id = ?`)
	limitsIn    = db.NewExec(Statements, `DELETE FROM limits WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
	limitList   = db.NewList[limitRow](Statements, `SELECT `+limitColumns+` FROM limits`, map[string]string{
		"id": "id", "service_id": "service_id", "region_id": "region_id", "resource_name": "resource_name", "project_id": "project_id",
		"domain_id": "domain_id",
	}, "id")
)

func registered(r registeredLimitRow) keystone.RegisteredLimit {
	return keystone.RegisteredLimit{ID: r.ID, ServiceID: r.ServiceID, RegionID: r.RegionID, Resource: r.Resource, Description: r.Description,
		Default: r.Default}
}

func limit(r limitRow) keystone.Limit {
	return keystone.Limit{ID: r.ID, ProjectID: r.ProjectID, DomainID: r.DomainID, ServiceID: r.ServiceID, RegionID: r.RegionID,
		Resource: r.Resource, Description: r.Description, Value: r.Value}
}

// RegisteredLimit finds a registered limit; fault.NotFound.
func RegisteredLimit(ctx context.Context, q db.Querier, id string) (keystone.RegisteredLimit, error) {
	r, err := registeredByID.One(ctx, q, id)
	return registered(r), err
}

// RegisteredLimitOf finds the registered limit of a resource; fault.NotFound.
func RegisteredLimitOf(ctx context.Context, q db.Querier, service, region, resource string) (keystone.RegisteredLimit, error) {
	r, err := registeredOf.One(ctx, q, service, region, resource)
	return registered(r), err
}

// RegisteredLimits lists one page.
func RegisteredLimits(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.RegisteredLimit, error) {
	rs, err := registeredList.Page(ctx, q, a)
	return convert(rs, registered), err
}

// InsertRegisteredLimit writes a new registered limit; fault.Conflict for a resource that has one.
func InsertRegisteredLimit(ctx context.Context, tx *db.Tx, l keystone.RegisteredLimit) error {
	return registeredInsert.Do(ctx, tx, registeredLimitRow{l.ID, l.ServiceID, l.RegionID, l.Resource, l.Default, l.Description})
}

// UpdateRegisteredLimit writes a registered limit anew.
func UpdateRegisteredLimit(ctx context.Context, tx *db.Tx, l keystone.RegisteredLimit) error {
	_, err := registeredUpdate.Do(ctx, tx, l.ServiceID, l.RegionID, l.Resource, l.Default, l.Description, l.ID)
	return err
}

// DeleteRegisteredLimit removes a registered limit.
func DeleteRegisteredLimit(ctx context.Context, tx *db.Tx, id string) error {
	return gone(registeredDelete.Do(ctx, tx, id))
}

// LimitsUnder is how many limits there are of a registered limit's resource.
func LimitsUnder(ctx context.Context, q db.Querier, l keystone.RegisteredLimit) (int64, error) {
	return limitsUnder.One(ctx, q, l.ServiceID, l.RegionID, l.Resource)
}

// Limit finds a limit; fault.NotFound.
func Limit(ctx context.Context, q db.Querier, id string) (keystone.Limit, error) {
	r, err := limitByID.One(ctx, q, id)
	return limit(r), err
}

// Limits lists one page.
func Limits(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Limit, error) {
	rs, err := limitList.Page(ctx, q, a)
	return convert(rs, limit), err
}

// InsertLimit writes a new limit; fault.Conflict where there is one.
func InsertLimit(ctx context.Context, tx *db.Tx, l keystone.Limit) error {
	return limitInsert.Do(ctx, tx, limitRow{l.ID, l.ProjectID, l.DomainID, l.ServiceID, l.RegionID, l.Resource, l.Value, l.Description})
}

// UpdateLimit writes what may change of a limit.
func UpdateLimit(ctx context.Context, tx *db.Tx, l keystone.Limit) error {
	_, err := limitUpdate.Do(ctx, tx, l.Value, l.Description, l.ID)
	return err
}

// DeleteLimit removes a limit.
func DeleteLimit(ctx context.Context, tx *db.Tx, id string) error {
	return gone(limitDelete.Do(ctx, tx, id))
}
