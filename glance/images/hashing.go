package images

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// pieceSize is what is read, written and checked at once.
	pieceSize = 1 << 20
	// chunks is how many pieces may wait for the hashes: enough to hide their jitter and the disk's, few enough to bound memory.
	chunks = 8
)

// hashing reads through to r in whole pieces and hashes what passes, each hash in its own goroutine beside the reading and the
// writing. Of each piece there is a checksum too; those do not depend on each other, so they use whatever processors are free.
// It gives pieces to a writer without copying them (WriteTo), or to a reader.
type hashing struct {
	r       io.Reader
	err     error // of r, once it has ended
	free    chan *chunk
	in      []chan *chunk
	hs      []hash.Hash
	work    sync.WaitGroup
	left    []byte // of the piece that Read gives
	current *chunk // that left is of
	pieces  []*[sha256.Size]byte
	closed  bool
	sums    [][]byte
}

type chunk struct {
	b     []byte // pieceSize long
	n     int
	users atomic.Int32 // who still reads it
}

func newHashing(r io.Reader) *hashing {
	h := &hashing{r: r, hs: []hash.Hash{md5.New(), sha512.New()}, free: make(chan *chunk, chunks)}
	for range chunks {
		h.free <- &chunk{}
	}
	for _, one := range h.hs {
		in := make(chan *chunk, chunks) // never blocks the reader: there are no more chunks
		h.in = append(h.in, in)
		h.work.Go(func() {
			for c := range in {
				one.Write(c.b[:c.n]) // a hash never fails
				h.release(c)
			}
		})
	}
	return h
}

func (h *hashing) release(c *chunk) {
	if c.users.Add(-1) == 0 {
		h.free <- c
	}
}

// next reads a piece and hands it to the hashes. The caller releases it. At the end of the data it is nil, and err says how it ended.
func (h *hashing) next() *chunk {
	if h.err != nil {
		return nil
	}
	c := <-h.free
	if c.b == nil {
		c.b = make([]byte, pieceSize)
	}
	c.n, h.err = io.ReadFull(h.r, c.b)
	if errors.Is(h.err, io.ErrUnexpectedEOF) {
		h.err = io.EOF
	}
	if c.n == 0 || h.err != nil && h.err != io.EOF {
		h.free <- c
		return nil
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
	return c
}

// failed is the error of the source, nil where it did not fail.
func (h *hashing) failed() error {
	if errors.Is(h.err, io.EOF) {
		return nil
	}
	return h.err
}

// WriteTo gives piece after piece.
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
			return 0, h.err
		}
		h.left = h.current.b[:h.current.n]
	}
	n := copy(p, h.left)
	h.left = h.left[n:]
	return n, nil
}

// close ends the goroutines; it may be called again.
func (h *hashing) close() {
	if h.closed {
		return
	}
	h.closed = true
	for _, in := range h.in {
		close(in)
	}
	h.work.Wait()
	for _, one := range h.hs {
		h.sums = append(h.sums, one.Sum(nil))
	}
}

// facts are what storing found out about data.
type facts struct {
	size, virtual int64
	md5           string
	algo, hash    string // sha512, unless a client said what it has
	pieces        []byte // the SHA-256 of each, one after the other; none where the data was not read
}

func (h *hashing) facts(n int64, c content) facts {
	h.close()
	f := facts{size: n, virtual: c.virtual, md5: hex.EncodeToString(h.sums[0]), algo: "sha512", hash: hex.EncodeToString(h.sums[1])}
	if c.format == "raw" || c.format == "iso" {
		f.virtual = n
	}
	for _, s := range h.pieces {
		f.pieces = append(f.pieces, s[:]...)
	}
	return f
}

// ErrDamaged is data that is not what was uploaded.
var ErrDamaged = errors.New("image data is damaged")

// verified is data of which only the whole has a checksum: it is compared at the end.
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
