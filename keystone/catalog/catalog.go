// Package catalog is the verbs on regions, services, endpoints and endpoint filters, and the catalog of a token.
package catalog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Service is the verbs. The catalog itself is kept in memory until the epoch moves.
type Service struct {
	db     *db.DB
	epochs *store.Epochs
	cached atomic.Pointer[cached]
}

// cached is the catalog as it was read under an epoch.
type cached struct {
	epoch   int64
	entries []Entry
}

// Entry is a service with its enabled endpoints.
type Entry struct {
	keystone.Service
	Endpoints []keystone.Endpoint
}

// New makes the verbs over identity's database.
func New(d *db.DB, e *store.Epochs) *Service { return &Service{db: d, epochs: e} }

func (s *Service) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return s.epochs.Change(ctx, s.db, fn)
}

// Entries are the enabled services that have enabled endpoints; URLs still have their $(project_id)s. The caller must not change them.
func (s *Service) Entries(ctx context.Context) ([]Entry, error) {
	now, err := s.epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	if c := s.cached.Load(); c != nil && c.epoch == now {
		return c.entries, nil
	}
	services, err := store.Services(ctx, s.db)
	if err != nil {
		return nil, err
	}
	endpoints, err := store.Endpoints(ctx, s.db)
	if err != nil {
		return nil, err
	}
	out := []Entry{}
	for _, sv := range services {
		e := Entry{Service: sv}
		for _, ep := range endpoints {
			if ep.ServiceID == sv.ID && ep.Enabled {
				e.Endpoints = append(e.Endpoints, ep)
			}
		}
		if sv.Enabled {
			out = append(out, e)
		}
	}
	s.cached.Store(&cached{now, out}) // read after the epoch, so not older than it
	return out, nil
}

// URL fills the project into an endpoint's URL template; ok is false where the template needs a project and there is none.
func URL(template, project string) (url string, ok bool) {
	for _, name := range []string{"$(project_id)s", "$(tenant_id)s", "%(project_id)s", "%(tenant_id)s"} {
		if strings.Contains(template, name) && project == "" {
			return "", false
		}
		template = strings.ReplaceAll(template, name, project)
	}
	return template, true
}

// Service finds a service; fault.NotFound.
func (s *Service) Service(ctx context.Context, id string) (keystone.Service, error) {
	v, err := store.Service(ctx, s.db, id)
	return v, store.Missing(err, "service", id)
}

// Services are all services.
func (s *Service) Services(ctx context.Context) ([]keystone.Service, error) {
	return store.Services(ctx, s.db)
}

// CreateService adds a service.
func (s *Service) CreateService(ctx context.Context, v keystone.Service) (keystone.Service, error) {
	v.ID = ids.Hex()
	return v, s.write(ctx, func(tx *db.Tx) error { return store.InsertService(ctx, tx, v) })
}

// UpdateService changes a service as it stands when the change is made; change may run more than once.
func (s *Service) UpdateService(ctx context.Context, id string, change func(keystone.Service) keystone.Service) (keystone.Service, error) {
	var v keystone.Service
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Service(ctx, tx, id); err != nil {
			return store.Missing(err, "service", id)
		}
		v = change(v)
		return store.UpdateService(ctx, tx, v)
	})
	return v, err
}

// DeleteService removes a service with its endpoints.
func (s *Service) DeleteService(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteService(ctx, tx, id), "service", id) })
}

// Endpoint finds an endpoint; fault.NotFound.
func (s *Service) Endpoint(ctx context.Context, id string) (keystone.Endpoint, error) {
	v, err := store.Endpoint(ctx, s.db, id)
	return v, store.Missing(err, "endpoint", id)
}

// Endpoints are all endpoints.
func (s *Service) Endpoints(ctx context.Context) ([]keystone.Endpoint, error) {
	return store.Endpoints(ctx, s.db)
}

// surroundings are what an endpoint stands on: a service that is there, and a region that is made where it is not.
func surroundings(ctx context.Context, tx *db.Tx, v keystone.Endpoint) error {
	if _, err := store.Service(ctx, tx, v.ServiceID); err != nil {
		return fault.Body(store.Missing(err, "service", v.ServiceID))
	}
	if v.RegionID == "" {
		return nil
	}
	_, err := store.Region(ctx, tx, v.RegionID)
	if fault.Is(err, fault.NotFound) {
		err = store.InsertRegion(ctx, tx, keystone.Region{ID: v.RegionID})
	}
	return err
}

