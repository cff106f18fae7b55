package resources

import (
	"context"
	"maps"
	"slices"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/store"
)

// Inventories is the operations on the inventories, traits and aggregates of providers.
type Inventories struct {
	base
	names *Names
}

// Generations for the microversions of the API that carry none: Any matches every generation, Keep also leaves it as it
// is.
const (
	Any  = -1
	Keep = -2
)

// Set replaces the inventories of a provider and returns its new generation. fault.NotFound; fault.Conflict for another
// generation and for an inventory in use that is not among the new ones; fault.Invalid for an unknown class.
func (i *Inventories) Set(
	ctx context.Context, id string, generation int64, inv map[string]placement.Inventory,
) (int64, error) {
	var next int64
	err := i.db.Tx(ctx, func(tx *db.Tx) (err error) {
		next, err = i.set(ctx, tx, id, generation, inv)
		return err
	})
	return next, err
}

func (i *Inventories) set(
	ctx context.Context, tx *db.Tx, id string, generation int64, inv map[string]placement.Inventory,
) (int64, error) {
	p, err := findProvider(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	next, err := i.advance(ctx, tx, p, generation)
	if err != nil {
		return 0, err
	}
	if err := i.names.classes.known(ctx, tx, slices.Collect(maps.Keys(inv)),
		"Unknown resource class in inventory for resource provider "+id+": %s."); err != nil {
		return 0, err
	}
	rows, err := store.Inventories(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	have := map[string]bool{}
	for _, r := range rows {
		if _, kept := inv[r.Class]; kept {
			have[r.Class] = true
			continue
		}
		if err := deleteInventory(ctx, tx, id, r.Class); err != nil {
			return 0, err
		}
	}
	for _, class := range slices.Sorted(maps.Keys(inv)) {
		if err := i.put(ctx, tx, id, class, inv[class], have[class]); err != nil {
			return 0, err
		}
	}
	return next, nil
}

// deleteInventory is fault.Conflict for an inventory in use.
func deleteInventory(ctx context.Context, tx *db.Tx, id, class string) error {
	deleted, err := store.DeleteInventory(ctx, tx, id, class)
	if err == nil && !deleted {
		return fault.Conflictf("Inventory for '%s' on resource provider '%s' is in use.", class, id).
			Coded(placement.CodeInventory)
	}
	return err
}

// put inserts an inventory, or updates the one that exists.
func (i *Inventories) put(
	ctx context.Context, tx *db.Tx, id, class string, v placement.Inventory, exists bool,
) error {
	if err := checkInventory(id, class, v); err != nil {
		return err
	}
	write := store.InsertInventory
	if exists {
		write = store.UpdateInventory
	}
	return write(ctx, tx, id, class, v, i.now())
}

func checkInventory(id, class string, i placement.Inventory) error {
	switch {
	case i.Total < 1 || i.Total > placement.MaxInt,
		i.Reserved < 0,
		i.MinUnit < 1,
		i.MaxUnit < 1,
		i.StepSize < 1,
		i.AllocationRatio <= 0:
		return fault.Invalidf(
			"Invalid inventory for '%s' on resource provider '%s': a number is out of its bounds.",
			class,
			id,
		)
	case i.Reserved > i.Total:
		return fault.Invalidf(
			"Invalid inventory for '%s' on resource provider '%s'. The reserved value is greater than total.",
			class,
			id,
		)
	}
	return nil
}

// Put inserts (add) or updates one inventory and returns the provider's new generation. fault.NotFound; fault.Conflict
// for another generation and if it is to be added and exists; fault.Invalid if it is to be updated and does not exist.
func (i *Inventories) Put(
	ctx context.Context, id string, generation int64, class string, v placement.Inventory, add bool,
) (int64, error) {
	var next int64
	err := i.db.Tx(ctx, func(tx *db.Tx) error {
		p, err := findProvider(ctx, tx, id)
		if err != nil {
			return err
		}
		if next, err = i.advance(ctx, tx, p, generation); err != nil {
			return err
		}
		if err := i.names.classes.known(ctx, tx, []string{class}, "No such resource class %s."); err != nil {
			return err
		}
		rows, err := store.Inventories(ctx, tx, id)
		if err != nil {
			return err
		}
		exists := hasClass(rows, class)
		switch {
		case exists && add:
			return fault.Conflictf("Inventory for '%s' on resource provider '%s' already exists.", class, id)
		case !exists && !add:
			return fault.Invalidf("No inventory record with resource class %s on resource provider %s.", class, id)
		}
		return i.put(ctx, tx, id, class, v, exists)
	})
	return next, err
}

func hasClass(rows []store.Inventory, class string) bool {
	return slices.ContainsFunc(rows, func(r store.Inventory) bool { return r.Class == class })
}

// Delete deletes one inventory; fault.NotFound, fault.Conflict if it is in use.
func (i *Inventories) Delete(ctx context.Context, id, class string) error {
	return i.db.Tx(ctx, func(tx *db.Tx) error {
		p, err := findProvider(ctx, tx, id)
		if err != nil {
			return err
		}
		rows, err := store.Inventories(ctx, tx, id)
		if err != nil {
			return err
		}
		if !hasClass(rows, class) {
			return fault.NotFoundf("No inventory of class %s found for delete on resource provider %s.", class, id)
		}
		if _, err := i.advance(ctx, tx, p, Any); err != nil {
			return err
		}
		return deleteInventory(ctx, tx, id, class)
	})
}

// SetTraits replaces the traits of a provider and returns its new generation. fault.NotFound; fault.Conflict for
// another generation; fault.Invalid for an unknown trait.
func (i *Inventories) SetTraits(ctx context.Context, id string, generation int64, traits []string) (int64, error) {
	return i.setTags(ctx, id, generation, traits, store.SetTraits, func(tx *db.Tx) error {
		return i.names.traits.known(ctx, tx, traits, "No such trait %s.")
	})
}

// SetAggregates replaces the aggregates of a provider and returns its new generation. fault.NotFound; fault.Conflict
// for another generation.
func (i *Inventories) SetAggregates(
	ctx context.Context, id string, generation int64, aggregates []string,
) (int64, error) {
	return i.setTags(ctx, id, generation, aggregates, store.SetAggregates, func(*db.Tx) error { return nil })
}

func (i *Inventories) setTags(ctx context.Context, id string, generation int64, names []string,
	replace func(context.Context, *db.Tx, string, []string) error, check func(*db.Tx) error,
) (int64, error) {
	var next int64
	err := i.db.Tx(ctx, func(tx *db.Tx) error {
		p, err := findProvider(ctx, tx, id)
		if err != nil {
			return err
		}
		if next, err = i.advance(ctx, tx, p, generation); err != nil {
			return err
		}
		if err := check(tx); err != nil {
			return err
		}
		return replace(ctx, tx, id, slices.Compact(slices.Sorted(slices.Values(names))))
	})
	return next, err
}

// advance raises the generation of a provider, if it is still want, and marks the provider as changed.
func (i *Inventories) advance(ctx context.Context, tx *db.Tx, p store.Provider, want int64) (int64, error) {
	if want >= 0 && p.Generation != want {
		return 0, conflict("The generation of resource provider %s has changed: it is %d, not %d. Read it again.",
			p.ID, p.Generation, want)
	}
	if want == Keep {
		return p.Generation, store.Touch(ctx, tx, p.ID)
	}
	ok, err := store.Advance(ctx, tx, p.ID, p.Generation, i.now())
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, conflict("The generation of resource provider %s has changed. Read it again.", p.ID)
	}
	return p.Generation + 1, store.Touch(ctx, tx, p.ID)
}
