package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
)

type definedTagRow struct {
	ID        string  `db:"id"`
	Namespace string  `db:"namespace_id"`
	Name      string  `db:"name"`
	Created   db.Time `db:"created_at"`
	Updated   db.Time `db:"updated_at"`
}

const definedTagColumns = `id, namespace_id, name, created_at, updated_at`

// The unique (namespace_id, name) serves all but the list, whose default order metadef_tags_created serves.
var (
	tagInsert = db.NewInsert[definedTagRow](Statements, "metadef_tags")
	tagOne    = db.NewQuery[definedTagRow](Statements, `SELECT `+definedTagColumns+` FROM metadef_tags WHERE namespace_id = ? AND name = ?`)
	tagUpdate = db.NewExec(Statements, `UPDATE metadef_tags SET name = ?, updated_at = ? WHERE namespace_id = ? AND name = ?`)
	tagDelete = db.NewExec(Statements, `DELETE FROM metadef_tags WHERE namespace_id = ? AND name = ?`)
	tagClear  = db.NewExec(Statements, `DELETE FROM metadef_tags WHERE namespace_id = ?`)
	tagList   = db.NewList[definedTagRow](Statements, `SELECT `+definedTagColumns+` FROM metadef_tags`, map[string]string{
		"id": "id NOT NULL", "name": "name NOT NULL", "namespace_id": "namespace_id NOT NULL", "created_at": "created_at NOT NULL", "updated_at": "updated_at NOT NULL",
	}, "id")
)

func toTag(r definedTagRow) glance.Tag {
	return glance.Tag{ID: r.ID, Name: r.Name, Created: r.Created.Time, Updated: r.Updated.Time}
}

// InsertTags writes new ones; fault.Conflict for a taken name.
func InsertTags(ctx context.Context, tx *db.Tx, namespace string, ts []glance.Tag) error {
	rows := make([]definedTagRow, len(ts))
	for i, t := range ts {
		rows[i] = definedTagRow{t.ID, namespace, t.Name, db.At(t.Created), db.At(t.Updated)}
	}
	return tagInsert.DoAll(ctx, tx, rows)
}

// Tag finds one by its name; fault.NotFound.
func Tag(ctx context.Context, q db.Querier, namespace, name string) (glance.Tag, error) {
	r, err := tagOne.One(ctx, q, namespace, name)
	return toTag(r), err
}

// Tags lists one page of a namespace's; the marker is a tag's id.
func Tags(ctx context.Context, q db.Querier, namespace string, a db.ListArgs) ([]glance.Tag, error) {
	a.Where = append(a.Where, db.EqTo("namespace_id", namespace))
	rows, err := tagList.Page(ctx, q, a)
	out := make([]glance.Tag, len(rows))
	for i, r := range rows {
		out[i] = toTag(r)
	}
	return out, err
}

// RenameTag says how many it was; fault.Conflict for a taken name.
func RenameTag(ctx context.Context, tx *db.Tx, namespace, old, name string, at db.Time) (int64, error) {
	return tagUpdate.Do(ctx, tx, name, at, namespace, old)
}

// DeleteTag removes one and says how many it was.
func DeleteTag(ctx context.Context, tx *db.Tx, namespace, name string) (int64, error) {
	return tagDelete.Do(ctx, tx, namespace, name)
}

// ClearTags removes all of a namespace.
func ClearTags(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := tagClear.Do(ctx, tx, namespace)
	return err
}

type resourceTypeRow struct {
	Name      string  `db:"name"`
	Protected bool    `db:"protected"`
	Created   db.Time `db:"created_at"`
	Updated   db.Time `db:"updated_at"`
}

type associationRow struct {
	Namespace string  `db:"namespace_id"`
	Type      string  `db:"resource_type"`
	Prefix    string  `db:"prefix"`
	Target    string  `db:"properties_target"`
	Created   db.Time `db:"created_at"`
	Updated   db.Time `db:"updated_at"`
}

// Primary keys serve all.
var (
	typeInsert        = db.NewInsert[resourceTypeRow](Statements, "metadef_resource_types")
	typeAll           = db.NewQuery[resourceTypeRow](Statements, `SELECT name, protected, created_at, updated_at FROM metadef_resource_types ORDER BY name`)
	associationInsert = db.NewInsert[associationRow](Statements, "metadef_associations")
	associationAll    = db.NewQuery[associationRow](Statements, `SELECT namespace_id, resource_type, prefix, properties_target, created_at, updated_at
		FROM metadef_associations
		WHERE namespace_id = ?
		ORDER BY resource_type`)
	associationDelete = db.NewExec(Statements, `DELETE FROM metadef_associations WHERE namespace_id = ? AND resource_type = ?`)
	associationClear  = db.NewExec(Statements, `DELETE FROM metadef_associations WHERE namespace_id = ?`)
)

// EnsureResourceType writes a type of resource unless it is there.
func EnsureResourceType(ctx context.Context, tx *db.Tx, t glance.ResourceType) error {
	_, err := typeInsert.Absent(ctx, tx, resourceTypeRow{t.Name, t.Protected, db.At(t.Created), db.At(t.Updated)})
	return err
}

// ResourceTypes are all, by name.
func ResourceTypes(ctx context.Context, q db.Querier) ([]glance.ResourceType, error) {
	rows, err := typeAll.All(ctx, q)
	out := make([]glance.ResourceType, len(rows))
	for i, r := range rows {
		out[i] = glance.ResourceType{Name: r.Name, Protected: r.Protected, Created: r.Created.Time, Updated: r.Updated.Time}
	}
	return out, err
}

// InsertAssociation writes a new one; fault.Conflict where the namespace goes with that type already.
func InsertAssociation(ctx context.Context, tx *db.Tx, namespace string, a glance.Association) error {
	return associationInsert.Do(ctx, tx, associationRow{namespace, a.ResourceType, a.Prefix, a.Target, db.At(a.Created), db.At(a.Updated)})
}

// Associations are those of a namespace, by type.
func Associations(ctx context.Context, q db.Querier, namespace string) ([]glance.Association, error) {
	rows, err := associationAll.All(ctx, q, namespace)
	out := make([]glance.Association, len(rows))
	for i, r := range rows {
		out[i] = glance.Association{ResourceType: r.Type, Prefix: r.Prefix, Target: r.Target, Created: r.Created.Time, Updated: r.Updated.Time}
	}
	return out, err
}

// DeleteAssociation removes one and says how many it was.
func DeleteAssociation(ctx context.Context, tx *db.Tx, namespace, resource string) (int64, error) {
	return associationDelete.Do(ctx, tx, namespace, resource)
}

// ClearAssociations removes all of a namespace.
func ClearAssociations(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := associationClear.Do(ctx, tx, namespace)
	return err
}
