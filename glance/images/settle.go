package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Properties that tell clients how an import goes. They stay, empty, when it has ended.
const (
	importTask   = "os_glance_import_task"
	importingTo  = "os_glance_importing_to_stores"
	failedImport = "os_glance_failed_import"
)

// finish makes the image active with what was stored at a place.
func (s *Service) finish(ctx context.Context, r store.Record, f facts, at store.Copy) error {
	return s.settle(ctx, r, nil, func(tx *db.Tx, now *store.Record) error {
		now.Status, now.Store, now.Key, now.Metadata = glance.Active, at.Store, at.Key, at.Metadata
		ended(now, r.Plan.Failed)
		return keep(ctx, tx, now, f)
	})
}

// keep writes what was found out about the data.
func keep(ctx context.Context, tx *db.Tx, now *store.Record, f facts) error {
	now.Size, now.VirtualSize = f.size, f.virtual
	now.Checksum, now.HashAlgo, now.HashValue = f.md5, f.algo, f.hash
	if f.brought != nil {
		now.Image = f.brought.on(now.Image)
	}
	return store.SetSums(ctx, tx, now.ID, f.pieces)
}

// ended takes the traces of an upload or import off a record.
func ended(now *store.Record, failed []string) {
	imported := now.ImportMethod != ""
	now.Worker, now.ImportMethod, now.ImportURI, now.Staged, now.Plan = "", "", "", "", store.Plan{}
	delete(now.Properties, importTask)
	if imported {
		now.Properties[importingTo], now.Properties[failedImport] = "", strings.Join(failed, ",")
	} else {
		delete(now.Properties, importingTo)
		delete(now.Properties, failedImport)
	}
}

// abandon gives the image back as queued and returns why, or fault.Gone when it was deleted meanwhile.
func (s *Service) abandon(ctx context.Context, r store.Record, why error) error {
	err := s.settle(ctx, r, why, func(_ *db.Tx, now *store.Record) error {
		now.Status, now.Size, now.VirtualSize = glance.Queued, -1, -1
		ended(now, r.Plan.Stores)
		now.Store, now.Key, now.Metadata, now.More = "", "", nil, nil
		return nil
	})
	if err != nil {
		if fault.Is(err, fault.Gone) {
			return err
		}
		return errors.Join(why, err)
	}
	return why
}

// held says whether a record is still as this worker left it.
func held(now, r store.Record) bool {
	return now.Status == r.Status && now.Key == r.Key && now.Staged == r.Staged && now.Worker == r.Worker
}

// settle changes a record that this worker holds, and ends the task of an import, well where why is nil. If it is no longer held the
// data is thrown away: fault.Gone.
func (s *Service) settle(ctx context.Context, r store.Record, why error, change func(*db.Tx, *store.Record) error) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	var left []store.Piece
	lost := false
	mine := r.Pieces()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		left, lost = nil, false
		now, err := store.Image(ctx, tx, r.ID)
		if fault.Is(err, fault.NotFound) || err == nil && !held(now, r) {
			lost = true
			left = mine
			if err == nil { // another upload holds the record: its data stays
				left = without(left, now.Pieces())
			}
			if err := s.endTask(ctx, tx, r, fault.New(fault.Gone, "The image was deleted or taken over during the import.")); err != nil {
				return err
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
		if err := s.endTask(ctx, tx, r, why); err != nil {
			return err
		}
		left = without(all, now.Pieces())
		if err := throw(ctx, tx, left); err != nil {
			return err
		}
		return store.Update(ctx, tx, now)
	})
	if err != nil {
		return fmt.Errorf("settle image %s: %w", r.ID, err)
	}
	s.discard(ctx, left...)
	if lost {
		return fault.New(fault.Gone, "Image %s could not be found after upload. The image may have been deleted during the upload.", r.ID)
	}
	return nil
}

func without(all, keep []store.Piece) []store.Piece {
	var out []store.Piece
	for _, p := range all {
		if !slices.Contains(keep, p) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

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

// discard removes data that is on the trash list. What cannot be removed now stays on the list for the sweep.
func (s *Service) discard(ctx context.Context, ps ...store.Piece) {
	ctx, cancel := cleanup(ctx)
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
			s.log.WarnContext(ctx, "image data could not be removed yet", "store", p.Store, "key", p.Key, log.Err, err.Error())
		}
	}
}
