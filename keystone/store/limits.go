package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type registeredLimitRow struct {
	ID          string `db:"id" list:"id"`
	ServiceID   string `db:"service_id" list:"service_id"`
	RegionID    string `db:"region_id" list:"region_id"`
	Resource    string `db:"resource_name" list:"resource_name"`
	Default     int64  `db:"default_limit"`
	Description string `db:"description"`
}

type limitRow struct {
	ID          string `db:"id" list:"id"`
	ProjectID   string `db:"project_id" list:"project_id"`
	DomainID    string `db:"domain_id" list:"domain_id"`
	ServiceID   string `db:"service_id" list:"service_id"`
	RegionID    string `db:"region_id" list:"region_id"`
	Resource    string `db:"resource_name" list:"resource_name"`
	Value       int64  `db:"resource_limit"`
	Description string `db:"description"`
}

var (
	registeredLimits = db.NewTable[registeredLimitRow](Statements, "registered_limits", "id")
	registeredOf     = registeredLimits.Query("service_id = ? AND region_id = ? AND resource_name = ?")
	registeredUpdate = registeredLimits.Update("")
	registeredDelete = registeredLimits.Delete("")
	registeredList   = registeredLimits.List()

	limits      = db.NewTable[limitRow](Statements, "limits", "id")
	limitUpdate = limits.Update("", "resource_limit", "description")
	limitDelete = limits.Delete("")
	limitList   = limits.List()
	limitsUnder = db.NewQuery[int64](Statements,
		`SELECT COUNT(*) FROM limits WHERE service_id = ? AND region_id = ? AND resource_name = ?`)
	limitsOn = db.NewExec(Statements, `DELETE FROM limits WHERE project_id = ?`)
	limitsOf = db.NewExec(Statements, `DELETE FROM limits WHERE domain_id = ?`)
	limitsIn = db.NewExec(Statements, `DELETE FROM limits
		WHERE project_id IN (SELECT id FROM projects WHERE domain_id = ?)`)
)

func registered(r registeredLimitRow) keystone.RegisteredLimit {
	return keystone.RegisteredLimit{
		ID:          r.ID,
		ServiceID:   r.ServiceID,
		RegionID:    r.RegionID,
		Resource:    r.Resource,
		Description: r.Description,
		Default:     r.Default,
	}
}

func registeredLimitRowOf(l keystone.RegisteredLimit) registeredLimitRow {
	return registeredLimitRow{l.ID, l.ServiceID, l.RegionID, l.Resource, l.Default, l.Description}
}

func limit(r limitRow) keystone.Limit {
	return keystone.Limit{
		ID:          r.ID,
		ProjectID:   r.ProjectID,
		DomainID:    r.DomainID,
		ServiceID:   r.ServiceID,
		RegionID:    r.RegionID,
		Resource:    r.Resource,
		Description: r.Description,
		Value:       r.Value,
	}
}

// RegisteredLimit returns a registered limit; fault.NotFound.
func RegisteredLimit(ctx context.Context, q db.Querier, id string) (keystone.RegisteredLimit, error) {
	r, err := registeredLimits.Get(ctx, q, id)
	return registered(r), err
}

// RegisteredLimitOf returns the registered limit of a resource; fault.NotFound.
func RegisteredLimitOf(
	ctx context.Context,
	q db.Querier,
	service, region, resource string,
) (keystone.RegisteredLimit, error) {
	r, err := registeredOf.One(ctx, q, service, region, resource)
	return registered(r), err
}

// RegisteredLimits returns one page.
func RegisteredLimits(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.RegisteredLimit, error) {
	rs, err := registeredList.Page(ctx, q, a)
	return convert(rs, registered), err
}

// InsertRegisteredLimit inserts a registered limit; fault.Conflict for a resource that has one.
func InsertRegisteredLimit(ctx context.Context, tx *db.Tx, l keystone.RegisteredLimit) error {
	return registeredLimits.Insert(ctx, tx, registeredLimitRowOf(l))
}

// UpdateRegisteredLimit writes every attribute of a registered limit.
func UpdateRegisteredLimit(ctx context.Context, tx *db.Tx, l keystone.RegisteredLimit) error {
	_, err := registeredUpdate.Do(ctx, tx, registeredLimitRowOf(l))
	return err
}

// DeleteRegisteredLimit deletes a registered limit.
func DeleteRegisteredLimit(ctx context.Context, tx *db.Tx, id string) error {
	return gone(registeredDelete.Do(ctx, tx, id))
}

// LimitsUnder is how many limits there are of a registered limit's resource.
func LimitsUnder(ctx context.Context, q db.Querier, l keystone.RegisteredLimit) (int64, error) {
	return limitsUnder.One(ctx, q, l.ServiceID, l.RegionID, l.Resource)
}

// Limit returns a limit; fault.NotFound.
func Limit(ctx context.Context, q db.Querier, id string) (keystone.Limit, error) {
	r, err := limits.Get(ctx, q, id)
	return limit(r), err
}

// Limits returns one page.
func Limits(ctx context.Context, q db.Querier, a db.ListArgs) ([]keystone.Limit, error) {
	rs, err := limitList.Page(ctx, q, a)
	return convert(rs, limit), err
}

// InsertLimit inserts a limit; fault.Conflict if there is one.
func InsertLimit(ctx context.Context, tx *db.Tx, l keystone.Limit) error {
	return limits.Insert(
		ctx,
		tx,
		limitRow{l.ID, l.ProjectID, l.DomainID, l.ServiceID, l.RegionID, l.Resource, l.Value, l.Description},
	)
}

// UpdateLimit writes what may change of a limit.
func UpdateLimit(ctx context.Context, tx *db.Tx, l keystone.Limit) error {
	_, err := limitUpdate.Do(ctx, tx, limitRow{ID: l.ID, Value: l.Value, Description: l.Description})
	return err
}

// DeleteLimit deletes a limit.
func DeleteLimit(ctx context.Context, tx *db.Tx, id string) error {
	return gone(limitDelete.Do(ctx, tx, id))
}
