package images

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

const (
	// imports that run at once: they are bound by the network and the disk.
	imports = 4
	// every so often the trash is looked through for data that could not be removed at once.
	sweepEvery = 10 * time.Minute
	// stray data must be this old: another process may be about to name it.
	strayAge = time.Hour
)

// Name is the service's in a launcher.
func (s *Service) Name() string { return "glance-worker" }

// Run mends what a crash of this worker left, then imports and sweeps until ctx ends. Imports under way are taken up again by the next Run.
func (s *Service) Run(ctx context.Context, ready func()) error {
	if err := s.Recover(ctx); err != nil {
		return err
	}
	ready()
	var under sync.Map // ids of imports under way
	var all sync.WaitGroup
	slots := make(chan struct{}, imports)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	defer all.Wait()
	all.Go(func() { s.cache.run(ctx, s) })
	for {
		if err := s.begun(ctx, func(r store.Record) {
			if _, busy := under.LoadOrStore(r.ID, true); busy {
				return
			}
			all.Go(func() {
				defer s.hint() // it may have been asked for again meanwhile
				defer under.Delete(r.ID)
				select {
				case slots <- struct{}{}:
					s.carry(ctx, r)
					<-slots
				case <-ctx.Done():
				}
			})
		}); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "imports cannot be listed", log.Err, err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-sweep.C:
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "sweep of image data failed", log.Err, err.Error())
			}
		}
	}
}

func (s *Service) begun(ctx context.Context, each func(store.Record)) error {
	rs, err := store.UnfinishedOf(ctx, s.db, s.worker)
	for _, r := range rs {
		if r.ImportMethod != "" {
			each(r)
		}
	}
	return err
}

// Recover mends what a crash of this worker left: uploads that were cut off are queued again, their data is removed. It must not run
// beside another process of the same worker name.
func (s *Service) Recover(ctx context.Context) error {
	rs, err := store.UnfinishedOf(ctx, s.db, s.worker)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.ImportMethod != "" || r.Status == glance.Uploading && r.Size >= 0 {
			continue // imports are taken up again, staged data waits for its import
		}
		s.log.InfoContext(ctx, "upload was cut off; the image is queued again", "image", r.ID)
		if err := s.abandon(ctx, r, nil); err != nil && !fault.Is(err, fault.Gone) {
			return err
		}
	}
	if err := s.Sweep(ctx); err != nil {
		s.log.WarnContext(ctx, "sweep of image data failed", log.Err, err.Error()) // a store that cannot be asked now must not keep the others from working
	}
	return ctx.Err()
}

// Sweep removes what is on the trash list, old data that no record names, and tasks whose time has passed.
func (s *Service) Sweep(ctx context.Context) error {
	trash, err := store.Trash(ctx, s.db)
	if err != nil {
		return err
	}
	s.discard(ctx, trash...)
	var failed error
	for _, st := range s.stores {
		if err := s.stray(ctx, st); err != nil {
			failed = errors.Join(failed, fmt.Errorf("store %s: %w", st.ID, err))
		}
	}
	_, err = store.ExpireTasks(ctx, s.db, s.now())
	return errors.Join(failed, s.cache.sweep(ctx, s), err)
}

// stray removes old data of a store that no record names.
func (s *Service) stray(ctx context.Context, st Store) error {
	all, err := st.Backend.List(ctx)
	if err != nil {
		return err
	}
	// The names are read after the list: data that was named before it was listed is not missed.
	named, err := store.Keys(ctx, s.db)
	if err != nil {
		return err
	}
	for _, i := range all {
		// In a bucket that is shared with others only what has the form of our keys can be ours.
		if named[i.Key] || time.Since(i.Modified) < strayAge || st.remote() && !isKey(i.Key) {
			continue
		}
		s.log.WarnContext(ctx, "stray image data removed", "store", st.ID, "key", i.Key, "bytes", i.Size)
		if err := st.Backend.Delete(ctx, i.Key); err != nil {
			return err
		}
	}
	return nil
}
