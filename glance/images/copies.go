package images

import (
	"context"
	"slices"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Copies removes single copies of images' data.
type Copies struct {
	db     *db.DB
	stores *Stores
	now    clock.Now
}

// Delete removes an image's data from one store. fault.Conflict for an unknown store or an image that is not active,
// fault.NotFound if the store does not have the image, fault.Forbidden for the only copy.
func (s *Copies) Delete(ctx context.Context, id, storeID string) error {
	if !slices.ContainsFunc(s.stores.all, func(st Store) bool { return st.ID == storeID }) {
		return fault.Conflictf("The selected store %s is not available on this node.", storeID)
	}
	return s.remove(ctx, id, func(all []store.Copy) (int, error) {
		n := slices.IndexFunc(all, func(c store.Copy) bool { return c.Store == storeID })
		switch {
		case len(all) == 1:
			return 0, fault.Forbiddenf("Cannot delete image data from the only store containing it. " +
				"Consider deleting the image instead.")
		case n < 0:
			return 0, fault.NotFoundf("Image %s is not stored in store %s.", id, storeID)
		}
		return n, nil
	})
}

// remove removes the copy whose index which returns.
func (s *Copies) remove(ctx context.Context, id string, which func([]store.Copy) (int, error)) error {
	var gone store.Piece
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Status != glance.Active {
			return fault.Conflictf("It's not allowed to remove image data from store if image status is not 'active'")
		}
		all := r.Copies()
		n, err := which(all)
		if err != nil {
			return err
		}
		gone = store.Piece{Store: all[n].Store, Key: all[n].Key}
		r.SetCopies(slices.Delete(all, n, n+1))
		r.Updated = s.now()
		if err := throw(ctx, tx, []store.Piece{gone}); err != nil {
			return err
		}
		return store.UpdateImage(ctx, tx, r)
	})
	if err == nil {
		s.stores.discard(ctx, gone)
	}
	return err
}

// has reports whether a store has a complete copy of an image.
func has(r store.Record, id string) bool {
	return slices.ContainsFunc(r.Copies(), func(c store.Copy) bool { return c.Store == id })
}
