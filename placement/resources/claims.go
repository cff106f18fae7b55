package resources

import (
	"context"
	"maps"
	"slices"
	"strings"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/store"
)

// Claims is the operations on consumers and their allocations.
type Claims struct {
	base
	inventories *Inventories
	names       *Names
}

// Change replaces the allocations of one consumer; without providers it deletes them.
type Change struct {
	placement.Allocation
	// AnyGeneration does not compare the consumer's generation, as microversions before 1.28.
	AnyGeneration bool
	// Ended: the consumer has been deleted. The generations of its providers stay, as in OpenStack's placement.
	Ended bool
	// Held: a consumer without allocations is fault.NotFound.
	Held bool
}

// UnknownType is the type of consumers that were written without one.
const UnknownType = "unknown"

// Claim writes all allocations of a consumer in one transaction. fault.Conflict if capacity is missing or a generation
// has changed; fault.Invalid for an unknown provider or class. A claim of a new consumer is idempotent.
func (c *Claims) Claim(ctx context.Context, want placement.Allocation) error {
	err := c.Set(ctx, []Change{{Allocation: want}})
	if want.Generation != nil || !fault.Is(err, fault.Conflict) || fault.Of(err).Code != placement.CodeConcurrent {
		return err
	}
	have, readErr := c.Get(ctx, want.Consumer)
	if readErr == nil && have.Generation != nil && have.Holds(want) {
		return nil // an earlier attempt wrote it, and its caller did not get the answer
	}
	return err
}

// Set applies all changes or none. Errors are those of Claim.
func (c *Claims) Set(ctx context.Context, changes []Change) error {
	return c.db.Tx(ctx, func(tx *db.Tx) error { return c.set(ctx, tx, changes) })
}

