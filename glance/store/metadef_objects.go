package store

import (
	"context"
	"encoding/json"

	"hypernova/glance"
	"hypernova/oslo/db"
)

// definitionJSON is the stored form of a property definition: in metadef_properties.definition, and in
// metadef_objects.properties as a map by name.
type definitionJSON struct {
	Name            string          `json:"name,omitempty"`
	Type            string          `json:"type"`
	Title           string          `json:"title"`
	Description     string          `json:"description,omitempty"`
	Operators       []string        `json:"operators,omitempty"`
	Default         json.RawMessage `json:"default,omitempty"`
	Required        []string        `json:"required,omitempty"`
	Readonly        *bool           `json:"readonly,omitempty"`
	Confidential    *bool           `json:"confidential,omitempty"`
	Minimum         *int64          `json:"minimum,omitempty"`
	Maximum         *int64          `json:"maximum,omitempty"`
	Enum            []string        `json:"enum,omitempty"`
	Pattern         string          `json:"pattern,omitempty"`
	MinLength       *int64          `json:"minLength,omitempty"`
	MaxLength       *int64          `json:"maxLength,omitempty"`
	Items           *itemsJSON      `json:"items,omitempty"`
	UniqueItems     *bool           `json:"uniqueItems,omitempty"`
	MinItems        *int64          `json:"minItems,omitempty"`
	MaxItems        *int64          `json:"maxItems,omitempty"`
	AdditionalItems *bool           `json:"additionalItems,omitempty"`
}

type itemsJSON struct {
	Type string   `json:"type"`
	Enum []string `json:"enum,omitempty"`
}

func definitionJSONOf(p glance.Property) definitionJSON {
	out := definitionJSON{Name: p.Name, Type: p.Type, Title: p.Title, Description: p.Description, Operators: p.Operators,
		Default: p.Default, Required: p.Required, Readonly: p.Readonly, Confidential: p.Confidential, Minimum: p.Minimum,
		Maximum: p.Maximum, Enum: p.Enum, Pattern: p.Pattern, MinLength: p.MinLength, MaxLength: p.MaxLength,
		UniqueItems: p.UniqueItems, MinItems: p.MinItems, MaxItems: p.MaxItems, AdditionalItems: p.AdditionalItems}
	if p.Items != nil {
		out.Items = &itemsJSON{Type: p.Items.Type, Enum: p.Items.Enum}
	}
	return out
}

func (d definitionJSON) property() glance.Property {
	out := glance.Property{Name: d.Name, Type: d.Type, Title: d.Title, Description: d.Description, Operators: d.Operators,
		Default: d.Default, Required: d.Required, Readonly: d.Readonly, Confidential: d.Confidential, Minimum: d.Minimum,
		Maximum: d.Maximum, Enum: d.Enum, Pattern: d.Pattern, MinLength: d.MinLength, MaxLength: d.MaxLength,
		UniqueItems: d.UniqueItems, MinItems: d.MinItems, MaxItems: d.MaxItems, AdditionalItems: d.AdditionalItems}
	if d.Items != nil {
		out.Items = &glance.Items{Type: d.Items.Type, Enum: d.Items.Enum}
	}
	return out
}

type objectRow struct {
	ID          string                             `db:"id"`
	Namespace   string                             `db:"namespace_id,once"`
	Name        string                             `db:"name"`
	Description string                             `db:"description"`
	Required    db.JSON[[]string]                  `db:"required"`
	Properties  db.JSON[map[string]definitionJSON] `db:"properties"`
	Created     db.Time                            `db:"created_at,once,set"`
	Updated     db.Time                            `db:"updated_at,set"`
}

// The unique (namespace_id, name) serves all but the update.
var (
	objects      = db.NewTable[objectRow](stmts, "metadef_objects", "id")
	objectByName = objects.Query("namespace_id = ? AND name = ?")
	objectsOf    = objects.Query("namespace_id = ?\nORDER BY name")
	updateObject = objects.Update("")
	deleteObject = db.NewExec(stmts, `DELETE FROM metadef_objects WHERE namespace_id = ? AND name = ?`)
	clearObjects = db.NewExec(stmts, `DELETE FROM metadef_objects WHERE namespace_id = ?`)
)

func (r objectRow) object() glance.Object {
	o := glance.Object{ID: r.ID, Name: r.Name, Description: r.Description, Required: r.Required.V, Created: r.Created.Time,
		Updated: r.Updated.Time}
	if r.Properties.V != nil {
		o.Properties = map[string]glance.Property{}
	}
	for name, d := range r.Properties.V {
		o.Properties[name] = d.property()
	}
	return o
}

