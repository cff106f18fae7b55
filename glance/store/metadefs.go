package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type namespaceRow struct {
	ID          string  `db:"id"`
	Name        string  `db:"namespace"`
	DisplayName string  `db:"display_name"`
	Description string  `db:"description"`
	Visibility  string  `db:"visibility"`
	Protected   bool    `db:"protected"`
	Owner       string  `db:"owner"`
	Created     db.Time `db:"created_at"`
	Updated     db.Time `db:"updated_at"`
}

const namespaceColumns = `id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at`

var (
	namespaceInsert = db.NewInsert[namespaceRow](Statements, "metadef_namespaces")
	namespaceOne    = db.NewQuery[namespaceRow](Statements, `SELECT `+namespaceColumns+` FROM metadef_namespaces WHERE namespace = ?`)
	namespaceUpdate = db.NewExec(Statements, `UPDATE metadef_namespaces
		SET namespace = ?, display_name = ?, description = ?, visibility = ?, protected = ?, owner = ?, updated_at = ?
		WHERE id = ?`)
	namespaceDelete = db.NewExec(Statements, `DELETE FROM metadef_namespaces WHERE id = ?`)
	// metadef_namespaces_created serves the default order.
	namespaceList = db.NewList[namespaceRow](Statements, `SELECT `+namespaceColumns+` FROM metadef_namespaces`, map[string]string{
		"id": "id NOT NULL", "namespace": "namespace NOT NULL", "display_name": "display_name NOT NULL", "description": "description NOT NULL",
		"visibility": "visibility NOT NULL", "protected": "protected NOT NULL", "owner": "owner NOT NULL",
		"created_at": "created_at NOT NULL", "updated_at": "updated_at NOT NULL",
	}, "namespace")
	// metadef_associations_type serves it.
	namespacesOfType = db.NewQuery[string](Statements, `SELECT namespace_id FROM metadef_associations WHERE resource_type = ?`)
)

func toNamespace(r namespaceRow) glance.Namespace {
	return glance.Namespace{ID: r.ID, Name: r.Name, DisplayName: r.DisplayName, Description: r.Description, Visibility: r.Visibility,
		Protected: r.Protected, Owner: r.Owner, Created: r.Created.Time, Updated: r.Updated.Time}
}

// InsertNamespace writes a new one; fault.Conflict for a taken name.
func InsertNamespace(ctx context.Context, tx *db.Tx, n glance.Namespace) error {
	return namespaceInsert.Do(ctx, tx, namespaceRow{n.ID, n.Name, n.DisplayName, n.Description, n.Visibility, n.Protected, n.Owner,
		db.At(n.Created), db.At(n.Updated)})
}

// Namespace finds one by its name; fault.NotFound.
func Namespace(ctx context.Context, q db.Querier, name string) (glance.Namespace, error) {
	r, err := namespaceOne.One(ctx, q, name)
	if fault.Is(err, fault.NotFound) {
		return glance.Namespace{}, fault.NotFoundf("Metadata definition namespace=%s was not found.", name).Because(err)
	}
	return toNamespace(r), err
}

// Namespaces lists one page.
func Namespaces(ctx context.Context, q db.Querier, a db.ListArgs) ([]glance.Namespace, error) {
	rows, err := namespaceList.Page(ctx, q, a)
	out := make([]glance.Namespace, len(rows))
	for i, r := range rows {
		out[i] = toNamespace(r)
	}
	return out, err
}

// NamespacesOfType are the ids of those that go with a type of resource.
func NamespacesOfType(ctx context.Context, q db.Querier, resource string) ([]string, error) {
	return namespacesOfType.All(ctx, q, resource)
}

// UpdateNamespace writes all but the id; fault.Conflict for a taken name.
func UpdateNamespace(ctx context.Context, tx *db.Tx, n glance.Namespace) error {
	_, err := namespaceUpdate.Do(ctx, tx, n.Name, n.DisplayName, n.Description, n.Visibility, n.Protected, n.Owner, db.At(n.Updated), n.ID)
	return err
}

// DeleteNamespace removes one with all that is in it.
func DeleteNamespace(ctx context.Context, tx *db.Tx, id string) error {
	_, err := namespaceDelete.Do(ctx, tx, id)
	return err
}

type objectRow struct {
	ID          string                              `db:"id"`
	Namespace   string                              `db:"namespace_id"`
	Name        string                              `db:"name"`
	Description string                              `db:"description"`
	Required    db.JSON[[]string]                   `db:"required"`
	Properties  db.JSON[map[string]glance.Property] `db:"properties"`
	Created     db.Time                             `db:"created_at"`
	Updated     db.Time                             `db:"updated_at"`
}

const objectColumns = `id, namespace_id, name, description, required, properties, created_at, updated_at`

// The unique (namespace_id, name) serves all but the update.
var (
	objectInsert = db.NewInsert[objectRow](Statements, "metadef_objects")
	objectOne    = db.NewQuery[objectRow](Statements, `SELECT `+objectColumns+` FROM metadef_objects WHERE namespace_id = ? AND name = ?`)
	objectAll    = db.NewQuery[objectRow](Statements, `SELECT `+objectColumns+` FROM metadef_objects WHERE namespace_id = ? ORDER BY name`)
	objectUpdate = db.NewExec(Statements, `UPDATE metadef_objects SET name = ?, description = ?, required = ?, properties = ?, updated_at = ? WHERE id = ?`)
	objectDelete = db.NewExec(Statements, `DELETE FROM metadef_objects WHERE namespace_id = ? AND name = ?`)
	objectClear  = db.NewExec(Statements, `DELETE FROM metadef_objects WHERE namespace_id = ?`)
)

