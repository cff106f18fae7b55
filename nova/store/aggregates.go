package store

import (
	"context"
	"errors"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type aggregateRow struct {
	ID       int64                      `db:"id"`
	UUID     string                     `db:"uuid,once"`
	Name     string                     `db:"name"`
	Hosts    db.JSON[[]string]          `db:"hosts"`
	Metadata db.JSON[map[string]string] `db:"metadata"`
	Created  db.Time                    `db:"created_at,once"`
	Updated  db.Time                    `db:"updated_at"`
}

var (
	aggregates      = db.NewTable[aggregateRow](stmts, "aggregates", "id")
	allAggregates   = aggregates.Query("ORDER BY id")
	updateAggregate = aggregates.Update("")
	deleteAggregate = aggregates.Delete("")
)

func (r *aggregateRow) value() nova.Aggregate {
	return nova.Aggregate{ID: r.ID, UUID: r.UUID, Name: r.Name, Hosts: r.Hosts.V, Metadata: r.Metadata.V,
		Created: r.Created.Time, Updated: r.Updated.Time}
}

// Aggregates returns all aggregates in order of id; operators make few.
func Aggregates(ctx context.Context, on db.Querier) ([]nova.Aggregate, error) {
	rows, err := allAggregates.All(ctx, on)
	return values(rows, err, (*aggregateRow).value)
}

// Aggregate returns an aggregate by its id; fault.NotFound.
func Aggregate(ctx context.Context, on db.Querier, id int64) (nova.Aggregate, error) {
	r, err := aggregates.Get(ctx, on, id)
	return r.value(), absent(err, "Aggregate %d could not be found.", id)
}

// SaveAggregate updates an aggregate, or inserts it if its ID is 0, and returns it with ids and stamps. A name that is
// taken is fault.Conflict.
func SaveAggregate(ctx context.Context, tx *db.Tx, v nova.Aggregate, now time.Time) (nova.Aggregate, error) {
	v.Updated = now
	r := aggregateRow{ID: v.ID, Name: v.Name, Hosts: db.JSON[[]string]{V: v.Hosts},
		Metadata: db.JSON[map[string]string]{V: v.Metadata}, Updated: db.At(now)}
	var err error
	if v.ID != 0 {
		_, err = updateAggregate.Do(ctx, tx, r)
	} else {
		if v.ID, err = number(ctx, tx, "aggregate"); err != nil {
			return v, err
		}
		v.UUID, v.Created = ids.UUID(), now
		r.ID, r.UUID, r.Created = v.ID, v.UUID, db.At(now)
		err = aggregates.Insert(ctx, tx, r)
	}
	if errors.Is(err, db.ErrDuplicate) {
		return v, fault.Conflictf("Aggregate %s already exists.", v.Name)
	}
	return v, err
}

// DeleteAggregate deletes an aggregate; fault.NotFound.
func DeleteAggregate(ctx context.Context, on db.Querier, id int64) error {
	n, err := deleteAggregate.Do(ctx, on, id)
	return changed(n, err, "Aggregate %d could not be found.", id)
}
