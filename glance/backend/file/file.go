// Package file is the image store on a file system: data is written to a temporary file, synced and renamed.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"hypernova/glance/backend"
	"hypernova/oslo/fault"
	"hypernova/oslo/private"
)

// partial is the folder of incomplete data. It is on the same file system, so that a rename completes the data.
const partial = ".partial"

// Backend stores data in a folder.
type Backend struct{ dir string }

var (
	_ backend.Backend = (*Backend)(nil)
	_ backend.Local   = (*Backend)(nil)
	_ backend.Locator = (*Backend)(nil)
)

// New creates the folder if it does not exist. fault.Invalid if that fails.
func New(dir string) (*Backend, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("image folder: %w", err)
	}
	for _, part := range []string{dir, filepath.Join(dir, partial)} {
		err := private.Dir(part)
		if err == nil {
			err = private.CloseAll(part, func(string) bool { return true }) // an earlier release let the group read
		}
		if err != nil {
			return nil, fault.Invalidf("the image folder %s cannot be made", dir).Because(err)
		}
	}
	return &Backend{dir: dir}, nil
}

func (b *Backend) whole(key string) string { return filepath.Join(b.dir, key) }
func (b *Backend) half(key string) string  { return filepath.Join(b.dir, partial, key) }

// Put writes to a temporary file, syncs and renames it.
func (b *Backend) Put(ctx context.Context, key string, r io.Reader, size int64) (n int64, err error) {
	if err := backend.CheckKey(key); err != nil {
		return 0, err
	}
	if _, err := os.Lstat(b.whole(key)); err == nil {
		return 0, fault.Conflictf("image data %s is there already", key)
	}
	f, err := private.File(b.half(key), os.O_CREATE|os.O_EXCL|os.O_WRONLY)
	if errors.Is(err, fs.ErrExist) {
		return 0, fault.Conflictf("image data %s is being stored already", key)
	}
	if err != nil {
		return 0, medium(err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the file is deleted
			err = errors.Join(err, remove(b.half(key)))
			n = 0
		}
	}()
	w := &writer{ctx: ctx, f: f}
	// The writer has no ReadFrom, so that each piece checks ctx. A reader with WriteTo needs no buffer.
	if to, ok := r.(io.WriterTo); ok {
		n, err = to.WriteTo(w)
	} else {
		n, err = io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, 1<<20))
	}
	if err != nil {
		if w.err != nil {
			return n, medium(w.err)
		}
		return n, err
	}
	if size >= 0 && n != size {
		return n, fault.Invalidf("the image data has %d bytes, %d were announced", n, size)
	}
	if err = f.Sync(); err != nil {
		return n, medium(err)
	}
	if err = f.Close(); err != nil {
		return n, medium(err)
	}
	if err = os.Rename(b.half(key), b.whole(key)); err != nil {
		return n, medium(err)
	}
	if err = syncDir(b.dir); err != nil {
		return n, errors.Join(medium(err), remove(b.whole(key)))
	}
	return n, nil
}

// flushEvery is the number of bytes after which the kernel starts to write them to the disk. Otherwise the disk would
// be idle while data arrives, and the last sync would have to write everything.
const flushEvery = 8 << 20

// writer distinguishes errors of the medium from errors of the source.
type writer struct {
	ctx              context.Context
	f                *os.File
	err              error
	written, flushed int64
}

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.f.Write(p)
	w.err = err
	if w.written += int64(n); w.written-w.flushed >= flushEvery {
		beginWriting(w.f, w.flushed, w.written-w.flushed)
		w.flushed = w.written
	}
	return n, err
}

func medium(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.New(fault.TooLarge, "The image storage is full.").Because(err)
	}
	return fmt.Errorf("image storage: %w", err)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("image storage: %w", err)
	}
	return nil
}

// Open opens a range of the file.
func (b *Backend) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	path, err := b.Path(ctx, key)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, absent(key, err)
	}
	if offset > 0 {
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return nil, errors.Join(medium(err), f.Close())
		}
	}
	if length < 0 {
		length = math.MaxInt64 - offset
	}
	return &reader{f: f, at: offset, told: offset, end: offset + length}, nil
}

// readAhead is how many bytes of a file are read ahead of the consumer, so that the disk is not idle meanwhile.
const readAhead = 8 << 20

// reader reads a range of a file.
type reader struct {
	f             *os.File
	at, told, end int64
}

func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.end-r.at)]
	if ahead := min(r.at+readAhead, r.end) - r.told; ahead >= readAhead/4 {
		for done := int64(0); done < ahead; done += readAhead / 4 {
			beginReading(r.f, r.told+done, min(readAhead/4, ahead-done)) // as much at once as the system takes
		}
		r.told += ahead
	}
	n, err := r.f.Read(p)
	r.at += int64(n)
	return n, err
}

func (r *reader) Close() error { return r.f.Close() }

func absent(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.NotFoundf("image data %s is not there", key)
	}
	return medium(err)
}

// Path returns the file itself.
func (b *Backend) Path(_ context.Context, key string) (string, error) {
	if err := backend.CheckKey(key); err != nil {
		return "", err
	}
	if _, err := os.Stat(b.whole(key)); err != nil {
		return "", absent(key, err)
	}
	return b.whole(key), nil
}

// URL returns a file URL, for administrators.
func (b *Backend) URL(key string) string { return "file://" + b.whole(key) }

// Key always returns false: a client that could name files could read files of this host.
func (b *Backend) Key(string) (string, bool) { return "", false }

// Delete deletes complete and incomplete data.
func (b *Backend) Delete(_ context.Context, key string) error {
	if err := backend.CheckKey(key); err != nil {
		return err
	}
	return errors.Join(remove(b.half(key)), remove(b.whole(key)))
}

// Stat describes the file.
func (b *Backend) Stat(_ context.Context, key string) (backend.Info, error) {
	if err := backend.CheckKey(key); err != nil {
		return backend.Info{}, err
	}
	i, err := os.Stat(b.whole(key))
	if err != nil {
		return backend.Info{}, absent(key, err)
	}
	return backend.Info{Key: key, Size: i.Size(), Modified: i.ModTime()}, nil
}

// List returns the files of both folders.
func (b *Backend) List(context.Context) ([]backend.Info, error) {
	var all []backend.Info
	for _, dir := range []string{b.dir, filepath.Join(b.dir, partial)} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, medium(err)
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || backend.CheckKey(e.Name()) != nil {
				continue
			}
			i, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, medium(err)
			}
			all = append(all, backend.Info{Key: e.Name(), Size: i.Size(), Modified: i.ModTime(), Partial: dir != b.dir})
		}
	}
	return all, nil
}
