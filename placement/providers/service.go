// Package providers is the verbs on resource providers, inventories, allocations and traits.
//
// Reads of providers come from a copy in memory, which is brought up to date from the database before each read (see
// snapshot); so they are as fresh as the database, whoever writes to it.
//
// Invariants: the used column of an inventory is the sum of its allocations; no write makes it exceed the capacity; a
// provider's generation grows with every change of its inventories, traits, aggregates or allocations.
package providers

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/placement"
	"hypernova/placement/candidates"
	"hypernova/placement/store"
)

// Service is placement in this process. It implements placement.API.
type Service struct {
	d    *db.DB
	now  clock.Now
	copy copyOfAll

	traits  map[string]bool // the standard ones
	classes map[string]bool

	index atomic.Pointer[indexed]
}

// indexed is the search index of one snapshot.
type indexed struct {
	of *snapshot
	x  *candidates.Index
}

var _ placement.API = (*Service)(nil)

// New makes the service on a database that has the tables. A nil now is the machine's clock.
func New(d *db.DB, now clock.Now) *Service {
	if now == nil {
		now = clock.Real
	}
	s := &Service{d: d, now: now, traits: map[string]bool{}, classes: map[string]bool{}}
	for _, t := range placement.StandardTraits() {
		s.traits[t] = true
	}
	for _, c := range placement.StandardClasses() {
		s.classes[c] = true
	}
	return s
}

func noProvider(id string) *fault.Fault {
	return fault.NotFoundf("No resource provider with uuid %s found.", id).Coded(placement.CodeNotFound)
}

func conflict(format string, args ...any) *fault.Fault {
	return fault.Conflictf(format, args...).Coded(placement.CodeConcurrent)
}

// advance is the generation guard of a change; it also tells all copies in memory.
func (s *Service) advance(ctx context.Context, tx *db.Tx, p store.Provider, want int64) (int64, error) {
	if want >= 0 && p.Generation != want {
		return 0, conflict("The generation of resource provider %s has changed: it is %d, not %d. Read it again.", p.ID, p.Generation, want)
	}
	if want == Keep {
		return p.Generation, touch(ctx, tx, p.ID)
	}
	n, err := store.Advance.Do(ctx, tx, db.At(s.now()), p.ID, p.Generation)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, conflict("The generation of resource provider %s has changed. Read it again.", p.ID)
	}
	return p.Generation + 1, touch(ctx, tx, p.ID)
}

// touch tells all copies in memory that the providers have changed. Shards are locked in order, so that two writers
// do not wait for each other in a circle.
func touch(ctx context.Context, tx *db.Tx, ids ...string) error {
	slices.SortFunc(ids, func(a, b string) int { return int(store.ShardOf(a) - store.ShardOf(b)) })
	last, at := int64(-1), int64(0)
	for _, id := range ids {
		if shard := store.ShardOf(id); shard != last {
			n, err := store.Bump.One(ctx, tx, shard)
			if err != nil {
				return err
			}
			last, at = shard, n
		}
		if _, err := store.Touch.Do(ctx, tx, at, id); err != nil {
			return err
		}
	}
	return nil
}

// provider reads one for a change.
func provider(ctx context.Context, tx *db.Tx, id string) (store.Provider, error) {
	p, err := store.ProviderByID.One(ctx, tx, id)
	if fault.Is(err, fault.NotFound) {
		return p, noProvider(id)
	}
	return p, err
}

// EnsureProvider creates the provider or returns the existing one of that id; its name is updated.
func (s *Service) EnsureProvider(ctx context.Context, p placement.Provider) (placement.Provider, error) {
	have, err := s.Provider(ctx, p.ID)
	if fault.Is(err, fault.NotFound) {
		made, err := s.Create(ctx, p)
		if !errors.Is(err, db.ErrDuplicate) {
			return made.Provider, err
		}
		if have, err = s.Provider(ctx, p.ID); err != nil { // its name is another's
			return placement.Provider{}, fault.Conflictf("Another resource provider is called %q.", p.Name).Coded(placement.CodeDuplicate)
		}
	} else if err != nil {
		return placement.Provider{}, err
	}
	if have.Name == p.Name && (p.Parent == "" || have.Parent == p.Parent) {
		return have.Provider, nil
	}
	parent := &p.Parent
	if p.Parent == "" {
		parent = &have.Parent
	}
	changed, err := s.Update(ctx, p.ID, p.Name, parent, true)
	return changed.Provider, err
}

