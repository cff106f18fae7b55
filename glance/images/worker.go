package images

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hypernova/glance/store"
	"hypernova/oslo/log"
)

// sweepEvery is the interval of the sweep.
const sweepEvery = 10 * time.Minute

// Name is the name of the background service in a launcher.
func (s *Service) Name() string { return "glance-worker" }

// Run repairs the state after a crash of this worker (Recover), then works the import queue, fills the cache and
// sweeps until ctx ends. Imports that are running then return to the queue. It calls ready after the repair. Only one
// process of a worker name may run at a time.
func (s *Service) Run(ctx context.Context, ready func()) error {
	if err := s.Recover(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	all.Go(func() { s.Cache.run(ctx) })
	all.Go(func() { s.sweeps(ctx) })
	return s.Imports.queue.Run(ctx, ready)
}

func (s *Service) sweeps(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "sweep of image data failed", log.Err, err.Error())
		}
	}
}

// Recover repairs the state after a crash of this worker: interrupted uploads are reset, imports that an earlier
// release began are put into the queue. No other process with this worker name may run.
func (s *Service) Recover(ctx context.Context) error {
	if err := s.Data.recover(ctx); err != nil {
		return err
	}
	if err := s.Imports.adopt(ctx); err != nil {
		return err
	}
	if err := s.Sweep(ctx); err != nil {
		// A store that is unavailable now must not keep the others from working.
		s.log.WarnContext(ctx, "sweep of image data failed", log.Err, err.Error())
	}
	return ctx.Err()
}

// Sweep deletes the data on the trash list, old data that no record names, stale cache entries, and expired task
// records.
func (s *Service) Sweep(ctx context.Context) error {
	trash, err := store.Trash(ctx, s.db)
	if err != nil {
		return err
	}
	s.Stores.discard(ctx, trash...)
	var failed error
	for _, st := range s.Stores.all {
		if err := s.Stores.sweep(ctx, st); err != nil {
			failed = errors.Join(failed, fmt.Errorf("store %s: %w", st.ID, err))
		}
	}
	_, err = store.ExpireTasks(ctx, s.db, s.now())
	return errors.Join(failed, s.Cache.sweep(ctx), err)
}
