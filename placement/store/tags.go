package store

import (
	"context"

	"hypernova/oslo/db"
)

type traitRow struct {
	Provider string `db:"provider"`
	Trait    string `db:"trait"`
}

type aggregateRow struct {
	Provider  string `db:"provider"`
	Aggregate string `db:"aggregate"`
}

var (
	traits        = db.NewTable[traitRow](Statements, "provider_traits", "provider", "trait")
	traitsDelete  = db.NewExec(Statements, "DELETE FROM provider_traits WHERE provider = ?")
	traitCount    = db.NewQuery[int64](Statements, "SELECT COUNT(*) FROM provider_traits WHERE trait = ?")
	traitsUsed    = db.NewQuery[string](Statements, "SELECT DISTINCT trait FROM provider_traits ORDER BY trait")
	traitsChanged = db.NewQuery[traitRow](Statements, `SELECT `+traits.Columns("t")+`
FROM providers p
JOIN provider_traits t ON t.provider = p.id
WHERE p.shard = ?
  AND p.touched > ?
ORDER BY t.provider, t.trait`)

	aggregates        = db.NewTable[aggregateRow](Statements, "provider_aggregates", "provider", "aggregate")
	aggregatesDelete  = db.NewExec(Statements, "DELETE FROM provider_aggregates WHERE provider = ?")
	aggregatesChanged = db.NewQuery[aggregateRow](Statements, `SELECT `+aggregates.Columns("a")+`
FROM providers p
JOIN provider_aggregates a ON a.provider = p.id
WHERE p.shard = ?
  AND p.touched > ?
ORDER BY a.provider, a.aggregate`)
)

// SetTraits replaces the traits of a provider. The names are unique.
func SetTraits(ctx context.Context, tx *db.Tx, provider string, names []string) error {
	if _, err := traitsDelete.Do(ctx, tx, provider); err != nil {
		return err
	}
	return traits.InsertAll(ctx, tx, convert(names, func(n string) traitRow { return traitRow{provider, n} }))
}

// SetAggregates replaces the aggregates of a provider. The names are unique.
func SetAggregates(ctx context.Context, tx *db.Tx, provider string, names []string) error {
	if _, err := aggregatesDelete.Do(ctx, tx, provider); err != nil {
		return err
	}
	return aggregates.InsertAll(ctx, tx, convert(names, func(n string) aggregateRow { return aggregateRow{provider, n} }))
}

// ProvidersWithTrait returns how many providers have a trait.
func ProvidersWithTrait(ctx context.Context, on db.Querier, name string) (int64, error) {
	return traitCount.One(ctx, on, name)
}

// UsedTraits returns the traits that a provider has, in order.
func UsedTraits(ctx context.Context, on db.Querier) ([]string, error) { return traitsUsed.All(ctx, on) }
