package images

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// chunks is how many pieces may wait for the hashes: enough to hide their jitter, few enough to bound memory.
const chunks = 4

// hashing reads through to r and hashes what passes, each hash in its own goroutine beside the reading.
type hashing struct {
	r      io.Reader
	hs     []hash.Hash
	free   chan *chunk
	in     []chan *chunk
	work   sync.WaitGroup
	closed bool
	sums   [][]byte
}

type chunk struct {
	b    []byte
	left sync.WaitGroup // hashes that have not read it
}

func newHashing(r io.Reader, hs ...hash.Hash) *hashing {
	h := &hashing{r: r, hs: hs, free: make(chan *chunk, chunks)}
	for range chunks {
		h.free <- &chunk{}
	}
	for _, one := range hs {
		in := make(chan *chunk, chunks) // never blocks the reader: there are no more chunks
		h.in = append(h.in, in)
		h.work.Go(func() {
			for c := range in {
				one.Write(c.b) // a hash never fails
				c.left.Done()
			}
		})
	}
	return h
}

func (h *hashing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 && !h.closed {
		c := <-h.free
		c.left.Wait()
		c.b = append(c.b[:0], p[:n]...)
		c.left.Add(len(h.hs))
		for _, in := range h.in {
			in <- c
		}
		h.free <- c // taken again in turn, and then waited for
	}
	return n, err
}

// close ends the goroutines and returns the sums; it may be called again.
func (h *hashing) close() [][]byte {
	if !h.closed {
		h.closed = true
		for _, in := range h.in {
			close(in)
		}
		h.work.Wait()
		for _, one := range h.hs {
			h.sums = append(h.sums, one.Sum(nil))
		}
	}
	return h.sums
}

// verified is data that is compared with its checksum at its end.
type verified struct {
	h        *hashing
	c        io.Closer
	want, id string
}

// ErrDamaged is data that is not what was uploaded.
var ErrDamaged = errors.New("image data is damaged")

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.h.Read(p)
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.h.close()[0]); got != v.want {
			return n, fmt.Errorf("image %s: %w", v.id, ErrDamaged)
		}
	}
	return n, err
}

func (v *verified) Close() error {
	v.h.close()
	return v.c.Close()
}
