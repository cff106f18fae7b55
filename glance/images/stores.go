package images

import (
	"cmp"
	"context"
	"slices"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Store is a backend under the name that clients see.
type Store struct {
	ID, Description string
	Type            string         // "file", "s3", …; TypeHTTP needs no backend
	Weight          int            // of several copies, the one in the heaviest store is read
	Properties      map[string]any // what administrators may know of it
	Backend         backend.Backend
}

// TypeHTTP is the type of the store of images that are on web servers: they are read from there, nothing is written.
const TypeHTTP = "http"

// ReadOnly is a store that takes no data.
func (s Store) ReadOnly() bool {
	_, ok := s.Backend.(backend.ReadOnly)
	return ok
}

// remote is a store whose data is worth keeping on this host's disk as well.
func (s Store) remote() bool {
	_, local := s.Backend.(backend.Local)
	_, named := s.Backend.(backend.Locator)
	return !local && (named || s.ReadOnly())
}

// url names data of the store.
func (s Store) url(key string) string {
	if l, ok := s.Backend.(backend.Locator); ok {
		return l.URL(key)
	}
	return s.Type + "://" + s.ID + "/" + key
}

// Stores are the configured stores, the default one first.
func (s *Service) Stores() []Store { return s.stores }

func (s *Service) store(id string) (Store, error) {
	if id == "" {
		return s.stores[0], nil
	}
	for _, st := range s.stores {
		if st.ID == id {
			return st, nil
		}
	}
	return Store{}, fault.Invalidf("Store %q is not configured.", id)
}

// writable is a store that takes data.
func (s *Service) writable(id string) (Store, error) {
	st, err := s.store(id)
	if err == nil && st.ReadOnly() {
		return st, fault.New(fault.Gone, "Adding images to store %q is disabled.", st.ID)
	}
	return st, err
}

func (s *Service) backend(id string) (backend.Backend, error) {
	st, err := s.store(id)
	if err != nil {
		return nil, fault.Unavailablef("The store %q that holds the image is not configured here.", id)
	}
	return st.Backend, nil
}

// weighed are an image's copies in the order in which they are read: by the weight of their stores, then as they were made.
func (s *Service) weighed(r store.Record) []store.Copy {
	all := r.Copies()
	slices.SortStableFunc(all, func(a, b store.Copy) int {
		x, _ := s.store(a.Store)
		y, _ := s.store(b.Store)
		return cmp.Compare(y.Weight, x.Weight)
	})
	return all
}

// DeleteCopy removes an image's data from one store. fault.Conflict for an unknown store or an image that is not active,
// fault.NotFound where it is not there, fault.Forbidden for the last copy.
func (s *Service) DeleteCopy(ctx context.Context, id, storeID string) error {
	if !slices.ContainsFunc(s.stores, func(st Store) bool { return st.ID == storeID }) {
		return fault.Conflictf("The selected store %s is not available on this node.", storeID)
	}
	return s.removeCopy(ctx, id, func(all []store.Copy) (int, error) {
		at := slices.IndexFunc(all, func(c store.Copy) bool { return c.Store == storeID })
		switch {
		case len(all) == 1:
			return 0, fault.Forbiddenf("Cannot delete image data from the only store containing it. Consider deleting the image instead.")
		case at < 0:
			return 0, fault.NotFoundf("Image %s is not stored in store %s.", id, storeID)
		}
		return at, nil
	})
}

func (s *Service) removeCopy(ctx context.Context, id string, which func([]store.Copy) (int, error)) error {
	var gone store.Piece
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Status != glance.Active {
			return fault.Conflictf("It's not allowed to remove image data from store if image status is not 'active'")
		}
		all := r.Copies()
		at, err := which(all)
		if err != nil {
			return err
		}
		gone = store.Piece{Store: all[at].Store, Key: all[at].Key}
		r.SetCopies(slices.Delete(all, at, at+1))
		r.Updated = s.now()
		if err := throw(ctx, tx, []store.Piece{gone}); err != nil {
			return err
		}
		return store.Update(ctx, tx, r)
	})
	if err == nil {
		s.discard(ctx, gone)
	}
	return err
}
