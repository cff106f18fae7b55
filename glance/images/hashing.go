package images

import (
	"crypto/md5"
	"crypto/sha256"
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
	// chunks is how many pieces are in memory for one upload: enough to hide the jitter of hashes, disk and network, few enough for many uploads.
	chunks = 16
)

// hashing reads ahead of r in whole pieces and hashes what passes: the reading, each hash and who takes the pieces go on side by side,
// so that the slowest of them sets the pace and not their sum. Of each piece there is a checksum too; those do not depend on each
// other, so they use whatever processors are free. Pieces are given to a writer without copying them (WriteTo), or to a reader.
type hashing struct {
	r       io.Reader
	algo    string // of the second hash
	err     error  // of r; valid once ready is closed
	seen    error  // err, once who takes the pieces has come to it
	free    chan *chunk
	ready   chan *chunk   // read, to be taken
	quit    chan struct{} // closed when nobody takes pieces any more
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

// newHashing begins to read; the caller closes it. algo is one of hashOf.
func newHashing(r io.Reader, algo string) *hashing {
	// The channels hold all chunks, so that who has read one never waits to hand it on.
	h := &hashing{r: r, algo: algo, hs: []hash.Hash{md5.New(), hashOf(algo)}, free: make(chan *chunk, chunks), ready: make(chan *chunk, chunks),
		quit: make(chan struct{})}
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

// read is the goroutine that reads ahead.
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

// fill reads a piece, and gives up between two reads when nobody takes pieces any more: a source may be slow.
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

// next gives the piece that is next; the caller releases it. At the end of the data it is nil, and failed says how it ended.
func (h *hashing) next() *chunk {
	c, ok := <-h.ready
	if !ok {
		h.seen = h.err
	}
	return c
}

// failed is the error of the source, nil where it did not fail or nobody has come to where it did.
func (h *hashing) failed() error {
	if errors.Is(h.seen, io.EOF) {
		return nil
	}
	return h.seen
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
			return 0, h.seen
		}
		h.left = h.current.b[:h.current.n]
	}
	n := copy(p, h.left)
	h.left = h.left[n:]
	return n, nil
}

// close ends the goroutines; it may be called again. It waits for a read of the source that is under way.
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

// facts are what storing found out about data.
type facts struct {
	size, virtual int64
	md5           string
	algo, hash    string   // sha512, unless a client said what it has
	pieces        []byte   // the SHA-256 of each, one after the other; none where the data was not read
	brought       *brought // from another region; nil from elsewhere
}

func (h *hashing) facts(n, virtual int64) facts {
	h.close()
	f := facts{size: n, virtual: virtual, md5: hex.EncodeToString(h.sums[0]), algo: h.algo, hash: hex.EncodeToString(h.sums[1])}
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
