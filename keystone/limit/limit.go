// Package limit implements the operations on registered limits and limits, with the flat and the two-level
// enforcement model.
package limit

import (
	"context"
	"errors"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// The enforcement models: in the flat one a project's limit stands for itself; in the strict one a domain's projects
// together may not be promised more than the domain, and projects do not nest.
const (
	Flat   = "flat"
	Strict = "strict_two_level"
)

// Service is the operations. All are safe for concurrent use.
type Service struct {
	db    *db.DB
	model string
}

// Options are section [unified_limit].
type Options struct {
	Model string `conf:"enforcement_model" default:"flat" enum:"flat|strict_two_level" help:"How limits of a domain and of its projects go together."`
}

// New returns the operations over the identity database.
func New(d *db.DB, model string) *Service { return &Service{d, model} }

// Model is the enforcement model and what it means.
func (s *Service) Model() (name, description string) {
	if s.model == Strict {
		return Strict, "This model requires project hierarchy never exceeds a depth of two"
	}
	return Flat, "Limit enforcement and validation does not take project hierarchy into consideration."
}

func missing(err error, kind, id string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundf("Could not find %s for %s.", kind, id).Because(err)
	}
	return err
}

func taken(err error, kind string) error {
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Conflict occurred attempting to store %s - Duplicate entry.", kind).Because(err)
	}
	return err
}

// Registered finds a registered limit; fault.NotFound.
func (s *Service) Registered(ctx context.Context, id string) (keystone.RegisteredLimit, error) {
	l, err := store.RegisteredLimit(ctx, s.db, id)
	return l, missing(err, "registered limit", id)
}

// AllRegistered lists one page of registered limits.
func (s *Service) AllRegistered(ctx context.Context, a db.ListArgs) ([]keystone.RegisteredLimit, error) {
	return store.RegisteredLimits(ctx, s.db, a)
}

// CreateRegistered makes all registered limits or none. fault.Invalid for an unknown service or region,
// fault.Conflict for a resource that has one.
func (s *Service) CreateRegistered(ctx context.Context, ls []keystone.RegisteredLimit) ([]keystone.RegisteredLimit,
	error) {
	return ls, s.db.Tx(ctx, func(tx *db.Tx) error {
		for i := range ls {
			ls[i].ID = ids.Hex()
			if err := known(ctx, tx, ls[i].ServiceID, ls[i].RegionID); err != nil {
				return err
			}
			if err := taken(store.InsertRegisteredLimit(ctx, tx, ls[i]), "registered_limit"); err != nil {
				return err
			}
		}
		return nil
	})
}

// known refuses what a limit names and the catalog does not have.
func known(ctx context.Context, tx *db.Tx, service, region string) error {
	if _, err := store.Service(ctx, tx, service); err != nil {
		return fault.Body(missing(err, "service", service))
	}
	if region == "" {
		return nil
	}
	_, err := store.Region(ctx, tx, region)
	return fault.Body(missing(err, "region", region))
}

// UpdateRegistered changes a registered limit as it stands when the change is made; change may run more than once.
// fault.Forbidden while there are limits of its resource.
func (s *Service) UpdateRegistered(ctx context.Context, id string,
	change func(*keystone.RegisteredLimit)) (l keystone.RegisteredLimit, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		old, err := store.RegisteredLimit(ctx, tx, id)
		if err != nil {
			return missing(err, "registered limit", id)
		}
		l = old
		change(&l)
		if err := known(ctx, tx, l.ServiceID, l.RegionID); err != nil {
			return err
		}
		if err := unused(ctx, tx, old); err != nil {
			return err
		}
		return taken(store.UpdateRegisteredLimit(ctx, tx, l), "registered_limit")
	})
	return l, err
}

func unused(ctx context.Context, tx *db.Tx, l keystone.RegisteredLimit) error {
	n, err := store.LimitsUnder(ctx, tx, l)
	if err == nil && n > 0 {
		err = fault.Forbiddenf("Unable to update or delete registered limit %s because there are project limits "+
			"associated with it.", l.ID)
	}
	return err
}

// DeleteRegistered removes a registered limit; fault.Forbidden while there are limits of its resource.
func (s *Service) DeleteRegistered(ctx context.Context, l keystone.RegisteredLimit) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := unused(ctx, tx, l); err != nil {
			return err
		}
		return missing(store.DeleteRegisteredLimit(ctx, tx, l.ID), "registered limit", l.ID)
	})
}

// Limit finds a limit; fault.NotFound.
func (s *Service) Limit(ctx context.Context, id string) (keystone.Limit, error) {
	l, err := store.Limit(ctx, s.db, id)
	if err != nil {
		return l, missing(err, "limit", id)
	}
	if l.ProjectID != "" {
		p, err := store.Project(ctx, s.db, l.ProjectID)
		if err != nil {
			return l, missing(err, "limit", id)
		}
		l.ProjectDomainID = p.DomainID
	}
	return l, nil
}

