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

// Change replaces what one consumer holds; without providers it holds nothing any more.
type Change struct {
	placement.Allocation
	// AnyGeneration takes the consumer as it is, as versions before 1.28 do.
	AnyGeneration bool
	// Ended says that the consumer is gone, which is no news to the providers: their generations stay.
	Ended bool
	// Held refuses a consumer that holds nothing; fault.NotFound.
	Held bool
}

// UnknownType is the consumer type of those who did not say.
const UnknownType = "unknown"

// Claim writes all of a consumer's allocations at once; fault.Conflict when capacity is gone or a generation moved.
func (s *Service) Claim(ctx context.Context, a placement.Allocation) error {
	err := s.Set(ctx, []Change{{Allocation: a}})
	if a.Generation != nil || !fault.Is(err, fault.Conflict) || fault.Of(err).Code != placement.CodeConcurrent {
		return err
	}
	have, herr := s.Allocations(ctx, a.Consumer)
	if herr == nil && have.Generation != nil && have.Holds(a) {
		return nil // it was done before, by a caller that did not live to hear of it
	}
	return err
}

// Set applies all changes or none.
func (s *Service) Set(ctx context.Context, changes []Change) error {
	return s.d.Tx(ctx, func(tx *db.Tx) error { return s.set(ctx, tx, changes) })
}

// set gives back all that the consumers hold, then takes what they are to hold, so that a swap needs no room beside.
func (s *Service) set(ctx context.Context, tx *db.Tx, changes []Change) error {
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b Change) int { // one order for all writers
		if a.Consumer < b.Consumer {
			return -1
		}
		return 1
	})
	freed, moved := map[string]bool{}, map[string]bool{} // providers; whose generation moves is what clients of the original count on
	there := make([]bool, len(changes))
	rows := make([]store.Consumer, len(changes))
	for i, c := range changes {
		row, ok, err := consumer(ctx, tx, c)
		if err != nil {
			return err
		}
		if c.Held && !ok {
			return fault.NotFoundf("No allocations for consumer '%s'", c.Consumer)
		}
		rows[i], there[i] = row, ok
		into := freed
		if len(c.Providers) == 0 && !c.Ended {
			into = moved
		}
		if err := giveBack(ctx, tx, c.Consumer, into); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if err := s.keepConsumer(ctx, tx, c, rows[i], there[i]); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(c.Providers)) {
			if err := s.take(ctx, tx, c.Consumer, id, c.Providers[id]); err != nil {
				return err
			}
			moved[id] = true
		}
	}
	if err := s.advanceAll(ctx, tx, slices.Sorted(maps.Keys(moved))); err != nil {
		return err
	}
	maps.Copy(moved, freed)
	return touch(ctx, tx, slices.Sorted(maps.Keys(moved))...)
}

// consumer reads the consumer and compares its generation; false if there is none.
func consumer(ctx context.Context, tx *db.Tx, c Change) (store.Consumer, bool, error) {
	row, err := store.ConsumerByID.One(ctx, tx, c.Consumer)
	absent := fault.Is(err, fault.NotFound)
	if err != nil && !absent {
		return row, false, err
	}
	switch {
	case c.AnyGeneration:
	case absent && c.Generation != nil:
		return row, false, conflict("consumer generation conflict: expected null but got %d", *c.Generation)
	case !absent && c.Generation == nil:
		return row, false, conflict("consumer generation conflict: expected %d but got null", row.Generation)
	case !absent && row.Generation != *c.Generation:
		return row, false, conflict("consumer generation conflict: expected %d but got %d", row.Generation, *c.Generation)
	}
	return row, !absent, nil
}

