package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/placement"
)

type providerRow struct {
	ID         string  `db:"id"`
	Name       string  `db:"name"`
	Parent     *string `db:"parent"`
	Root       string  `db:"root"`
	Generation int64   `db:"generation"`
	Shard      int64   `db:"shard"`
	Touched    int64   `db:"touched"`
	Created    db.Time `db:"created,once,set"`
	Updated    db.Time `db:"updated,set"`
}

var (
	providers = db.NewTable[providerRow](Statements, "providers", "id")
	// Served by providers_parent and providers_root.
	providerChildren = db.NewQuery[string](Statements, "SELECT id FROM providers WHERE parent = ?")
	providerTree     = providers.Query("root = ?")
	// A change of name or parent leaves the generation, as OpenStack's placement does.
	providerMove    = providers.Update("", "name", "parent", "root", "updated")
	providerRoot    = providers.Update("", "root")
	providerAdvance = providers.Update("generation = ?", "generation = generation + 1", "updated")
	providerForce   = providers.Update("", "generation = generation + 1", "updated")
	providerDelete  = providers.Delete("")
	// Served by providers_touched, as the other parts of what changed in a shard.
	providersChanged = providers.Query("shard = ? AND touched > ?")
)

// Provider is a stored provider.
type Provider struct {
	placement.Provider
	Created, Updated time.Time
}

// State is a stored provider with its inventories, usages, traits and aggregates.
type State struct {
	placement.ProviderState
	Created, Updated time.Time
	Counter          int64 // of its shard, at its last change
}

func provider(r providerRow) Provider {
	p := Provider{placement.Provider{ID: r.ID, Name: r.Name, Root: r.Root, Generation: r.Generation},
		r.Created.Time, r.Updated.Time}
	if r.Parent != nil {
		p.Parent = *r.Parent
	}
	return p
}

// reference returns the stored form of a provider's id that may be empty.
func reference(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// FindProvider returns a provider; fault.NotFound.
func FindProvider(ctx context.Context, on db.Querier, id string) (Provider, error) {
	r, err := providers.Get(ctx, on, id)
	return provider(r), err
}

// Children returns the ids of the providers right below a provider.
func Children(ctx context.Context, on db.Querier, id string) ([]string, error) {
	return providerChildren.All(ctx, on, id)
}

// Tree returns the providers of a tree, given its root, in no order.
func Tree(ctx context.Context, on db.Querier, root string) ([]Provider, error) {
	rs, err := providerTree.All(ctx, on, root)
	return convert(rs, provider), err
}

// InsertProvider inserts a provider of generation 0 and marks it as changed. An error of a taken name or id is
// db.ErrDuplicate.
func InsertProvider(ctx context.Context, tx *db.Tx, p placement.Provider, now time.Time) error {
	shard := ShardOf(p.ID)
	counter, err := shardNext.One(ctx, tx, shard)
	if err != nil {
		return err
	}
	return providers.Insert(ctx, tx, providerRow{ID: p.ID, Name: p.Name, Parent: reference(p.Parent), Root: p.Root,
		Shard: shard, Touched: counter, Created: db.At(now), Updated: db.At(now)})
}

// MoveProvider writes name, parent and root of a provider. An error of a taken name is db.ErrDuplicate.
func MoveProvider(ctx context.Context, tx *db.Tx, p placement.Provider, now time.Time) error {
	_, err := providerMove.Do(ctx, tx, providerRow{ID: p.ID, Name: p.Name, Parent: reference(p.Parent), Root: p.Root,
		Updated: db.At(now)})
	return err
}

// SetRoot writes the root of a provider.
func SetRoot(ctx context.Context, tx *db.Tx, id, root string) error {
	_, err := providerRoot.Do(ctx, tx, providerRow{ID: id, Root: root})
	return err
}

// Advance raises a provider's generation if it is still the given one, and reports whether it was.
func Advance(ctx context.Context, tx *db.Tx, id string, generation int64, now time.Time) (bool, error) {
	n, err := providerAdvance.Do(ctx, tx, providerRow{ID: id, Updated: db.At(now)}, generation)
	return n > 0, err
}

// ForceAdvance raises a provider's generation, whatever it is.
func ForceAdvance(ctx context.Context, tx *db.Tx, id string, now time.Time) error {
	_, err := providerForce.Do(ctx, tx, providerRow{ID: id, Updated: db.At(now)})
	return err
}

// DeleteProvider deletes a provider with its unused inventories, traits and aggregates. Rows that still refer to it
// make it fault.Conflict.
func DeleteProvider(ctx context.Context, tx *db.Tx, id string) error {
	for _, e := range []*db.Exec{inventoriesDelete, traitsDelete, aggregatesDelete, providerDelete} {
		if _, err := e.Do(ctx, tx, id); err != nil {
			return err
		}
	}
	_, err := shardReset.Do(ctx, tx, shardRow{ID: ShardOf(id)})
	return err
}

// ChangedProviders returns the states of the providers of a shard that changed after the counter since; -1 returns all.
// The caller runs it in a View, so that the parts of the states are of one moment.
func ChangedProviders(ctx context.Context, tx *db.Tx, shard, since int64) ([]*State, error) {
	rows, err := providersChanged.All(ctx, tx, shard, since)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	byID := make(map[string]*State, len(rows))
	out := make([]*State, len(rows))
	for i, r := range rows {
		out[i] = &State{Counter: r.Touched, Created: r.Created.Time, Updated: r.Updated.Time}
		out[i].ProviderState = placement.ProviderState{
			Provider: provider(r).Provider, Inventories: map[string]placement.Inventory{}, Used: placement.Resources{}}
		byID[r.ID] = out[i]
	}
	inventories, err := inventoriesChanged.All(ctx, tx, shard, since)
	if err != nil {
		return nil, err
	}
	for _, i := range inventories {
		s := byID[i.Provider]
		s.Inventories[i.Class], s.Used[i.Class] = inventory(i).Inventory, i.Used
	}
	traits, err := traitsChanged.All(ctx, tx, shard, since)
	if err != nil {
		return nil, err
	}
	for _, t := range traits {
		byID[t.Provider].Traits = append(byID[t.Provider].Traits, t.Trait)
	}
	aggregates, err := aggregatesChanged.All(ctx, tx, shard, since)
	for _, a := range aggregates {
		byID[a.Provider].Aggregates = append(byID[a.Provider].Aggregates, a.Aggregate)
	}
	return out, err
}
