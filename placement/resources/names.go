package resources

import (
	"context"
	"errors"
	"slices"
	"strings"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/store"
)

// Names is the operations on traits and resource classes: the standard ones and the custom ones in the database.
type Names struct {
	base
	traits, classes vocabulary
}

// vocabulary is a set of names. custom is fault.NotFound for a name that the database does not have.
type vocabulary struct {
	standard map[string]bool
	custom   func(ctx context.Context, on db.Querier, name string) error
}

func newNames(b base) *Names {
	n := &Names{b, vocabulary{map[string]bool{}, store.CustomTrait}, vocabulary{map[string]bool{}, store.CustomClass}}
	for _, t := range placement.StandardTraits() {
		n.traits.standard[t] = true
	}
	for _, c := range placement.StandardClasses() {
		n.classes.standard[c] = true
	}
	return n
}

// known is fault.Invalid, with the names that do not exist in text.
func (v vocabulary) known(ctx context.Context, on db.Querier, names []string, text string) error {
	var missing []string
	for _, name := range names {
		if v.standard[name] {
			continue
		}
		err := v.custom(ctx, on, name)
		if fault.Is(err, fault.NotFound) {
			missing = append(missing, name)
			continue
		}
		if err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fault.Invalidf(text, strings.Join(missing, ", "))
}

// CheckTraits is fault.Invalid with the names that do not exist.
func (n *Names) CheckTraits(ctx context.Context, names []string) error {
	return n.traits.known(ctx, n.db, names, "No such trait(s): %s.")
}

// CheckClasses is fault.Invalid with the names that do not exist.
func (n *Names) CheckClasses(ctx context.Context, names []string) error {
	return n.classes.known(ctx, n.db, names, "Invalid resource class: %s does not exist.")
}

// Traits returns the standard and custom traits, in order.
func (n *Names) Traits(ctx context.Context) ([]string, error) {
	own, err := store.CustomTraits(ctx, n.db)
	if err != nil {
		return nil, err
	}
	all := append(placement.StandardTraits(), own...)
	slices.Sort(all)
	return all, nil
}

// UsedTraits returns the traits that a provider has, in order.
func (n *Names) UsedTraits(ctx context.Context) ([]string, error) {
	return store.UsedTraits(ctx, n.db)
}

// HasTrait reports whether the trait exists.
func (n *Names) HasTrait(ctx context.Context, name string) (bool, error) {
	return exists(n.CheckTraits(ctx, []string{name}))
}

// HasClass reports whether the resource class exists.
func (n *Names) HasClass(ctx context.Context, name string) (bool, error) {
	return exists(n.CheckClasses(ctx, []string{name}))
}

func exists(err error) (bool, error) {
	if fault.Is(err, fault.Invalid) {
		return false, nil
	}
	return err == nil, err
}

// AddTrait inserts a custom trait and reports whether it is new; fault.Invalid for a name that is not custom.
func (n *Names) AddTrait(ctx context.Context, name string) (bool, error) {
	if !placement.IsCustomName(name) {
		return false, fault.Invalidf(
			"The trait is invalid: it must start with CUSTOM_, have at most 255 characters, and only A-Z, 0-9 and _.",
		)
	}
	return store.InsertCustomTrait(ctx, n.db, name, n.now())
}

// DeleteTrait deletes a custom trait; fault.NotFound; fault.Conflict if a provider has it, fault.Invalid for a standard
// trait.
func (n *Names) DeleteTrait(ctx context.Context, name string) error {
	if n.traits.standard[name] {
		return fault.Invalidf("Cannot delete standard trait %s.", name)
	}
	return n.db.Tx(ctx, func(tx *db.Tx) error {
		used, err := store.ProvidersWithTrait(ctx, tx, name)
		if err != nil {
			return err
		}
		if used > 0 {
			return fault.Conflictf("The trait %s is in use by a resource provider.", name)
		}
		deleted, err := store.DeleteCustomTrait(ctx, tx, name)
		if err == nil && !deleted {
			return fault.NotFoundf("No such trait(s): %s.", name)
		}
		return err
	})
}

// Classes returns the standard resource classes, then the custom ones, oldest first.
func (n *Names) Classes(ctx context.Context) ([]string, error) {
	own, err := store.CustomClasses(ctx, n.db)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(placement.StandardClasses()), own...), nil
}

// AddClass inserts a custom resource class and reports whether it is new; fault.Invalid for a name that is not custom.
func (n *Names) AddClass(ctx context.Context, name string) (bool, error) {
	if !placement.IsCustomName(name) {
		return false, fault.Invalidf(
			"The resource class name is invalid: it must start with CUSTOM_, have at most 255 characters, " +
				"and only A-Z, 0-9 and _.",
		)
	}
	return store.InsertCustomClass(ctx, n.db, name, n.now())
}

// RenameClass renames a custom resource class, also in inventories and allocations. fault.NotFound; fault.Conflict
// for a taken name, fault.Invalid for a standard class and for a new name that is not custom.
func (n *Names) RenameClass(ctx context.Context, name, to string) error {
	if n.classes.standard[name] {
		return fault.Invalidf("Cannot update standard resource class %s.", name)
	}
	if !placement.IsCustomName(to) {
		return fault.Invalidf("The resource class name is invalid: it must start with CUSTOM_ and have only A-Z, 0-9 and _.")
	}
	err := n.db.Tx(ctx, func(tx *db.Tx) error {
		renamed, err := store.RenameCustomClass(ctx, tx, name, to)
		if err == nil && !renamed {
			return fault.NotFoundf("No such resource class %s.", name)
		}
		return err
	})
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Resource class already exists: %s.", to)
	}
	return err
}

// DeleteClass deletes a custom resource class; fault.NotFound; fault.Conflict if a provider has an inventory of it,
// fault.Invalid for a standard class.
func (n *Names) DeleteClass(ctx context.Context, name string) error {
	if n.classes.standard[name] {
		return fault.Invalidf("Cannot delete standard resource class %s.", name)
	}
	return n.db.Tx(ctx, func(tx *db.Tx) error {
		used, err := store.InventoriesOfClass(ctx, tx, name)
		if err != nil {
			return err
		}
		if used > 0 {
			return fault.Conflictf("Cannot delete resource class %s: it is in use in inventory.", name)
		}
		deleted, err := store.DeleteCustomClass(ctx, tx, name)
		if err == nil && !deleted {
			return fault.NotFoundf("No such resource class %s.", name)
		}
		return err
	})
}