func objectRowOf(namespace string, o glance.Object) objectRow {
	r := objectRow{ID: o.ID, Namespace: namespace, Name: o.Name, Description: o.Description,
		Required: db.JSON[[]string]{V: o.Required},
		Created:  db.At(o.Created), Updated: db.At(o.Updated)}
	if o.Properties != nil {
		r.Properties.V = map[string]definitionJSON{}
	}
	for name, p := range o.Properties {
		r.Properties.V[name] = definitionJSONOf(p)
	}
	return r
}

// InsertObject inserts an object. fault.Conflict for a used name.
func InsertObject(ctx context.Context, tx *db.Tx, namespace string, o glance.Object) error {
	return objects.Insert(ctx, tx, objectRowOf(namespace, o))
}

// Object returns an object by its name. fault.NotFound.
func Object(ctx context.Context, on db.Querier, namespace, name string) (glance.Object, error) {
	r, err := objectByName.One(ctx, on, namespace, name)
	return r.object(), err
}

// Objects returns the objects of a namespace by name.
func Objects(ctx context.Context, on db.Querier, namespace string) ([]glance.Object, error) {
	rows, err := objectsOf.All(ctx, on, namespace)
	return each(rows, err, objectRow.object)
}

// UpdateObject writes all attributes but the id. fault.Conflict for a used name.
func UpdateObject(ctx context.Context, tx *db.Tx, o glance.Object) error {
	_, err := updateObject.Do(ctx, tx, objectRowOf("", o))
	return err
}

// DeleteObject deletes an object and returns the number of deleted rows.
func DeleteObject(ctx context.Context, tx *db.Tx, namespace, name string) (int64, error) {
	return deleteObject.Do(ctx, tx, namespace, name)
}

// ClearObjects deletes all objects of a namespace.
func ClearObjects(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := clearObjects.Do(ctx, tx, namespace)
	return err
}

type propertyRow struct {
	ID         string                  `db:"id"`
	Namespace  string                  `db:"namespace_id,once"`
	Name       string                  `db:"name"`
	Definition db.JSON[definitionJSON] `db:"definition"`
	Created    db.Time                 `db:"created_at,once,set"`
	Updated    db.Time                 `db:"updated_at,set"`
}

// The unique (namespace_id, name) serves all.
var (
	properties     = db.NewTable[propertyRow](stmts, "metadef_properties", "id")
	propertyByName = properties.Query("namespace_id = ? AND name = ?")
	propertiesOf   = properties.Query("namespace_id = ?\nORDER BY name")
	updateProperty = db.NewExec(stmts, `UPDATE metadef_properties SET name = ?, definition = ?, updated_at = ?
WHERE namespace_id = ? AND name = ?`)
	deleteProperty  = db.NewExec(stmts, `DELETE FROM metadef_properties WHERE namespace_id = ? AND name = ?`)
	clearProperties = db.NewExec(stmts, `DELETE FROM metadef_properties WHERE namespace_id = ?`)
)

// property takes the name from its column, which is the unique one.
func (r propertyRow) property() glance.Property {
	p := r.Definition.V.property()
	p.Name = r.Name
	return p
}

// InsertProperty inserts a property. fault.Conflict for a used name.
func InsertProperty(ctx context.Context, tx *db.Tx, namespace, id string, p glance.Property, now db.Time) error {
	return properties.Insert(ctx, tx, propertyRow{ID: id, Namespace: namespace, Name: p.Name,
		Definition: db.JSON[definitionJSON]{V: definitionJSONOf(p)}, Created: now, Updated: now})
}

// Property returns a property by its name. fault.NotFound.
func Property(ctx context.Context, on db.Querier, namespace, name string) (glance.Property, error) {
	r, err := propertyByName.One(ctx, on, namespace, name)
	return r.property(), err
}

// Properties returns the properties of a namespace by name.
func Properties(ctx context.Context, on db.Querier, namespace string) ([]glance.Property, error) {
	rows, err := propertiesOf.All(ctx, on, namespace)
	return each(rows, err, propertyRow.property)
}

// UpdateProperty replaces the property with the name old and returns the number of updated rows. fault.Conflict for a
// used name.
func UpdateProperty(ctx context.Context, tx *db.Tx, namespace, old string, p glance.Property,
	now db.Time) (int64, error) {
	return updateProperty.Do(ctx, tx, p.Name, db.JSON[definitionJSON]{V: definitionJSONOf(p)}, now, namespace, old)
}

// DeleteProperty deletes a property and returns the number of deleted rows.
func DeleteProperty(ctx context.Context, tx *db.Tx, namespace, name string) (int64, error) {
	return deleteProperty.Do(ctx, tx, namespace, name)
}

// ClearProperties deletes all properties of a namespace.
func ClearProperties(ctx context.Context, tx *db.Tx, namespace string) error {
	_, err := clearProperties.Do(ctx, tx, namespace)
	return err
}
