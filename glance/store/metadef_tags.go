package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
)

type definedTagRow struct {
	ID        string  `db:"id" list:"id"`
	Namespace string  `db:"namespace_id" list:"namespace_id"`
	Name      string  `db:"name" list:"name"`
	Created   db.Time `db:"created_at,once,set" list:"created_at"`
	Updated   db.Time `db:"updated_at,set" list:"updated_at"`
}

// The unique (namespace_id, name) serves all but the list, whose default order metadef_tags_created serves.
var (
	definedTags = db.NewTable[definedTagRow](stmts, "metadef_tags", "id")
	tagByName   = definedTags.Query("namespace_id = ? AND name = ?")
	listTags    = definedTags.List()
	renameTag   = db.NewExec(stmts, `UPDATE metadef_tags SET name = ?, updated_at = ? WHERE namespace_id = ? AND name = ?`)
	deleteTag   = db.NewExec(stmts, `DELETE FROM metadef_tags WHERE namespace_id = ? AND name = ?`)
	clearTags   = db.NewExec(stmts, `DELETE FROM metadef_tags WHERE namespace_id = ?`)
)

func (r definedTagRow) tag() glance.Tag {
	return glance.Tag{ID: r.ID, Name: r.Name, Created: r.Created.Time, Updated: r.Updated.Time}
}

// InsertTags inserts tags. fault.Conflict for a used name.
func InsertTags(ctx context.Context, tx *db.Tx, namespace string, ts []glance.Tag) error {
	rows := make([]definedTagRow, len(ts))
	for i, t := range ts {
		rows[i] = definedTagRow{ID: t.ID, Namespace: namespace, Name: t.Name, Created: db.At(t.Created),
			Updated: db.At(t.Updated)}
	}
	return definedTags.InsertAll(ctx, tx, rows)
}

// Tag returns a tag by its name. fault.NotFound.
func Tag(ctx context.Context, on db.Querier, namespace, name string) (glance.Tag, error) {
	r, err := tagByName.One(ctx, on, namespace, name)
	return r.tag(), err
}

// Tags returns a page of a namespace's tags. The marker is an id.
func Tags(ctx context.Context, on db.Querier, namespace string, a db.ListArgs) ([]glance.Tag, error) {
	a.Where = append(a.Where, db.EqTo("namespace_id", namespace))
	rows, err := listTags.Page(ctx, on, a)
	return each(rows, err, definedTagRow.tag)
}

// RenameTag renames a tag and returns the number of updated rows. fault.Conflict for a used name.
func RenameTag(ctx context.Context, tx *db.Tx, namespace, old, name string, now db.Time) (int64, error) {
	return renameTag.Do(ctx, tx, name, now, namespace, old)
}

// DeleteTag deletes a tag and returns the number of deleted rows.
func DeleteTag(ctx context.Context, tx *db.Tx, namespace, name string) (int64, error) {
	return deleteTag.Do(ctx, tx, namespace, name)
}

// ClearTags deletes all tags of a namespace.
func ClearTags(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := clearTags.Do(ctx, tx, namespace)
	return err
}
