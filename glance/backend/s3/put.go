package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	minio "github.com/minio/minio-go/v7"

	"hypernova/glance/backend"
	"hypernova/oslo/fault"
)

// growEvery is the number of parts after which the size of parts grows: the protocol allows 10,000 parts, and the size
// of the data may be unknown.
const growEvery = 1000

// Put sends small data as one object and larger data in parts. Each carries its SHA-256, which the service checks.
// Therefore the library need not sign the stream piece by piece (DisableContentSha256).
func (b *Backend) Put(ctx context.Context, key string, r io.Reader, size int64) (int64, error) {
	if err := backend.CheckKey(key); err != nil {
		return 0, err
	}
	if !b.begin(key) {
		return 0, fault.Conflictf("image data %s is being stored already", key)
	}
	defer b.end(key)
	if b.c.CreateBucket && !b.checked.Load() { // not at the start, which must not depend on the service
		if err := b.Check(ctx); err != nil {
			return 0, err
		}
		b.checked.Store(true)
	}
	switch _, err := b.Stat(ctx, key); {
	case err == nil:
		return 0, fault.Conflictf("image data %s is there already", key)
	case !fault.Is(err, fault.NotFound):
		return 0, err
	}
	part := max(b.c.Part, size/9000)
	first := make([]byte, min(part, sized(size, part)))
	n, err := fill(ctx, r, first)
	switch {
	case err != nil:
		return 0, err
	case n < len(first) || size >= 0 && int64(n) >= size:
		return b.whole(ctx, key, r, first[:n], size)
	}
	return b.parts(ctx, upload{key: key, r: r, first: first, part: part, size: size})
}

// sized returns the size of a buffer: one byte more than announced, so that small data needs little memory and too
// much data is detected.
func sized(size, part int64) int64 {
	if size < 0 {
		return part
	}
	return size + 1
}

func (b *Backend) begin(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.own[key] {
		return false
	}
	b.own[key] = true
	return true
}

func (b *Backend) end(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.own, key)
}

// fill reads until p is full or the data ends.
func fill(ctx context.Context, r io.Reader, p []byte) (int, error) {
	n, err := io.ReadFull(r, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err == nil {
		err = ctx.Err()
	}
	return n, err
}

func wrongSize(n, size int64) error {
	return fault.Invalidf("the image data has %d bytes, %d were announced", n, size)
}

func sum(p []byte) string {
	s := sha256.Sum256(p)
	return hex.EncodeToString(s[:])
}

// whole sends data that fits into one part.
func (b *Backend) whole(ctx context.Context, key string, r io.Reader, data []byte, size int64) (int64, error) {
	n := int64(len(data))
	if size >= 0 && n != size {
		return 0, wrongSize(n, size)
	}
	_, err := b.core.PutObject(ctx, b.c.Bucket, key, bytes.NewReader(data), n, "", sum(data),
		minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true})
	if err != nil {
		return 0, errors.Join(b.medium(err), b.undo(ctx, key))
	}
	return n, nil
}

// upload is one Put in parts.
type upload struct {
	key   string
	r     io.Reader
	first []byte // what was read already: a whole part
	part  int64
	size  int64
	id    string
}

// sent collects the results of the goroutines that send parts.
type sent struct {
	mu    sync.Mutex
	parts []minio.CompletePart
	err   error
}

func (s *sent) add(p minio.CompletePart, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err == nil {
		s.err = err
	}
	s.parts[p.PartNumber-1] = p
}

func (s *sent) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// parts reads one part after the other and sends a few concurrently. After an error no object and no parts are left.
func (b *Backend) parts(ctx context.Context, u upload) (n int64, err error) {
	u.id, err = b.core.NewMultipartUpload(ctx, b.c.Bucket, u.key,
		minio.PutObjectOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return 0, errors.Join(b.medium(err), b.undo(ctx, u.key))
	}
	defer func() {
		if err != nil {
			n, err = 0, errors.Join(err, b.undo(ctx, u.key))
		}
	}()
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	var s sent
	var all sync.WaitGroup
	free := make(chan []byte, b.c.Threads) // the buffers, which bound how much is under way
	for range b.c.Threads - 1 {
		free <- nil
	}
	buf := u.first
	for number := 1; len(buf) > 0; number++ {
		n += int64(len(buf))
		if u.size >= 0 && n > u.size {
			err = wrongSize(n, u.size)
			break
		}
		s.mu.Lock()
		s.parts = append(s.parts, minio.CompletePart{})
		s.mu.Unlock()
		data := buf
		all.Go(func() {
			p, err := b.send(sending, u, number, data)
			s.add(p, err)
			if err != nil {
				cancel()
			}
			free <- data[:cap(data)]
		})
		buf = <-free
		if s.failed() != nil {
			break
		}
		if buf, err = b.next(ctx, u, number, buf); err != nil {
			cancel()
			break
		}
	}
	all.Wait() // before undo: a part that arrives later would stay
	if failed := s.failed(); err == nil && failed != nil {
		err = b.medium(failed)
	}
	if err == nil && u.size >= 0 && n != u.size {
		err = wrongSize(n, u.size)
	}
	if err != nil {
		return 0, err
	}
	return n, b.complete(ctx, u, s.parts, n)
}

// next reads a part into a reused buffer; nil at the end of the data.
func (b *Backend) next(ctx context.Context, u upload, number int, buf []byte) ([]byte, error) {
	want := u.part
	if u.size < 0 {
		want *= 1 + int64(number/growEvery)
	}
	if int64(cap(buf)) < want {
		buf = make([]byte, want)
	}
	n, err := fill(ctx, u.r, buf[:want])
	return buf[:n], err
}

func (b *Backend) send(ctx context.Context, u upload, number int, data []byte) (minio.CompletePart, error) {
	p, err := b.core.PutObjectPart(ctx, b.c.Bucket, u.key, u.id, number, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectPartOptions{Sha256Hex: sum(data), DisableContentSha256: true})
	return minio.CompletePart{PartNumber: number, ETag: p.ETag}, err
}

func (b *Backend) complete(ctx context.Context, u upload, parts []minio.CompletePart, n int64) error {
	if _, err := b.core.CompleteMultipartUpload(ctx, b.c.Bucket, u.key, u.id, parts,
		minio.PutObjectOptions{}); err != nil {
		return b.medium(err)
	}
	i, err := b.Stat(ctx, u.key)
	if err == nil && i.Size != n {
		err = fmt.Errorf("image storage: bucket %s keeps %d of %d bytes", b.c.Bucket, i.Size, n)
	}
	return err
}

// undo removes the parts of a failed Put. It has a deadline of its own, because the client may have disconnected.
func (b *Backend) undo(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return b.Delete(ctx, key)
}
