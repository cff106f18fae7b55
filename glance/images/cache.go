package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Cache configures the cache of images on this host, for images whose stores are remote.
//
// An image is fetched after it was read for the first time, or on request, and checked like any read. The least
// recently used images are removed if there is no room. Reads from the cache are checked too, so damage there only
// costs a fetch.
type Cache struct {
	Backend backend.Backend // used by nothing else
	Size    int64           // bytes; default 10 GiB
	Wait    time.Duration   // how long queued images wait; 0 is not at all
	Stall   time.Duration   // age at which an incomplete copy counts as abandoned; default 24 h
}

// CacheEntry is a complete cached image.
type CacheEntry struct {
	Image              string
	Size, Hits         int64
	Accessed, Modified time.Time
}

// Caching is the cache of images on this host. It may be disabled; then requests of clients return fault.NotFound.
type Caching struct {
	c      Cache
	db     *db.DB
	worker string
	stores *Stores
	read   *reader
	now    clock.Now
	log    *slog.Logger
	wake   chan struct{} // capacity 1: an image is queued
}

func newCaching(c Config, d Deps, read *reader) *Caching {
	s := &Caching{db: d.DB, worker: c.Worker, stores: read.stores, read: read, now: d.Now, log: d.Log,
		wake: make(chan struct{}, 1)}
	if c.Cache != nil {
		s.c = *c.Cache
	}
	if s.c.Size <= 0 {
		s.c.Size = 10 << 30
	}
	if s.c.Stall <= 0 {
		s.c.Stall = 24 * time.Hour
	}
	return s
}

// cacheKey returns the key of an image's cached copy. It changes with the image's data.
func cacheKey(image string, c store.Copy) string {
	h := sha256.Sum256([]byte(c.Store + "\x00" + c.Key))
	return strings.ToLower(image) + "." + hex.EncodeToString(h[:6])
}

// Enabled reports whether there is a cache.
func (s *Caching) Enabled() bool { return s.c.Backend != nil }

func noCache() error { return fault.NotFoundf("Caching via API is not supported at this site.") }

// nearby returns the origins with the cached copy first, if there is one. The first read of an image whose stores are
// all remote queues it.
func (s *Caching) nearby(ctx context.Context, r store.Record, from []origin, counts bool) []origin {
	if !s.Enabled() {
		return from
	}
	copies := s.stores.weighed(r)
	if len(copies) == 0 {
		return from
	}
	e, err := store.CachedImage(ctx, s.db, s.worker, r.ID)
	local := slices.ContainsFunc(copies, func(c store.Copy) bool {
		st, err := s.stores.find(c.Store)
		return err == nil && !st.remote()
	})
	switch {
	case fault.Is(err, fault.NotFound) && !local && r.HashValue != "" && r.Size <= s.c.Size:
		err = s.enqueue(ctx, r)
	case err == nil && !e.Stored.IsZero():
		if counts {
			err = store.CacheHit(ctx, s.db, s.worker, r.ID, s.now())
		}
		from = append([]origin{{name: "cache", open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			data, err := s.c.Backend.Open(ctx, e.Key, offset, length)
			if fault.Is(err, fault.NotFound) {
				s.remove(ctx, e)
			}
			return data, err
		}, bad: func(ctx context.Context) { s.remove(ctx, e) }}}, from...)
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // the image can be read without the cache
		s.log.WarnContext(ctx, "cannot update the image cache", "image", r.ID, log.Err, err.Error())
	}
	return from
}

// enqueue queues an image to be fetched. It is idempotent.
func (s *Caching) enqueue(ctx context.Context, r store.Record) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return store.CacheQueue(ctx, tx, store.Cached{Worker: s.worker, Image: r.ID, Key: cacheKey(r.ID, r.Copies()[0]),
			Size: r.Size, Queued: s.now()})
	})
	if err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	select {
	case s.wake <- struct{}{}:
	default: // one wake-up is pending; run reads the whole queue
	}
	return nil
}

// remove removes an entry and its data. The data goes first, because without an entry it would not be found.
func (s *Caching) remove(ctx context.Context, e store.Cached) {
	ctx, cancel := detached(ctx)
	defer cancel()
	err := s.c.Backend.Delete(ctx, e.Key)
	if err == nil {
		err = store.CacheGone(ctx, s.db, s.worker, e.Image)
	}
	if err != nil {
		s.log.WarnContext(ctx, "cannot remove a cached image", "image", e.Image, log.Err, err.Error())
	}
}

// run fetches queued images until ctx ends.
func (s *Caching) run(ctx context.Context) {
	if !s.Enabled() {
		return
	}
	for {
		all, err := store.CachedOf(ctx, s.db, s.worker)
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "cannot read the image cache", log.Err, err.Error())
		}
		for _, e := range all {
			if e.Stored.IsZero() && ctx.Err() == nil {
				s.fetch(ctx, e)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.c.Wait):
		}
	}
}

func (s *Caching) fetch(ctx context.Context, e store.Cached) {
	err := s.fill(ctx, e)
	if err == nil || ctx.Err() != nil {
		return
	}
	s.remove(ctx, e)
	s.log.WarnContext(ctx, "cannot cache an image", "image", e.Image, log.Err, err.Error())
}

