// Package resources implements the operations on resource providers, their inventories, traits and aggregates, on the
// allocations of consumers, and on custom traits and resource classes.
//
// Each subject has a type of its own; Service holds one of each and implements placement.API. All are safe for
// concurrent use, and each write is one transaction.
//
// Reads of providers come from a copy in memory, which is brought up to date from the database before each read, so
// that they are as recent as the database, whichever process writes to it.
//
// Invariants: the used column of an inventory is the sum of its allocations; no write makes it exceed the capacity; a
// provider's generation grows with every change of its inventories, traits, aggregates or allocations.
package resources

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/placement"
	"hypernova/placement/candidates"
	"hypernova/placement/store"
)

// Service is placement in this process, by subject.
type Service struct {
	Providers   *Providers
	Inventories *Inventories
	Claims      *Claims
	Names       *Names

	index atomic.Pointer[indexed]
}

// indexed is the search index of one snapshot.
type indexed struct {
	of *snapshot
	x  *candidates.Index
}

var _ placement.API = (*Service)(nil)

// base is what every subject needs.
type base struct {
	db  *db.DB
	now clock.Now
}

// New returns the operations over placement's database. A nil now is the system's clock.
func New(d *db.DB, now clock.Now) *Service {
	if now == nil {
		now = clock.Real
	}
	b := base{d, now}
	names := newNames(b)
	inventories := &Inventories{b, names}
	return &Service{Providers: &Providers{base: b}, Inventories: inventories, Names: names,
		Claims: &Claims{b, inventories, names}}
}

// EnsureProvider is Providers.Ensure.
func (s *Service) EnsureProvider(ctx context.Context, p placement.Provider) (placement.Provider, error) {
	return s.Providers.Ensure(ctx, p)
}

// State returns one provider with inventories, usages, traits and aggregates; fault.NotFound.
func (s *Service) State(ctx context.Context, id string) (placement.ProviderState, error) {
	p, err := s.Providers.Get(ctx, id)
	return p.ProviderState, err
}

// States returns the state of every root provider, ordered by id.
func (s *Service) States(ctx context.Context) ([]placement.ProviderState, error) {
	all, err := s.Providers.List(ctx)
	if err != nil {
		return nil, err
	}
	states := make([]placement.ProviderState, 0, len(all))
	for _, p := range all {
		if p.Parent == "" {
			states = append(states, p.ProviderState)
		}
	}
	return states, nil
}

// SetInventories is Inventories.Set.
func (s *Service) SetInventories(
	ctx context.Context, id string, generation int64, inv map[string]placement.Inventory,
) (int64, error) {
	return s.Inventories.Set(ctx, id, generation, inv)
}

// SetTraits is Inventories.SetTraits.
func (s *Service) SetTraits(ctx context.Context, id string, generation int64, traits []string) (int64, error) {
	return s.Inventories.SetTraits(ctx, id, generation, traits)
}

// SetAggregates is Inventories.SetAggregates.
func (s *Service) SetAggregates(ctx context.Context, id string, generation int64, aggregates []string) (int64, error) {
	return s.Inventories.SetAggregates(ctx, id, generation, aggregates)
}

// DeleteProvider deletes a provider; an absent one is no error. fault.Conflict if it has allocations or children.
func (s *Service) DeleteProvider(ctx context.Context, id string) error {
	err := s.Providers.Delete(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Claim is Claims.Claim.
func (s *Service) Claim(ctx context.Context, a placement.Allocation) error {
	return s.Claims.Claim(ctx, a)
}

// Allocations is Claims.Get.
func (s *Service) Allocations(ctx context.Context, consumer string) (placement.Allocation, error) {
	return s.Claims.Get(ctx, consumer)
}

// Release deletes the allocations of a consumer; it is idempotent.
func (s *Service) Release(ctx context.Context, consumer string) error {
	return s.Claims.Release(ctx, consumer)
}

// Consumers returns the ids of the consumers with an allocation on the provider.
func (s *Service) Consumers(ctx context.Context, provider string) ([]string, error) {
	return s.Claims.Consumers(ctx, provider)
}

// Candidates searches the providers; fault.Invalid for an unknown class or trait.
func (s *Service) Candidates(ctx context.Context, r placement.CandidatesRequest) (placement.Candidates, error) {
	if err := s.Names.check(ctx, r); err != nil {
		return placement.Candidates{}, err
	}
	snap, err := s.Providers.snapshot(ctx)
	if err != nil {
		return placement.Candidates{}, err
	}
	x := s.index.Load()
	if x == nil || x.of != snap {
		all := snap.sorted()
		states := make([]placement.ProviderState, len(all))
		for i, p := range all {
			states[i] = p.ProviderState
		}
		x = &indexed{snap, candidates.New(states)}
		s.index.Store(x)
	}
	return x.x.Find(r)
}

// check is fault.Invalid for a request with an unknown class or trait.
func (n *Names) check(ctx context.Context, r placement.CandidatesRequest) error {
	classes := map[string]bool{}
	traits := map[string]bool{}
	for _, g := range r.Groups {
		for c := range g.Resources {
			classes[c] = true
		}
		for _, any := range append([][]string{g.Forbidden}, g.Required...) {
			for _, t := range any {
				traits[t] = true
			}
		}
	}
	for _, list := range [][]string{r.RootRequired, r.RootForbidden} {
		for _, t := range list {
			traits[t] = true
		}
	}
	if err := n.CheckClasses(ctx, slices.Collect(maps.Keys(classes))); err != nil {
		return err
	}
	return n.CheckTraits(ctx, slices.Collect(maps.Keys(traits)))
}

func noProvider(id string) *fault.Fault {
	return fault.NotFoundf("No resource provider with uuid %s found.", id).Coded(placement.CodeNotFound)
}

func conflict(format string, args ...any) *fault.Fault {
	return fault.Conflictf(format, args...).Coded(placement.CodeConcurrent)
}

// findProvider reads a provider for a change; fault.NotFound.
func findProvider(ctx context.Context, tx *db.Tx, id string) (store.Provider, error) {
	p, err := store.FindProvider(ctx, tx, id)
	if fault.Is(err, fault.NotFound) {
		return p, noProvider(id)
	}
	return p, err
}
