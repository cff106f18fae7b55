package store

import (
	"context"

	"hypernova/keystone"
	"hypernova/oslo/db"
)

type serviceRow struct {
	ID          string `db:"id"`
	Type        string `db:"type"`
	Name        string `db:"name"`
	Description string `db:"description"`
	Enabled     bool   `db:"enabled"`
	Extra       extra  `db:"extra"`
}

type endpointRow struct {
	ID          string `db:"id"`
	ServiceID   string `db:"service_id"`
	Interface   string `db:"interface"`
	RegionID    string `db:"region_id"`
	URL         string `db:"url"`
	Name        string `db:"name"`
	Description string `db:"description"`
	Enabled     bool   `db:"enabled"`
	Extra       extra  `db:"extra"`
}

type regionRow struct {
	ID          string `db:"id"`
	ParentID    string `db:"parent_id"`
	Description string `db:"description"`
	Extra       extra  `db:"extra"`
}

const (
	serviceColumns  = `id, type, name, description, enabled, extra`
	endpointColumns = `id, service_id, interface, region_id, url, name, description, enabled, extra`
	regionColumns   = `id, parent_id, description, extra`
)

// A catalog has tens of rows: it is read whole, and filtered where it is asked for.
var (
	serviceByID   = db.NewQuery[serviceRow](Statements, `SELECT `+serviceColumns+` FROM services WHERE id = ?`)
	serviceAll    = db.NewQuery[serviceRow](Statements, `SELECT `+serviceColumns+` FROM services ORDER BY id`)
	serviceInsert = db.NewInsert[serviceRow](Statements, "services")
	serviceUpdate = db.NewExec(Statements, `UPDATE services SET type = ?, name = ?, description = ?, enabled = ?, extra = ? WHERE id = ?`)
	serviceDelete = db.NewExec(Statements, `DELETE FROM services WHERE id = ?`)

	endpointByID   = db.NewQuery[endpointRow](Statements, `SELECT `+endpointColumns+` FROM endpoints WHERE id = ?`)
	endpointAll    = db.NewQuery[endpointRow](Statements, `SELECT `+endpointColumns+` FROM endpoints ORDER BY id`)
	endpointInsert = db.NewInsert[endpointRow](Statements, "endpoints")
	endpointUpdate = db.NewExec(Statements, `UPDATE endpoints
		SET service_id = ?, interface = ?, region_id = ?, url = ?, name = ?, description = ?, enabled = ?, extra = ?
		WHERE id = ?`)
	endpointDelete = db.NewExec(Statements, `DELETE FROM endpoints WHERE id = ?`)

	regionByID   = db.NewQuery[regionRow](Statements, `SELECT `+regionColumns+` FROM regions WHERE id = ?`)
	regionAll    = db.NewQuery[regionRow](Statements, `SELECT `+regionColumns+` FROM regions ORDER BY id`)
	regionInsert = db.NewInsert[regionRow](Statements, "regions")
	regionUpdate = db.NewExec(Statements, `UPDATE regions SET parent_id = ?, description = ?, extra = ? WHERE id = ?`)
	regionDelete = db.NewExec(Statements, `DELETE FROM regions WHERE id = ?`)
)

func service(r serviceRow) keystone.Service {
	return keystone.Service{ID: r.ID, Type: r.Type, Name: r.Name, Description: r.Description, Enabled: r.Enabled, Extra: r.Extra.V}
}

func endpoint(r endpointRow) keystone.Endpoint {
	return keystone.Endpoint{ID: r.ID, ServiceID: r.ServiceID, Interface: r.Interface, RegionID: r.RegionID, URL: r.URL, Name: r.Name,
		Description: r.Description, Enabled: r.Enabled, Extra: r.Extra.V}
}

func region(r regionRow) keystone.Region {
	return keystone.Region{ID: r.ID, ParentID: r.ParentID, Description: r.Description, Extra: r.Extra.V}
}