// set first frees the allocations of all consumers, then takes the new ones, so that an exchange between consumers
// needs no further capacity.
func (c *Claims) set(ctx context.Context, tx *db.Tx, changes []Change) error {
	changes = slices.Clone(changes)
	// All writers use the same order, so that they do not wait for each other.
	slices.SortFunc(changes, func(x, y Change) int { return strings.Compare(x.Consumer, y.Consumer) })
	// The generations of the providers in moved are raised, as OpenStack's placement does.
	freed, moved := map[string]bool{}, map[string]bool{}
	exists := make([]bool, len(changes))
	rows := make([]store.Consumer, len(changes))
	for i, v := range changes {
		row, ok, err := findConsumer(ctx, tx, v)
		if err != nil {
			return err
		}
		if v.Held && !ok {
			return fault.NotFoundf("No allocations for consumer '%s'", v.Consumer)
		}
		rows[i], exists[i] = row, ok
		into := freed
		if len(v.Providers) == 0 && !v.Ended {
			into = moved
		}
		if err := free(ctx, tx, v.Consumer, into); err != nil {
			return err
		}
	}
	for i, v := range changes {
		if err := c.writeConsumer(ctx, tx, v, rows[i], exists[i]); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(v.Providers)) {
			if err := c.take(ctx, tx, v.Consumer, id, v.Providers[id]); err != nil {
				return err
			}
			moved[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(moved)) {
		if err := store.ForceAdvance(ctx, tx, id, c.now()); err != nil {
			return err
		}
	}
	maps.Copy(moved, freed)
	return store.Touch(ctx, tx, slices.Sorted(maps.Keys(moved))...)
}

// findConsumer reads the consumer and compares its generation; false if it does not exist.
func findConsumer(ctx context.Context, tx *db.Tx, c Change) (store.Consumer, bool, error) {
	row, err := store.FindConsumer(ctx, tx, c.Consumer)
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

// free deletes the allocations of a consumer and adds their providers to touched.
func free(ctx context.Context, tx *db.Tx, id string, touched map[string]bool) error {
	held, err := store.Allocations(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, a := range held {
		if err := store.Free(ctx, tx, a); err != nil {
			return err
		}
		touched[a.Provider] = true
	}
	if len(held) == 0 {
		return nil
	}
	return store.DeleteAllocations(ctx, tx, id)
}

// writeConsumer writes the consumer's row, or deletes it if it is to have no allocations.
func (c *Claims) writeConsumer(ctx context.Context, tx *db.Tx, v Change, row store.Consumer, exists bool) error {
	kind := v.Type
	if kind == "" {
		kind = UnknownType
		if exists {
			kind = row.Type
		}
	}
	switch {
	case len(v.Providers) == 0 && exists:
		return store.DeleteConsumer(ctx, tx, v.Consumer)
	case len(v.Providers) == 0:
		return nil
	case !exists:
		return store.InsertConsumer(ctx, tx, store.Consumer{ID: v.Consumer, Project: v.Project, User: v.User, Type: kind,
			Generation: 1}, c.now())
	}
	project, user := v.Project, v.User
	if project == "" {
		project, user = row.Project, row.User
	}
	return store.UpdateConsumer(ctx, tx, store.Consumer{ID: v.Consumer, Project: project, User: user, Type: kind,
		Generation: row.Generation}, c.now())
}

// take allocates on one provider. fault.Conflict for a class without an inventory or without capacity.
func (c *Claims) take(ctx context.Context, tx *db.Tx, consumer, id string, want placement.Resources) error {
	rows, err := store.Inventories(ctx, tx, id)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		if _, err := findProvider(ctx, tx, id); err != nil {
			return missingProvider(id, err)
		}
	}
	inventories := make(map[string]store.Inventory, len(rows))
	for _, r := range rows {
		inventories[r.Class] = r
	}
	var taken []store.Allocation
	for _, class := range slices.Sorted(maps.Keys(want)) {
		r, ok := inventories[class]
		if !ok {
			const unknown = "Unable to allocate inventory: no such resource class %s."
			if err := c.names.classes.known(ctx, tx, []string{class}, unknown); err != nil {
				return err
			}
			return fault.Conflictf(
				"Unable to allocate inventory: Inventory for '%s' on resource provider '%s' does not exist.",
				class,
				id,
			)
		}
		v := store.Allocation{Consumer: consumer, Provider: id, Class: class, Used: want[class]}
		if err := takeClass(ctx, tx, r.Inventory, v); err != nil {
			return err
		}
		taken = append(taken, v)
	}
	return store.InsertAllocations(ctx, tx, taken)
}

func missingProvider(id string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Invalidf("Allocation for resource provider '%s' that does not exist.", id)
	}
	return err
}

// takeClass raises the usage of an inventory; fault.Conflict if the amount violates its constraints.
func takeClass(ctx context.Context, tx *db.Tx, i placement.Inventory, v store.Allocation) error {
	if v.Used < i.MinUnit || v.Used > i.MaxUnit || v.Used%max(i.StepSize, 1) != 0 {
		return fault.Conflictf(
			"Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. "+
				"The requested amount would violate inventory constraints.",
			v.Class,
			v.Provider,
		)
	}
	ok, err := store.Take(ctx, tx, v, i.Capacity())
	if err == nil && !ok {
		return fault.Conflictf(
			"Unable to allocate inventory: Unable to create allocation for '%s' on resource provider '%s'. "+
				"The requested amount would exceed the capacity.",
			v.Class,
			v.Provider,
		)
	}
	return err
}

// Get returns the allocations of a consumer; an unknown consumer has none, and a nil Generation.
func (c *Claims) Get(ctx context.Context, id string) (placement.Allocation, error) {
	out := placement.Allocation{Consumer: id}
	err := c.db.View(ctx, func(tx *db.Tx) error {
		row, err := store.FindConsumer(ctx, tx, id)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		held, err := store.Allocations(ctx, tx, id)
		if err != nil {
			return err
		}
		out = placement.Allocation{Consumer: id, Project: row.Project, User: row.User, Type: row.Type,
			Generation: &row.Generation, Providers: map[string]placement.Resources{}}
		for _, h := range held {
			if out.Providers[h.Provider] == nil {
				out.Providers[h.Provider] = placement.Resources{}
			}
			out.Providers[h.Provider][h.Class] = h.Used
		}
		return nil
	})
	return out, err
}

// Release deletes the allocations of a consumer; it is idempotent.
func (c *Claims) Release(ctx context.Context, id string) error {
	return c.Set(ctx, []Change{{Allocation: placement.Allocation{Consumer: id}, AnyGeneration: true, Ended: true}})
}

// Delete is Release, except that a consumer without allocations is fault.NotFound.
func (c *Claims) Delete(ctx context.Context, id string) error {
	return c.Set(ctx, []Change{{Allocation: placement.Allocation{Consumer: id}, AnyGeneration: true, Ended: true,
		Held: true}})
}

// Consumers returns the ids of the consumers with an allocation on the provider, in order.
func (c *Claims) Consumers(ctx context.Context, provider string) ([]string, error) {
	return store.ConsumerIDsOn(ctx, c.db, provider)
}

// Allocated is what a consumer has of one provider. Generation is the consumer's.
type Allocated struct {
	Generation int64
	Resources  placement.Resources
}

// OnProvider returns the allocations on the provider by consumer.
func (c *Claims) OnProvider(ctx context.Context, id string) (map[string]Allocated, error) {
	out := map[string]Allocated{}
	err := c.db.View(ctx, func(tx *db.Tx) error {
		clear(out)
		cs, err := store.ConsumersOn(ctx, tx, id)
		if err != nil {
			return err
		}
		held, err := store.AllocationsOn(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, v := range cs {
			out[v.ID] = Allocated{v.Generation, placement.Resources{}}
		}
		for _, h := range held {
			out[h.Consumer].Resources[h.Class] = h.Used
		}
		return nil
	})
	return out, err
}

// Usage is what the consumers of one type have together.
type Usage = store.Usage

// Usages returns the usage of a project by consumer type; with a user only that user's.
func (c *Claims) Usages(ctx context.Context, project, user string) (map[string]Usage, error) {
	var out map[string]Usage
	err := c.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = store.Usages(ctx, tx, project, user)
		return err
	})
	return out, err
}

