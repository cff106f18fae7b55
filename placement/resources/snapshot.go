package resources

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"hypernova/oslo/db"
	"hypernova/placement/store"
)

// snapshot is every provider at one moment. It does not change after it is stored in the cache.
type snapshot struct {
	shards [store.ShardCount]shard
	sorted func() []*Provider // by id
}

// shard is the part of the providers whose changes have one counter.
type shard struct {
	store.Shard
	byID map[string]*Provider
}

func (s *snapshot) provider(id string) *Provider { return s.shards[store.ShardOf(id)].byID[id] }

// cache holds the last snapshot.
type cache struct {
	last atomic.Pointer[snapshot]
	mu   sync.Mutex // held by the caller that replaces the snapshot
}

// snapshot returns the providers as they are in the database now: it compares the counters of all shards with those of
// the last snapshot and reads what has changed since.
func (p *Providers) snapshot(ctx context.Context) (*snapshot, error) {
	now, err := store.Shards(ctx, p.db)
	if err != nil {
		return nil, err
	}
	if last := p.cache.last.Load(); last != nil && last.covers(now) {
		return last, nil
	}
	p.cache.mu.Lock()
	defer p.cache.mu.Unlock()
	last := p.cache.last.Load()
	if last != nil && last.covers(now) {
		return last, nil
	}
	next := &snapshot{}
	if last != nil {
		next.shards = last.shards
	}
	err = p.db.View(ctx, func(tx *db.Tx) error {
		shards, err := store.Shards(ctx, tx)
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
	p.cache.last.Store(next)
	return next, nil
}

// covers reports whether the snapshot is as recent as the counters.
func (s *snapshot) covers(now []store.Shard) bool {
	for _, sh := range now {
		have := s.shards[sh.ID]
		if have.byID == nil || have.Counter < sh.Counter || have.Epoch < sh.Epoch {
			return false
		}
	}
	return true
}

// refresh replaces a shard whose counters have changed: by a copy with the changed providers, or, after a deletion, by
// all that it has.
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
		changed, err := store.ChangedProviders(ctx, tx, now.ID, since)
		if err != nil {
			return err
		}
		for _, v := range changed {
			next.byID[v.ID] = v
		}
	}
	s.shards[now.ID] = next
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
