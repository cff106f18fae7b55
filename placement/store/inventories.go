package store

import (
	"context"
	"time"

	"hypernova/oslo/db"
	"hypernova/placement"
)

type inventoryRow struct {
	Provider string  `db:"provider"`
	Class    string  `db:"class"`
	Total    int64   `db:"total"`
	Reserved int64   `db:"reserved"`
	MinUnit  int64   `db:"min_unit"`
	MaxUnit  int64   `db:"max_unit"`
	StepSize int64   `db:"step_size"`
	Ratio    float64 `db:"ratio"`
	Used     int64   `db:"used"`
	Updated  db.Time `db:"updated,set"`
}

const notAllocated = "NOT EXISTS (SELECT 1 FROM allocations a " +
	"WHERE a.provider = inventories.provider AND a.class = inventories.class)"

var (
	inventories     = db.NewTable[inventoryRow](Statements, "inventories", "provider", "class")
	inventoriesOf   = inventories.Query("provider = ? ORDER BY class")
	inventoryUpdate = inventories.Update("",
		"total", "reserved", "min_unit", "max_unit", "step_size", "ratio", "updated")
	inventoryDelete   = inventories.Delete(notAllocated)
	inventoriesDelete = db.NewExec(Statements, "DELETE FROM inventories WHERE provider = ? AND "+notAllocated)
	inventoriesCount  = db.NewQuery[int64](Statements, "SELECT COUNT(*) FROM inventories WHERE class = ?")
	// Served by providers_touched and the primary key.
	inventoriesChanged = db.NewQuery[inventoryRow](Statements, `SELECT `+inventories.Columns("i")+`
FROM providers p
JOIN inventories i ON i.provider = p.id
WHERE p.shard = ?
  AND p.touched > ?`)

	inventoryFree = db.NewExec(Statements, "UPDATE inventories SET used = used - ? WHERE provider = ? AND class = ?")
	// The guard on the capacity; the caller checks the bounds of a single amount.
	inventoryTake = db.NewExec(Statements, `
UPDATE inventories
SET used = used + ?
WHERE provider = ?
  AND class = ?
  AND used + ? <= ?`)
)

// Inventory is a stored inventory of one resource class.
type Inventory struct {
	Provider, Class string
	placement.Inventory
	Used int64
}

func inventory(r inventoryRow) Inventory {
	return Inventory{r.Provider, r.Class, placement.Inventory{Total: r.Total, Reserved: r.Reserved, MinUnit: r.MinUnit,
		MaxUnit: r.MaxUnit, StepSize: r.StepSize, AllocationRatio: r.Ratio}, r.Used}
}

func inventoryRowOf(provider, class string, i placement.Inventory, now time.Time) inventoryRow {
	return inventoryRow{Provider: provider, Class: class, Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit,
		MaxUnit: i.MaxUnit, StepSize: i.StepSize, Ratio: i.AllocationRatio, Updated: db.At(now)}
}

// Inventories returns the inventories of a provider, ordered by class.
func Inventories(ctx context.Context, on db.Querier, provider string) ([]Inventory, error) {
	rs, err := inventoriesOf.All(ctx, on, provider)
	return convert(rs, inventory), err
}

// InventoriesOfClass returns how many providers have an inventory of a class.
func InventoriesOfClass(ctx context.Context, on db.Querier, class string) (int64, error) {
	return inventoriesCount.One(ctx, on, class)
}

// InsertInventory inserts an inventory of which nothing is used.
func InsertInventory(
	ctx context.Context, tx *db.Tx, provider, class string, i placement.Inventory, now time.Time,
) error {
	return inventories.Insert(ctx, tx, inventoryRowOf(provider, class, i, now))
}

// UpdateInventory writes an inventory; its usage stays.
func UpdateInventory(
	ctx context.Context, tx *db.Tx, provider, class string, i placement.Inventory, now time.Time,
) error {
	_, err := inventoryUpdate.Do(ctx, tx, inventoryRowOf(provider, class, i, now))
	return err
}

// DeleteInventory deletes an inventory of which nothing is allocated, and reports whether it did.
func DeleteInventory(ctx context.Context, tx *db.Tx, provider, class string) (bool, error) {
	n, err := inventoryDelete.Do(ctx, tx, provider, class)
	return n > 0, err
}

// Free reduces the usage of an inventory.
func Free(ctx context.Context, tx *db.Tx, a Allocation) error {
	_, err := inventoryFree.Do(ctx, tx, a.Used, a.Provider, a.Class)
	return err
}

// Take raises the usage of an inventory, unless it would exceed the capacity, and reports whether it did.
func Take(ctx context.Context, tx *db.Tx, a Allocation, capacity int64) (bool, error) {
	n, err := inventoryTake.Do(ctx, tx, a.Used, a.Provider, a.Class, a.Used, capacity)
	return n > 0, err
}
