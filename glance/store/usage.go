package store

import (
	"context"

	"hypernova/oslo/db"
)

// Usage is a project's usage of the resources that have limits.
type Usage struct {
	Stored    int64 // bytes of images with data
	Staged    int64 // bytes that wait for an import
	Images    int64 // records
	Uploading int64 // images that are uploaded, staged or imported
}

type usageRow struct {
	Stored    int64 `db:"stored"`
	Staged    int64 `db:"staged"`
	Images    int64 `db:"images"`
	Uploading int64 `db:"uploading"`
}

// images_owner serves it.
var usageOf = db.NewQuery[usageRow](stmts, `SELECT
		COALESCE(SUM(CASE WHEN status IN ('active', 'deactivated') AND size > 0 THEN size ELSE 0 END), 0) AS stored,
		COALESCE(SUM(CASE WHEN status IN ('uploading', 'importing') AND size > 0 THEN size ELSE 0 END), 0) AS staged,
		COUNT(*) AS images,
		COALESCE(SUM(CASE WHEN status IN ('saving', 'uploading', 'importing') THEN 1 ELSE 0 END), 0) AS uploading
	FROM images
	WHERE owner = ?`)

// UsageOf returns a project's usage.
func UsageOf(ctx context.Context, on db.Querier, project string) (Usage, error) {
	u, err := usageOf.One(ctx, on, project)
	return Usage(u), err
}