// Limits lists one page.
func (s *Service) Limits(ctx context.Context, a db.ListArgs) ([]keystone.Limit, error) {
	return store.Limits(ctx, s.db, a)
}

// Create makes all limits or none. fault.Invalid for an unknown service, region, project or domain, fault.Forbidden
// for a resource without a registered limit and where the model forbids it, fault.Conflict where there is a limit.
func (s *Service) Create(ctx context.Context, ls []keystone.Limit) ([]keystone.Limit, error) {
	return ls, s.db.Tx(ctx, func(tx *db.Tx) error {
		// All are there before any is checked: together they may fit where one after the other they do not.
		for i := range ls {
			l := &ls[i]
			l.ID = ids.Hex()
			if err := known(ctx, tx, l.ServiceID, l.RegionID); err != nil {
				return err
			}
			if err := owned(ctx, tx, *l); err != nil {
				return err
			}
			_, err := store.RegisteredLimitOf(ctx, tx, l.ServiceID, l.RegionID, l.Resource)
			if fault.Is(err, fault.NotFound) {
				return fault.Forbiddenf("Unable to create a limit that has no corresponding registered limit.")
			}
			if err != nil {
				return err
			}
			if err := taken(store.InsertLimit(ctx, tx, *l), "limit"); err != nil {
				return err
			}
		}
		for _, l := range ls {
			if err := s.fits(ctx, tx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func owned(ctx context.Context, tx *db.Tx, l keystone.Limit) error {
	id := l.ProjectID + l.DomainID
	p, err := store.Project(ctx, tx, id)
	if err == nil && p.IsDomain != (l.DomainID != "") {
		err = fault.NotFoundf("Could not find project or domain for %s.", id)
	}
	return fault.Body(missing(err, "project or domain", id))
}

// Update changes the value and description of a limit as it stands when the change is made; change may run more than
// once. fault.Forbidden where the model forbids it.
func (s *Service) Update(ctx context.Context, id string, change func(*keystone.Limit)) (l keystone.Limit, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if l, err = store.Limit(ctx, tx, id); err != nil {
			return missing(err, "limit", id)
		}
		change(&l)
		if err := store.UpdateLimit(ctx, tx, l); err != nil {
			return err
		}
		return s.fits(ctx, tx, l)
	})
	return l, err
}

// Delete removes a limit.
func (s *Service) Delete(ctx context.Context, id string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error { return missing(store.DeleteLimit(ctx, tx, id), "limit", id) })
}

// fits checks a limit against the strict model: no project's is over its domain's.
func (s *Service) fits(ctx context.Context, tx *db.Tx, l keystone.Limit) error {
	if s.model != Strict {
		return nil
	}
	if l.ProjectID != "" {
		p, err := store.Project(ctx, tx, l.ProjectID)
		if err != nil {
			return err
		}
		if top, ok, err := s.ofDomain(ctx, tx, l, p.ParentID); err != nil || ok && l.Value > top {
			return tooMuch(err, "Limit is bigger than parent.")
		}
		return nil
	}
	kids, err := store.Children(ctx, tx, l.DomainID)
	if err != nil {
		return err
	}
	for _, k := range kids {
		ls, err := store.Limits(ctx, tx, db.ListArgs{Where: append(same(l), db.EqTo("project_id", k.ID))})
		if err != nil || len(ls) > 0 && l.Value < ls[0].Value {
			return tooMuch(err, "Limit is smaller than child.")
		}
	}
	return nil
}

func tooMuch(err error, why string) error {
	if err != nil {
		return err
	}
	return fault.Forbiddenf("Invalid resource limit: %s.", why)
}

func same(l keystone.Limit) []db.Cond {
	return []db.Cond{db.EqTo("service_id", l.ServiceID), db.EqTo("region_id", l.RegionID),
		db.EqTo("resource_name", l.Resource)}
}

// ofDomain is the domain's limit of a resource, or the registered one.
func (s *Service) ofDomain(ctx context.Context, tx *db.Tx, l keystone.Limit, domain string) (int64, bool, error) {
	ls, err := store.Limits(ctx, tx, db.ListArgs{Where: append(same(l), db.EqTo("domain_id", domain))})
	if err != nil || len(ls) > 0 {
		if err != nil {
			return 0, false, err
		}
		return ls[0].Value, true, nil
	}
	r, err := store.RegisteredLimitOf(ctx, tx, l.ServiceID, l.RegionID, l.Resource)
	return r.Default, err == nil, err
}
