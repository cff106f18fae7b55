package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type namespaceRow struct {
	ID          string  `db:"id" list:"id"`
	Name        string  `db:"namespace" list:"namespace"`
	DisplayName string  `db:"display_name" list:"display_name"`
	Description string  `db:"description" list:"description"`
	Visibility  string  `db:"visibility" list:"visibility"`
	Protected   bool    `db:"protected" list:"protected"`
	Owner       string  `db:"owner" list:"owner"`
	Created     db.Time `db:"created_at,once,set" list:"created_at"`
	Updated     db.Time `db:"updated_at,set" list:"updated_at"`
}

// The unique namespace serves namespaceByName, metadef_namespaces_created the default order of the list,
// metadef_associations_type namespacesOfType. The list's marker is a name.
var (
	namespaces      = db.NewTable[namespaceRow](stmts, "metadef_namespaces", "id")
	namespaceByName = namespaces.Query("namespace = ?")
	updateNamespace = namespaces.Update("")
	deleteNamespace = namespaces.Delete("")
	listNamespaces  = db.NewList[namespaceRow](stmts, "SELECT "+namespaces.Columns("")+"\nFROM metadef_namespaces",
		namespaces.ListColumns(""), "namespace")
	namespacesOfType = db.NewQuery[string](stmts, `SELECT namespace_id FROM metadef_associations WHERE resource_type = ?`)
)

func (r namespaceRow) namespace() glance.Namespace {
	return glance.Namespace{ID: r.ID, Name: r.Name, DisplayName: r.DisplayName, Description: r.Description,
		Visibility: r.Visibility,
		Protected:  r.Protected, Owner: r.Owner, Created: r.Created.Time, Updated: r.Updated.Time}
}

func namespaceRowOf(n glance.Namespace) namespaceRow {
	return namespaceRow{ID: n.ID, Name: n.Name, DisplayName: n.DisplayName, Description: n.Description,
		Visibility: n.Visibility,
		Protected:  n.Protected, Owner: n.Owner, Created: db.At(n.Created), Updated: db.At(n.Updated)}
}

// InsertNamespace inserts a namespace. fault.Conflict for a used name.
func InsertNamespace(ctx context.Context, tx *db.Tx, n glance.Namespace) error {
	return namespaces.Insert(ctx, tx, namespaceRowOf(n))
}

// Namespace returns a namespace by its name. fault.NotFound.
func Namespace(ctx context.Context, on db.Querier, name string) (glance.Namespace, error) {
	r, err := namespaceByName.One(ctx, on, name)
	if fault.Is(err, fault.NotFound) {
		return glance.Namespace{}, fault.NotFoundf("Metadata definition namespace=%s was not found.", name).Because(err)
	}
	return r.namespace(), err
}

// Namespaces returns a page of namespaces. The marker is a name.
func Namespaces(ctx context.Context, on db.Querier, a db.ListArgs) ([]glance.Namespace, error) {
	rows, err := listNamespaces.Page(ctx, on, a)
	return each(rows, err, namespaceRow.namespace)
}

// NamespacesOfType returns the ids of the namespaces that are associated with a resource type.
func NamespacesOfType(ctx context.Context, on db.Querier, resource string) ([]string, error) {
	return namespacesOfType.All(ctx, on, resource)
}

// UpdateNamespace writes all attributes but the id. fault.Conflict for a used name.
func UpdateNamespace(ctx context.Context, tx *db.Tx, n glance.Namespace) error {
	_, err := updateNamespace.Do(ctx, tx, namespaceRowOf(n))
	return err
}

// DeleteNamespace deletes a namespace with its contents.
func DeleteNamespace(ctx context.Context, tx *db.Tx, id string) error {
	_, err := deleteNamespace.Do(ctx, tx, id)
	return err
}
