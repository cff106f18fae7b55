package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Data uploads, stages and downloads the data of images.
//
// Upload and Stage claim the record for this process's worker and write into it the key of the data before they write
// the data. After a crash, Recover of the same worker removes that data and sets the image to queued again.
type Data struct {
	db     *db.DB
	intake *intake
	read   *reader
	cache  *Caching
	quota  *Quota
	worker string
	now    clock.Now
}

// Upload stores an image's data and makes the image active. A size of -1 is unknown; the store "" is the default store.
// It blocks until the data is stored.
//
// fault.Conflict unless the image is queued, fault.TooLarge over a limit, ErrContent for rejected data, fault.Gone if
// the image was deleted meanwhile. After an error the image is queued and nothing of the data is left.
func (s *Data) Upload(ctx context.Context, id string, body io.Reader, size int64, storeID string) error {
	if err := s.quota.allows(ctx, SizeTotal, size); err != nil {
		return err
	}
	r, err := s.begin(ctx, id, glance.Saving, storeID)
	if err != nil {
		return err
	}
	f, err := s.intake.put(ctx, r, store.Piece{Store: r.Store, Key: r.Key}, body, size)
	if err != nil {
		return s.abandon(ctx, r, err)
	}
	return s.finish(ctx, r, func(tx *db.Tx, now *store.Record) error {
		now.Status, now.Store, now.Key, now.Metadata = glance.Active, r.Store, r.Key, nil
		ended(now, nil)
		f.write(now)
		return store.SetSums(ctx, tx, now.ID, f.pieces)
	})
}

// Stage stores data for a later glance-direct import. Its errors are those of Upload.
func (s *Data) Stage(ctx context.Context, id string, body io.Reader, size int64) error {
	if err := s.quota.allows(ctx, StageTotal, size); err != nil {
		return err
	}
	r, err := s.begin(ctx, id, glance.Uploading, "")
	if err != nil {
		return err
	}
	f, err := s.intake.put(ctx, r, store.Piece{Store: r.StagedIn, Key: r.Staged}, body, size)
	if err != nil {
		return s.abandon(ctx, r, err)
	}
	return s.finish(ctx, r, func(_ *db.Tx, now *store.Record) error {
		now.Size = f.Size
		return nil
	})
}

// begin claims a queued image for an upload by this worker.
func (s *Data) begin(ctx context.Context, id, status, storeID string) (store.Record, error) {
	st, err := s.intake.stores.writable(storeID)
	if err != nil {
		return store.Record{}, err
	}
	limits, err := s.quota.allowance(ctx)
	if err != nil {
		return store.Record{}, err
	}
	var out store.Record
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := visible(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.Status != glance.Queued {
			return fault.Conflictf("Image status transition from %s to %s is not allowed", r.Status, status)
		}
		if status == glance.Saving {
			if err := formats(r.Image); err != nil {
				return err
			}
			r.Store, r.Key = st.ID, key(id)
		} else {
			r.StagedIn, r.Staged = st.ID, key(id)
		}
		r.Status, r.Worker, r.Updated = status, s.worker, s.now()
		out = r
		if err := store.UpdateImage(ctx, tx, r); err != nil {
			return err
		}
		return within(ctx, tx, limits, CountUploading, 0) // the usage includes this upload already
	})
	return out, err
}

// formats returns fault.Invalid for an image without its formats, which data requires.
func formats(i glance.Image) error {
	switch {
	case i.DiskFormat == "" && i.ContainerFormat == "":
		return fault.Invalidf("Properties disk_format, container_format must be set prior to saving data.")
	case i.DiskFormat == "":
		return fault.Invalidf("Property disk_format must be set prior to saving data.")
	case i.ContainerFormat == "":
		return fault.Invalidf("Property container_format must be set prior to saving data.")
	}
	return nil
}

// abandon sets an image whose upload failed to queued and removes its data. It returns why, or fault.Gone if the image
// was deleted meanwhile.
func (s *Data) abandon(ctx context.Context, r store.Record, why error) error {
	err := s.finish(ctx, r, func(_ *db.Tx, now *store.Record) error {
		emptied(now)
		ended(now, nil)
		return nil
	})
	switch {
	case err == nil:
		return why
	case fault.Is(err, fault.Gone):
		return err
	}
	return errors.Join(why, err)
}

