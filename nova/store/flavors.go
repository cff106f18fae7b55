package store

import (
	"context"
	"errors"

	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

type flavorRow struct {
	ID          string                     `db:"id"`
	Name        string                     `db:"name"`
	VCPUs       int                        `db:"vcpus"`
	MemoryMB    int                        `db:"memory_mb"`
	DiskGB      int                        `db:"disk_gb"`
	Ephemeral   int                        `db:"ephemeral"`
	Swap        int                        `db:"swap"`
	RxTxFactor  float64                    `db:"rxtx_factor"`
	Public      bool                       `db:"public"`
	Disabled    bool                       `db:"disabled"`
	Description *string                    `db:"description"`
	ExtraSpecs  db.JSON[map[string]string] `db:"extra_specs"`
	Projects    string                     `db:"projects"` // ",p1,p2," as tags are
	Created     db.Time                    `db:"created_at"`
	Updated     db.Time                    `db:"updated_at"`
}

const flavorColumns = `id, name, vcpus, memory_mb, disk_gb, ephemeral, swap, rxtx_factor, public, disabled, description,
	extra_specs, projects, created_at, updated_at`

func (r *flavorRow) noun() nova.Flavor {
	return nova.Flavor{ID: r.ID, Name: r.Name, VCPUs: r.VCPUs, RAM: r.MemoryMB, Disk: r.DiskGB, Ephemeral: r.Ephemeral, Swap: r.Swap,
		RxTxFactor: r.RxTxFactor, Public: r.Public, Disabled: r.Disabled, Description: r.Description, ExtraSpecs: r.ExtraSpecs.V,
		Projects: splitTags(r.Projects)}
}

var (
	// Operators make few flavors; the table is read whole from the primary key or sorted.
	flavorList = db.NewList[flavorRow](stmts, "SELECT "+flavorColumns+"\nFROM flavors", map[string]string{
		"flavorid": "id NOT NULL", "id": "id NOT NULL", "name": "name NOT NULL", "vcpus": "vcpus NOT NULL", "memory_mb": "memory_mb NOT NULL", "root_gb": "disk_gb NOT NULL",
		"ephemeral_gb": "ephemeral NOT NULL", "swap": "swap NOT NULL", "rxtx_factor": "rxtx_factor NOT NULL", "is_public": "public NOT NULL",
		"disabled": "disabled NOT NULL", "description": "description", "created_at": "created_at NOT NULL", "updated_at": "updated_at NOT NULL", "projects": "projects NOT NULL",
	}, "id")
	flavorByID   = db.NewQuery[flavorRow](stmts, "SELECT "+flavorColumns+"\nFROM flavors\nWHERE id = ?")
	insertFlavor = db.NewInsert[flavorRow](stmts, "flavors")
	updateFlavor = db.NewExec(stmts, "UPDATE flavors\nSET description = ?, extra_specs = ?, projects = ?, updated_at = ?\nWHERE id = ?")
	deleteFlavor = db.NewExec(stmts, "DELETE FROM flavors\nWHERE id = ?")
)

// Flavors is one page. Columns: flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, rxtx_factor, is_public, disabled,
// description, created_at, updated_at, and projects, which is ",a,b,".
func (s *Store) Flavors(ctx context.Context, on db.Querier, a db.ListArgs) ([]nova.Flavor, error) {
	rows, err := flavorList.Page(ctx, on, a)
	if err != nil {
		return nil, err
	}
	out := make([]nova.Flavor, len(rows))
	for i := range rows {
		out[i] = rows[i].noun()
	}
	return out, nil
}

// Flavor by its id, with extra specs and access list; fault.NotFound.
func (s *Store) Flavor(ctx context.Context, on db.Querier, id string) (nova.Flavor, error) {
	r, err := flavorByID.One(ctx, on, id)
	if fault.Is(err, fault.NotFound) {
		return nova.Flavor{}, NoFlavor(id)
	}
	return r.noun(), err
}

// NoFlavor is the answer about a flavor that is not there.
func NoFlavor(id string) error { return fault.NotFoundf("Flavor %s could not be found.", id) }

// InsertFlavor writes a new flavor; an id or name that is taken is fault.Conflict.
func (s *Store) InsertFlavor(ctx context.Context, tx *db.Tx, v *nova.Flavor) error {
	if _, err := s.Flavor(ctx, tx, v.ID); err == nil {
		return fault.Conflictf("Flavor with ID %s already exists.", v.ID)
	}
	now := db.At(s.now())
	err := insertFlavor.Do(ctx, tx, flavorRow{ID: v.ID, Name: v.Name, VCPUs: v.VCPUs, MemoryMB: v.RAM, DiskGB: v.Disk, Ephemeral: v.Ephemeral,
		Swap: v.Swap, RxTxFactor: v.RxTxFactor, Public: v.Public, Disabled: v.Disabled, Description: v.Description,
		ExtraSpecs: db.JSON[map[string]string]{V: v.ExtraSpecs}, Projects: joinTags(v.Projects), Created: now, Updated: now})
	if errors.Is(err, db.ErrDuplicate) {
		return fault.Conflictf("Flavor with name %s already exists.", v.Name)
	}
	return err
}

// SaveFlavor writes what may change: description, extra specs, access list.
func (s *Store) SaveFlavor(ctx context.Context, on db.Querier, v *nova.Flavor) error {
	n, err := updateFlavor.Do(ctx, on, v.Description, db.JSON[map[string]string]{V: v.ExtraSpecs}, joinTags(v.Projects), s.now(), v.ID)
	if err == nil && n == 0 {
		return NoFlavor(v.ID)
	}
	return err
}

// DeleteFlavor forgets it; servers keep their copies. fault.NotFound.
func (s *Store) DeleteFlavor(ctx context.Context, on db.Querier, id string) error {
	n, err := deleteFlavor.Do(ctx, on, id)
	if err == nil && n == 0 {
		return NoFlavor(id)
	}
	return err
}