func giveBack(ctx context.Context, tx *db.Tx, id string, touched map[string]bool) error {
	held, err := store.AllocationsOf.All(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, a := range held {
		if _, err := store.Free.Do(ctx, tx, a.Used, a.Provider, a.Class); err != nil {
			return err
		}
		touched[a.Provider] = true
	}
	if len(held) == 0 {
		return nil
	}
	_, err = store.DropAllocations.Do(ctx, tx, id)
	return err
}

// keepConsumer writes the consumer's row, or drops it where it holds nothing.
func (s *Service) keepConsumer(ctx context.Context, tx *db.Tx, c Change, row store.Consumer, there bool) error {
	now := db.At(s.now())
	kind := c.Type
	if kind == "" {
		kind = UnknownType
		if there {
			kind = row.Type
		}
	}
	switch {
	case len(c.Providers) == 0 && there:
		_, err := store.DropConsumer.Do(ctx, tx, c.Consumer)
		return err
	case len(c.Providers) == 0:
		return nil
	case !there:
		return store.AddConsumer.Do(ctx, tx, store.Consumer{ID: c.Consumer, Project: c.Project, User: c.User, Type: kind, Generation: 1, Created: now, Updated: now})
	}
	project, user := c.Project, c.User
	if project == "" {
		project, user = row.Project, row.User
	}
	_, err := store.EditConsumer.Do(ctx, tx, project, user, kind, now, c.Consumer, row.Generation)
	return err
}

// take allocates on one provider; each class must be offered and have room.
func (s *Service) take(ctx context.Context, tx *db.Tx, consumer, id string, want placement.Resources) error {
	rows, err := store.InventoriesOf.All(ctx, tx, id)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		if _, err := provider(ctx, tx, id); err != nil {
			return missingProvider(id, err)
		}
	}
	offers := make(map[string]store.Inventory, len(rows))
	for _, r := range rows {
		offers[r.Class] = r
	}
	for _, class := range slices.Sorted(maps.Keys(want)) {
		r, ok := offers[class]
		if !ok {
			if err := known(ctx, tx, []string{class}, s.classes, store.CustomClass, "Unable to allocate inventory: no such resource class %s."); err != nil {
				return err
			}
			return fault.Conflictf("Unable to allocate inventory: Inventory for '%s' on resource provider '%s' does not exist.", class, id)
		}
		if err := takeClass(ctx, tx, consumer, r, want[class]); err != nil {
			return err
		}
	}
	return nil
}

func missingProvider(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Invalidf("Allocation for resource provider '%s' that does not exist.", id)
	}
	return err
}

func takeClass(ctx context.Context, tx *db.Tx, consumer string, r store.Inventory, amount int64) error {
	inv := inventoryOf(r)
	if amount < inv.MinUnit || amount > inv.MaxUnit || amount%max(inv.StepSize, 1) != 0 {
		return fault.Conflictf("Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. "+
			"The requested amount would violate inventory constraints.", r.Class, r.Provider)
	}
	n, err := store.Take.Do(ctx, tx, amount, r.Provider, r.Class, amount, inv.Capacity())
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Conflictf("Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. "+
			"The requested amount would exceed the capacity.", r.Class, r.Provider)
	}
	return store.AddAllocation.Do(ctx, tx, store.Allocation{Consumer: consumer, Provider: r.Provider, Class: r.Class, Used: amount})
}

// advanceAll raises the generations of providers whose allocations changed.
func (s *Service) advanceAll(ctx context.Context, tx *db.Tx, ids []string) error {
	now := db.At(s.now())
	for _, id := range ids {
		if _, err := store.AdvanceAny.Do(ctx, tx, now, id); err != nil {
			return err
		}
	}
	return nil
}

// Allocations of a consumer; an unknown consumer has none, and a nil Generation.
func (s *Service) Allocations(ctx context.Context, id string) (placement.Allocation, error) {
	a := placement.Allocation{Consumer: id}
	err := s.d.View(ctx, func(tx *db.Tx) error {
		row, err := store.ConsumerByID.One(ctx, tx, id)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		held, err := store.AllocationsOf.All(ctx, tx, id)
		if err != nil {
			return err
		}
		a = placement.Allocation{Consumer: id, Project: row.Project, User: row.User, Type: row.Type, Generation: &row.Generation,
			Providers: map[string]placement.Resources{}}
		for _, h := range held {
			add(a.Providers, h.Provider, h)
		}
		return nil
	})
	return a, err
}

func add(to map[string]placement.Resources, key string, a store.Allocation) {
	if to[key] == nil {
		to[key] = placement.Resources{}
	}
	to[key][a.Class] = a.Used
}

