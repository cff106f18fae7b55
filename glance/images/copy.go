package images

import (
	"context"
	"slices"
	"strings"

	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// copyTo gives one more store the data of an image. f is what is known of data that the image does not have yet; nil for an active image.
// On error nothing of the copy is left.
func (s *Service) copyTo(ctx context.Context, r store.Record, storeID string, f *facts) (store.Record, error) {
	to, err := s.writable(storeID)
	if err != nil {
		return r, err
	}
	c := store.Copy{Store: to.ID, Key: key(r.ID)}
	// It is named before it is written, so that a crash leaves nothing unknown.
	r, err = s.edit(ctx, r, func(_ *db.Tx, now *store.Record) error {
		now.More = append(now.More, c)
		return nil
	})
	if err != nil {
		return r, err
	}
	err = s.duplicate(ctx, r, to, c.Key, f)
	if err == nil {
		var done store.Record
		done, err = s.edit(ctx, r, func(_ *db.Tx, now *store.Record) error {
			at := slices.IndexFunc(now.More, func(m store.Copy) bool { return m.Key == c.Key })
			if at < 0 {
				return fault.New(fault.Gone, "The copy of image %s is no longer wanted.", r.ID)
			}
			now.More = slices.Clone(now.More)
			now.More[at].Whole = true
			now.Properties[importingTo] = remove(now.Properties[importingTo], to.ID)
			return nil
		})
		if err == nil {
			return done, nil
		}
	}
	if ctx.Err() != nil {
		return r, err // the next Run begins it again
	}
	s.drop(ctx, store.Piece{Store: c.Store, Key: c.Key})
	now, again := s.edit(ctx, r, func(_ *db.Tx, now *store.Record) error {
		now.More = slices.DeleteFunc(slices.Clone(now.More), func(m store.Copy) bool { return m.Key == c.Key })
		return nil
	})
	if again == nil {
		r = now
	}
	return r, err
}

// drop removes data that no record names any more, or that it will name no more.
func (s *Service) drop(ctx context.Context, p store.Piece) {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	if err := s.db.Tx(ctx, func(tx *db.Tx) error { return throw(ctx, tx, []store.Piece{p}) }); err != nil {
		s.log.WarnContext(ctx, "image data is left for the sweep", "store", p.Store, "key", p.Key, log.Err, err.Error())
		return
	}
	s.discard(ctx, p)
}

func (s *Service) duplicate(ctx context.Context, r store.Record, to Store, key string, f *facts) error {
	sums := &segments{s: s, image: r.ID, loaded: map[int64][]byte{}}
	copies := s.weighed(r)
	if f != nil {
		sums = learned(s, r, *f)
		copies = []store.Copy{{Store: r.Store, Key: r.Key}}
		r.Size, r.HashAlgo, r.HashValue = f.size, f.algo, f.hash
	}
	sums.size = r.Size
	data, err := s.read(ctx, r, sums, s.origins(r.ID, copies), 0, r.Size)
	if err != nil {
		return err
	}
	defer data.Close()
	_, err = to.Backend.Put(ctx, key, data, r.Size)
	return err
}

func remove(list, one string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == one }), ",")
}

// spread copies an active image to the stores of its plan. Where all must take it and one does not, the copies are removed again.
func (s *Service) spread(ctx context.Context, r store.Record) error {
	// What a crash left half written is begun again.
	r, err := s.edit(ctx, r, func(_ *db.Tx, now *store.Record) error {
		now.More = slices.DeleteFunc(slices.Clone(now.More), func(c store.Copy) bool { return !c.Whole })
		return nil
	})
	if err != nil {
		return err
	}
	failed, made := r.Plan.Failed, 0
	var why error
	for _, id := range r.Plan.Stores {
		if has(r, id) {
			made++
			continue
		}
		if r, err = s.copyTo(ctx, r, id, nil); err == nil {
			made++
			continue
		}
		if ctx.Err() != nil || fault.Is(err, fault.Gone) {
			return err
		}
		s.log.WarnContext(ctx, "an image was not copied to a store", "image", r.ID, "store", id, log.Err, err.Error())
		failed, why = append(failed, id), err
		if r.Plan.Must {
			break
		}
	}
	if made > 0 && !r.Plan.Must {
		why = nil
	}
	return s.spreadEnded(ctx, r, failed, why)
}

func has(r store.Record, id string) bool {
	return slices.ContainsFunc(r.Copies(), func(c store.Copy) bool { return c.Store == id })
}

func (s *Service) spreadEnded(ctx context.Context, r store.Record, failed []string, why error) error {
	wanted := r.Plan.Stores
	_, err := s.edit(ctx, r, func(tx *db.Tx, now *store.Record) error {
		if why != nil { // the copies of this import go, those from before stay
			kept := slices.DeleteFunc(now.Copies(), func(c store.Copy) bool { return slices.Contains(wanted, c.Store) })
			if len(kept) > 0 {
				now.SetCopies(kept)
			}
		}
		if err := s.endTask(ctx, tx, r, why); err != nil {
			return err
		}
		ended(now, failed)
		return nil
	})
	if why != nil {
		return why
	}
	return err
}
