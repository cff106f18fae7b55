// Package mem is the image store in memory, for tests and throw-away clouds.
package mem

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"hypernova/glance/backend"
	"hypernova/oslo/fault"
)

// Backend stores data in memory. Its zero value is ready to use.
type Backend struct {
	mu   sync.Mutex // guards what follows
	data map[string]entry
}

type entry struct {
	bytes    []byte
	modified time.Time
	partial  bool
}

var _ backend.Backend = (*Backend)(nil)

// Put stores the data.
func (b *Backend) Put(ctx context.Context, key string, r io.Reader, size int64) (int64, error) {
	b.mu.Lock()
	if _, ok := b.data[key]; ok {
		b.mu.Unlock()
		return 0, fault.Conflictf("image data %s is there already", key)
	}
	if b.data == nil {
		b.data = map[string]entry{}
	}
	b.data[key] = entry{partial: true, modified: time.Now()}
	b.mu.Unlock()
	data, err := io.ReadAll(r)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && size >= 0 && int64(len(data)) != size {
		err = fault.Invalidf("the image data has %d bytes, %d were announced", len(data), size)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		delete(b.data, key)
		return 0, err
	}
	b.data[key] = entry{bytes: data, modified: time.Now()}
	return int64(len(data)), nil
}

func (b *Backend) get(key string) (entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.data[key]
	if !ok || e.partial {
		return e, fault.NotFoundf("image data %s is not there", key)
	}
	return e, nil
}

// Open opens a range.
func (b *Backend) Open(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	e, err := b.get(key)
	if err != nil {
		return nil, err
	}
	part := e.bytes[min(offset, int64(len(e.bytes))):]
	if length >= 0 {
		part = part[:min(length, int64(len(part)))]
	}
	return io.NopCloser(bytes.NewReader(part)), nil
}

// Delete deletes the data.
func (b *Backend) Delete(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.data, key)
	return nil
}

// Stat describes the data.
func (b *Backend) Stat(_ context.Context, key string) (backend.Info, error) {
	e, err := b.get(key)
	return backend.Info{Key: key, Size: int64(len(e.bytes)), Modified: e.modified}, err
}

// List returns all data.
func (b *Backend) List(context.Context) ([]backend.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []backend.Info
	for k, e := range b.data {
		all = append(all, backend.Info{Key: k, Size: int64(len(e.bytes)), Modified: e.modified, Partial: e.partial})
	}
	return all, nil
}
