package catalog

import (
	"context"
	"errors"
	"slices"

	"hypernova/keystone"
	"hypernova/keystone/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Regions is the operations on regions.
type Regions struct{ base }

// Get returns a region; fault.NotFound.
func (r *Regions) Get(ctx context.Context, id string) (keystone.Region, error) {
	v, err := store.Region(ctx, r.db, id)
	return v, store.Missing(err, "region", id)
}

// List returns all regions.
func (r *Regions) List(ctx context.Context) ([]keystone.Region, error) {
	return store.Regions(ctx, r.db)
}

// Create inserts a region, with a new id if it has none. fault.Conflict for a taken id, fault.NotFound for an unknown
// parent.
func (r *Regions) Create(ctx context.Context, v keystone.Region) (keystone.Region, error) {
	if v.ID == "" {
		v.ID = ids.Hex()
	}
	return v, r.write(ctx, func(tx *db.Tx) error {
		if err := parentExists(ctx, tx, v); err != nil {
			return err
		}
		err := store.InsertRegion(ctx, tx, v)
		if errors.Is(err, db.ErrDuplicate) {
			err = fault.Conflictf("Conflict occurred attempting to store region - Duplicate ID, %s.", v.ID).Because(err)
		}
		return err
	})
}

// Update writes what change returns for the current region; change may run more than once. fault.NotFound, also for an
// unknown parent.
func (r *Regions) Update(
	ctx context.Context, id string, change func(keystone.Region) keystone.Region,
) (keystone.Region, error) {
	var v keystone.Region
	err := r.write(ctx, func(tx *db.Tx) error {
		var err error
		if v, err = store.Region(ctx, tx, id); err != nil {
			return store.Missing(err, "region", id)
		}
		v = change(v)
		if err := parentExists(ctx, tx, v); err != nil {
			return err
		}
		return store.UpdateRegion(ctx, tx, v)
	})
	return v, err
}

// parentExists is fault.NotFound for a parent that does not exist.
func parentExists(ctx context.Context, tx *db.Tx, v keystone.Region) error {
	if v.ParentID == "" {
		return nil
	}
	_, err := store.Region(ctx, tx, v.ParentID)
	return store.Missing(err, "region", v.ParentID)
}

// Delete removes a region; fault.Forbidden if it has regions or endpoints, fault.NotFound.
func (r *Regions) Delete(ctx context.Context, id string) error {
	return r.write(ctx, func(tx *db.Tx) error {
		rs, err := store.Regions(ctx, tx)
		if err != nil {
			return err
		}
		es, err := store.Endpoints(ctx, tx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rs, func(r keystone.Region) bool { return r.ParentID == id }) ||
			slices.ContainsFunc(es, func(e keystone.Endpoint) bool { return e.RegionID == id }) {
			return fault.Forbiddenf("Unable to delete region %s because it or its child regions have associated endpoints.", id)
		}
		return store.Missing(store.DeleteRegion(ctx, tx, id), "region", id)
	})
}
