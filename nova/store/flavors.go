package store

import (
	"context"
	"errors"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type flavorRow struct {
	ID          string                     `db:"id" list:"flavorid,id"`
	Name        string                     `db:"name" list:"name"`
	VCPUs       int                        `db:"vcpus" list:"vcpus"`
	MemoryMB    int                        `db:"memory_mb" list:"memory_mb"`
	DiskGB      int                        `db:"disk_gb" list:"root_gb"`
	Ephemeral   int                        `db:"ephemeral" list:"ephemeral_gb"`
	Swap        int                        `db:"swap" list:"swap"`
	RxTxFactor  float64                    `db:"rxtx_factor" list:"rxtx_factor"`
	Public      bool                       `db:"public" list:"is_public"`
	Disabled    bool                       `db:"disabled" list:"disabled"`
	Description *string                    `db:"description" list:"description"`
	ExtraSpecs  db.JSON[map[string]string] `db:"extra_specs"`
	Projects    string                     `db:"projects" list:"projects"` // see joinTags
	Created     db.Time                    `db:"created_at,set" list:"created_at"`
	Updated     db.Time                    `db:"updated_at,set" list:"updated_at"`
}

var (
	flavors = db.NewTable[flavorRow](stmts, "flavors", "id")
	// Operators make few flavors; the table is read whole.
	flavorList   = flavors.List()
	updateFlavor = flavors.Update("", "description", "extra_specs", "projects", "updated_at")
	deleteFlavor = flavors.Delete("")
)

func (r *flavorRow) value() nova.Flavor {
	return nova.Flavor{ID: r.ID, Name: r.Name, VCPUs: r.VCPUs, RAM: r.MemoryMB, Disk: r.DiskGB, Ephemeral: r.Ephemeral,
		Swap: r.Swap, RxTxFactor: r.RxTxFactor, Public: r.Public, Disabled: r.Disabled, Description: r.Description,
		ExtraSpecs: r.ExtraSpecs.V, Projects: splitTags(r.Projects)}
}

func flavorRowOf(v *nova.Flavor, now time.Time) flavorRow {
	return flavorRow{ID: v.ID, Name: v.Name, VCPUs: v.VCPUs, MemoryMB: v.RAM, DiskGB: v.Disk, Ephemeral: v.Ephemeral,
		Swap: v.Swap, RxTxFactor: v.RxTxFactor, Public: v.Public, Disabled: v.Disabled, Description: v.Description,
		ExtraSpecs: db.JSON[map[string]string]{V: v.ExtraSpecs}, Projects: joinTags(v.Projects),
		Created: db.At(now), Updated: db.At(now)}
}

// Flavors returns one page. Columns: flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor,
// is_public, disabled, description, created_at, updated_at, and projects, which is ",a,b,".
func Flavors(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Flavor, error) {
	rows, err := flavorList.Page(ctx, on, a)
	return values(rows, err, (*flavorRow).value)
}

// Flavor returns a flavor by its id, with extra specs and access list; fault.NotFound.
func Flavor(ctx context.Context, on db.Querier, id string) (nova.Flavor, error) {
	r, err := flavors.Get(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nova.Flavor{}, NoFlavor(id)
	}
	return r.value(), err
}

// NoFlavor is the fault.NotFound about a flavor.
func NoFlavor(id string) error { return fault.NotFoundf("Flavor %s could not be found.", id) }

// InsertFlavor inserts a flavor. An id or name that is taken is fault.Conflict.
func InsertFlavor(ctx context.Context, tx *db.Tx, v *nova.Flavor, now time.Time) error {
	if _, err := Flavor(ctx, tx, v.ID); err == nil {
		return fault.Conflictf("Flavor with ID %s already exists.", v.ID)
	}
	err := flavors.Insert(ctx, tx, flavorRowOf(v, now))
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Flavor with name %s already exists.", v.Name)
	}
	return err
}

// SaveFlavor writes the fields that may change: description, extra specs and access list. fault.NotFound.
func SaveFlavor(ctx context.Context, on db.Querier, v *nova.Flavor, now time.Time) error {
	n, err := updateFlavor.Do(ctx, on, flavorRowOf(v, now))
	if err == nil && n == 0 {
		return NoFlavor(v.ID)
	}
	return err
}

// DeleteFlavor deletes a flavor; servers keep their copies. fault.NotFound.
func DeleteFlavor(ctx context.Context, on db.Querier, id string) error {
	n, err := deleteFlavor.Do(ctx, on, id)
	if err == nil && n == 0 {
		return NoFlavor(id)
	}
	return err
}
