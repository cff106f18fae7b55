package images

import (
	"context"
	"crypto/md5"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
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
	f, err := s.put(ctx, r, r.Key, body, size)
	if err != nil {
		return s.abandon(ctx, r, err)
	}
	return s.finish(ctx, r, f)
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
	f, err := s.put(ctx, r, r.Staged, body, size)
	if err != nil {
		return s.abandon(ctx, r, err)
	}
	return s.settle(ctx, r, nil, func(now *store.Record) { now.Size = f.size })
}

// begin claims a queued image for an upload by this worker.
func (s *Service) begin(ctx context.Context, id, status, storeID string) (store.Record, error) {
	st, err := s.store(storeID)
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
			r.Key = key(id)
		} else {
			r.Staged = key(id)
		}
		r.Status, r.Store, r.Worker, r.Updated = status, st.ID, s.worker, s.now()
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

// facts are what storing found out about data.
type facts struct {
	size, virtual int64
	md5, sha512   string
}

// put streams into the record's store: looked at, bounded and hashed on the way.
func (s *Service) put(ctx context.Context, r store.Record, key string, body io.Reader, size int64) (facts, error) {
	b, err := s.backend(r.Store)
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
	if key == r.Key { // staged data is verified when it is imported
		if body, verify, err = s.signed(r, body); err != nil {
			return facts{}, err
		}
	}
	h := newHashing(bound(&source{r: body}, limit), md5.New(), sha512.New())
	defer h.close()
	looked, found, err := look(h, r.Image)
	if err != nil {
		return facts{}, err
	}
	n, err := b.Put(ctx, key, looked, size)
	if err != nil {
		return facts{}, err
	}
	if err := verify(); err != nil {
		return facts{}, err
	}
	return h.facts(n, found), nil
}

func (h *hashing) facts(n int64, c content) facts {
	sums := h.close()
	f := facts{size: n, virtual: c.virtual, md5: hex.EncodeToString(sums[0]), sha512: hex.EncodeToString(sums[1])}
	if c.format == "raw" || c.format == "iso" {
		f.virtual = n
	}
	return f
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

// finish makes the image active with what was stored.
func (s *Service) finish(ctx context.Context, r store.Record, f facts) error {
	return s.settle(ctx, r, nil, func(now *store.Record) {
		now.Status, now.Size, now.VirtualSize = glance.Active, f.size, f.virtual
		now.Checksum, now.HashAlgo, now.HashValue = f.md5, "sha512", f.sha512
		now.Key, now.Worker, now.ImportMethod, now.ImportURI = r.Key, "", "", ""
		if now.Staged == now.Key {
			now.Staged = ""
		}
		delete(now.Properties, failedImport)
	})
}

// abandon gives the image back as queued and returns why, or fault.Gone when it was deleted meanwhile.
func (s *Service) abandon(ctx context.Context, r store.Record, why error) error {
	err := s.settle(ctx, r, why, func(now *store.Record) {
		now.Status, now.Size, now.VirtualSize = glance.Queued, -1, -1
		now.Key, now.Staged, now.Worker, now.ImportMethod, now.ImportURI = "", "", "", "", ""
		if r.ImportMethod != "" {
			now.Properties[failedImport] = r.Store
		}
	})
	if err != nil {
		if fault.Is(err, fault.Gone) {
			return err
		}
		return errors.Join(why, err)
	}
	return why
}

// settle changes a record that this worker holds, and ends the task of an import, well where why is nil. If it is no longer held the data is thrown away: fault.Gone.
func (s *Service) settle(ctx context.Context, r store.Record, why error, change func(*store.Record)) error {
	ctx, cancel := cleanup(ctx)
	defer cancel()
	var left []store.Piece
	lost := false
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		left, lost = nil, false
		now, err := store.Image(ctx, tx, r.ID)
		if fault.Is(err, fault.NotFound) || err == nil && (now.Status != r.Status || now.Key != r.Key && r.Status != glance.Importing || now.Staged != r.Staged || now.Worker != r.Worker) {
			lost = true
			left = pieces(r)
			if err == nil { // another upload holds the record: its data stays
				left = without(left, pieces(now))
			}
			if err := s.endTask(ctx, tx, r, fault.New(fault.Gone, "The image was deleted or taken over during the import.")); err != nil {
				return err
			}
			return throw(ctx, tx, left)
		}
		if err != nil {
			return err
		}
		change(&now)
		now.Updated = s.now()
		if err := s.endTask(ctx, tx, r, why); err != nil {
			return err
		}
		left = without(pieces(r), pieces(now))
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

func pieces(r store.Record) []store.Piece {
	var out []store.Piece
	for _, k := range []string{r.Key, r.Staged} {
		if k != "" {
			out = append(out, store.Piece{Store: r.Store, Key: k})
		}
	}
	return out
}

func without(all, keep []store.Piece) []store.Piece {
	var out []store.Piece
	for _, p := range all {
		kept := false
		for _, k := range append(keep, out...) {
			kept = kept || k == p
		}
		if !kept {
			out = append(out, p)
		}
	}
	return out
}

func throw(ctx context.Context, tx *db.Tx, ps []store.Piece) error {
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
		if p.Key == "" {
			continue
		}
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

func (s *Service) backend(id string) (backend.Backend, error) {
	st, err := s.store(id)
	if err != nil {
		return nil, fault.Unavailablef("The store %q that holds the image is not configured here.", id)
	}
	return st.Backend, nil
}

// readable loads an image whose data the caller may read; administrators also read deactivated ones.
func (s *Service) readable(ctx context.Context, id string) (store.Record, error) {
	r, _, err := s.visible(ctx, s.db, id)
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

// Data reads length bytes of an image's data from offset; length -1 is to the end. Read whole, the reader fails at its end when
// the data does not match the checksum. fault.Conflict for an image without data, fault.Forbidden for a deactivated one.
func (s *Service) Data(ctx context.Context, id string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.readable(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, r, offset, length)
}

func (s *Service) open(ctx context.Context, r store.Record, offset, length int64) (io.ReadCloser, error) {
	b, err := s.backend(r.Store)
	if err != nil {
		return nil, err
	}
	data, err := b.Open(ctx, r.Key, offset, length)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.Unavailablef("The data of image %s is missing from its store.", r.ID).Because(err)
	}
	if err != nil {
		return nil, err
	}
	if offset == 0 && (length < 0 || length >= r.Size) && r.HashValue != "" {
		return &verified{h: newHashing(data, sha512.New()), c: data, want: r.HashValue, id: r.ID}, nil
	}
	return data, nil
}

// Image is Get as the vocabulary's contract.
func (s *Service) Image(ctx context.Context, id string) (glance.Image, error) {
	i, err := s.Get(ctx, id)
	return i.Image, err
}

// Open streams an active image's data; the reader fails at its end when the data does not match the checksum.
func (s *Service) Open(ctx context.Context, id string) (glance.Image, io.ReadCloser, error) {
	r, err := s.readable(ctx, id)
	if err != nil {
		return r.Image, nil, err
	}
	data, err := s.open(ctx, r, 0, -1)
	return r.Image, data, err
}

// Path is the file of an active image's data, where its store keeps files.
func (s *Service) Path(ctx context.Context, id string) (string, error) {
	r, err := s.readable(ctx, id)
	if err != nil {
		return "", err
	}
	b, err := s.backend(r.Store)
	if err != nil {
		return "", err
	}
	l, ok := b.(backend.Local)
	if !ok {
		return "", fault.New(fault.NotImplemented, "The store %q keeps no files.", r.Store)
	}
	return l.Path(ctx, r.Key)
}
