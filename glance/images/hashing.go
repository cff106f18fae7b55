package images

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// pieceSize is the size of a piece, which has a checksum of its own.
	pieceSize = 1 << 20
	// chunks is how many pieces of one upload are in memory: enough to hide the jitter of hashes, disk and network, few
	// enough for many uploads.
	chunks = 16
)

// hashing reads ahead of its consumer in whole pieces and hashes them. Reading, each hash and the consumer run
// concurrently, so the slowest of them sets the pace and not their sum. Each piece gets a checksum too; these are
// independent of each other and use all processors. A consumer takes pieces without copying (WriteTo) or reads (Read).
type hashing struct {
	r       io.Reader
	algo    string // of the second hash
	err     error  // of r; valid after ready is closed
	seen    error  // err, after the consumer has reached it
	free    chan *chunk
	ready   chan *chunk   // for the consumer
	quit    chan struct{} // closed when the consumer has stopped
	in      []chan *chunk
	hs      []hash.Hash
	work    sync.WaitGroup
	left    []byte // the unread part of current
	current *chunk // the piece that Read returns
	pieces  []*[sha256.Size]byte
	closed  bool
	sums    [][]byte
}

type chunk struct {
	b     []byte // pieceSize long
	n     int
	users atomic.Int32 // how many goroutines still read it
}

// newHashing starts to read; the caller calls close. algo is a name of hashOf.
func newHashing(r io.Reader, algo string) *hashing {
	// Each channel holds all chunks, so sending one never blocks.
	h := &hashing{r: r, algo: algo, hs: []hash.Hash{md5.New(), hashOf(algo)}, free: make(chan *chunk, chunks),
		ready: make(chan *chunk, chunks),
		quit:  make(chan struct{})}
	for range chunks {
		h.free <- &chunk{}
	}
	for _, one := range h.hs {
		in := make(chan *chunk, chunks)
		h.in = append(h.in, in)
		h.work.Go(func() {
			for c := range in {
				one.Write(c.b[:c.n]) // a hash never fails
				h.release(c)
			}
		})
	}
	h.work.Go(h.read)
	return h
}

func (h *hashing) release(c *chunk) {
	if c.users.Add(-1) == 0 {
		h.free <- c
	}
}

// read is the goroutine that reads ahead of the consumer.
func (h *hashing) read() {
	defer close(h.ready)
	defer func() {
		for _, in := range h.in {
			close(in)
		}
	}()
	for h.err == nil {
		var c *chunk
		select {
		case c = <-h.free:
		case <-h.quit:
			return
		}
		if c.b == nil {
			c.b = make([]byte, pieceSize)
		}
		c.n, h.err = h.fill(c.b)
		if c.n == 0 || h.err != nil && !errors.Is(h.err, io.EOF) {
			return
		}
		c.users.Store(int32(len(h.in)) + 2)
		for _, in := range h.in {
			in <- c
		}
		sum := new([sha256.Size]byte)
		h.pieces = append(h.pieces, sum)
		h.work.Go(func() {
			*sum = sha256.Sum256(c.b[:c.n])
			h.release(c)
		})
		h.ready <- c
	}
}

// fill reads a piece. It stops between two reads when the consumer has stopped, because a source may be slow.
func (h *hashing) fill(b []byte) (n int, err error) {
	for empty := 0; n < len(b) && err == nil; {
		select {
		case <-h.quit:
			return 0, io.ErrClosedPipe
		default:
		}
		var m int
		m, err = h.r.Read(b[n:])
		if n += m; m > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// next returns the next piece, which the caller releases. It is nil at the end of the data; then failed is the error.
func (h *hashing) next() *chunk {
	c, ok := <-h.ready
	if !ok {
		h.seen = h.err
	}
	return c
}

// failed is the error of the source; nil if it did not fail or the consumer has not reached the error.
func (h *hashing) failed() error {
	if errors.Is(h.seen, io.EOF) {
		return nil
	}
	return h.seen
}

// WriteTo writes all pieces.
func (h *hashing) WriteTo(w io.Writer) (int64, error) {
	var n int64
	for {
		c := h.next()
		if c == nil {
			return n, h.failed()
		}
		m, err := w.Write(c.b[:c.n])
		n += int64(m)
		h.release(c)
		if err != nil {
			return n, err
		}
	}
}

func (h *hashing) Read(p []byte) (int, error) {
	if len(h.left) == 0 {
		if h.current != nil {
			h.release(h.current)
			h.current = nil
		}
		if h.current = h.next(); h.current == nil {
			return 0, h.seen
		}
		h.left = h.current.b[:h.current.n]
	}
	n := copy(p, h.left)
	h.left = h.left[n:]
	return n, nil
}

// close ends the goroutines and waits for a running read of the source. It is idempotent.
func (h *hashing) close() {
	if h.closed {
		return
	}
	h.closed = true
	close(h.quit)
	h.work.Wait()
	for _, one := range h.hs {
		h.sums = append(h.sums, one.Sum(nil))
	}
}

// facts closes h and returns the facts about n bytes of data.
func (h *hashing) facts(n, virtual int64) facts {
	h.close()
	f := facts{Size: n, Virtual: virtual, MD5: hex.EncodeToString(h.sums[0]), Algo: h.algo,
		Hash: hex.EncodeToString(h.sums[1])}
	for _, s := range h.pieces {
		f.pieces = append(f.pieces, s[:]...)
	}
	return f
}
