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

// The tables of the catalog have tens of rows. They are read whole.
var (
	services      = db.NewTable[serviceRow](Statements, "services", "id")
	serviceAll    = services.Query("ORDER BY id")
	serviceUpdate = services.Update("")
	serviceDelete = services.Delete("")

	endpoints      = db.NewTable[endpointRow](Statements, "endpoints", "id")
	endpointAll    = endpoints.Query("ORDER BY id")
	endpointUpdate = endpoints.Update("")
	endpointDelete = endpoints.Delete("")

	regions      = db.NewTable[regionRow](Statements, "regions", "id")
	regionAll    = regions.Query("ORDER BY id")
	regionUpdate = regions.Update("")
	regionDelete = regions.Delete("")
)

func service(r serviceRow) keystone.Service {
	return keystone.Service{ID: r.ID, Type: r.Type, Name: r.Name, Description: r.Description, Enabled: r.Enabled,
		Extra: r.Extra.V}
}

func serviceRowOf(s keystone.Service) serviceRow {
	return serviceRow{ID: s.ID, Type: s.Type, Name: s.Name, Description: s.Description, Enabled: s.Enabled,
		Extra: extra{V: s.Extra}}
}

func endpoint(r endpointRow) keystone.Endpoint {
	return keystone.Endpoint{ID: r.ID, ServiceID: r.ServiceID, Interface: r.Interface, RegionID: r.RegionID, URL: r.URL,
		Name: r.Name, Description: r.Description, Enabled: r.Enabled, Extra: r.Extra.V}
}

func endpointRowOf(e keystone.Endpoint) endpointRow {
	return endpointRow{ID: e.ID, ServiceID: e.ServiceID, Interface: e.Interface, RegionID: e.RegionID, URL: e.URL,
		Name: e.Name, Description: e.Description, Enabled: e.Enabled, Extra: extra{V: e.Extra}}
}

func region(r regionRow) keystone.Region {
	return keystone.Region{ID: r.ID, ParentID: r.ParentID, Description: r.Description, Extra: r.Extra.V}
}

func regionRowOf(r keystone.Region) regionRow {
	return regionRow{ID: r.ID, ParentID: r.ParentID, Description: r.Description, Extra: extra{V: r.Extra}}
}

// Service returns a service; fault.NotFound.
func Service(ctx context.Context, q db.Querier, id string) (keystone.Service, error) {
	r, err := services.Get(ctx, q, id)
	return service(r), err
}

// Services returns all services.
func Services(ctx context.Context, q db.Querier) ([]keystone.Service, error) {
	rs, err := serviceAll.All(ctx, q)
	return convert(rs, service), err
}

// InsertService inserts a service.
func InsertService(ctx context.Context, tx *db.Tx, s keystone.Service) error {
	return services.Insert(ctx, tx, serviceRowOf(s))
}

// UpdateService writes every attribute of a service.
func UpdateService(ctx context.Context, tx *db.Tx, s keystone.Service) error {
	_, err := serviceUpdate.Do(ctx, tx, serviceRowOf(s))
	return err
}

// DeleteService deletes a service with its endpoints; fault.NotFound.
func DeleteService(ctx context.Context, tx *db.Tx, id string) error {
	if err := all(ctx, tx, id, linksOfService); err != nil {
		return err
	}
	return gone(serviceDelete.Do(ctx, tx, id))
}

// Endpoint returns an endpoint; fault.NotFound.
func Endpoint(ctx context.Context, q db.Querier, id string) (keystone.Endpoint, error) {
	r, err := endpoints.Get(ctx, q, id)
	return endpoint(r), err
}

// Endpoints returns all endpoints.
func Endpoints(ctx context.Context, q db.Querier) ([]keystone.Endpoint, error) {
	rs, err := endpointAll.All(ctx, q)
	return convert(rs, endpoint), err
}

// InsertEndpoint inserts an endpoint.
func InsertEndpoint(ctx context.Context, tx *db.Tx, e keystone.Endpoint) error {
	return endpoints.Insert(ctx, tx, endpointRowOf(e))
}

// UpdateEndpoint writes every attribute of an endpoint.
func UpdateEndpoint(ctx context.Context, tx *db.Tx, e keystone.Endpoint) error {
	_, err := endpointUpdate.Do(ctx, tx, endpointRowOf(e))
	return err
}

// DeleteEndpoint deletes an endpoint; fault.NotFound.
func DeleteEndpoint(ctx context.Context, tx *db.Tx, id string) error {
	if err := all(ctx, tx, id, linksOfEndpoint); err != nil {
		return err
	}
	return gone(endpointDelete.Do(ctx, tx, id))
}

// Region returns a region; fault.NotFound.
func Region(ctx context.Context, q db.Querier, id string) (keystone.Region, error) {
	r, err := regions.Get(ctx, q, id)
	return region(r), err
}

// Regions returns all regions.
func Regions(ctx context.Context, q db.Querier) ([]keystone.Region, error) {
	rs, err := regionAll.All(ctx, q)
	return convert(rs, region), err
}

// InsertRegion inserts a region. fault.Conflict for a taken id.
func InsertRegion(ctx context.Context, tx *db.Tx, r keystone.Region) error {
	return regions.Insert(ctx, tx, regionRowOf(r))
}

// UpdateRegion writes every attribute of a region.
func UpdateRegion(ctx context.Context, tx *db.Tx, r keystone.Region) error {
	_, err := regionUpdate.Do(ctx, tx, regionRowOf(r))
	return err
}

// DeleteRegion deletes a region; fault.NotFound.
func DeleteRegion(ctx context.Context, tx *db.Tx, id string) error {
	if err := all(ctx, tx, id, linksOfRegion); err != nil {
		return err
	}
	return gone(regionDelete.Do(ctx, tx, id))
}
