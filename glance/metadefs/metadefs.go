// Package metadefs implements the catalogue of metadata definitions: namespaces with properties, objects, tags and
// resource types. Clients define them, or files are loaded. Nothing here validates an image.
//
// Invariant: the contents of a namespace are deleted with it, and nothing is deleted from a protected namespace.
package metadefs

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Service is the catalogue of metadata definitions. All methods act for the caller in their context.
type Service struct {
	Namespaces    *Namespaces
	ResourceTypes *ResourceTypes
	Objects       *Objects
	Properties    *Properties
	Tags          *Tags
	Files         *Files
}

// New returns the service over the image service's database. A nil now is the system clock.
func New(d *db.DB, now clock.Now) *Service {
	if now == nil {
		now = clock.Real
	}
	c := &catalog{d, now}
	return &Service{&Namespaces{c}, &ResourceTypes{c}, &Objects{c}, &Properties{c}, &Tags{c}, &Files{c}}
}

// catalog is the common part of the types: transactions in a namespace, and the insertion of contents.
type catalog struct {
	db  *db.DB
	now clock.Now
}

// visible returns a namespace that the caller may see: administrators see all, others public ones and those of their
// project. fault.NotFound.
func visible(ctx context.Context, q db.Querier, name string) (glance.Namespace, error) {
	n, err := store.Namespace(ctx, q, name)
	c := auth.From(ctx)
	switch {
	case err != nil, c.Admin(), n.Owner == "", n.Visibility == glance.Public, c != nil && c.ProjectID == n.Owner:
		return n, err
	}
	return glance.Namespace{}, fault.NotFoundf("Namespace %s not found", name)
}

// removable is visible for a removal: fault.Forbidden for a protected namespace.
func removable(ctx context.Context, tx *db.Tx, name, what string) (glance.Namespace, error) {
	n, err := visible(ctx, tx, name)
	if err == nil && n.Protected {
		return n, fault.Forbiddenf("Metadata definition %s is protected and cannot be deleted.", what)
	}
	return n, err
}

// in runs a change in a namespace that is visible to the caller, in one transaction. fault.NotFound.
func (s *catalog) in(ctx context.Context, name string, change func(*db.Tx, glance.Namespace) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := visible(ctx, tx, name)
		if err != nil {
			return err
		}
		return change(tx, n)
	})
}

// from is in for a removal: fault.Forbidden in a protected namespace. what names the removed thing in the error.
func (s *catalog) from(ctx context.Context, name, what string, change func(*db.Tx, glance.Namespace) error) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := removable(ctx, tx, name, what)
		if err != nil {
			return err
		}
		return change(tx, n)
	})
}

// missing replaces the text of a fault.NotFound.
func missing(err error, kind, name, namespace string) error {
	if fault.Is(err, fault.NotFound) {
		return noSuch(kind, name, namespace).Because(err)
	}
	return err
}

func noSuch(kind, name, namespace string) *fault.Fault {
	return fault.NotFoundf("The metadata definition %s with name=%s was not found in namespace=%s.", kind, name, namespace)
}

const duplicate = "A metadata definition %s with name=%s already exists in namespace=%s."

// taken replaces the text of a fault.Conflict.
func taken(err error, format string, args ...any) error {
	if fault.Is(err, fault.Conflict) {
		return fault.Conflictf(format, args...).Because(err)
	}
	return err
}

// fill inserts contents into a namespace.
func (s *catalog) fill(ctx context.Context, tx *db.Tx, n glance.Namespace, c Contents) error {
	for _, a := range c.Associations {
		if err := s.associate(ctx, tx, n, a); err != nil {
			return err
		}
	}
	for _, o := range c.Objects {
		if err := s.addObject(ctx, tx, n, &o); err != nil {
			return err
		}
	}
	for _, p := range c.Properties {
		if err := s.addProperty(ctx, tx, n, p); err != nil {
			return err
		}
	}
	return s.addTags(ctx, tx, n, c.Tags)
}

// gone returns fault.NotFound if no row was affected.
func gone(n int64, err error, format string, args ...any) error {
	if err == nil && n == 0 {
		return fault.NotFoundf(format, args...)
	}
	return err
}
