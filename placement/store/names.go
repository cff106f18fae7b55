package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

// nameRow is a custom trait or a custom resource class.
type nameRow struct {
	Name    string  `db:"name"`
	Created db.Time `db:"created,set"`
}

var (
	customTraits    = db.NewTable[nameRow](Statements, "custom_traits", "name")
	customTraitsAll = db.NewQuery[string](Statements, "SELECT name FROM custom_traits ORDER BY name")
	customTraitDrop = customTraits.Delete("")

	customClasses      = db.NewTable[nameRow](Statements, "custom_classes", "name")
	customClassesAll   = db.NewQuery[string](Statements, "SELECT name FROM custom_classes ORDER BY created, name")
	customClassDrop    = customClasses.Delete("")
	customClassRename  = db.NewExec(Statements, "UPDATE custom_classes SET name = ? WHERE name = ?")
	inventoriesRename  = db.NewExec(Statements, "UPDATE inventories SET class = ? WHERE class = ?")
	allocationsRename  = db.NewExec(Statements, "UPDATE allocations SET class = ? WHERE class = ?")
	providersWithClass = db.NewQuery[string](Statements, "SELECT provider FROM inventories WHERE class = ?")
)

// CustomTraits returns the custom traits, in order.
func CustomTraits(ctx context.Context, on db.Querier) ([]string, error) {
	return customTraitsAll.All(ctx, on)
}

// CustomTrait is fault.NotFound if there is no such custom trait.
func CustomTrait(ctx context.Context, on db.Querier, name string) error {
	_, err := customTraits.Get(ctx, on, name)
	return err
}

// InsertCustomTrait inserts a custom trait and reports whether it is new.
func InsertCustomTrait(ctx context.Context, on db.Querier, name string, now time.Time) (bool, error) {
	return customTraits.Absent(ctx, on, nameRow{name, db.At(now)})
}

// DeleteCustomTrait deletes a custom trait and reports whether there was one.
func DeleteCustomTrait(ctx context.Context, tx *db.Tx, name string) (bool, error) {
	n, err := customTraitDrop.Do(ctx, tx, name)
	return n > 0, err
}

// CustomClasses returns the custom resource classes, oldest first.
func CustomClasses(ctx context.Context, on db.Querier) ([]string, error) {
	return customClassesAll.All(ctx, on)
}

// CustomClass is fault.NotFound if there is no such custom resource class.
func CustomClass(ctx context.Context, on db.Querier, name string) error {
	_, err := customClasses.Get(ctx, on, name)
	return err
}

// InsertCustomClass inserts a custom resource class and reports whether it is new.
func InsertCustomClass(ctx context.Context, on db.Querier, name string, now time.Time) (bool, error) {
	return customClasses.Absent(ctx, on, nameRow{name, db.At(now)})
}

// DeleteCustomClass deletes a custom resource class and reports whether there was one.
func DeleteCustomClass(ctx context.Context, tx *db.Tx, name string) (bool, error) {
	n, err := customClassDrop.Do(ctx, tx, name)
	return n > 0, err
}

// RenameCustomClass renames a custom resource class, also in inventories and allocations, and reports whether there was
// one. An error of a taken name is db.ErrDuplicate.
func RenameCustomClass(ctx context.Context, tx *db.Tx, name, to string) (bool, error) {
	n, err := customClassRename.Do(ctx, tx, to, name)
	if err != nil || n == 0 {
		return false, err
	}
	changed, err := providersWithClass.All(ctx, tx, name)
	if err != nil {
		return false, err
	}
	for _, e := range []*db.Exec{inventoriesRename, allocationsRename} {
		if _, err := e.Do(ctx, tx, to, name); err != nil {
			return false, err
		}
	}
	return true, Touch(ctx, tx, changed...)
}
