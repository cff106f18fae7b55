package metadefs

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

// Objects are the objects of namespaces.
type Objects struct{ *catalog }

// List returns the objects of a namespace by name.
func (s *Objects) List(ctx context.Context, n Namespace) ([]glance.Object, error) {
	return store.Objects(ctx, s.db, n.ID)
}

// Get returns an object. fault.NotFound.
func (s *Objects) Get(ctx context.Context, n Namespace, name string) (glance.Object, error) {
	o, err := store.Object(ctx, s.db, n.ID, name)
	return o, missing(err, "object", name, n.Name)
}

// Add creates an object. fault.Conflict for a used name.
func (s *Objects) Add(ctx context.Context, namespace string, o glance.Object) (glance.Object, error) {
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error { return s.addObject(ctx, tx, n, &o) })
	return o, err
}

func (s *catalog) addObject(ctx context.Context, tx *db.Tx, n glance.Namespace, o *glance.Object) error {
	o.ID, o.Created = ids.UUID(), s.now()
	o.Updated = o.Created
	return taken(store.InsertObject(ctx, tx, n.ID, *o), duplicate, "object", o.Name, n.Name)
}

// Update replaces an object. fault.NotFound, fault.Conflict for a used name.
func (s *Objects) Update(ctx context.Context, namespace, name string, o glance.Object) (glance.Object, error) {
	err := s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error {
		old, err := store.Object(ctx, tx, n.ID, name)
		if err != nil {
			return missing(err, "object", name, n.Name)
		}
		o.ID, o.Created, o.Updated = old.ID, old.Created, s.now()
		return taken(store.UpdateObject(ctx, tx, o), duplicate, "object", o.Name, n.Name)
	})
	return o, err
}

// Remove deletes an object. fault.NotFound, fault.Forbidden in a protected namespace.
func (s *Objects) Remove(ctx context.Context, namespace, name string) error {
	return s.from(ctx, namespace, "object "+name, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.DeleteObject(ctx, tx, n.ID, name)
		return gone(found, err, "%s", noSuch("object", name, n.Name).Msg)
	})
}

// RemoveAll deletes all objects of a namespace. fault.Forbidden in a protected namespace.
func (s *Objects) RemoveAll(ctx context.Context, namespace string) error {
	return s.from(ctx, namespace, "namespace "+namespace, func(tx *db.Tx, n glance.Namespace) error {
		return store.ClearObjects(ctx, tx, n.ID)
	})
}
