package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
)

// Cached is what a worker keeps on its disk of an image, or shall fetch.
type Cached struct {
	Worker, Image, Key string
	Size, Hits         int64
	Queued             time.Time
	Stored, Accessed   time.Time // zero until it is whole
}

type cachedRow struct {
	Worker   string   `db:"worker"`
	Image    string   `db:"image_id"`
	Key      string   `db:"data_key"`
	Size     int64    `db:"size"`
	Hits     int64    `db:"hits"`
	Queued   db.Time  `db:"queued_at"`
	Stored   *db.Time `db:"stored_at"`
	Accessed *db.Time `db:"accessed_at"`
}

const cachedColumns = `worker, image_id, data_key, size, hits, queued_at, stored_at, accessed_at`

var (
	cachedInsert = db.NewInsert[cachedRow](Statements, "image_cache")
	// The primary key serves both.
	cachedOf    = db.NewQuery[cachedRow](Statements, `SELECT `+cachedColumns+` FROM image_cache WHERE worker = ? ORDER BY queued_at, image_id`)
	cachedOne   = db.NewQuery[cachedRow](Statements, `SELECT `+cachedColumns+` FROM image_cache WHERE worker = ? AND image_id = ?`)
	cachedWhole = db.NewExec(Statements, `UPDATE image_cache SET size = ?, stored_at = ?, accessed_at = ? WHERE worker = ? AND image_id = ? AND data_key = ?`)
	cachedHit   = db.NewExec(Statements, `UPDATE image_cache SET hits = hits + 1, accessed_at = ? WHERE worker = ? AND image_id = ?`)
	cachedGone  = db.NewExec(Statements, `DELETE FROM image_cache WHERE worker = ? AND image_id = ?`)
	// image_cache_image serves it.
	cachedWhere = db.NewQuery[string](Statements, `SELECT worker FROM image_cache WHERE image_id = ? AND stored_at IS NOT NULL ORDER BY worker`)
	// Entries whose image is gone; the worker's part of the primary key serves it.
	cachedStale = db.NewQuery[cachedRow](Statements, `SELECT `+cachedColumns+` FROM image_cache
		WHERE worker = ? AND NOT EXISTS (SELECT 1 FROM images WHERE images.id = image_cache.image_id)
		ORDER BY image_id`)
)

func fromCached(r cachedRow) Cached {
	c := Cached{Worker: r.Worker, Image: r.Image, Key: r.Key, Size: r.Size, Hits: r.Hits, Queued: r.Queued.Time}
	if r.Stored != nil {
		c.Stored = r.Stored.Time
	}
	if r.Accessed != nil {
		c.Accessed = r.Accessed.Time
	}
	return c
}

func fromCachedRows(rows []cachedRow, err error) ([]Cached, error) {
	var out []Cached
	for _, r := range rows {
		out = append(out, fromCached(r))
	}
	return out, err
}

// CachedOf is all that a worker keeps or shall fetch, in the order in which it was asked for.
func CachedOf(ctx context.Context, q db.Querier, worker string) ([]Cached, error) {
	return fromCachedRows(cachedOf.All(ctx, q, worker))
}

// CachedStale are a worker's entries of images that are gone.
func CachedStale(ctx context.Context, q db.Querier, worker string) ([]Cached, error) {
	return fromCachedRows(cachedStale.All(ctx, q, worker))
}

// CachedImage is one entry; fault.NotFound.
func CachedImage(ctx context.Context, q db.Querier, worker, image string) (Cached, error) {
	r, err := cachedOne.One(ctx, q, worker, image)
	return fromCached(r), err
}

// CacheQueue asks for an image; fault.Conflict where it is there or asked for already.
func CacheQueue(ctx context.Context, q *db.Tx, c Cached) error {
	return cachedInsert.Do(ctx, q, cachedRow{Worker: c.Worker, Image: c.Image, Key: c.Key, Size: c.Size, Queued: db.At(c.Queued)})
}

// CacheStored says that an image is whole; false where it is no longer wanted.
func CacheStored(ctx context.Context, q db.Querier, c Cached) (bool, error) {
	n, err := cachedWhole.Do(ctx, q, c.Size, db.At(c.Stored), db.At(c.Stored), c.Worker, c.Image, c.Key)
	return n > 0, err
}

// CacheHit counts a use.
func CacheHit(ctx context.Context, q db.Querier, worker, image string, at time.Time) error {
	_, err := cachedHit.Do(ctx, q, db.At(at), worker, image)
	return err
}

// CacheGone forgets an entry.
func CacheGone(ctx context.Context, q db.Querier, worker, image string) error {
	_, err := cachedGone.Do(ctx, q, worker, image)
	return err
}

// CachedWhere are the workers that keep an image.
func CachedWhere(ctx context.Context, q db.Querier, image string) ([]string, error) {
	return cachedWhere.All(ctx, q, image)
}
