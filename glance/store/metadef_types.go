package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
)

type resourceTypeRow struct {
	Name      string  `db:"name"`
	Protected bool    `db:"protected"`
	Created   db.Time `db:"created_at,once,set"`
	Updated   db.Time `db:"updated_at,set"`
}

type associationRow struct {
	Namespace string  `db:"namespace_id"`
	Type      string  `db:"resource_type"`
	Prefix    string  `db:"prefix"`
	Target    string  `db:"properties_target"`
	Created   db.Time `db:"created_at,once,set"`
	Updated   db.Time `db:"updated_at,set"`
}

// The primary keys serve all.
var (
	resourceTypes     = db.NewTable[resourceTypeRow](stmts, "metadef_resource_types", "name")
	allResourceTypes  = resourceTypes.Query("ORDER BY name")
	associations      = db.NewTable[associationRow](stmts, "metadef_associations", "namespace_id", "resource_type")
	associationsOf    = associations.Query("namespace_id = ?\nORDER BY resource_type")
	deleteAssociation = associations.Delete("")
)

// EnsureResourceType inserts a resource type unless it exists.
func EnsureResourceType(ctx context.Context, tx *db.Tx, t glance.ResourceType) error {
	_, err := resourceTypes.Absent(ctx, tx, resourceTypeRow{t.Name, t.Protected, db.At(t.Created), db.At(t.Updated)})
	return err
}

// ResourceTypes returns all resource types by name.
func ResourceTypes(ctx context.Context, on db.Querier) ([]glance.ResourceType, error) {
	rows, err := allResourceTypes.All(ctx, on)
	return each(rows, err, func(r resourceTypeRow) glance.ResourceType {
		return glance.ResourceType{Name: r.Name, Protected: r.Protected, Created: r.Created.Time, Updated: r.Updated.Time}
	})
}

// InsertAssociation inserts an association. fault.Conflict if the namespace is associated with the type already.
func InsertAssociation(ctx context.Context, tx *db.Tx, namespace string, a glance.Association) error {
	return associations.Insert(ctx, tx, associationRow{namespace, a.ResourceType, a.Prefix, a.Target, db.At(a.Created),
		db.At(a.Updated)})
}

// Associations returns the associations of a namespace by resource type.
func Associations(ctx context.Context, on db.Querier, namespace string) ([]glance.Association, error) {
	rows, err := associationsOf.All(ctx, on, namespace)
	return each(rows, err, func(r associationRow) glance.Association {
		return glance.Association{ResourceType: r.Type, Prefix: r.Prefix, Target: r.Target, Created: r.Created.Time,
			Updated: r.Updated.Time}
	})
}

// DeleteAssociation deletes an association and returns the number of deleted rows.
func DeleteAssociation(ctx context.Context, tx *db.Tx, namespace, resource string) (int64, error) {
	return deleteAssociation.Do(ctx, tx, namespace, resource)
}
