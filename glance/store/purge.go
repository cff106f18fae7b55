package store

import "hypernova/oslo/db"

var (
	// image_tasks_expires serves it.
	purgeTasks = db.NewDelete(stmts, "image_tasks",
		"id IN (SELECT id FROM image_tasks WHERE expires_at < ? ORDER BY expires_at LIMIT ?)")
	// Workers forget what is gone within minutes; what is older is of workers that are gone themselves.
	purgeCache = db.NewDelete(stmts, "image_cache", `(worker, image_id) IN (
		SELECT worker, image_id FROM image_cache
		WHERE queued_at < ? AND NOT EXISTS (SELECT 1 FROM images WHERE images.id = image_cache.image_id)
		ORDER BY worker, image_id LIMIT ?)`)
)

// Ends says how the rows of each table of images end.
func Ends() []db.End {
	return []db.End{
		{Table: "images", How: "a client deletes the image; nothing of a deleted one is kept"},
		{Table: "image_members", How: "with their image"},
		{Table: "image_pieces", How: "with their image"},
		{Table: "image_trash", How: "the image service deletes the data, then the row, every ten minutes"},
		{Table: "image_tasks", How: "the image service deletes them [task] task_time_to_live after their end; a purge takes those too", Sweep: purgeTasks.Before()},
		{Table: "image_cache", How: "its worker, soon after the image; a purge takes those of workers that are gone",
			Sweep: purgeCache.Before()},
		{Table: "metadef_namespaces", How: "a client deletes the namespace"},
		{Table: "metadef_objects", How: "with their namespace"},
		{Table: "metadef_properties", How: "with their namespace"},
		{Table: "metadef_tags", How: "with their namespace"},
		{Table: "metadef_associations", How: "with their namespace"},
		{Table: "metadef_resource_types", How: "one row for each type of resource"},
	}
}