// UpdateEndpoint changes an endpoint as it stands when the change is made; change may run more than once. fault.Invalid for an unknown service.
func (s *Service) UpdateEndpoint(ctx context.Context, id string, change func(keystone.Endpoint) keystone.Endpoint) (keystone.Endpoint, error) {
	var v keystone.Endpoint
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Endpoint(ctx, tx, id); err != nil {
			return store.Missing(err, "endpoint", id)
		}
		v = change(v)
		if err := surroundings(ctx, tx, v); err != nil {
			return err
		}
		return store.UpdateEndpoint(ctx, tx, v)
	})
	return v, err
}

// PutEndpoint adds an endpoint (empty id) or writes it anew. A region that is not there yet is made; fault.Invalid for an unknown service.
func (s *Service) PutEndpoint(ctx context.Context, v keystone.Endpoint) (keystone.Endpoint, error) {
	fresh := v.ID == ""
	if fresh {
		v.ID = ids.Hex()
	}
	return v, s.write(ctx, func(tx *db.Tx) error {
		if err := surroundings(ctx, tx, v); err != nil {
			return err
		}
		if fresh {
			return store.InsertEndpoint(ctx, tx, v)
		}
		return store.UpdateEndpoint(ctx, tx, v)
	})
}

// DeleteEndpoint removes an endpoint.
func (s *Service) DeleteEndpoint(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error { return store.Missing(store.DeleteEndpoint(ctx, tx, id), "endpoint", id) })
}

// Region finds a region; fault.NotFound.
func (s *Service) Region(ctx context.Context, id string) (keystone.Region, error) {
	v, err := store.Region(ctx, s.db, id)
	return v, store.Missing(err, "region", id)
}

// Regions are all regions.
func (s *Service) Regions(ctx context.Context) ([]keystone.Region, error) {
	return store.Regions(ctx, s.db)
}

// CreateRegion adds a region, with an id of its own where the client gave none. fault.Conflict for a taken id, fault.NotFound for an unknown parent.
func (s *Service) CreateRegion(ctx context.Context, v keystone.Region) (keystone.Region, error) {
	if v.ID == "" {
		v.ID = ids.Hex()
	}
	return v, s.write(ctx, func(tx *db.Tx) error {
		if err := parentThere(ctx, tx, v); err != nil {
			return err
		}
		err := store.InsertRegion(ctx, tx, v)
		if errors.Is(err, db.ErrDuplicate) {
			err = fault.Conflictf("Conflict occurred attempting to store region - Duplicate ID, %s.", v.ID).Because(err)
		}
		return err
	})
}

// UpdateRegion changes a region as it stands when the change is made; change may run more than once. fault.NotFound for an unknown parent.
func (s *Service) UpdateRegion(ctx context.Context, id string, change func(keystone.Region) keystone.Region) (keystone.Region, error) {
	var v keystone.Region
	err := s.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Region(ctx, tx, id); err != nil {
			return store.Missing(err, "region", id)
		}
		v = change(v)
		if err := parentThere(ctx, tx, v); err != nil {
			return err
		}
		return store.UpdateRegion(ctx, tx, v)
	})
	return v, err
}

func parentThere(ctx context.Context, tx *db.Tx, v keystone.Region) error {
	if v.ParentID == "" {
		return nil
	}
	_, err := store.Region(ctx, tx, v.ParentID)
	return store.Missing(err, "region", v.ParentID)
}

// DeleteRegion removes a region; fault.Forbidden while it has regions or endpoints.
func (s *Service) DeleteRegion(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *db.Tx) error {
		rs, err := store.Regions(ctx, tx)
		if err != nil {
			return err
		}
		es, err := store.Endpoints(ctx, tx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rs, func(r keystone.Region) bool { return r.ParentID == id }) ||
			slices.ContainsFunc(es, func(e keystone.Endpoint) bool { return e.RegionID == id }) {
			return fault.Forbiddenf("Unable to delete region %s because it or its child regions have associated endpoints.", id)
		}
		return store.Missing(store.DeleteRegion(ctx, tx, id), "region", id)
	})
}
