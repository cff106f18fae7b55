package store

import (
	"context"
	"encoding/base64"
	"fmt"

	"hypernova/oslo/db"
)

const (
	// SumSize is the size in bytes of a piece's checksum.
	SumSize = 32
	// SegmentPieces is the number of checksums in a row.
	SegmentPieces = 1024
)

type segmentRow struct {
	Image   string `db:"image_id"`
	Segment int64  `db:"segment"`
	Sums    string `db:"sums"` // base64
}

// The primary key (image_id, segment) serves all.
var (
	segments       = db.NewTable[segmentRow](stmts, "image_pieces", "image_id", "segment")
	deleteSegments = db.NewExec(stmts, `DELETE FROM image_pieces WHERE image_id = ?`)
)

// SetSums replaces the checksums of an image's pieces, SumSize bytes each. Without sums it deletes them.
func SetSums(ctx context.Context, tx *db.Tx, image string, sums []byte) error {
	if _, err := deleteSegments.Do(ctx, tx, image); err != nil {
		return err
	}
	const size = SegmentPieces * SumSize
	for n := int64(0); len(sums) > 0; n++ {
		part := sums[:min(size, len(sums))]
		sums = sums[len(part):]
		if err := segments.Insert(ctx, tx, segmentRow{image, n, base64.StdEncoding.EncodeToString(part)}); err != nil {
			return err
		}
	}
	return nil
}

// Sums returns the checksums of one segment. fault.NotFound for an image without checksums.
func Sums(ctx context.Context, on db.Querier, image string, segment int64) ([]byte, error) {
	row, err := segments.Get(ctx, on, image, segment)
	if err != nil {
		return nil, err
	}
	sums, err := base64.StdEncoding.DecodeString(row.Sums)
	if err != nil {
		return nil, fmt.Errorf("checksums of image %s: %w", image, err)
	}
	return sums, nil
}
