package images

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"

	"hypernova/glance/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// ErrDamaged means that data is not what was stored.
var ErrDamaged = errors.New("image data is damaged")

// reader reads an image's data from any of several places and checks it.
type reader struct {
	db     *db.DB
	stores *Stores
	log    *slog.Logger
}

// origins returns the places of copies.
func (s *reader) origins(image string, copies []store.Copy) []origin {
	var out []origin
	for _, c := range copies {
		out = append(out, origin{name: c.Store, open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			b, err := s.stores.backend(c.Store)
			if err != nil {
				return nil, err
			}
			r, err := b.Open(ctx, c.Key, offset, length)
			if fault.Is(err, fault.NotFound) {
				return nil, fault.Unavailablef("The data of image %s is missing from its store.", image).Because(err)
			}
			return r, err
		}})
	}
	return out
}

// read opens a range of an image's data. It waits for the first piece, so that unreadable data is an error here and not
// in the middle of a transfer.
func (s *reader) read(ctx context.Context, r store.Record, from []origin, offset, length int64) (io.ReadCloser, error) {
	if length <= 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	sums := &segments{db: s.db, image: r.ID, loaded: map[int64][]byte{}}
	switch _, err := sums.piece(ctx, 0); {
	case fault.Is(err, fault.NotFound):
		return s.plain(ctx, r, from, offset, length)
	case err != nil:
		return nil, err
	}
	c := &checked{origins: from, sums: sums.piece, log: s.log, id: r.ID, size: r.Size}
	c.begin(ctx, offset, length)
	b, err := c.next()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.left = b
	return c, nil
}

// plain reads data that has no piece checksums.
func (s *reader) plain(ctx context.Context, r store.Record, from []origin, offset,
	length int64) (io.ReadCloser, error) {
	var failed error
	for _, o := range from {
		data, err := o.open(ctx, offset, length)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if h := hashOf(r.HashAlgo); h != nil && r.HashValue != "" && offset == 0 && length == r.Size {
			return &verified{data, h, r.HashValue, r.ID}, nil
		}
		return data, nil
	}
	return nil, failed
}

// verified compares the hash of all of the data at its end. The last Read returns ErrDamaged on a mismatch.
type verified struct {
	io.ReadCloser
	h        hash.Hash
	want, id string
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.h.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.h.Sum(nil)); got != v.want {
			return n, fmt.Errorf("image %s: %w", v.id, ErrDamaged)
		}
	}
	return n, err
}

// hashOf returns a hash by its name; nil for an unknown name.
func hashOf(name string) hash.Hash {
	switch name {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// segments loads the checksums of an image's pieces as they are needed.
type segments struct {
	db     *db.DB
	image  string
	mu     sync.Mutex
	loaded map[int64][]byte // by segment; the two that were read last
}

// piece returns the checksum of piece n. fault.NotFound if the image has no piece checksums.
func (g *segments) piece(ctx context.Context, n int64) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	number := n / store.SegmentPieces
	sums, ok := g.loaded[number]
	if !ok {
		var err error
		if sums, err = store.Sums(ctx, g.db, g.image, number); err != nil {
			return nil, err
		}
		delete(g.loaded, number-2)
		g.loaded[number] = sums
	}
	from := int(n%store.SegmentPieces) * store.SumSize
	if from+store.SumSize > len(sums) {
		return nil, fmt.Errorf("image %s has no checksum of piece %d", g.image, n)
	}
	return sums[from : from+store.SumSize], nil
}
