package resources

import (
	"context"
	"errors"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/placement"
	"hypernova/placement/store"
)

// Providers is the operations on resource providers.
type Providers struct {
	base
	cache cache
}

// Provider is the state of a provider with its times. It is shared: callers must not change its maps and lists.
type Provider = store.State

// Get returns one provider; fault.NotFound.
func (p *Providers) Get(ctx context.Context, id string) (Provider, error) {
	snap, err := p.snapshot(ctx)
	if err != nil {
		return Provider{}, err
	}
	v := snap.provider(id)
	if v == nil {
		return Provider{}, noProvider(id)
	}
	return *v, nil
}

// List returns every provider, ordered by id. Callers must not change the list.
func (p *Providers) List(ctx context.Context) ([]*Provider, error) {
	snap, err := p.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return snap.sorted(), nil
}

// Ensure creates the provider or returns the existing one of that id, whose name and parent it updates. It is
// idempotent. fault.Conflict for a name that another provider has.
func (p *Providers) Ensure(ctx context.Context, v placement.Provider) (placement.Provider, error) {
	have, err := p.Get(ctx, v.ID)
	if fault.Is(err, fault.NotFound) {
		made, err := p.Create(ctx, v)
		if !errors.Is(err, db.ErrDuplicate) {
			return made.Provider, err
		}
		if have, err = p.Get(ctx, v.ID); err != nil { // another provider has the name
			return placement.Provider{}, fault.Conflictf("Another resource provider is called %q.", v.Name).
				Coded(placement.CodeDuplicate)
		}
	} else if err != nil {
		return placement.Provider{}, err
	}
	if have.Name == v.Name && (v.Parent == "" || have.Parent == v.Parent) {
		return have.Provider, nil
	}
	parent := &v.Parent
	if v.Parent == "" {
		parent = &have.Parent
	}
	changed, err := p.Update(ctx, v.ID, v.Name, parent, true)
	return changed.Provider, err
}

// Create inserts a provider, with a new id if it has none. fault.Conflict for a taken name or id, fault.Invalid for an
// unknown parent.
func (p *Providers) Create(ctx context.Context, v placement.Provider) (Provider, error) {
	if v.ID == "" {
		v.ID = ids.UUID()
	}
	err := p.db.Tx(ctx, func(tx *db.Tx) error {
		v.Root = v.ID
		if v.Parent != "" {
			if v.Parent == v.ID {
				return fault.Invalidf("Resource provider %s cannot be its own parent.", v.ID)
			}
			parent, err := store.FindProvider(ctx, tx, v.Parent)
			if fault.Is(err, fault.NotFound) {
				return fault.Invalidf("The parent resource provider %s does not exist.", v.Parent)
			}
			if err != nil {
				return err
			}
			v.Root = parent.Root
		}
		return store.InsertProvider(ctx, tx, v, p.now())
	})
	if errors.Is(err, db.ErrDuplicate) {
		f := fault.Conflictf("A resource provider with the name %s or uuid %s already exists.", v.Name, v.ID).
			Coded(placement.CodeDuplicate)
		return Provider{}, f.Because(db.ErrDuplicate)
	}
	if err != nil {
		return Provider{}, err
	}
	return p.Get(ctx, v.ID)
}

// Update renames a provider and, if parent is not nil, moves it below another one; an empty parent makes it a root. A
// provider with a parent can be moved only with reparent. fault.NotFound; fault.Invalid for an unknown parent, and for
// one that is below the provider; fault.Conflict for a taken name.
func (p *Providers) Update(ctx context.Context, id, name string, parent *string, reparent bool) (Provider, error) {
	err := p.db.Tx(ctx, func(tx *db.Tx) error {
		v, err := findProvider(ctx, tx, id)
		if err != nil {
			return err
		}
		if parent != nil && *parent != v.Parent {
			if v.Parent != "" && !reparent {
				return fault.Invalidf(
					"Unable to save resource provider %s: re-parenting a provider is not allowed in this version.",
					id,
				)
			}
			if v.Root, err = moveTree(ctx, tx, v, *parent); err != nil {
				return err
			}
			v.Parent = *parent
		}
		v.Name = name
		if err := store.MoveProvider(ctx, tx, v.Provider, p.now()); err != nil {
			return err
		}
		return store.Touch(ctx, tx, id)
	})
	if errors.Is(err, db.ErrDuplicate) {
		return Provider{}, fault.Conflictf("A resource provider with the name %s already exists.", name).
			Coded(placement.CodeDuplicate)
	}
	if err != nil {
		return Provider{}, err
	}
	return p.Get(ctx, id)
}

// moveTree moves a provider with the providers below it to the tree of a new parent and returns the root of that tree.
func moveTree(ctx context.Context, tx *db.Tx, v store.Provider, parent string) (string, error) {
	root := v.ID
	if parent != "" {
		to, err := store.FindProvider(ctx, tx, parent)
		if fault.Is(err, fault.NotFound) {
			return "", fault.Invalidf("Unable to save resource provider %s: the parent %s does not exist.", v.ID, parent)
		}
		if err != nil {
			return "", err
		}
		root = to.Root
	}
	tree, err := store.Tree(ctx, tx, v.Root)
	if err != nil {
		return "", err
	}
	below := map[string]bool{v.ID: true}
	for grew := true; grew; {
		grew = false
		for _, m := range tree {
			if m.Parent != "" && below[m.Parent] && !below[m.ID] {
				below[m.ID], grew = true, true
			}
		}
	}
	if below[parent] {
		return "", fault.Invalidf("Unable to save resource provider %s: its parent would be below itself.", v.ID)
	}
	var moved []string
	for id := range below {
		if err := store.SetRoot(ctx, tx, id, root); err != nil {
			return "", err
		}
		moved = append(moved, id)
	}
	return root, store.Touch(ctx, tx, moved...)
}

// Delete deletes a provider; fault.NotFound; fault.Conflict if it has allocations or children.
func (p *Providers) Delete(ctx context.Context, id string) error {
	return p.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := findProvider(ctx, tx, id); err != nil {
			return err
		}
		held, err := store.CountAllocationsOn(ctx, tx, id)
		if err != nil {
			return err
		}
		if held > 0 {
			return fault.Conflictf("Unable to delete resource provider %s: it has allocations.", id).Coded(placement.CodeInUse)
		}
		children, err := store.Children(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(children) > 0 {
			return fault.Conflictf("Unable to delete parent resource provider %s: it has child resource providers.", id).
				Coded(placement.CodeParent)
		}
		return store.DeleteProvider(ctx, tx, id)
	})
}
