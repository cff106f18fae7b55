package metadefs

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
)

// Properties are the property definitions of namespaces.
type Properties struct{ *catalog }

// List returns the properties of a namespace by name.
func (s *Properties) List(ctx context.Context, n Namespace) ([]glance.Property, error) {
	return store.Properties(ctx, s.db, n.ID)
}

// Get returns a property. fault.NotFound.
func (s *Properties) Get(ctx context.Context, n Namespace, name string) (glance.Property, error) {
	p, err := store.Property(ctx, s.db, n.ID, name)
	return p, missing(err, "property", name, n.Name)
}

// Add creates a property. fault.Conflict for a used name.
func (s *Properties) Add(ctx context.Context, namespace string, p glance.Property) error {
	return s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error { return s.addProperty(ctx, tx, n, p) })
}

func (s *catalog) addProperty(ctx context.Context, tx *db.Tx, n glance.Namespace, p glance.Property) error {
	return taken(store.InsertProperty(ctx, tx, n.ID, ids.UUID(), p, db.At(s.now())), duplicate, "property", p.Name, n.Name)
}

// Update replaces a property. fault.NotFound, fault.Conflict for a used name.
func (s *Properties) Update(ctx context.Context, namespace, name string, p glance.Property) error {
	return s.in(ctx, namespace, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.UpdateProperty(ctx, tx, n.ID, name, p, db.At(s.now()))
		return gone(found, taken(err, duplicate, "property", p.Name, n.Name), "%s", noSuch("property", name, n.Name).Msg)
	})
}

// Remove deletes a property. fault.NotFound, fault.Forbidden in a protected namespace.
func (s *Properties) Remove(ctx context.Context, namespace, name string) error {
	return s.from(ctx, namespace, "property "+name, func(tx *db.Tx, n glance.Namespace) error {
		found, err := store.DeleteProperty(ctx, tx, n.ID, name)
		return gone(found, err, "%s", noSuch("property", name, n.Name).Msg)
	})
}

// RemoveAll deletes all properties of a namespace. fault.Forbidden in a protected namespace.
func (s *Properties) RemoveAll(ctx context.Context, namespace string) error {
	return s.from(ctx, namespace, "namespace "+namespace, func(tx *db.Tx, n glance.Namespace) error {
		return store.ClearProperties(ctx, tx, n.ID)
	})
}