// emptied makes a record queued and without data.
func emptied(r *store.Record) {
	r.Status, r.Size, r.VirtualSize = glance.Queued, -1, -1
	r.Store, r.Key, r.Metadata, r.More = "", "", nil, nil
}

// finish ends an upload: it changes the record if this upload still owns it, and removes the data that the record no
// longer names. Otherwise it removes the upload's data and returns fault.Gone.
func (s *Data) finish(ctx context.Context, r store.Record, change func(*db.Tx, *store.Record) error) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	var left []store.Piece
	lost := false
	mine := r.Pieces()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		left, lost = nil, false
		now, err := store.Image(ctx, tx, r.ID)
		if fault.Is(err, fault.NotFound) || err == nil && !held(now, r) {
			lost, left = true, mine
			if err == nil { // another upload owns the record; its data stays
				left = without(left, now.Pieces())
			}
			return throw(ctx, tx, left)
		}
		if err != nil {
			return err
		}
		all := append(now.Pieces(), mine...)
		if err := change(tx, &now); err != nil {
			return err
		}
		now.Updated = s.now()
		left = without(all, now.Pieces())
		if err := throw(ctx, tx, left); err != nil {
			return err
		}
		return store.UpdateImage(ctx, tx, now)
	})
	if err != nil {
		return fmt.Errorf("end upload of image %s: %w", r.ID, err)
	}
	s.intake.stores.discard(ctx, left...)
	if lost {
		return fault.New(fault.Gone,
			"Image %s could not be found after upload. The image may have been deleted during the upload.", r.ID)
	}
	return nil
}

// held reports whether a record is still as the upload r left it.
func held(now, r store.Record) bool {
	return now.Status == r.Status && now.Key == r.Key && now.Staged == r.Staged && now.Worker == r.Worker
}

// recover ends the uploads that a crash of this worker interrupted.
func (s *Data) recover(ctx context.Context) error {
	rs, err := store.UploadsOf(ctx, s.db, s.worker)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.Status == glance.Uploading && r.Size >= 0 {
			continue // staged data waits for its import
		}
		s.intake.log.InfoContext(ctx, "resetting image to queued: its upload was interrupted", "image", r.ID)
		if err := s.abandon(ctx, r, nil); err != nil && !fault.Is(err, fault.Gone) {
			return err
		}
	}
	return nil
}

// readable loads an image whose data the caller may read. Administrators may read deactivated images too.
func readable(ctx context.Context, q db.Querier, id string) (store.Record, error) {
	r, _, err := visible(ctx, q, id)
	switch {
	case err != nil:
		return r, err
	case r.Status == glance.Deactivated && !auth.From(ctx).Admin():
		return r, fault.Forbiddenf("The requested image has been deactivated. Image data download is forbidden.")
	case r.Status != glance.Active && r.Status != glance.Deactivated:
		return r, fault.Conflictf("Image %s has no data: it is %s.", id, r.Status)
	}
	return r, nil
}

// Read opens length bytes of an image's data from offset; a length of -1 is to the end. The stores in prefer are tried
// first. The caller closes the reader.
//
// Each piece of an image has a checksum from when it was stored, and a piece is checked before its first byte is
// returned, also in a range. A damaged piece is read from another store. Only data that was stored without piece
// checksums (a location that was not read) is checked as a whole, at its end.
//
// fault.Conflict for an image without data, fault.Forbidden for a deactivated one.
func (s *Data) Read(ctx context.Context, id string, offset, length int64, prefer ...string) (io.ReadCloser, error) {
	r, err := readable(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	for _, p := range prefer {
		if _, err := s.intake.stores.find(p); err != nil {
			return nil, err
		}
	}
	if length < 0 {
		length = r.Size - offset
	}
	return s.open(ctx, r, offset, length, prefer...)
}

func (s *Data) open(ctx context.Context, r store.Record, offset, length int64,
	prefer ...string) (io.ReadCloser, error) {
	copies := s.intake.stores.weighed(r)
	slices.SortStableFunc(copies, func(a, b store.Copy) int {
		return preferred(prefer, a.Store) - preferred(prefer, b.Store)
	})
	from := s.read.origins(r.ID, copies)
	if len(prefer) == 0 {
		from = s.cache.nearby(ctx, r, from, offset == 0)
	}
	return s.read.read(ctx, r, from, offset, length)
}

func preferred(prefer []string, id string) int {
	if i := slices.Index(prefer, id); i >= 0 {
		return i
	}
	return len(prefer)
}