// Create adds a provider; an empty ID is filled in. A taken name or id is fault.Conflict.
func (s *Service) Create(ctx context.Context, p placement.Provider) (Provider, error) {
	if p.ID == "" {
		p.ID = ids.UUID()
	}
	err := s.d.Tx(ctx, func(tx *db.Tx) error {
		now := db.At(s.now())
		row := store.Provider{ID: p.ID, Name: p.Name, Root: p.ID, Shard: store.ShardOf(p.ID), Created: now, Updated: now}
		if p.Parent != "" {
			if p.Parent == p.ID {
				return fault.Invalidf("Resource provider %s cannot be its own parent.", p.ID)
			}
			parent, err := store.ProviderByID.One(ctx, tx, p.Parent)
			if fault.Is(err, fault.NotFound) {
				return fault.Invalidf("The parent resource provider %s does not exist.", p.Parent)
			}
			if err != nil {
				return err
			}
			row.Parent, row.Root = &p.Parent, parent.Root
		}
		if err := store.AddProvider.Do(ctx, tx, row); err != nil {
			return err
		}
		return touch(ctx, tx, p.ID)
	})
	if errors.Is(err, db.ErrDuplicate) {
		f := fault.Conflictf("A resource provider with the name %s or uuid %s already exists.", p.Name, p.ID).Coded(placement.CodeDuplicate)
		return Provider{}, f.Because(db.ErrDuplicate)
	}
	if err != nil {
		return Provider{}, err
	}
	return s.Provider(ctx, p.ID)
}

// Update renames a provider and, where parent is not nil, hangs it elsewhere: an empty parent makes it a root. A
// provider that has a parent gets another one only where reparent is set.
func (s *Service) Update(ctx context.Context, id, name string, parent *string, reparent bool) (Provider, error) {
	err := s.d.Tx(ctx, func(tx *db.Tx) error {
		p, err := provider(ctx, tx, id)
		if err != nil {
			return err
		}
		root, to := p.Root, p.Parent
		if parent != nil && *parent != valueOf(p.Parent) {
			if p.Parent != nil && !reparent {
				return fault.Invalidf("Unable to save resource provider %s: re-parenting a provider is not allowed in this version.", id)
			}
			if root, err = s.newRoot(ctx, tx, p, *parent); err != nil {
				return err
			}
			to = nil
			if *parent != "" {
				to = parent
			}
		}
		if _, err := store.Rename.Do(ctx, tx, name, to, root, db.At(s.now()), id); err != nil {
			return err
		}
		return touch(ctx, tx, id)
	})
	if errors.Is(err, db.ErrDuplicate) {
		return Provider{}, fault.Conflictf("A resource provider with the name %s already exists.", name).Coded(placement.CodeDuplicate)
	}
	if err != nil {
		return Provider{}, err
	}
	return s.Provider(ctx, id)
}

// newRoot moves the tree below p to the tree of its new parent and answers that tree's root.
func (s *Service) newRoot(ctx context.Context, tx *db.Tx, p store.Provider, parent string) (string, error) {
	root := p.ID
	if parent != "" {
		to, err := store.ProviderByID.One(ctx, tx, parent)
		if fault.Is(err, fault.NotFound) {
			return "", fault.Invalidf("Unable to save resource provider %s: the parent %s does not exist.", p.ID, parent)
		}
		if err != nil {
			return "", err
		}
		root = to.Root
	}
	tree, err := store.Tree.All(ctx, tx, p.Root)
	if err != nil {
		return "", err
	}
	below := map[string]bool{p.ID: true}
	for grew := true; grew; {
		grew = false
		for _, m := range tree {
			if m.Parent != nil && below[*m.Parent] && !below[m.ID] {
				below[m.ID], grew = true, true
			}
		}
	}
	if below[parent] {
		return "", fault.Invalidf("Unable to save resource provider %s: its parent would be below itself.", p.ID)
	}
	var moved []string
	for id := range below {
		if _, err := store.SetRoot.Do(ctx, tx, root, id); err != nil {
			return "", err
		}
		moved = append(moved, id)
	}
	return root, touch(ctx, tx, moved...)
}

func valueOf(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// DeleteProvider is fault.Conflict while anything is allocated on it or below it hangs another; absent is no error.
func (s *Service) DeleteProvider(ctx context.Context, id string) error {
	err := s.Delete(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Delete is DeleteProvider that answers fault.NotFound.
func (s *Service) Delete(ctx context.Context, id string) error {
	return s.d.Tx(ctx, func(tx *db.Tx) error {
		if _, err := provider(ctx, tx, id); err != nil {
			return err
		}
		held, err := store.HeldOn.One(ctx, tx, id)
		if err != nil {
			return err
		}
		if held > 0 {
			return fault.Conflictf("Unable to delete resource provider %s: it has allocations.", id).Coded(placement.CodeInUse)
		}
		children, err := store.Children.All(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(children) > 0 {
			return fault.Conflictf("Unable to delete parent resource provider %s: it has child resource providers.", id).Coded(placement.CodeParent)
		}
		inv, err := store.InventoriesOf.All(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, i := range inv {
			if _, err := store.DropInventory.Do(ctx, tx, id, i.Class); err != nil {
				return err
			}
		}
		for _, drop := range []*db.Exec{store.DropTraits, store.DropAggregates, store.DropProvider} {
			if _, err := drop.Do(ctx, tx, id); err != nil {
				return err
			}
		}
		_, err = store.NewEpoch.Do(ctx, tx, store.ShardOf(id))
		return err
	})
}
