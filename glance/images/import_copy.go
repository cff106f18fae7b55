package images

import (
	"context"
	"errors"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/log"
)

// spread is the step that copies the data of an active image to more stores. It fails if all of them must take it and
// one does not, or if none does.
func (r *importRun) spread(ctx context.Context, p *progress) error {
	wanted := r.wanted(p)
	failed, made := slices.Clone(r.args.Failed), 0
	if r.args.Method != CopyImage {
		failed = slices.Clone(p.Failed)
	}
	defer func() { p.Failed = failed }()
	var why error
	for _, id := range wanted {
		if has(r.record, id) {
			made++
			continue
		}
		err := r.copyTo(ctx, id, p)
		if err == nil {
			made++
			continue
		}
		if ctx.Err() != nil || errors.Is(err, errTaken) || errors.As(err, new(repeat)) {
			return err
		}
		r.log.WarnContext(ctx, "cannot copy an image to a store", "image", r.args.Image, "store", id, log.Err, err.Error())
		if why = err; !slices.Contains(failed, id) {
			failed = append(failed, id)
		}
		if r.args.Must {
			return why
		}
	}
	if made > 0 {
		return nil
	}
	return why
}

// wanted returns the stores that the spread step copies to.
func (r *importRun) wanted(p *progress) []string {
	if r.args.Method == CopyImage {
		return r.args.Stores
	}
	return p.Rest
}

// copyTo gives a store a complete copy of the data. Without an error from step, nothing is left of a failed copy.
func (r *importRun) copyTo(ctx context.Context, storeID string, p *progress) error {
	to, err := r.intake.stores.writable(storeID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.record.More, func(c store.Copy) bool { return c.Store == to.ID && c.Whole }) {
		return nil // of an earlier attempt
	}
	c := store.Copy{Store: to.ID, Key: key(r.args.Image)}
	// The record names the copy before it is written. Incomplete copies of earlier attempts are removed.
	err = r.step(ctx, func(_ *db.Tx, now *store.Record) error {
		now.More = append(slices.DeleteFunc(slices.Clone(now.More), func(c store.Copy) bool { return !c.Whole }), c)
		return nil
	})
	if err != nil {
		return err
	}
	if err = r.duplicate(ctx, to, c.Key, p); err == nil {
		return r.step(ctx, func(_ *db.Tx, now *store.Record) error {
			now.More = slices.Clone(now.More)
			for n := range now.More {
				if now.More[n].Key == c.Key {
					now.More[n].Whole = true
				}
			}
			now.Properties[importingTo] = remove(now.Properties[importingTo], to.ID)
			return nil
		})
	}
	if ctx.Err() != nil {
		return err // the next attempt removes it
	}
	r.intake.stores.drop(ctx, store.Piece{Store: c.Store, Key: c.Key})
	return errors.Join(err, r.step(ctx, func(_ *db.Tx, now *store.Record) error {
		now.More = slices.DeleteFunc(slices.Clone(now.More), func(m store.Copy) bool { return m.Key == c.Key })
		return nil
	}))
}

// duplicate copies the image's data to a store. The data is checked while it is read.
func (r *importRun) duplicate(ctx context.Context, to Store, key string, p *progress) error {
	rec, copies := r.record, r.intake.stores.weighed(r.record)
	if rec.Status == glance.Importing { // it has no copies that can be read by others yet
		copies = []store.Copy{{Store: rec.Store, Key: rec.Key}}
		rec.Size, rec.HashAlgo, rec.HashValue = p.Data.Size, p.Data.Algo, p.Data.Hash
	}
	data, err := r.read.read(ctx, rec, r.read.origins(rec.ID, copies), 0, rec.Size)
	if err != nil {
		return err
	}
	defer data.Close()
	_, err = to.Backend.Put(ctx, key, data, rec.Size)
	return err
}

func remove(list, one string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == one }), ",")
}
