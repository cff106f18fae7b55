package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/placement"
)

type consumerRow struct {
	ID         string  `db:"id"`
	Project    string  `db:"project"`
	User       string  `db:"user_id"`
	Type       string  `db:"type"`
	Generation int64   `db:"generation"`
	Created    db.Time `db:"created,once,set"`
	Updated    db.Time `db:"updated,set"`
}

type allocationRow struct {
	Consumer string `db:"consumer"`
	Provider string `db:"provider"`
	Class    string `db:"class"`
	Used     int64  `db:"used"`
}

type usageRow struct {
	Type      string `db:"type"`
	Class     string `db:"class"`
	Used      int64  `db:"used"`
	Consumers int64  `db:"consumers"`
}

var (
	consumers   = db.NewTable[consumerRow](Statements, "consumers", "id")
	consumersOn = consumers.Query("id IN (SELECT consumer FROM allocations WHERE provider = ?)")
	// The guard on the consumer's generation.
	consumerUpdate = consumers.Update("generation = ?",
		"project", "user_id", "type", "generation = generation + 1", "updated")
	consumerDelete = consumers.Delete("")

	allocations   = db.NewTable[allocationRow](Statements, "allocations", "consumer", "provider", "class")
	allocationsOf = allocations.Query("consumer = ? ORDER BY provider, class")
	// Served by allocations_provider, as the two below.
	allocationsOn    = allocations.Query("provider = ? ORDER BY consumer, class")
	allocationsCount = db.NewQuery[int64](Statements, "SELECT COUNT(*) FROM allocations WHERE provider = ?")
	consumerIDsOn    = db.NewQuery[string](
		Statements,
		"SELECT DISTINCT consumer FROM allocations WHERE provider = ? ORDER BY consumer",
	)
	allocationsDelete = db.NewExec(Statements, "DELETE FROM allocations WHERE consumer = ?")

	// Served by consumers_project. An empty user is any.
	projectUsage = db.NewQuery[usageRow](Statements, `
SELECT c.type, a.class, CAST(SUM(a.used) AS BIGINT) AS used, COUNT(DISTINCT c.id) AS consumers
FROM consumers c
JOIN allocations a ON a.consumer = c.id
WHERE c.project = ?
  AND (CAST(? AS TEXT) = '' OR c.user_id = ?)
GROUP BY c.type, a.class
ORDER BY c.type, a.class`)
	// The number of consumers of a type is not the sum over classes, which would count some twice.
	projectConsumers = db.NewQuery[usageRow](Statements, `
SELECT c.type, '' AS class, 0 AS used, COUNT(*) AS consumers
FROM consumers c
WHERE c.project = ?
  AND (CAST(? AS TEXT) = '' OR c.user_id = ?)
GROUP BY c.type
ORDER BY c.type`)
)

// Consumer is a stored consumer.
type Consumer struct {
	ID, Project, User, Type string
	Generation              int64
}

// Allocation is what a consumer has of one resource class of one provider.
type Allocation struct {
	Consumer, Provider, Class string
	Used                      int64
}

// Usage is what the consumers of one type have together.
type Usage struct {
	Consumers int64
	Resources placement.Resources
}

func consumer(r consumerRow) Consumer {
	return Consumer{r.ID, r.Project, r.User, r.Type, r.Generation}
}

func allocation(r allocationRow) Allocation { return Allocation(r) }

// FindConsumer returns a consumer; fault.NotFound.
func FindConsumer(ctx context.Context, on db.Querier, id string) (Consumer, error) {
	r, err := consumers.Get(ctx, on, id)
	return consumer(r), err
}

// InsertConsumer inserts a consumer.
func InsertConsumer(ctx context.Context, tx *db.Tx, c Consumer, now time.Time) error {
	return consumers.Insert(ctx, tx, consumerRow{c.ID, c.Project, c.User, c.Type, c.Generation, db.At(now), db.At(now)})
}

// UpdateConsumer writes project, user and type of a consumer and raises its generation, if that is still c.Generation.
func UpdateConsumer(ctx context.Context, tx *db.Tx, c Consumer, now time.Time) error {
	_, err := consumerUpdate.Do(ctx, tx, consumerRow{ID: c.ID, Project: c.Project, User: c.User, Type: c.Type,
		Updated: db.At(now)}, c.Generation)
	return err
}

// DeleteConsumer deletes a consumer without allocations.
func DeleteConsumer(ctx context.Context, tx *db.Tx, id string) error {
	_, err := consumerDelete.Do(ctx, tx, id)
	return err
}

// Allocations returns the allocations of a consumer, ordered by provider and class.
func Allocations(ctx context.Context, on db.Querier, consumer string) ([]Allocation, error) {
	rs, err := allocationsOf.All(ctx, on, consumer)
	return convert(rs, allocation), err
}

// AllocationsOn returns the allocations on a provider, ordered by consumer and class.
func AllocationsOn(ctx context.Context, on db.Querier, provider string) ([]Allocation, error) {
	rs, err := allocationsOn.All(ctx, on, provider)
	return convert(rs, allocation), err
}

// CountAllocationsOn returns the number of allocations on a provider.
func CountAllocationsOn(ctx context.Context, on db.Querier, provider string) (int64, error) {
	return allocationsCount.One(ctx, on, provider)
}

// ConsumersOn returns the consumers with an allocation on a provider.
func ConsumersOn(ctx context.Context, on db.Querier, provider string) ([]Consumer, error) {
	rs, err := consumersOn.All(ctx, on, provider)
	return convert(rs, consumer), err
}

// ConsumerIDsOn returns the ids of the consumers with an allocation on a provider, in order.
func ConsumerIDsOn(ctx context.Context, on db.Querier, provider string) ([]string, error) {
	return consumerIDsOn.All(ctx, on, provider)
}

// InsertAllocations inserts allocations of consumers that exist.
func InsertAllocations(ctx context.Context, tx *db.Tx, all []Allocation) error {
	return allocations.InsertAll(ctx, tx, convert(all, func(a Allocation) allocationRow { return allocationRow(a) }))
}

// DeleteAllocations deletes the allocations of a consumer.
func DeleteAllocations(ctx context.Context, tx *db.Tx, consumer string) error {
	_, err := allocationsDelete.Do(ctx, tx, consumer)
	return err
}

// Usages returns the usage of a project by consumer type; with a user only that user's. The caller runs it in a View.
func Usages(ctx context.Context, tx *db.Tx, project, user string) (map[string]Usage, error) {
	out := map[string]Usage{}
	counts, err := projectConsumers.All(ctx, tx, project, user, user)
	if err != nil {
		return nil, err
	}
	for _, c := range counts {
		out[c.Type] = Usage{c.Consumers, placement.Resources{}}
	}
	sums, err := projectUsage.All(ctx, tx, project, user, user)
	for _, u := range sums {
		out[u.Type].Resources[u.Class] = u.Used
	}
	return out, err
}
