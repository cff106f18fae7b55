package images

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Cache is a place on this host for copies of images whose stores are far.
//
// An image is fetched once it was read, or asked for, beside that reading and checked like it; what was not used for longest goes when
// there is no room. What is read from the cache is checked like anything else, so damage there costs a fetch and nothing more.
type Cache struct {
	Backend backend.Backend // nobody else writes there
	Size    int64           // bytes; default 10 GiB
	Stall   time.Duration   // how old a half fetched copy must be to be no longer under way; default 24 h
}

// CacheEntry is a whole copy.
type CacheEntry struct {
	Image              string
	Size, Hits         int64
	Accessed, Modified time.Time
}

type cache struct {
	Cache
	wake chan struct{} // capacity 1: something is queued
}

func newCache(c Cache) *cache {
	if c.Size <= 0 {
		c.Size = 10 << 30
	}
	if c.Stall <= 0 {
		c.Stall = 24 * time.Hour
	}
	return &cache{c, make(chan struct{}, 1)}
}

func (c *cache) hint() {
	select {
	case c.wake <- struct{}{}:
	default: // run looks at all of them anyway
	}
}

// cacheKey is the name of the copy of a place's data.
func cacheKey(image string, c store.Copy) string {
	h := sha256.Sum256([]byte(c.Store + "\x00" + c.Key))
	return strings.ToLower(image) + "." + hex.EncodeToString(h[:6])
}

// Caching says whether there is a cache.
func (s *Service) Caching() bool { return s.cache != nil }

func noCache() error { return fault.NotFoundf("Caching via API is not supported at this site.") }

// nearby puts the cached copy before the places that are far; a first use of far data asks for a copy.
func (s *Service) nearby(ctx context.Context, r store.Record, from []origin, counts bool) []origin {
	copies := s.weighed(r)
	if s.cache == nil || len(copies) == 0 {
		return from
	}
	e, err := store.CachedImage(ctx, s.db, s.worker, r.ID)
	far := slices.IndexFunc(copies, func(c store.Copy) bool { st, err := s.store(c.Store); return err == nil && !st.remote() }) < 0
	switch {
	case fault.Is(err, fault.NotFound) && far && r.HashValue != "" && r.Size <= s.cache.Size:
		err = s.enqueue(ctx, r)
	case err == nil && !e.Stored.IsZero():
		if counts {
			err = store.CacheHit(ctx, s.db, s.worker, r.ID, s.now())
		}
		from = append([]origin{{name: "cache", open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			data, err := s.cache.Backend.Open(ctx, e.Key, offset, length)
			if fault.Is(err, fault.NotFound) {
				s.uncache(ctx, e)
			}
			return data, err
		}, bad: func(ctx context.Context) { s.uncache(ctx, e) }}}, from...)
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // the image is there all the same
		s.log.WarnContext(ctx, "image cache is behind", "image", r.ID, log.Err, err.Error())
	}
	return from
}

func (s *Service) enqueue(ctx context.Context, r store.Record) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		return store.CacheQueue(ctx, tx, store.Cached{Worker: s.worker, Image: r.ID, Key: cacheKey(r.ID, r.Copies()[0]), Size: r.Size, Queued: s.now()})
	})
	if err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	s.cache.hint()
	return nil
}

// uncache removes an entry and its data. The data goes first: without an entry nobody would look for it.
func (s *Service) uncache(ctx context.Context, e store.Cached) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	err := s.cache.Backend.Delete(ctx, e.Key)
	if err == nil {
		err = store.CacheGone(ctx, s.db, s.worker, e.Image)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a cached image could not be removed", "image", e.Image, log.Err, err.Error())
	}
}

// run fetches what is queued until ctx ends.
func (c *cache) run(ctx context.Context, s *Service) {
	if c == nil {
		return
	}
	for {
		all, err := store.CachedOf(ctx, s.db, s.worker)
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "image cache cannot be read", log.Err, err.Error())
		}
		for _, e := range all {
			if e.Stored.IsZero() && ctx.Err() == nil {
				c.fetch(ctx, s, e)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
	}
}

func (c *cache) fetch(ctx context.Context, s *Service, e store.Cached) {
	err := c.fill(ctx, s, e)
	if err == nil || ctx.Err() != nil {
		return
	}
	s.uncache(ctx, e)
	s.log.WarnContext(ctx, "an image was not cached", "image", e.Image, log.Err, err.Error())
}

func (c *cache) fill(ctx context.Context, s *Service, e store.Cached) error {
	r, err := store.Image(ctx, s.db, e.Image)
	if err != nil {
		return err
	}
	copies := s.weighed(r)
	if len(copies) == 0 || cacheKey(r.ID, r.Copies()[0]) != e.Key {
		return fault.Conflictf("Image %s has other data now.", r.ID)
	}
	if r.Size > c.Size {
		return fault.New(fault.TooLarge, "Image %s is larger than the cache.", r.ID)
	}
	if _, _, err := s.prune(ctx, c.Size-r.Size); err != nil {
		return err
	}
	if err := c.Backend.Delete(ctx, e.Key); err != nil { // of an earlier attempt
		return err
	}
	data, err := s.read(ctx, r, &segments{s: s, image: r.ID, size: r.Size, loaded: map[int64][]byte{}}, s.origins(r.ID, copies), 0, r.Size)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := c.Backend.Put(ctx, e.Key, data, r.Size); err != nil {
		return err
	}
	e.Size, e.Stored = r.Size, s.now()
	wanted, err := store.CacheStored(ctx, s.db, e)
	if err == nil && !wanted {
		err = c.Backend.Delete(ctx, e.Key)
	}
	return err
}

