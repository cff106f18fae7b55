package store

import (
	"context"

	"hypernova/glance"
	"hypernova/oslo/db"
)

// Copy is a copy of an image's data in a store.
type Copy struct {
	Store    string
	Key      string
	Whole    bool              // false while it is written
	Metadata map[string]string // a client's metadata of the location
}

// placesJSON is the stored form of images.copies.
type placesJSON struct {
	Metadata map[string]string `json:"metadata,omitempty"` // of the first copy
	More     []copyJSON        `json:"more,omitempty"`
}

type copyJSON struct {
	Store    string            `json:"store"`
	Key      string            `json:"key"`
	Whole    bool              `json:"whole,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func placesJSONOf(r *Record) placesJSON {
	out := placesJSON{Metadata: r.Metadata}
	for _, c := range r.More {
		out.More = append(out.More, copyJSON(c))
	}
	return out
}

func (p *placesJSON) on(r *Record) {
	r.Metadata = p.Metadata
	for _, c := range p.More {
		r.More = append(r.More, Copy(c))
	}
}

// planJSON is the stored form of images.import_plan. The other fields than StagedIn and Fence are of a FormerImport:
// this release writes them only to keep them.
//
// Invariant: it is empty iff no import is running and nothing is staged.
type planJSON struct {
	Stores   []string     `json:"stores,omitempty"`
	Must     bool         `json:"must,omitempty"`
	Failed   []string     `json:"failed,omitempty"`
	StagedIn string       `json:"staged_in,omitempty"`
	Location locationJSON `json:"location,omitzero"`
	Fence    int64        `json:"fence,omitempty"`
}

type locationJSON struct {
	Store, Key          string
	Metadata            map[string]string `json:",omitempty"`
	HashAlgo, HashValue string            `json:",omitempty"`
	Checksum            string            `json:",omitempty"`
	Unread              bool              `json:",omitempty"`
}

func planJSONOf(r *Record) planJSON {
	f, l := &r.Former, &r.Former.Location
	return planJSON{Stores: f.Stores, Must: f.Must, Failed: f.Failed, StagedIn: r.StagedIn, Fence: r.Fence,
		Location: locationJSON{Store: l.Store, Key: l.Key, Metadata: l.Metadata, HashAlgo: l.HashAlgo, HashValue: l.HashValue,
			Checksum: l.Checksum, Unread: l.Unread}}
}

func (p *planJSON) on(r *Record) {
	l := &p.Location
	r.StagedIn, r.Fence = p.StagedIn, p.Fence
	r.Former = FormerImport{Stores: p.Stores, Must: p.Must, Failed: p.Failed,
		Location: FormerLocation{Store: l.Store, Key: l.Key, Metadata: l.Metadata, HashAlgo: l.HashAlgo,
			HashValue: l.HashValue,
			Checksum:  l.Checksum, Unread: l.Unread}}
}

// Copies returns the complete copies of an active or deactivated image, the first one first.
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

// SetCopies replaces the complete copies by others, at least one. Incomplete copies stay.
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

// Piece is data in a store.
type Piece struct{ Store, Key string }

// Pieces returns all data that a record names, including incomplete and staged data.
func (r Record) Pieces() []Piece {
	var out []Piece
	add := func(store, key string) {
		if key != "" {
			out = append(out, Piece{store, key})
		}
	}
	add(r.Store, r.Key)
	staged := r.StagedIn
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

// The search reads the rows that name data. It is for data in the cloud's own stores that services name as locations.
var imageOfPiece = db.NewQuery[string](stmts, `SELECT id FROM images
WHERE store = ? AND data_key = ? OR copies LIKE ?
ORDER BY id
LIMIT 1`)

// Named returns the id of an image that has this data; "" if there is none.
func Named(ctx context.Context, on db.Querier, p Piece) (string, error) {
	ids, err := imageOfPiece.All(ctx, on, p.Store, p.Key, "%"+quote(p.Key)+"%")
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}