func (s *Caching) fill(ctx context.Context, e store.Cached) error {
	r, err := store.Image(ctx, s.db, e.Image)
	if err != nil {
		return err
	}
	copies := s.stores.weighed(r)
	if len(copies) == 0 || cacheKey(r.ID, r.Copies()[0]) != e.Key {
		return fault.Conflictf("Image %s has other data now.", r.ID)
	}
	if r.Size > s.c.Size {
		return fault.New(fault.TooLarge, "Image %s is larger than the cache.", r.ID)
	}
	if _, _, err := s.prune(ctx, s.c.Size-r.Size); err != nil {
		return err
	}
	if err := s.c.Backend.Delete(ctx, e.Key); err != nil { // of an earlier attempt
		return err
	}
	data, err := s.read.read(ctx, r, s.read.origins(r.ID, copies), 0, r.Size)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := s.c.Backend.Put(ctx, e.Key, data, r.Size); err != nil {
		return err
	}
	e.Size, e.Stored = r.Size, s.now()
	wanted, err := store.CacheStored(ctx, s.db, e)
	if err == nil && !wanted {
		err = s.c.Backend.Delete(ctx, e.Key)
	}
	return err
}

// prune removes the least recently used images until at most size bytes remain.
func (s *Caching) prune(ctx context.Context, size int64) (files int, bytes int64, err error) {
	all, err := store.CachedOf(ctx, s.db, s.worker)
	if err != nil {
		return 0, 0, err
	}
	all = slices.DeleteFunc(all, func(e store.Cached) bool { return e.Stored.IsZero() })
	slices.SortStableFunc(all, func(a, b store.Cached) int { return a.Accessed.Compare(b.Accessed) })
	total := int64(0)
	for _, e := range all {
		total += e.Size
	}
	for _, e := range all {
		if total <= size {
			break
		}
		s.remove(ctx, e)
		total, bytes, files = total-e.Size, bytes+e.Size, files+1
	}
	return files, bytes, ctx.Err()
}

// sweep removes copies of deleted images, and data without an entry.
func (s *Caching) sweep(ctx context.Context) error {
	if !s.Enabled() {
		return nil
	}
	stale, err := store.CachedStale(ctx, s.db, s.worker)
	if err != nil {
		return err
	}
	for _, e := range stale {
		s.remove(ctx, e)
	}
	there, err := s.c.Backend.List(ctx)
	if err != nil {
		return err
	}
	all, err := store.CachedOf(ctx, s.db, s.worker)
	if err != nil {
		return err
	}
	var failed error
	for _, i := range there {
		named := slices.ContainsFunc(all, func(e store.Cached) bool { return e.Key == i.Key })
		stalled := i.Partial && time.Since(i.Modified) > s.c.Stall
		if (!named || stalled) && isKey(i.Key) {
			failed = errors.Join(failed, s.c.Backend.Delete(ctx, i.Key))
		}
	}
	return failed
}

// List returns this worker's cached images, and the ids of those that are queued. fault.NotFound without a cache.
func (s *Caching) List(ctx context.Context) (complete []CacheEntry, queued []string, err error) {
	if !s.Enabled() {
		return nil, nil, noCache()
	}
	all, err := store.CachedOf(ctx, s.db, s.worker)
	for _, e := range all {
		if e.Stored.IsZero() {
			queued = append(queued, e.Image)
			continue
		}
		complete = append(complete, CacheEntry{e.Image, e.Size, e.Hits, e.Accessed, e.Stored})
	}
	return complete, queued, err
}

// Queue requests a copy of an active image. It is idempotent. fault.NotFound without the image or a cache,
// fault.Invalid unless the image is active.
func (s *Caching) Queue(ctx context.Context, id string) error {
	r, _, err := visible(ctx, s.db, id)
	switch {
	case err != nil:
		return err
	case !s.Enabled():
		return noCache()
	case r.Status != glance.Active:
		return fault.Invalidf("Only images with status active can be targeted for queueing")
	}
	return s.enqueue(ctx, r)
}

// Remove removes the copy of an image, or its place in the queue. fault.NotFound if there is neither the image nor a
// copy.
func (s *Caching) Remove(ctx context.Context, id string) error {
	if !s.Enabled() {
		return noCache()
	}
	e, err := store.CachedImage(ctx, s.db, s.worker, id)
	if fault.Is(err, fault.NotFound) {
		_, err := get(ctx, s.db, id)
		return err
	}
	if err != nil {
		return err
	}
	s.remove(ctx, e)
	return nil
}

// Clear removes complete copies, queued images, or both.
func (s *Caching) Clear(ctx context.Context, complete, queued bool) error {
	if !s.Enabled() {
		return noCache()
	}
	all, err := store.CachedOf(ctx, s.db, s.worker)
	for _, e := range all {
		if e.Stored.IsZero() && queued || !e.Stored.IsZero() && complete {
			s.remove(ctx, e)
		}
	}
	return err
}

// Clean removes abandoned incomplete copies and copies of deleted images.
func (s *Caching) Clean(ctx context.Context) error {
	if !s.Enabled() {
		return noCache()
	}
	return s.sweep(ctx)
}

// Prune reduces the cache to its configured size and returns the number of removed images and bytes.
func (s *Caching) Prune(ctx context.Context) (files int, bytes int64, err error) {
	if !s.Enabled() {
		return 0, 0, noCache()
	}
	return s.prune(ctx, s.c.Size)
}

// Nodes returns the workers that have a copy of an image.
func (s *Caching) Nodes(ctx context.Context, id string) ([]string, error) {
	if !s.Enabled() {
		return nil, noCache()
	}
	if _, err := get(ctx, s.db, id); err != nil {
		return nil, err
	}
	return store.CachedWhere(ctx, s.db, id)
}

// forget removes the copy of a deleted image.
func (s *Caching) forget(ctx context.Context, id string) {
	if !s.Enabled() {
		return
	}
	if e, err := store.CachedImage(ctx, s.db, s.worker, id); err == nil {
		s.remove(ctx, e)
	}
}
