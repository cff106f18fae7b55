package virttest

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// source is an image store in memory. Every image has the same data.
type source struct {
	data            []byte
	zeros           int64 // appended
	openErr, endErr error
	onRead          func()

	mu    sync.Mutex
	opens int
}

func (s *source) Open(ctx context.Context, _ string) (io.ReadCloser, error) {
	s.mu.Lock()
	s.opens++
	s.mu.Unlock()
	if s.openErr != nil {
		return nil, s.openErr
	}
	end := s.endErr
	if end == nil {
		end = io.EOF
	}
	r := io.MultiReader(bytes.NewReader(s.data), io.LimitReader(zeros{}, s.zeros), failing{end})
	return stream{ctx: ctx, r: r, onRead: s.onRead}, nil
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opens
}

// stream fails when its context ends, as a network connection does.
type stream struct {
	ctx    context.Context
	r      io.Reader
	onRead func()
}

func (s stream) Read(b []byte) (int, error) {
	if s.onRead != nil {
		s.onRead()
	}
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(b)
}

func (stream) Close() error { return nil }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