// Offer is the inventories that a reshape gives a provider. Generation is the provider's before it.
type Offer struct {
	Generation  int64
	Inventories map[string]placement.Inventory
}

// Reshape replaces the inventories of providers and the allocations of consumers in one transaction. Meanwhile a
// provider has its old and its new inventories, so that allocations can move. Errors are those of Claim and of
// Inventories.Set.
func (c *Claims) Reshape(ctx context.Context, offers map[string]Offer, changes []Change) error {
	return c.db.Tx(ctx, func(tx *db.Tx) error {
		ids := slices.Sorted(maps.Keys(offers))
		for _, id := range ids {
			if err := c.widen(ctx, tx, id, offers[id]); err != nil {
				return err
			}
		}
		if err := c.set(ctx, tx, changes); err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := c.inventories.set(ctx, tx, id, Any, offers[id].Inventories); err != nil {
				return err
			}
		}
		return nil
	})
}

// widen adds the new inventories of a provider to those that it has.
func (c *Claims) widen(ctx context.Context, tx *db.Tx, id string, o Offer) error {
	p, err := findProvider(ctx, tx, id)
	if err != nil {
		return fault.Body(err)
	}
	if p.Generation != o.Generation {
		return conflict(
			"The generation of resource provider %s has changed: it is %d, not %d.",
			id,
			p.Generation,
			o.Generation,
		)
	}
	if len(o.Inventories) == 0 {
		return nil
	}
	rows, err := store.Inventories(ctx, tx, id)
	if err != nil {
		return err
	}
	both := maps.Clone(o.Inventories)
	for _, r := range rows {
		if _, ok := both[r.Class]; !ok {
			both[r.Class] = r.Inventory
		}
	}
	_, err = c.inventories.set(ctx, tx, id, Any, both)
	return err
}
