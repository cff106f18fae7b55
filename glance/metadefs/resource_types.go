package metadefs

import (
	"context"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
)

// ResourceTypes are the resource types and their associations with namespaces.
type ResourceTypes struct{ *catalog }

// List returns all resource types that a namespace was ever associated with, by name.
func (s *ResourceTypes) List(ctx context.Context) ([]glance.ResourceType, error) {
	return store.ResourceTypes(ctx, s.db)
}

// Of returns the associations of a namespace.
func (s *ResourceTypes) Of(ctx context.Context, n Namespace) ([]glance.Association, error) {
	return store.Associations(ctx, s.db, n.ID)
}

// Associate associates a namespace with a resource type, which need not exist. fault.Conflict if it is associated
// already.
func (s *ResourceTypes) Associate(ctx context.Context, name string, a glance.Association) (glance.Association, error) {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := visible(ctx, tx, name)
		if err != nil {
			return err
		}
		a.Created = s.now()
		a.Updated = a.Created
		return s.associate(ctx, tx, n, a)
	})
	return a, err
}

func (s *catalog) associate(ctx context.Context, tx *db.Tx, n glance.Namespace, a glance.Association) error {
	if a.Created.IsZero() {
		a.Created = s.now()
		a.Updated = a.Created
	}
	err := store.EnsureResourceType(ctx, tx, glance.ResourceType{Name: a.ResourceType, Created: a.Created,
		Updated: a.Created})
	if err != nil {
		return err
	}
	return taken(store.InsertAssociation(ctx, tx, n.ID, a),
		"The metadata definition resource-type association of resource-type=%s to namespace=%s, already exists.",
		a.ResourceType, n.Name)
}

// Dissociate deletes an association. fault.NotFound, fault.Forbidden in a protected namespace.
func (s *ResourceTypes) Dissociate(ctx context.Context, name, resource string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := removable(ctx, tx, name, "resource-type-association "+resource)
		if err != nil {
			return err
		}
		found, err := store.DeleteAssociation(ctx, tx, n.ID, resource)
		return gone(found, err, "Failed to find resource type %s to delete", resource)
	})
}
