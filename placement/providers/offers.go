package providers

import (
	"context"
	"maps"
	"slices"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/store"
)

// For the forms of the API that carry no generation: Any takes any, Keep also leaves it as it is.
const (
	Any  = -1
	Keep = -2
)

// SetInventories replaces all that the provider offers and answers its new generation. What is in use cannot go:
// fault.Conflict.
func (s *Service) SetInventories(ctx context.Context, id string, generation int64, inv map[string]placement.Inventory) (int64, error) {
	var next int64
	err := s.d.Tx(ctx, func(tx *db.Tx) (err error) {
		if next, err = s.setInventories(ctx, tx, id, generation, inv); err != nil {
			return err
		}
		return nil
	})
	return next, err
}

func (s *Service) setInventories(ctx context.Context, tx *db.Tx, id string, generation int64, inv map[string]placement.Inventory) (int64, error) {
	p, err := provider(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	next, err := s.advance(ctx, tx, p, generation)
	if err != nil {
		return 0, err
	}
	if err := known(ctx, tx, slices.Collect(maps.Keys(inv)), s.classes, store.CustomClass, "Unknown resource class in inventory for resource provider "+id+": %s."); err != nil {
		return 0, err
	}
	rows, err := store.InventoriesOf.All(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	have := map[string]bool{}
	for _, r := range rows {
		if _, stays := inv[r.Class]; stays {
			have[r.Class] = true
			continue
		}
		if err := dropInventory(ctx, tx, id, r.Class); err != nil {
			return 0, err
		}
	}
	for _, class := range slices.Sorted(maps.Keys(inv)) {
		if err := s.putInventory(ctx, tx, id, class, inv[class], have[class]); err != nil {
			return 0, err
		}
	}
	return next, nil
}

func dropInventory(ctx context.Context, tx *db.Tx, id, class string) error {
	n, err := store.DropInventory.Do(ctx, tx, id, class)
	if err == nil && n == 0 {
		return fault.Conflictf("Inventory for '%s' on resource provider '%s' is in use.", class, id).Coded(placement.CodeInventory)
	}
	return err
}

func (s *Service) putInventory(ctx context.Context, tx *db.Tx, id, class string, i placement.Inventory, there bool) error {
	if err := checkInventory(id, class, i); err != nil {
		return err
	}
	now := db.At(s.now())
	if there {
		_, err := store.EditInventory.Do(ctx, tx, i.Total, i.Reserved, i.MinUnit, i.MaxUnit, i.StepSize, i.AllocationRatio, now, id, class)
		return err
	}
	return store.AddInventory.Do(ctx, tx, store.Inventory{Provider: id, Class: class, Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit,
		MaxUnit: i.MaxUnit, StepSize: i.StepSize, Ratio: i.AllocationRatio, Updated: now})
}

func checkInventory(id, class string, i placement.Inventory) error {
	switch {
	case i.Total < 1 || i.Total > placement.MaxInt, i.Reserved < 0, i.MinUnit < 1, i.MaxUnit < 1, i.StepSize < 1, i.AllocationRatio <= 0:
		return fault.Invalidf("Invalid inventory for '%s' on resource provider '%s': a number is out of its bounds.", class, id)
	case i.Reserved > i.Total:
		return fault.Invalidf("Invalid inventory for '%s' on resource provider '%s'. The reserved value is greater than total.", class, id)
	}
	return nil
}

// SetInventory adds or changes one class. add says which of the two is meant: a class that is there already is
// fault.Conflict, one that is not is fault.Invalid.
func (s *Service) SetInventory(ctx context.Context, id string, generation int64, class string, i placement.Inventory, add bool) (int64, error) {
	var next int64
	err := s.d.Tx(ctx, func(tx *db.Tx) error {
		p, err := provider(ctx, tx, id)
		if err != nil {
			return err
		}
		if next, err = s.advance(ctx, tx, p, generation); err != nil {
			return err
		}
		if err := known(ctx, tx, []string{class}, s.classes, store.CustomClass, "No such resource class %s."); err != nil {
			return err
		}
		rows, err := store.InventoriesOf.All(ctx, tx, id)
		if err != nil {
			return err
		}
		there := slices.ContainsFunc(rows, func(r store.Inventory) bool { return r.Class == class })
		switch {
		case there && add:
			return fault.Conflictf("Inventory for '%s' on resource provider '%s' already exists.", class, id)
		case !there && !add:
			return fault.Invalidf("No inventory record with resource class %s on resource provider %s.", class, id)
		}
		return s.putInventory(ctx, tx, id, class, i, there)
	})
	return next, err
}

// DropInventory takes one class away; fault.NotFound, and fault.Conflict while it is in use.
func (s *Service) DropInventory(ctx context.Context, id, class string) error {
	return s.d.Tx(ctx, func(tx *db.Tx) error {
		p, err := provider(ctx, tx, id)
		if err != nil {
			return err
		}
		rows, err := store.InventoriesOf.All(ctx, tx, id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(rows, func(r store.Inventory) bool { return r.Class == class }) {
			return fault.NotFoundf("No inventory of class %s found for delete on resource provider %s.", class, id)
		}
		if _, err := s.advance(ctx, tx, p, Any); err != nil {
			return err
		}
		return dropInventory(ctx, tx, id, class)
	})
}

// SetTraits replaces the provider's traits; each must exist.
func (s *Service) SetTraits(ctx context.Context, id string, generation int64, traits []string) (int64, error) {
	return s.setTags(ctx, id, generation, traits, store.DropTraits, store.AddTrait, func(tx *db.Tx) error {
		return known(ctx, tx, traits, s.traits, store.CustomTrait, "No such trait %s.")
	})
}

// SetAggregates replaces the provider's aggregates, which need no declaring.
func (s *Service) SetAggregates(ctx context.Context, id string, generation int64, aggregates []string) (int64, error) {
	return s.setTags(ctx, id, generation, aggregates, store.DropAggregates, store.AddAggregate, nil)
}

func (s *Service) setTags(ctx context.Context, id string, generation int64, names []string, drop, add *db.Exec, check func(*db.Tx) error) (int64, error) {
	var next int64
	err := s.d.Tx(ctx, func(tx *db.Tx) error {
		p, err := provider(ctx, tx, id)
		if err != nil {
			return err
		}
		if next, err = s.advance(ctx, tx, p, generation); err != nil {
			return err
		}
		if check != nil {
			if err := check(tx); err != nil {
				return err
			}
		}
		if _, err := drop.Do(ctx, tx, id); err != nil {
			return err
		}
		unique := slices.Compact(slices.Sorted(slices.Values(names)))
		for _, n := range unique {
			if _, err := add.Do(ctx, tx, id, n); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}