// Service finds a service; fault.NotFound.
func Service(ctx context.Context, q db.Querier, id string) (keystone.Service, error) {
	r, err := serviceByID.One(ctx, q, id)
	return service(r), err
}

// Services are all services.
func Services(ctx context.Context, q db.Querier) ([]keystone.Service, error) {
	rs, err := serviceAll.All(ctx, q)
	return convert(rs, service), err
}

// InsertService writes a new service.
func InsertService(ctx context.Context, tx *db.Tx, s keystone.Service) error {
	return serviceInsert.Do(ctx, tx, serviceRow{s.ID, s.Type, s.Name, s.Description, s.Enabled, extra{V: s.Extra}})
}

// UpdateService writes a service anew.
func UpdateService(ctx context.Context, tx *db.Tx, s keystone.Service) error {
	_, err := serviceUpdate.Do(ctx, tx, s.Type, s.Name, s.Description, s.Enabled, extra{V: s.Extra}, s.ID)
	return err
}

// DeleteService removes a service and its endpoints.
func DeleteService(ctx context.Context, tx *db.Tx, id string) error {
	if err := all(ctx, tx, id, linksOfService); err != nil {
		return err
	}
	return gone(serviceDelete.Do(ctx, tx, id))
}

// Endpoint finds an endpoint; fault.NotFound.
func Endpoint(ctx context.Context, q db.Querier, id string) (keystone.Endpoint, error) {
	r, err := endpointByID.One(ctx, q, id)
	return endpoint(r), err
}

// Endpoints are all endpoints.
func Endpoints(ctx context.Context, q db.Querier) ([]keystone.Endpoint, error) {
	rs, err := endpointAll.All(ctx, q)
	return convert(rs, endpoint), err
}

// InsertEndpoint writes a new endpoint.
func InsertEndpoint(ctx context.Context, tx *db.Tx, e keystone.Endpoint) error {
	return endpointInsert.Do(ctx, tx, endpointRow{e.ID, e.ServiceID, e.Interface, e.RegionID, e.URL, e.Name, e.Description, e.Enabled,
		extra{V: e.Extra}})
}

// UpdateEndpoint writes an endpoint anew.
func UpdateEndpoint(ctx context.Context, tx *db.Tx, e keystone.Endpoint) error {
	_, err := endpointUpdate.Do(ctx, tx, e.ServiceID, e.Interface, e.RegionID, e.URL, e.Name, e.Description, e.Enabled, extra{V: e.Extra}, e.ID)
	return err
}

// DeleteEndpoint removes an endpoint.
func DeleteEndpoint(ctx context.Context, tx *db.Tx, id string) error {
	if err := all(ctx, tx, id, linksOfEndpoint); err != nil {
		return err
	}
	return gone(endpointDelete.Do(ctx, tx, id))
}

// Region finds a region; fault.NotFound.
func Region(ctx context.Context, q db.Querier, id string) (keystone.Region, error) {
	r, err := regionByID.One(ctx, q, id)
	return region(r), err
}

// Regions are all regions.
func Regions(ctx context.Context, q db.Querier) ([]keystone.Region, error) {
	rs, err := regionAll.All(ctx, q)
	return convert(rs, region), err
}

// InsertRegion writes a new region; fault.Conflict for a taken id.
func InsertRegion(ctx context.Context, tx *db.Tx, r keystone.Region) error {
	return regionInsert.Do(ctx, tx, regionRow{r.ID, r.ParentID, r.Description, extra{V: r.Extra}})
}

// UpdateRegion writes a region anew.
func UpdateRegion(ctx context.Context, tx *db.Tx, r keystone.Region) error {
	_, err := regionUpdate.Do(ctx, tx, r.ParentID, r.Description, extra{V: r.Extra}, r.ID)
	return err
}

// DeleteRegion removes a region.
func DeleteRegion(ctx context.Context, tx *db.Tx, id string) error {
	if err := all(ctx, tx, id, linksOfRegion); err != nil {
		return err
	}
	return gone(regionDelete.Do(ctx, tx, id))
}
