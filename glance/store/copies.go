package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"hypernova/glance"
	"hypernova/oslo/db"
)

// Copy is a place of an image's data beside the first.
type Copy struct {
	Store    string            `json:"store"`
	Key      string            `json:"key"`
	Whole    bool              `json:"whole,omitempty"` // false while it is being written
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Plan is what an import has to do.
// Invariant: it is empty iff no import is under way and nothing is staged.
type Plan struct {
	Stores   []string `json:"stores,omitempty"` // that the data shall go to
	Must     bool     `json:"must,omitempty"`   // all of them, or the import fails
	Failed   []string `json:"failed,omitempty"`
	StagedIn string   `json:"staged_in,omitempty"` // the store of what waits for the import
	Location Location `json:"location,omitzero"`
}

// Location is data outside that shall become an image's.
type Location struct {
	Store, Key          string
	Metadata            map[string]string `json:",omitempty"`
	HashAlgo, HashValue string            `json:",omitempty"` // what the data must have
	Checksum            string            `json:",omitempty"`
	Unread              bool              `json:",omitempty"` // do not compute the hashes
}

// places is the column "copies".
type places struct {
	Metadata map[string]string `json:"metadata,omitempty"` // of the first
	More     []Copy            `json:"more,omitempty"`
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and booleans always encode
	}
	if string(b) == "{}" {
		return ""
	}
	return string(b)
}

func decode(text string, into any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

// Copies are the whole ones, the first one first, of an image that has data.
func (r Record) Copies() []Copy {
	if r.Status != glance.Active && r.Status != glance.Deactivated || r.Key == "" {
		return nil
	}
	out := []Copy{{Store: r.Store, Key: r.Key, Whole: true, Metadata: r.Metadata}}
	for _, c := range r.More {
		if c.Whole {
			out = append(out, c)
		}
	}
	return out
}

// SetCopies makes these the copies; there must be one. Copies that are being written stay.
func (r *Record) SetCopies(all []Copy) {
	r.Store, r.Key, r.Metadata = all[0].Store, all[0].Key, all[0].Metadata
	more := append([]Copy(nil), all[1:]...)
	for _, c := range r.More {
		if !c.Whole {
			more = append(more, c)
		}
	}
	r.More = more
}

// Pieces are all data that a record names, half written and staged data included.
func (r Record) Pieces() []Piece {
	var out []Piece
	add := func(store, key string) {
		if key != "" {
			out = append(out, Piece{store, key})
		}
	}
	add(r.Store, r.Key)
	staged := r.Plan.StagedIn
	if staged == "" {
		staged = r.Store
	}
	if r.Staged != r.Key || staged != r.Store {
		add(staged, r.Staged)
	}
	for _, c := range r.More {
		add(c.Store, c.Key)
	}
	return out
}

const (
	// SumSize is the length of a piece's checksum.
	SumSize = 32
	// SegmentPieces is how many pieces' checksums are kept in a row.
	SegmentPieces = 1024
)

type segmentRow struct {
	Image   string `db:"image_id"`
	Segment int64  `db:"segment"`
	Sums    string `db:"sums"`
}

var (
	segmentInsert  = db.NewInsert[segmentRow](Statements, "image_pieces")
	segmentsDelete = db.NewExec(Statements, `DELETE FROM image_pieces WHERE image_id = ?`)
	// The primary key serves it.
	segmentByNumber = db.NewQuery[segmentRow](Statements, `SELECT image_id, segment, sums FROM image_pieces WHERE image_id = ? AND segment = ?`)
	// Whether data in a store is named by any image; a search through the rows that name data, for what clients say is theirs.
	namedBy = db.NewQuery[string](Statements, `SELECT id FROM images WHERE store = ? AND data_key = ? OR copies LIKE ? ORDER BY id LIMIT 1`)
)

// SetSums keeps the checksums of all pieces of an image's data, SumSize bytes each, in place of former ones.
func SetSums(ctx context.Context, tx *db.Tx, image string, sums []byte) error {
	if _, err := segmentsDelete.Do(ctx, tx, image); err != nil {
		return err
	}
	const size = SegmentPieces * SumSize
	for n := int64(0); len(sums) > 0; n++ {
		part := sums[:min(size, len(sums))]
		sums = sums[len(part):]
		if err := segmentInsert.Do(ctx, tx, segmentRow{image, n, base64.StdEncoding.EncodeToString(part)}); err != nil {
			return err
		}
	}
	return nil
}

// Sums are the checksums of the pieces of one segment; fault.NotFound for an image without.
func Sums(ctx context.Context, q db.Querier, image string, segment int64) ([]byte, error) {
	row, err := segmentByNumber.One(ctx, q, image, segment)
	if err != nil {
		return nil, err
	}
	sums, err := base64.StdEncoding.DecodeString(row.Sums)
	if err != nil {
		return nil, fmt.Errorf("checksums of image %s: %w", image, err)
	}
	return sums, nil
}

// Named finds an image that has this data; empty for none.
func Named(ctx context.Context, q db.Querier, p Piece) (string, error) {
	ids, err := namedBy.All(ctx, q, p.Store, p.Key, "%"+quote(p.Key)+"%")
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}
