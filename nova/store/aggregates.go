package store

import (
	"context"
	"errors"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

type aggregateRow struct {
	ID       int64                      `db:"id"`
	UUID     string                     `db:"uuid"`
	Name     string                     `db:"name"`
	Hosts    db.JSON[[]string]          `db:"hosts"`
	Metadata db.JSON[map[string]string] `db:"metadata"`
	Created  db.Time                    `db:"created_at"`
	Updated  db.Time                    `db:"updated_at"`
}

const aggregateColumns = "id, uuid, name, hosts, metadata, created_at, updated_at"

var (
	allAggregates   = db.NewQuery[aggregateRow](stmts, "SELECT "+aggregateColumns+"\nFROM aggregates\nORDER BY id")
	aggregateByID   = db.NewQuery[aggregateRow](stmts, "SELECT "+aggregateColumns+"\nFROM aggregates\nWHERE id = ?")
	insertAggregate = db.NewInsert[aggregateRow](stmts, "aggregates")
	updateAggregate = db.NewExec(stmts, "UPDATE aggregates\nSET name = ?, hosts = ?, metadata = ?, updated_at = ?\nWHERE id = ?")
	deleteAggregate = db.NewExec(stmts, "DELETE FROM aggregates\nWHERE id = ?")
)

func (r *aggregateRow) noun() nova.Aggregate {
	return nova.Aggregate{ID: r.ID, UUID: r.UUID, Name: r.Name, Hosts: r.Hosts.V, Metadata: r.Metadata.V,
		Created: r.Created.Time, Updated: r.Updated.Time}
}

// Aggregates lists all, in order of id; operators make few.
func (s *Store) Aggregates(ctx context.Context, on db.Querier) ([]nova.Aggregate, error) {
	rows, err := allAggregates.All(ctx, on)
	out := make([]nova.Aggregate, len(rows))
	for i := range rows {
		out[i] = rows[i].noun()
	}
	return out, err
}

// Aggregate by its id; fault.NotFound.
func (s *Store) Aggregate(ctx context.Context, on db.Querier, id int64) (nova.Aggregate, error) {
	r, err := aggregateByID.One(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nova.Aggregate{}, fault.NotFoundf("Aggregate %d could not be found.", id)
	}
	return r.noun(), err
}

// SaveAggregate writes an aggregate; ID 0 makes a new one. A name that is taken is fault.Conflict. The answer has ids and stamps.
func (s *Store) SaveAggregate(ctx context.Context, tx *db.Tx, v nova.Aggregate) (nova.Aggregate, error) {
	now := s.now()
	v.Updated = now
	hosts, metadata := db.JSON[[]string]{V: v.Hosts}, db.JSON[map[string]string]{V: v.Metadata}
	var err error
	if v.ID != 0 {
		_, err = updateAggregate.Do(ctx, tx, v.Name, hosts, metadata, now, v.ID)
	} else {
		if v.ID, err = s.number(ctx, tx, "aggregate"); err != nil {
			return v, err
		}
		v.UUID, v.Created = ids.UUID(), now
		err = insertAggregate.Do(ctx, tx, aggregateRow{v.ID, v.UUID, v.Name, hosts, metadata, db.At(now), db.At(now)})
	}
	if errors.Is(err, db.ErrDuplicate) {
		return v, fault.Conflictf("Aggregate %s already exists.", v.Name)
	}
	return v, err
}

// DeleteAggregate forgets it; fault.NotFound.
func (s *Store) DeleteAggregate(ctx context.Context, on db.Querier, id int64) error {
	n, err := deleteAggregate.Do(ctx, on, id)
	if err == nil && n == 0 {
		return fault.NotFoundf("Aggregate %d could not be found.", id)
	}
	return err
}
