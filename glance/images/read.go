package images

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"

	"hypernova/glance"
	"hypernova/glance/backend"
	"hypernova/glance/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

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

// Data reads length bytes of an image's data from offset; length -1 is to the end. Stores named by prefer are asked first.
//
// No byte is given that was not checked, of ranges as of the whole, as each piece of an image has a checksum that was computed when
// it was stored; damage in one store is mended from another. Only data that was taken over without being read, or stored before
// pieces had checksums, is checked as a whole, at its end.
// fault.Conflict for an image without data, fault.Forbidden for a deactivated one.
func (s *Service) Data(ctx context.Context, id string, offset, length int64, prefer ...string) (io.ReadCloser, error) {
	r, err := s.readable(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, p := range prefer {
		if _, err := s.store(p); err != nil {
			return nil, err
		}
	}
	if length < 0 {
		length = r.Size - offset
	}
	return s.open(ctx, r, offset, length, prefer...)
}

func (s *Service) open(ctx context.Context, r store.Record, offset, length int64, prefer ...string) (io.ReadCloser, error) {
	copies := s.weighed(r)
	slices.SortStableFunc(copies, func(a, b store.Copy) int { return preferred(prefer, a.Store) - preferred(prefer, b.Store) })
	from := s.origins(r.ID, copies)
	if len(prefer) == 0 {
		from = s.nearby(ctx, r, from, offset == 0)
	}
	return s.read(ctx, r, &segments{s: s, image: r.ID, size: r.Size, loaded: map[int64][]byte{}}, from, offset, length)
}

func preferred(prefer []string, id string) int {
	if i := slices.Index(prefer, id); i >= 0 {
		return i
	}
	return len(prefer)
}

func (s *Service) origins(image string, copies []store.Copy) []origin {
	var out []origin
	for _, c := range copies {
		out = append(out, origin{name: c.Store, open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			b, err := s.backend(c.Store)
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

// read opens a range of data that is at any of these places.
func (s *Service) read(ctx context.Context, r store.Record, sums *segments, from []origin, offset, length int64) (io.ReadCloser, error) {
	if length <= 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	switch _, err := sums.piece(ctx, 0); {
	case fault.Is(err, fault.NotFound):
		return s.plain(ctx, r, from, offset, length)
	case err != nil:
		return nil, err
	}
	c := &checked{origins: from, sums: sums.piece, log: s.log, id: r.ID, size: r.Size}
	c.begin(ctx, offset, length)
	// The first piece is waited for, so that what cannot be read at all is an error and not a broken transfer.
	b, err := c.next()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.left = b
	return c, nil
}

// plain reads data whose pieces have no checksums.
func (s *Service) plain(ctx context.Context, r store.Record, from []origin, offset, length int64) (io.ReadCloser, error) {
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

// hashOf makes a hash by its name; nil for one that is not known.
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

// segments gives the checksums of an image's pieces as they are needed.
type segments struct {
	s      *Service
	image  string
	size   int64
	mu     sync.Mutex
	loaded map[int64][]byte // by number; of what was read last
}

func (g *segments) piece(ctx context.Context, n int64) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	number := n / store.SegmentPieces
	sums, ok := g.loaded[number]
	if !ok {
		var err error
		if sums, err = store.Sums(ctx, g.s.db, g.image, number); err != nil {
			return nil, err
		}
		delete(g.loaded, number-2)
		g.loaded[number] = sums
	}
	at := int(n%store.SegmentPieces) * store.SumSize
	if at+store.SumSize > len(sums) {
		return nil, fmt.Errorf("image %s has no checksum of piece %d", g.image, n)
	}
	return sums[at : at+store.SumSize], nil
}

// learned are the checksums of data whose image does not have them yet.
func learned(s *Service, r store.Record, f facts) *segments {
	g := &segments{s: s, image: r.ID, size: f.size, loaded: map[int64][]byte{}}
	const size = store.SegmentPieces * store.SumSize
	for n := int64(0); n*size < int64(len(f.pieces)); n++ {
		g.loaded[n] = f.pieces[n*size : min((n+1)*size, int64(len(f.pieces)))]
	}
	return g
}

// Image is Get as the vocabulary's contract.
func (s *Service) Image(ctx context.Context, id string) (glance.Image, error) {
	i, err := s.Get(ctx, id)
	if err == nil && s.judged(ctx) {
		i, err = s.rights.See(auth.From(ctx), i)
	}
	return i.Image, err
}

// judged reports whether the caller is somebody whom the policy judges: not compute's own work.
func (s *Service) judged(ctx context.Context) bool {
	c := auth.From(ctx)
	return s.rights != nil && (c == nil || !c.Own())
}

// forCompute loads an image whose data the caller may read, also by the policy.
func (s *Service) forCompute(ctx context.Context, id string) (store.Record, error) {
	if s.judged(ctx) {
		i, err := s.Get(ctx, id)
		if err != nil {
			return store.Record{}, err
		}
		if i, err = s.rights.See(auth.From(ctx), i); err != nil {
			return store.Record{}, err
		}
		if err := s.rights.Download(auth.From(ctx), i); err != nil {
			return store.Record{}, err
		}
	}
	return s.readable(ctx, id)
}

// Open streams an active image's data, checked as Data does.
func (s *Service) Open(ctx context.Context, id string) (glance.Image, io.ReadCloser, error) {
	r, err := s.forCompute(ctx, id)
	if err != nil {
		return r.Image, nil, err
	}
	data, err := s.open(ctx, r, 0, r.Size)
	return r.Image, data, err
}

// Path is the file of an active image's data, where one of its stores keeps files.
func (s *Service) Path(ctx context.Context, id string) (string, error) {
	r, err := s.forCompute(ctx, id)
	if err != nil {
		return "", err
	}
	for _, c := range s.weighed(r) {
		b, err := s.backend(c.Store)
		if err != nil {
			return "", err
		}
		if l, ok := b.(backend.Local); ok {
			return l.Path(ctx, c.Key)
		}
	}
	return "", fault.New(fault.NotImplemented, "No store of image %s keeps files.", id)
}
