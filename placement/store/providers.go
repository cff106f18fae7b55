package store

import "hypernova/oslo/db"

// Provider is a row of providers.
type Provider struct {
	ID         string  `db:"id"`
	Name       string  `db:"name"`
	Parent     *string `db:"parent"`
	Root       string  `db:"root"`
	Generation int64   `db:"generation"`
	Shard      int64   `db:"shard"`
	Touched    int64   `db:"touched"`
	Created    db.Time `db:"created"`
	Updated    db.Time `db:"updated"`
}

// Inventory is a row of inventories.
type Inventory struct {
	Provider string  `db:"provider"`
	Class    string  `db:"class"`
	Total    int64   `db:"total"`
	Reserved int64   `db:"reserved"`
	MinUnit  int64   `db:"min_unit"`
	MaxUnit  int64   `db:"max_unit"`
	StepSize int64   `db:"step_size"`
	Ratio    float64 `db:"ratio"`
	Used     int64   `db:"used"`
	Updated  db.Time `db:"updated"`
}

// Tag is a trait or aggregate of a provider.
type Tag struct {
	Provider string `db:"provider"`
	Name     string `db:"name"`
}

// Shard is a row of shards.
type Shard struct {
	ID      int64 `db:"id"`
	Counter int64 `db:"counter"`
	Epoch   int64 `db:"epoch"`
}

const providerColumns = "id, name, parent, root, generation, shard, touched, created, updated"

var (
	// ProviderByID: primary key.
	ProviderByID = db.NewQuery[Provider](Statements, "SELECT "+providerColumns+" FROM providers WHERE id = ?")
	// ProviderByName: unique index.
	ProviderByName = db.NewQuery[Provider](Statements, "SELECT "+providerColumns+" FROM providers WHERE name = ?")
	// Children: providers_parent.
	Children = db.NewQuery[string](Statements, "SELECT id FROM providers WHERE parent = ?")
	// Tree: providers_root.
	Tree = db.NewQuery[Provider](Statements, "SELECT "+providerColumns+" FROM providers WHERE root = ?")
	// AddProvider writes a new one.
	AddProvider = db.NewInsert[Provider](Statements, "providers")
	// DropProvider: what refers to it must be gone.
	DropProvider = db.NewExec(Statements, "DELETE FROM providers WHERE id = ?")
	// Rename changes name and parent; the generation stays, as in the original.
	Rename = db.NewExec(Statements, "UPDATE providers SET name = ?, parent = ?, root = ?, updated = ? WHERE id = ?")
	// SetRoot moves one provider of a subtree into another tree.
	SetRoot = db.NewExec(Statements, "UPDATE providers SET root = ? WHERE id = ?")
	// Advance is the generation guard: no row means that somebody was faster.
	Advance = db.NewExec(Statements, "UPDATE providers SET generation = generation + 1, updated = ? WHERE id = ? AND generation = ?")
	// AdvanceAny is for changes of allocations, which are guarded by themselves.
	AdvanceAny = db.NewExec(Statements, "UPDATE providers SET generation = generation + 1, updated = ? WHERE id = ?")

	// Bump raises a shard's counter.
	Bump = db.NewQuery[int64](Statements, "UPDATE shards SET counter = counter + 1 WHERE id = ? RETURNING counter")
	// NewEpoch says that a provider of the shard is gone.
	NewEpoch = db.NewExec(Statements, "UPDATE shards SET epoch = epoch + 1 WHERE id = ?")
	// Touch leaves the counter at the provider.
	Touch = db.NewExec(Statements, "UPDATE providers SET touched = ? WHERE id = ?")
	// AllShards are few rows.
	AllShards = db.NewQuery[Shard](Statements, "SELECT id, counter, epoch FROM shards ORDER BY id")

	// The parts of all providers of a shard that changed after a point. Each is served by providers_touched and a
	// primary key.

	TouchedProviders = db.NewQuery[Provider](Statements, "SELECT "+providerColumns+" FROM providers WHERE shard = ? AND touched > ?")
	// TouchedInventories and the two below join the same providers.
	TouchedInventories = db.NewQuery[Inventory](Statements, `
SELECT i.provider, i.class, i.total, i.reserved, i.min_unit, i.max_unit, i.step_size, i.ratio, i.used, i.updated
FROM providers p
JOIN inventories i ON i.provider = p.id
WHERE p.shard = ?
  AND p.touched > ?`)
	TouchedTraits = db.NewQuery[Tag](Statements, `
SELECT t.provider, t.trait AS name
FROM providers p
JOIN provider_traits t ON t.provider = p.id
WHERE p.shard = ?
  AND p.touched > ?
ORDER BY t.provider, t.trait`)
	TouchedAggregates = db.NewQuery[Tag](Statements, `
SELECT a.provider, a.aggregate AS name
FROM providers p
JOIN provider_aggregates a ON a.provider = p.id
WHERE p.shard = ?
  AND p.touched > ?
ORDER BY a.provider, a.aggregate`)

	InventoriesOf = db.NewQuery[Inventory](Statements, `
SELECT provider, class, total, reserved, min_unit, max_unit, step_size, ratio, used, updated
FROM inventories
WHERE provider = ?
ORDER BY class`)
	AddInventory  = db.NewInsert[Inventory](Statements, "inventories")
	EditInventory = db.NewExec(Statements, `
UPDATE inventories
SET total = ?, reserved = ?, min_unit = ?, max_unit = ?, step_size = ?, ratio = ?, updated = ?
WHERE provider = ?
  AND class = ?`)
	// DropInventory leaves what is in use.
	DropInventory = db.NewExec(Statements, `
DELETE FROM inventories
WHERE provider = ?
  AND class = ?
  AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.provider = inventories.provider AND a.class = inventories.class)`)
	ClassInUse = db.NewQuery[int64](Statements, "SELECT COUNT(*) FROM inventories WHERE class = ?")

	DropTraits     = db.NewExec(Statements, "DELETE FROM provider_traits WHERE provider = ?")
	AddTrait       = db.NewExec(Statements, "INSERT INTO provider_traits (provider, trait) VALUES (?, ?)")
	TraitInUse     = db.NewQuery[int64](Statements, "SELECT COUNT(*) FROM provider_traits WHERE trait = ?")
	UsedTraits     = db.NewQuery[string](Statements, "SELECT DISTINCT trait FROM provider_traits ORDER BY trait")
	DropAggregates = db.NewExec(Statements, "DELETE FROM provider_aggregates WHERE provider = ?")
	AddAggregate   = db.NewExec(Statements, "INSERT INTO provider_aggregates (provider, aggregate) VALUES (?, ?)")
)
