package images

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"

	"hypernova/glance"
	"hypernova/glance/signature"
	"hypernova/glance/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/oslo/diskformat"
	"hypernova/oslo/fault"
)

// intake takes data: it limits its size, inspects its format, verifies its signature and hashes it while it is stored.
type intake struct {
	db         *db.DB
	worker     string
	stores     *Stores
	limits     Limits
	inspection Inspection
	trusted    fs.FS
	hash       string
	now        clock.Now
	log        *slog.Logger
}

// facts are the results of reading data once. The exported fields are stored in the progress of an import.
type facts struct {
	Size    int64  `json:"size"`
	Virtual int64  `json:"virtual_size"` // -1: unknown
	MD5     string `json:"checksum,omitempty"`
	Algo    string `json:"hash_algo,omitempty"` // the configured one, or that of a location's client
	Hash    string `json:"hash_value,omitempty"`
	pieces  []byte // SHA-256 of each piece, concatenated; nil if the data was not read
}

// write copies the facts to a record.
func (f facts) write(r *store.Record) {
	r.Size, r.VirtualSize = f.Size, f.Virtual
	r.Checksum, r.HashAlgo, r.HashValue = f.MD5, f.Algo, f.Hash
}

// storeError is an error of a store, not of the data or its sender: another store may take the data.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// put streams data into a store under a key that the record names already. A storeError is an error of the store.
func (s *intake) put(ctx context.Context, r store.Record, to store.Piece, body io.Reader, size int64) (facts, error) {
	b, err := s.stores.backend(to.Store)
	if err != nil {
		return facts{}, err
	}
	limit, err := s.allowed(ctx, r.Owner)
	if err != nil {
		return facts{}, err
	}
	if limit >= 0 && size > limit {
		return facts{}, tooLarge(limit)
	}
	verify := func() error { return nil }
	if to.Key == r.Key { // staged data is verified by its import
		if body, verify, err = s.signed(r, body); err != nil {
			return facts{}, err
		}
	}
	looked, err := s.inspect(limited(&source{r: body}, limit), r.Image)
	if err != nil {
		return facts{}, err
	}
	h := newHashing(looked, s.hash)
	defer h.close()
	n, err := b.Put(ctx, to.Key, h, size)
	switch {
	case err != nil && h.failed() == nil && ctx.Err() == nil && !fault.Is(err, fault.Invalid):
		return facts{}, storeError{err}
	case err != nil:
		return facts{}, err
	}
	if err := looked.complete(); err != nil {
		return facts{}, err
	}
	if err := verify(); err != nil {
		return facts{}, err
	}
	return h.facts(n, looked.virtual(n)), nil
}

// examine reads data without storing it. It inspects, verifies and hashes it like put.
func (s *intake) examine(ctx context.Context, r store.Record, data io.Reader) (facts, error) {
	all, verify, err := s.signed(r, data)
	if err != nil {
		return facts{}, err
	}
	looked, err := s.inspect(all, r.Image)
	if err != nil {
		return facts{}, err
	}
	h := newHashing(looked, s.hash)
	defer h.close()
	n, err := h.WriteTo(until{ctx})
	if err != nil {
		return facts{}, err
	}
	if err := looked.complete(); err != nil {
		return facts{}, err
	}
	if err := verify(); err != nil {
		return facts{}, err
	}
	return h.facts(n, looked.virtual(n)), nil
}

// until is a writer that accepts everything until ctx ends.
type until struct{ ctx context.Context }

func (u until) Write(p []byte) (int, error) { return len(p), u.ctx.Err() }

// peek inspects only the beginning and the end of data that stays in a store. A negative limit is no limit.
func (s *intake) peek(ctx context.Context, i glance.Image, in store.Copy, limit int64) (facts, error) {
	b, err := s.stores.backend(in.Store)
	if err != nil {
		return facts{}, err
	}
	info, err := b.Stat(ctx, in.Key)
	if err != nil {
		return facts{}, err
	}
	if limit >= 0 && info.Size > limit {
		return facts{}, tooLarge(limit)
	}
	head, err := b.Open(ctx, in.Key, 0, min(diskformat.HeadVHDX, info.Size))
	if err != nil {
		return facts{}, err
	}
	defer head.Close()
	looked, err := s.inspect(head, i)
	if err != nil {
		return facts{}, err
	}
	end := min(diskformat.Tail, info.Size)
	tail, err := b.Open(ctx, in.Key, info.Size-end, end)
	if err != nil {
		return facts{}, err
	}
	defer tail.Close()
	if looked.tail, err = io.ReadAll(io.LimitReader(tail, end)); err != nil {
		return facts{}, err
	}
	looked.passed = info.Size
	if err := looked.complete(); err != nil {
		return facts{}, err
	}
	return facts{Size: info.Size, Virtual: looked.virtual(info.Size)}, nil
}

// signed returns a reader of the same data and a function that verifies its signature after all of it was read. An
// image without a signature always verifies. An unusable signature is an error before any data is read.
func (s *intake) signed(r store.Record, data io.Reader) (io.Reader, func() error, error) {
	if !signature.Claimed(r.Properties) {
		return data, func() error { return nil }, nil
	}
	v, err := signature.New(r.Properties, s.trusted, s.now())
	if err != nil {
		return nil, nil, err
	}
	return io.TeeReader(data, v), v.Verify, nil
}

// allowed returns how many bytes an image of a project may have; negative: no limit.
func (s *intake) allowed(ctx context.Context, project string) (int64, error) {
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

// source marks an error of the reader as the client's (fault.Invalid), unless it is a fault already.
type source struct{ r io.Reader }

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && fault.Of(err) == nil {
		err = fault.Invalidf("The image data ended too early.").Because(err)
	}
	return n, err
}

// limited is r with an error (fault.TooLarge) after limit bytes; a negative limit is none.
func limited(r io.Reader, limit int64) io.Reader {
	if limit < 0 {
		return r
	}
	return &limitedReader{r: r, left: limit, limit: limit}
}

type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (b *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte more, to detect that there is more
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	return n, err
}
