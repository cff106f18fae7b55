package images

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
)

// Store is a backend under the id that clients see.
type Store struct {
	ID, Description string
	Type            string         // "file", "s3", …; TypeHTTP needs no Backend
	Weight          int            // data is read from the copy in the store of the highest weight
	Properties      map[string]any // shown to administrators
	Backend         backend.Backend
}

// TypeHTTP is the type of the store for images on web servers. It is read-only.
const TypeHTTP = "http"

// ReadOnly reports whether the store takes no data.
func (s Store) ReadOnly() bool {
	_, ok := s.Backend.(backend.ReadOnly)
	return ok
}

// remote reports whether caching the store's data on this host is worthwhile.
func (s Store) remote() bool {
	_, local := s.Backend.(backend.Local)
	_, named := s.Backend.(backend.Locator)
	return !local && (named || s.ReadOnly())
}

// url returns the URL of data in the store.
func (s Store) url(key string) string {
	if l, ok := s.Backend.(backend.Locator); ok {
		return l.URL(key)
	}
	return s.Type + "://" + s.ID + "/" + key
}

// Stores are the configured stores. Data is removed from them in two steps: the transaction that makes it unnamed puts
// it on the trash list, and discard deletes it after the commit. The sweep deletes what discard could not.
type Stores struct {
	all []Store // the default store first
	db  *db.DB
	log *slog.Logger
}

// All returns the configured stores, the default store first.
func (s *Stores) All() []Store { return s.all }

// find returns a store by its id; "" is the default store. fault.Invalid for an unknown one.
func (s *Stores) find(id string) (Store, error) {
	if id == "" {
		return s.all[0], nil
	}
	for _, st := range s.all {
		if st.ID == id {
			return st, nil
		}
	}
	return Store{}, fault.Invalidf("Store %q is not configured.", id)
}

// writable returns a store that takes data. fault.Gone for a read-only one.
func (s *Stores) writable(id string) (Store, error) {
	st, err := s.find(id)
	if err == nil && st.ReadOnly() {
		return st, fault.New(fault.Gone, "Adding images to store %q is disabled.", st.ID)
	}
	return st, err
}

// backend returns a store's backend. fault.Unavailable if the store is no longer configured.
func (s *Stores) backend(id string) (backend.Backend, error) {
	st, err := s.find(id)
	if err != nil {
		return nil, fault.Unavailablef("The store %q that holds the image is not configured here.", id)
	}
	return st.Backend, nil
}

// weighed returns an image's copies in the order in which they are read: by the weight of their stores, then by age.
func (s *Stores) weighed(r store.Record) []store.Copy {
	all := r.Copies()
	slices.SortStableFunc(all, func(a, b store.Copy) int {
		x, _ := s.find(a.Store)
		y, _ := s.find(b.Store)
		return cmp.Compare(y.Weight, x.Weight)
	})
	return all
}

// discard deletes data that is on the trash list. On an error the data stays on the list for the sweep.
func (s *Stores) discard(ctx context.Context, ps ...store.Piece) {
	ctx, cancel := detached(ctx)
	defer cancel()
	for _, p := range ps {
		b, err := s.backend(p.Store)
		if err == nil {
			err = b.Delete(ctx, p.Key)
		}
		if err == nil {
			err = store.Removed(ctx, s.db, p)
		}
		if err != nil {
			s.log.WarnContext(ctx, "cannot delete image data yet", "store", p.Store, "key", p.Key, log.Err, err.Error())
		}
	}
}

// drop removes data that no record names, or that its record names only until the caller's next transaction.
func (s *Stores) drop(ctx context.Context, ps ...store.Piece) {
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := s.db.Tx(ctx, func(tx *db.Tx) error { return throw(ctx, tx, ps) }); err != nil {
		s.log.WarnContext(ctx, "cannot list image data for removal; the sweep will find it", "data", ps, log.Err, err.Error())
		return
	}
	s.discard(ctx, ps...)
}

// strayAge is the minimum age of data without a record before the sweep removes it: a younger one may be about to be
// named by another process.
const strayAge = time.Hour

// sweep deletes a store's data that no record names.
func (s *Stores) sweep(ctx context.Context, st Store) error {
	all, err := st.Backend.List(ctx)
	if err != nil {
		return err
	}
	// The names are read after the list, so data that was named before it was listed is not missed.
	named, err := store.Keys(ctx, s.db)
	if err != nil {
		return err
	}
	for _, i := range all {
		// In a bucket that is shared with others only keys in this service's form are its own.
		if named[i.Key] || time.Since(i.Modified) < strayAge || st.remote() && !isKey(i.Key) {
			continue
		}
		s.log.WarnContext(ctx, "removing image data that no image names", "store", st.ID, "key", i.Key, "bytes", i.Size)
		if err := st.Backend.Delete(ctx, i.Key); err != nil {
			return err
		}
	}
	return nil
}

// key returns a new key for data of an image.
func key(image string) string {
	return strings.ToLower(image) + "." + ids.Hex()[:12]
}

// isKey reports whether a key has the form of key's.
func isKey(k string) bool {
	id, rest, ok := strings.Cut(k, ".")
	return ok && len(id) == 36 && ids.IsUUID(id) && len(rest) == 12
}

// throw puts data on the trash list.
func throw(ctx context.Context, tx *db.Tx, ps []store.Piece) error {
	if len(ps) == 0 {
		return nil
	}
	listed, err := store.Trash(ctx, tx)
	if err != nil {
		return err
	}
	for _, p := range without(ps, listed) {
		if err := store.Discard(ctx, tx, p.Store, p.Key); err != nil {
			return err
		}
	}
	return nil
}

// without returns the pieces of all that are not in keep, each once.
func without(all, keep []store.Piece) []store.Piece {
	var out []store.Piece
	for _, p := range all {
		if !slices.Contains(keep, p) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// detached returns a context for clean-up after a request that may have ended: without its cancellation, bounded by a
// minute.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}
