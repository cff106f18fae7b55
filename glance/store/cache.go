package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

// Cached is an image in a worker's cache, or in its queue.
type Cached struct {
	Worker, Image, Key string
	Size, Hits         int64
	Queued             time.Time
	Stored, Accessed   time.Time // zero until the copy is complete
}

type cachedRow struct {
	Worker   string   `db:"worker"`
	Image    string   `db:"image_id"`
	Key      string   `db:"data_key"`
	Size     int64    `db:"size"`
	Hits     int64    `db:"hits"`
	Queued   db.Time  `db:"queued_at,once,set"`
	Stored   *db.Time `db:"stored_at"`
	Accessed *db.Time `db:"accessed_at"`
}

// The primary key (worker, image_id) serves all but workersWith, which image_cache_image serves.
var (
	cache       = db.NewTable[cachedRow](stmts, "image_cache", "worker", "image_id")
	cachedBy    = cache.Query("worker = ?\nORDER BY queued_at, image_id")
	cacheStored = cache.Update("data_key = ?", "size", "stored_at", "accessed_at")
	cacheHit    = cache.Update("", "hits = hits + 1", "accessed_at")
	cacheGone   = cache.Delete("")
	workersWith = db.NewQuery[string](stmts, `SELECT worker FROM image_cache
WHERE image_id = ? AND stored_at IS NOT NULL
ORDER BY worker`)
	// Entries of deleted images.
	cachedStale = cache.Query(`worker = ? AND NOT EXISTS (SELECT 1 FROM images WHERE images.id = image_cache.image_id)
ORDER BY image_id`)
)

func (r cachedRow) cached() Cached {
	c := Cached{Worker: r.Worker, Image: r.Image, Key: r.Key, Size: r.Size, Hits: r.Hits, Queued: r.Queued.Time}
	if r.Stored != nil {
		c.Stored = r.Stored.Time
	}
	if r.Accessed != nil {
		c.Accessed = r.Accessed.Time
	}
	return c
}

// CachedOf returns a worker's entries in the order in which they were queued.
func CachedOf(ctx context.Context, on db.Querier, worker string) ([]Cached, error) {
	rows, err := cachedBy.All(ctx, on, worker)
	return each(rows, err, cachedRow.cached)
}

// CachedStale returns a worker's entries of deleted images.
func CachedStale(ctx context.Context, on db.Querier, worker string) ([]Cached, error) {
	rows, err := cachedStale.All(ctx, on, worker)
	return each(rows, err, cachedRow.cached)
}

// CachedImage returns one entry. fault.NotFound.
func CachedImage(ctx context.Context, on db.Querier, worker, image string) (Cached, error) {
	r, err := cache.Get(ctx, on, worker, image)
	return r.cached(), err
}

// CacheQueue inserts an entry without data. fault.Conflict if the entry exists.
func CacheQueue(ctx context.Context, tx *db.Tx, c Cached) error {
	return cache.Insert(ctx, tx, cachedRow{Worker: c.Worker, Image: c.Image, Key: c.Key, Size: c.Size,
		Queued: db.At(c.Queued)})
}

// CacheStored marks an entry as complete. It returns false if the entry does not exist any more.
func CacheStored(ctx context.Context, on db.Querier, c Cached) (bool, error) {
	stored := db.At(c.Stored)
	n, err := cacheStored.Do(ctx, on, cachedRow{Worker: c.Worker, Image: c.Image, Size: c.Size, Stored: &stored,
		Accessed: &stored}, c.Key)
	return n > 0, err
}

// CacheHit counts a use of an entry.
func CacheHit(ctx context.Context, on db.Querier, worker, image string, now time.Time) error {
	used := db.At(now)
	_, err := cacheHit.Do(ctx, on, cachedRow{Worker: worker, Image: image, Accessed: &used})
	return err
}

// CacheGone deletes an entry.
func CacheGone(ctx context.Context, on db.Querier, worker, image string) error {
	_, err := cacheGone.Do(ctx, on, worker, image)
	return err
}

// CachedWhere returns the workers that have a complete copy of an image.
func CachedWhere(ctx context.Context, on db.Querier, image string) ([]string, error) {
	return workersWith.All(ctx, on, image)
}