// Release drops all that the consumer holds; nothing held is no error.
func (s *Service) Release(ctx context.Context, id string) error {
	return s.Set(ctx, []Change{{Allocation: placement.Allocation{Consumer: id}, AnyGeneration: true, Ended: true}})
}

// Drop is Release that answers fault.NotFound where nothing is held.
func (s *Service) Drop(ctx context.Context, id string) error {
	return s.Set(ctx, []Change{{Allocation: placement.Allocation{Consumer: id}, AnyGeneration: true, Ended: true, Held: true}})
}

// Consumers lists consumer ids that hold something on the provider.
func (s *Service) Consumers(ctx context.Context, id string) ([]string, error) {
	return store.ConsumersOn.All(ctx, s.d, id)
}

// Holder is a consumer and what it holds on one provider.
type Holder struct {
	Generation int64
	Resources  placement.Resources
}

// Holders lists all that is held on the provider, by consumer.
func (s *Service) Holders(ctx context.Context, id string) (map[string]Holder, error) {
	out := map[string]Holder{}
	err := s.d.View(ctx, func(tx *db.Tx) error {
		clear(out)
		cs, err := store.ConsumersOnFull.All(ctx, tx, id)
		if err != nil {
			return err
		}
		held, err := store.AllocationsOn.All(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, c := range cs {
			out[c.ID] = Holder{c.Generation, placement.Resources{}}
		}
		for _, a := range held {
			out[a.Consumer].Resources[a.Class] = a.Used
		}
		return nil
	})
	return out, err
}

// Usage is what consumers of one type hold together.
type Usage struct {
	Consumers int64
	Resources placement.Resources
}

// Usages sums up what a project's consumers hold, by consumer type; an empty user is any.
func (s *Service) Usages(ctx context.Context, project, user string) (map[string]Usage, error) {
	out := map[string]Usage{}
	err := s.d.View(ctx, func(tx *db.Tx) error {
		clear(out)
		counts, err := store.ConsumerCounts.All(ctx, tx, project, user, user)
		if err != nil {
			return err
		}
		for _, c := range counts {
			out[c.Type] = Usage{c.Consumers, placement.Resources{}}
		}
		sums, err := store.ProjectUsage.All(ctx, tx, project, user, user)
		if err != nil {
			return err
		}
		for _, u := range sums {
			out[u.Type].Resources[u.Class] = u.Used
		}
		return nil
	})
	return out, err
}

// Offer is what a reshape makes of one provider's inventories.
type Offer struct {
	Generation  int64
	Inventories map[string]placement.Inventory
}

// Reshape moves inventories and the allocations on them at once: first every class that will be there is there, then
// the allocations move, then what is left of the old inventories goes.
func (s *Service) Reshape(ctx context.Context, offers map[string]Offer, changes []Change) error {
	return s.d.Tx(ctx, func(tx *db.Tx) error {
		ids := slices.Sorted(maps.Keys(offers))
		for _, id := range ids {
			p, err := provider(ctx, tx, id)
			if err != nil {
				return fault.Body(err)
			}
			if p.Generation != offers[id].Generation {
				return conflict("The generation of resource provider %s has changed: it is %d, not %d.", id, p.Generation, offers[id].Generation)
			}
			if len(offers[id].Inventories) == 0 {
				continue // nothing comes, so nothing to hold beside what is there
			}
			rows, err := store.InventoriesOf.All(ctx, tx, id)
			if err != nil {
				return err
			}
			both := maps.Clone(offers[id].Inventories)
			if both == nil {
				both = map[string]placement.Inventory{}
			}
			for _, r := range rows {
				if _, ok := both[r.Class]; !ok {
					both[r.Class] = inventoryOf(r)
				}
			}
			if _, err := s.setInventories(ctx, tx, id, Any, both); err != nil {
				return err
			}
		}
		if err := s.set(ctx, tx, changes); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := s.setInventories(ctx, tx, id, Any, offers[id].Inventories); err != nil {
				return err
			}
		}
		return nil
	})
}
