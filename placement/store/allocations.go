package store

import "hypernova/oslo/db"

// Consumer is a row of consumers.
type Consumer struct {
	ID         string  `db:"id"`
	Project    string  `db:"project"`
	User       string  `db:"user_id"`
	Type       string  `db:"type"`
	Generation int64   `db:"generation"`
	Created    db.Time `db:"created"`
	Updated    db.Time `db:"updated"`
}

// Allocation is a row of allocations.
type Allocation struct {
	Consumer string `db:"consumer"`
	Provider string `db:"provider"`
	Class    string `db:"class"`
	Used     int64  `db:"used"`
}

// Usage is a sum over allocations.
type Usage struct {
	Type      string `db:"type"`
	Class     string `db:"class"`
	Used      int64  `db:"used"`
	Consumers int64  `db:"consumers"`
}

var (
	ConsumerByID = db.NewQuery[Consumer](Statements, "SELECT id, project, user_id, type, generation, created, updated FROM consumers WHERE id = ?")
	AddConsumer  = db.NewInsert[Consumer](Statements, "consumers")
	// EditConsumer is the consumer's generation guard.
	EditConsumer = db.NewExec(Statements, `
UPDATE consumers
SET project = ?, user_id = ?, type = ?, generation = generation + 1, updated = ?
WHERE id = ?
  AND generation = ?`)
	DropConsumer = db.NewExec(Statements, "DELETE FROM consumers WHERE id = ?")

	AllocationsOf = db.NewQuery[Allocation](Statements, "SELECT consumer, provider, class, used FROM allocations WHERE consumer = ? ORDER BY provider, class")
	// AllocationsOn: allocations_provider.
	AllocationsOn   = db.NewQuery[Allocation](Statements, "SELECT consumer, provider, class, used FROM allocations WHERE provider = ? ORDER BY consumer, class")
	ConsumersOn     = db.NewQuery[string](Statements, "SELECT DISTINCT consumer FROM allocations WHERE provider = ? ORDER BY consumer")
	ConsumersOnFull = db.NewQuery[Consumer](Statements, `
SELECT id, project, user_id, type, generation, created, updated
FROM consumers
WHERE id IN (SELECT consumer FROM allocations WHERE provider = ?)`)
	HeldOn          = db.NewQuery[int64](Statements, "SELECT COUNT(*) FROM allocations WHERE provider = ?")
	AddAllocation   = db.NewInsert[Allocation](Statements, "allocations")
	DropAllocations = db.NewExec(Statements, "DELETE FROM allocations WHERE consumer = ?")

	// Free gives an amount back.
	Free = db.NewExec(Statements, "UPDATE inventories SET used = used - ? WHERE provider = ? AND class = ?")
	// Take is the capacity guard; the bounds of a single amount are its reader's to check.
	Take = db.NewExec(Statements, `
UPDATE inventories
SET used = used + ?
WHERE provider = ?
  AND class = ?
  AND used + ? <= ?`)
	// ProjectUsage: consumers_project. An empty user is any.
	ProjectUsage = db.NewQuery[Usage](Statements, `
SELECT c.type, a.class, CAST(SUM(a.used) AS BIGINT) AS used, COUNT(DISTINCT c.id) AS consumers
FROM consumers c
JOIN allocations a ON a.consumer = c.id
WHERE c.project = ?
  AND (CAST(? AS TEXT) = '' OR c.user_id = ?)
GROUP BY c.type, a.class
ORDER BY c.type, a.class`)
	// ConsumerCounts are the consumers of each type; a sum by class would count some twice.
	ConsumerCounts = db.NewQuery[Usage](Statements, `
SELECT c.type, '' AS class, 0 AS used, COUNT(*) AS consumers
FROM consumers c
WHERE c.project = ?
  AND (CAST(? AS TEXT) = '' OR c.user_id = ?)
GROUP BY c.type
ORDER BY c.type`)
)
