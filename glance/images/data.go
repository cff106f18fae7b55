package images

import (
	"context"
	"errors"
	"io"

	"hypernova/glance"
	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Upload stores an image's data and makes it active; size is -1 where it is not known, store "" is the default one.
// fault.Conflict unless the image is queued; fault.TooLarge over a limit; ErrContent for data that the image must not have;
// fault.Gone when it was deleted meanwhile. On any error the image is queued again and nothing of the data is left.
func (s *Service) Upload(ctx context.Context, id string, body io.Reader, size int64, storeID string) error {
	if err := s.has(ctx, SizeTotal, size); err != nil {
		return err
	}
	r, err := s.begin(ctx, id, glance.Saving, storeID)
	if err != nil {
		return err
	}
	f, err := s.put(ctx, r, store.Piece{Store: r.Store, Key: r.Key}, body, size)
	if err != nil {
		return s.abandon(ctx, r, err)
	}
	return s.finish(ctx, r, f, store.Copy{Store: r.Store, Key: r.Key})
}

// Stage keeps data aside for an import. Errors are those of Upload.
func (s *Service) Stage(ctx context.Context, id string, body io.Reader, size int64) error {
	if err := s.has(ctx, StageTotal, size); err != nil {
		return err
	}
	r, err := s.begin(ctx, id, glance.Uploading, "")
	if err != nil {
		return err
	}
	f, err := s.put(ctx, r, store.Piece{Store: r.Plan.StagedIn, Key: r.Staged}, body, size)
	if err != nil {
		return s.abandon(ctx, r, err)
	}
	return s.settle(ctx, r, nil, func(_ *db.Tx, now *store.Record) error {
		now.Size = f.size
		return nil
	})
}

// begin claims a queued image for an upload by this worker.
func (s *Service) begin(ctx context.Context, id, status, storeID string) (store.Record, error) {
	st, err := s.writable(storeID)
	if err != nil {
		return store.Record{}, err
	}
	limits, err := s.allowance(ctx)
	if err != nil {
		return store.Record{}, err
	}
	var out store.Record
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		r, _, err := s.visible(ctx, tx, id)
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
			r.Plan.StagedIn, r.Staged = st.ID, key(id)
		}
		r.Status, r.Worker, r.Updated = status, s.worker, s.now()
		out = r
		if err := store.Update(ctx, tx, r); err != nil {
			return err
		}
		return within(ctx, tx, limits, CountUploading, 0) // this one counts already
	})
	return out, err
}

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

// placeError is trouble of a store, not of the data or who sends it: another store may take it.
type placeError struct{ error }

func (e placeError) Unwrap() error { return e.error }

// put streams into a store under a key that the record names: looked at, bounded and hashed on the way.
func (s *Service) put(ctx context.Context, r store.Record, to store.Piece, body io.Reader, size int64) (facts, error) {
	b, err := s.backend(to.Store)
	if err != nil {
		return facts{}, err
	}
	limit, err := s.room(ctx, r.Owner)
	if err != nil {
		return facts{}, err
	}
	if limit >= 0 && size > limit {
		return facts{}, tooLarge(limit)
	}
	verify := func() error { return nil }
	if to.Key == r.Key { // staged data is verified when it is imported
		if body, verify, err = s.signed(r, body); err != nil {
			return facts{}, err
		}
	}
	looked, err := s.look(bound(&source{r: body}, limit), r.Image)
	if err != nil {
		return facts{}, err
	}
	h := newHashing(looked, s.hash)
	defer h.close()
	n, err := b.Put(ctx, to.Key, h, size)
	switch {
	case err != nil && h.failed() == nil && ctx.Err() == nil && !fault.Is(err, fault.Invalid):
		return facts{}, placeError{err}
	case err != nil:
		return facts{}, err
	}
	if err := looked.whole(); err != nil {
		return facts{}, err
	}
	if err := verify(); err != nil {
		return facts{}, err
	}
	return h.facts(n, looked.virtual(n)), nil
}

// room is how many bytes an image of the project may have; negative for no limit.
func (s *Service) room(ctx context.Context, project string) (int64, error) {
	limit := s.limits.Size
	if s.limits.Storage > 0 {
		used, err := store.BytesOf(ctx, s.db, project)
		if err != nil {
			return 0, err
		}
		left := max(s.limits.Storage-used, 0)
		if limit < 0 || left < limit {
			limit = left
		}
	}
	return limit, nil
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The image is larger than the %d bytes that are allowed.", limit)
}

// source tells a client that broke off from trouble of our own.
type source struct{ r io.Reader }

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && fault.Of(err) == nil {
		err = fault.Invalidf("The image data ended too early.").Because(err)
	}
	return n, err
}

func bound(r io.Reader, limit int64) io.Reader {
	if limit < 0 {
		return r
	}
	return &bounded{r: r, left: limit, limit: limit}
}

type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more, to see that there is more
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	return n, err
}
