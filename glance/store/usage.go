package store

import (
	"context"

	"hypernova/oslo/db"
)

// Usage is what a project has of what limits are kept for.
type Usage struct {
	Stored    int64 `db:"stored"`    // bytes of images with data
	Staged    int64 `db:"staged"`    // bytes that wait for an import
	Images    int64 `db:"images"`    // records
	Uploading int64 `db:"uploading"` // images that data is on its way to
}

// images_owner serves it.
var usageOf = db.NewQuery[Usage](Statements, `SELECT
		COALESCE(SUM(CASE WHEN status IN ('active', 'deactivated') AND size > 0 THEN size ELSE 0 END), 0) AS stored,
		COALESCE(SUM(CASE WHEN status IN ('uploading', 'importing') AND size > 0 THEN size ELSE 0 END), 0) AS staged,
		COUNT(*) AS images,
		COALESCE(SUM(CASE WHEN status IN ('saving', 'uploading', 'importing') THEN 1 ELSE 0 END), 0) AS uploading
	FROM images
	WHERE owner = ?`)

// UsageOf counts what a project has.
func UsageOf(ctx context.Context, q db.Querier, project string) (Usage, error) {
	return usageOf.One(ctx, q, project)
}