// prune removes what was not used for longest until no more than size bytes are kept.
func (s *Service) prune(ctx context.Context, size int64) (files int, bytes int64, err error) {
	all, err := store.CachedOf(ctx, s.db, s.worker)
	if err != nil {
		return 0, 0, err
	}
	all = slices.DeleteFunc(all, func(e store.Cached) bool { return e.Stored.IsZero() })
	slices.SortStableFunc(all, func(a, b store.Cached) int { return cmp.Compare(a.Accessed.UnixNano(), b.Accessed.UnixNano()) })
	total := int64(0)
	for _, e := range all {
		total += e.Size
	}
	for _, e := range all {
		if total <= size {
			break
		}
		s.uncache(ctx, e)
		total, bytes, files = total-e.Size, bytes+e.Size, files+1
	}
	return files, bytes, ctx.Err()
}

// sweep removes copies of images that are gone, and data without an entry.
func (c *cache) sweep(ctx context.Context, s *Service) error {
	if c == nil {
		return nil
	}
	stale, err := store.CachedStale(ctx, s.db, s.worker)
	if err != nil {
		return err
	}
	for _, e := range stale {
		s.uncache(ctx, e)
	}
	there, err := c.Backend.List(ctx)
	if err != nil {
		return err
	}
	all, err := store.CachedOf(ctx, s.db, s.worker)
	if err != nil {
		return err
	}
	var failed error
	for _, i := range there {
		at := slices.IndexFunc(all, func(e store.Cached) bool { return e.Key == i.Key })
		stalled := i.Partial && time.Since(i.Modified) > c.Stall
		if (at < 0 || stalled) && isKey(i.Key) {
			failed = errors.Join(failed, c.Backend.Delete(ctx, i.Key))
		}
	}
	return failed
}

// Cached is what this worker keeps, and the images that it shall fetch.
func (s *Service) Cached(ctx context.Context) (whole []CacheEntry, queued []string, err error) {
	if s.cache == nil {
		return nil, nil, noCache()
	}
	all, err := store.CachedOf(ctx, s.db, s.worker)
	for _, e := range all {
		if e.Stored.IsZero() {
			queued = append(queued, e.Image)
			continue
		}
		whole = append(whole, CacheEntry{e.Image, e.Size, e.Hits, e.Accessed, e.Stored})
	}
	return whole, queued, err
}

// CacheImage asks for a copy of an active image; twice is no error.
func (s *Service) CacheImage(ctx context.Context, id string) error {
	r, _, err := s.visible(ctx, s.db, id)
	switch {
	case err != nil:
		return err
	case s.cache == nil:
		return noCache()
	case r.Status != glance.Active:
		return fault.Invalidf("Only images with status active can be targeted for queueing")
	}
	return s.enqueue(ctx, r)
}

// Uncache removes the copy of an image, or the wish for one; fault.NotFound where there is neither the image nor a copy.
func (s *Service) Uncache(ctx context.Context, id string) error {
	if s.cache == nil {
		return noCache()
	}
	e, err := store.CachedImage(ctx, s.db, s.worker, id)
	if fault.Is(err, fault.NotFound) {
		_, err := s.Get(ctx, id)
		return err
	}
	if err != nil {
		return err
	}
	s.uncache(ctx, e)
	return nil
}

// ClearCache removes whole copies, wishes, or both.
func (s *Service) ClearCache(ctx context.Context, whole, queued bool) error {
	if s.cache == nil {
		return noCache()
	}
	all, err := store.CachedOf(ctx, s.db, s.worker)
	for _, e := range all {
		if e.Stored.IsZero() && queued || !e.Stored.IsZero() && whole {
			s.uncache(ctx, e)
		}
	}
	return err
}

// CleanCache removes what is of no use: half copies that nobody works on, and copies of images that are gone.
func (s *Service) CleanCache(ctx context.Context) error {
	if s.cache == nil {
		return noCache()
	}
	return s.cache.sweep(ctx, s)
}

// PruneCache brings the cache back to its size.
func (s *Service) PruneCache(ctx context.Context) (files int, bytes int64, err error) {
	if s.cache == nil {
		return 0, 0, noCache()
	}
	return s.prune(ctx, s.cache.Size)
}

// CacheNodes are the hosts that keep a copy of an image.
func (s *Service) CacheNodes(ctx context.Context, id string) ([]string, error) {
	if s.cache == nil {
		return nil, noCache()
	}
	if _, err := s.Get(ctx, id); err != nil {
		return nil, err
	}
	return store.CachedWhere(ctx, s.db, id)
}

// forget removes the copy of an image that was deleted.
func (s *Service) forget(ctx context.Context, id string) {
	if s.cache == nil {
		return
	}
	if e, err := store.CachedImage(ctx, s.db, s.worker, id); err == nil {
		s.uncache(ctx, e)
	}
}
