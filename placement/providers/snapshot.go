package providers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hypernova/oslo/db"
	"hypernova/placement"
	"hypernova/placement/candidates"
	"hypernova/placement/store"
)

// Provider is a provider's state with its times. It is shared and not to be changed.
type Provider struct {
	placement.ProviderState
	Created, Updated time.Time
}

// snapshot is every provider at one moment. It is not changed once it is published.
type snapshot struct {
	shards [store.Shards]shard
	sorted func() []*Provider // by id
}

// shard is the part of the providers whose changes have one counter.
type shard struct {
	store.Shard
	byID map[string]*Provider
}

func (s *snapshot) provider(id string) *Provider { return s.shards[store.ShardOf(id)].byID[id] }

// copyOfAll is the last snapshot.
type copyOfAll struct {
	last atomic.Pointer[snapshot]
	mu   sync.Mutex // held by the one that brings it up to date
}

// snapshot answers the providers as they are in the database now: it compares the counters of all shards with those
// of the copy and fetches what is newer.
func (s *Service) snapshot(ctx context.Context) (*snapshot, error) {
	now, err := store.AllShards.All(ctx, s.d)
	if err != nil {
		return nil, err
	}
	if last := s.copy.last.Load(); last != nil && last.covers(now) {
		return last, nil
	}
	s.copy.mu.Lock()
	defer s.copy.mu.Unlock()
	last := s.copy.last.Load()
	if last != nil && last.covers(now) {
		return last, nil
	}
	next := &snapshot{}
	if last != nil {
		next.shards = last.shards
	}
	err = s.d.View(ctx, func(tx *db.Tx) error {
		shards, err := store.AllShards.All(ctx, tx)
		if err != nil {
			return err
		}
		for _, sh := range shards {
			if err := next.refresh(ctx, tx, sh); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	next.sorted = sync.OnceValue(next.sort)
	s.copy.last.Store(next)
	return next, nil
}

// covers says whether the copy is as new as the counters.
func (s *snapshot) covers(now []store.Shard) bool {
	for _, sh := range now {
		have := s.shards[sh.ID]
		if have.byID == nil || have.Counter < sh.Counter || have.Epoch < sh.Epoch {
			return false
		}
	}
	return true
}

// refresh replaces a shard whose counters have moved: by a copy with what is newer, or anew where a provider is gone.
func (s *snapshot) refresh(ctx context.Context, tx *db.Tx, now store.Shard) error {
	have := s.shards[now.ID]
	if have.byID != nil && have.Shard == now {
		return nil
	}
	next, since := shard{Shard: now, byID: map[string]*Provider{}}, int64(-1)
	if have.byID != nil && have.Epoch == now.Epoch {
		next.byID, since = maps.Clone(have.byID), have.Counter
	}
	if now.Counter > 0 {
		if err := next.fetch(ctx, tx, now.ID, since); err != nil {
			return err
		}
	}
	s.shards[now.ID] = next
	return nil
}

func (s *shard) fetch(ctx context.Context, tx *db.Tx, id, since int64) error {
	rows, err := store.TouchedProviders.All(ctx, tx, id, since)
	if err != nil || len(rows) == 0 {
		return err
	}
	for _, r := range rows {
		s.byID[r.ID] = &Provider{Created: r.Created.Time, Updated: r.Updated.Time, ProviderState: placement.ProviderState{
			Provider:    placement.Provider{ID: r.ID, Name: r.Name, Parent: valueOf(r.Parent), Root: r.Root, Generation: r.Generation},
			Inventories: map[string]placement.Inventory{}, Used: placement.Resources{}}}
	}
	inv, err := store.TouchedInventories.All(ctx, tx, id, since)
	if err != nil {
		return err
	}
	for _, i := range inv {
		p := s.byID[i.Provider]
		p.Inventories[i.Class], p.Used[i.Class] = inventoryOf(i), i.Used
	}
	traits, err := store.TouchedTraits.All(ctx, tx, id, since)
	if err != nil {
		return err
	}
	for _, t := range traits {
		p := s.byID[t.Provider]
		p.Traits = append(p.Traits, t.Name)
	}
	aggs, err := store.TouchedAggregates.All(ctx, tx, id, since)
	if err != nil {
		return err
	}
	for _, a := range aggs {
		p := s.byID[a.Provider]
		p.Aggregates = append(p.Aggregates, a.Name)
	}
	return nil
}

func (s *snapshot) sort() []*Provider {
	n := 0
	for i := range s.shards {
		n += len(s.shards[i].byID)
	}
	all := make([]*Provider, 0, n)
	for i := range s.shards {
		for _, p := range s.shards[i].byID {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *Provider) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func inventoryOf(i store.Inventory) placement.Inventory {
	return placement.Inventory{Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit, MaxUnit: i.MaxUnit, StepSize: i.StepSize, AllocationRatio: i.Ratio}
}

// Provider answers one provider; fault.NotFound.
func (s *Service) Provider(ctx context.Context, id string) (Provider, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return Provider{}, err
	}
	p := snap.provider(id)
	if p == nil {
		return Provider{}, noProvider(id)
	}
	return *p, nil
}

// State is one provider with inventories, usages, traits and aggregates; fault.NotFound.
func (s *Service) State(ctx context.Context, id string) (placement.ProviderState, error) {
	p, err := s.Provider(ctx, id)
	return p.ProviderState, err
}

// States is every root provider's state, ordered by id.
func (s *Service) States(ctx context.Context) ([]placement.ProviderState, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	all := snap.sorted()
	states := make([]placement.ProviderState, 0, len(all))
	for _, p := range all {
		if p.Parent == "" {
			states = append(states, p.ProviderState)
		}
	}
	return states, nil
}

// All is every provider, ordered by id.
func (s *Service) All(ctx context.Context) ([]*Provider, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return snap.sorted(), nil
}

// Candidates searches the providers; a class or trait that does not exist is fault.Invalid.
func (s *Service) Candidates(ctx context.Context, r placement.CandidatesRequest) (placement.Candidates, error) {
	if err := s.known(ctx, r); err != nil {
		return placement.Candidates{}, err
	}
	snap, err := s.snapshot(ctx)
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

func (s *Service) known(ctx context.Context, r placement.CandidatesRequest) error {
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
	if err := s.KnownClasses(ctx, slices.Collect(maps.Keys(classes))); err != nil {
		return err
	}
	return s.KnownTraits(ctx, slices.Collect(maps.Keys(traits)))
}
