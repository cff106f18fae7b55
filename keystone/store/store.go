// Package store is the database access of the identity service.
package store

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"sync"
	"time"

	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are identity's numbered migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Statements is the registry that tests prepare on every dialect.
var Statements = db.NewSet("keystone")

var (
	epoch     = db.NewQuery[int64](Statements, `SELECT epoch FROM epochs WHERE id = 1`)
	moveEpoch = db.NewExec(Statements, `UPDATE epochs SET epoch = epoch + 1 WHERE id = 1`)
)

// Epochs tells when something changed that can take something away from a token. Every process that caches what tokens prove
// asks it first. A change made by this process shows at once, one made by another within Fresh.
type Epochs struct {
	db   *db.DB
	mu   sync.Mutex
	seen int64
	at   time.Time
}

// Fresh is how long a process may go on without looking at the database.
const Fresh = 500 * time.Millisecond

// NewEpochs watches the epoch kept in d.
func NewEpochs(d *db.DB) *Epochs { return &Epochs{db: d} }

// Current is the epoch, read again when the last reading is older than Fresh.
func (e *Epochs) Current(ctx context.Context) (int64, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); now.Sub(e.at) > Fresh {
		n, err := epoch.One(ctx, e.db)
		if err != nil {
			return 0, err
		}
		e.seen, e.at = n, now
	}
	return e.seen, nil
}

// Change runs a transaction that may take something away from a token: every process forgets what it knows of tokens.
func (e *Epochs) Change(ctx context.Context, d *db.DB, fn func(tx *db.Tx) error) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return e.Move(ctx, tx)
	})
}

// Missing gives "no such row" the words of keystone; another error is what it was.
func Missing(err error, kind, id string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundf("Could not find %s: %s.", kind, id).Because(err)
	}
	return err
}

// Move makes every process forget what it cached about tokens. It belongs in the transaction of the change.
func (e *Epochs) Move(ctx context.Context, tx *db.Tx) error {
	if _, err := moveEpoch.Do(ctx, tx); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		e.mu.Lock()
		e.at = time.Time{}
		e.mu.Unlock()
	})
	return nil
}

type object = db.JSON[map[string]any]
type extra = db.JSON[map[string]json.RawMessage]
type words = db.JSON[[]string]
