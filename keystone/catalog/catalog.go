// Package catalog implements the operations on regions, services, endpoints, endpoint groups and stored policies, and
// the catalog of a token. Each subject has a type of its own; Service holds one of each.
package catalog

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
)

// Service is the operations by subject, and the catalog, which is kept in memory until the epoch changes. It is safe
// for concurrent use.
type Service struct {
	base
	Services  *Services
	Endpoints *Endpoints
	Regions   *Regions
	Groups    *EndpointGroups
	Policies  *Policies

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

// New returns the operations over the identity database.
func New(d *db.DB, e *store.Epochs) *Service {
	b := base{d, e}
	groups := &EndpointGroups{b}
	return &Service{base: b, Services: &Services{b}, Endpoints: &Endpoints{b, groups}, Regions: &Regions{b},
		Groups: groups, Policies: &Policies{b}}
}

// base is what every subject needs.
type base struct {
	db     *db.DB
	epochs *store.Epochs
}

// write runs a change that can invalidate tokens.
func (b base) write(ctx context.Context, fn func(tx *db.Tx) error) error {
	return b.epochs.Change(ctx, b.db, fn)
}

// Entries returns the enabled services with their enabled endpoints. URLs contain $(project_id)s as they are stored.
// Callers must not change the result.
func (s *Service) Entries(ctx context.Context) ([]Entry, error) {
	now, err := s.epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.entries(ctx, now)
}

// entries is Entries as of an epoch or later.
func (s *Service) entries(ctx context.Context, at int64) ([]Entry, error) {
	if c := s.cached.Load(); c != nil && c.epoch == at {
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
	s.cached.Store(&cached{at, out}) // read after the epoch, so not older than it
	return out, nil
}

// EntriesFor returns the catalog of a project: the endpoints that are associated with it, or all if none is.
func (s *Service) EntriesFor(ctx context.Context, project string) ([]Entry, error) {
	at, err := s.epochs.Current(ctx)
	if err != nil {
		return nil, err
	}
	return s.EntriesAt(ctx, at, project)
}

// EntriesAt is EntriesFor as of an epoch, which the caller has read from the database, or later.
func (s *Service) EntriesAt(ctx context.Context, at int64, project string) ([]Entry, error) {
	es, err := s.entries(ctx, at)
	if err != nil || project == "" {
		return es, err
	}
	own, err := s.Endpoints.OfProject(ctx, project)
	if err != nil || len(own) == 0 {
		return es, err
	}
	out := []Entry{}
	for _, e := range es {
		e.Endpoints = slices.DeleteFunc(slices.Clone(e.Endpoints), func(p keystone.Endpoint) bool {
			return !slices.ContainsFunc(own, func(o keystone.Endpoint) bool { return o.ID == p.ID })
		})
		if len(e.Endpoints) > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// URL replaces the project id in an endpoint's URL template; ok is false if the template needs a project and there is
// none.
func URL(template, project string) (url string, ok bool) {
	for _, name := range []string{"$(project_id)s", "$(tenant_id)s", "%(project_id)s", "%(tenant_id)s"} {
		if strings.Contains(template, name) && project == "" {
			return "", false
		}
		template = strings.ReplaceAll(template, name, project)
	}
	return template, true
}