func toObject(r objectRow) glance.Object {
	return glance.Object{ID: r.ID, Name: r.Name, Description: r.Description, Required: r.Required.V, Properties: r.Properties.V,
		Created: r.Created.Time, Updated: r.Updated.Time}
}

// InsertObject writes a new one; fault.Conflict for a taken name.
func InsertObject(ctx context.Context, tx *db.Tx, namespace string, o glance.Object) error {
	return objectInsert.Do(ctx, tx, objectRow{o.ID, namespace, o.Name, o.Description, db.JSON[[]string]{V: o.Required},
		db.JSON[map[string]glance.Property]{V: o.Properties}, db.At(o.Created), db.At(o.Updated)})
}

// Object finds one by its name; fault.NotFound.
func Object(ctx context.Context, q db.Querier, namespace, name string) (glance.Object, error) {
	r, err := objectOne.One(ctx, q, namespace, name)
	return toObject(r), err
}

// Objects are those of a namespace, by name.
func Objects(ctx context.Context, q db.Querier, namespace string) ([]glance.Object, error) {
	rows, err := objectAll.All(ctx, q, namespace)
	out := make([]glance.Object, len(rows))
	for i, r := range rows {
		out[i] = toObject(r)
	}
	return out, err
}

// UpdateObject writes all but the id; fault.Conflict for a taken name.
func UpdateObject(ctx context.Context, tx *db.Tx, o glance.Object) error {
	_, err := objectUpdate.Do(ctx, tx, o.Name, o.Description, db.JSON[[]string]{V: o.Required}, db.JSON[map[string]glance.Property]{V: o.Properties},
		db.At(o.Updated), o.ID)
	return err
}

// DeleteObject removes one and says how many it was.
func DeleteObject(ctx context.Context, tx *db.Tx, namespace, name string) (int64, error) {
	return objectDelete.Do(ctx, tx, namespace, name)
}

// ClearObjects removes all of a namespace.
func ClearObjects(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := objectClear.Do(ctx, tx, namespace)
	return err
}

type propertyRow struct {
	ID         string                   `db:"id"`
	Namespace  string                   `db:"namespace_id"`
	Name       string                   `db:"name"`
	Definition db.JSON[glance.Property] `db:"definition"`
	Created    db.Time                  `db:"created_at"`
	Updated    db.Time                  `db:"updated_at"`
}

const definitionColumns = `id, namespace_id, name, definition, created_at, updated_at`

// The unique (namespace_id, name) serves all.
var (
	propertyInsert = db.NewInsert[propertyRow](Statements, "metadef_properties")
	propertyOne    = db.NewQuery[propertyRow](Statements, `SELECT `+definitionColumns+` FROM metadef_properties WHERE namespace_id = ? AND name = ?`)
	propertyAll    = db.NewQuery[propertyRow](Statements, `SELECT `+definitionColumns+` FROM metadef_properties WHERE namespace_id = ? ORDER BY name`)
	propertyUpdate = db.NewExec(Statements, `UPDATE metadef_properties SET name = ?, definition = ?, updated_at = ? WHERE namespace_id = ? AND name = ?`)
	propertyDelete = db.NewExec(Statements, `DELETE FROM metadef_properties WHERE namespace_id = ? AND name = ?`)
	propertyClear  = db.NewExec(Statements, `DELETE FROM metadef_properties WHERE namespace_id = ?`)
)

// toProperty names the definition by its column, which is what is unique.
func toProperty(r propertyRow) glance.Property {
	p := r.Definition.V
	p.Name = r.Name
	return p
}

// InsertProperty writes a new one; fault.Conflict for a taken name.
func InsertProperty(ctx context.Context, tx *db.Tx, namespace, id string, p glance.Property, at db.Time) error {
	return propertyInsert.Do(ctx, tx, propertyRow{id, namespace, p.Name, db.JSON[glance.Property]{V: p}, at, at})
}

// Property finds one by its name; fault.NotFound.
func Property(ctx context.Context, q db.Querier, namespace, name string) (glance.Property, error) {
	r, err := propertyOne.One(ctx, q, namespace, name)
	return toProperty(r), err
}

// Properties are those of a namespace, by name.
func Properties(ctx context.Context, q db.Querier, namespace string) ([]glance.Property, error) {
	rows, err := propertyAll.All(ctx, q, namespace)
	out := make([]glance.Property, len(rows))
	for i, r := range rows {
		out[i] = toProperty(r)
	}
	return out, err
}

// UpdateProperty replaces the one that was named old and says how many it was; fault.Conflict for a taken name.
func UpdateProperty(ctx context.Context, tx *db.Tx, namespace, old string, p glance.Property, at db.Time) (int64, error) {
	return propertyUpdate.Do(ctx, tx, p.Name, db.JSON[glance.Property]{V: p}, at, namespace, old)
}

// DeleteProperty removes one and says how many it was.
func DeleteProperty(ctx context.Context, tx *db.Tx, namespace, name string) (int64, error) {
	return propertyDelete.Do(ctx, tx, namespace, name)
}

// ClearProperties removes all of a namespace.
func ClearProperties(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := propertyClear.Do(ctx, tx, namespace)
	return err
}
