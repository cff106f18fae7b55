package store

import (
	"context"

	"hypernova/oslo/db"
)

type trashRow struct {
	Store string `db:"store"`
	Key   string `db:"data_key"`
}

var (
	trash       = db.NewTable[trashRow](stmts, "image_trash", "store", "data_key")
	deleteTrash = trash.Delete("")
	allTrash    = trash.Query("ORDER BY store, data_key")
)

// Discard puts data on the trash list. An empty key is no data.
func Discard(ctx context.Context, tx *db.Tx, store, key string) error {
	if key == "" {
		return nil
	}
	return trash.Insert(ctx, tx, trashRow{store, key})
}

// Trash returns the trash list: data that is to be deleted from its store.
func Trash(ctx context.Context, on db.Querier) ([]Piece, error) {
	rows, err := allTrash.All(ctx, on)
	return each(rows, err, func(r trashRow) Piece { return Piece(r) })
}

// Removed removes data from the trash list.
func Removed(ctx context.Context, on db.Querier, p Piece) error {
	_, err := deleteTrash.Do(ctx, on, p.Store, p.Key)
	return err
}
