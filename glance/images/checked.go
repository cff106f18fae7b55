package images

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"

	"hypernova/oslo/log"
)

// ahead is how many pieces are read and checked in advance.
const ahead = 6

// origin is a place from which the same data can be read.
type origin struct {
	name string
	open func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	bad  func(ctx context.Context) // called if the data there is damaged or missing; may be nil
}

// checked reads a range of data whose pieces have checksums. It returns only checked bytes: a piece that is damaged in
// one origin is read from the next, and the read fails if all are damaged. Reading, checking and consuming run
// concurrently.
type checked struct {
	ctx      context.Context
	stop     context.CancelFunc
	origins  []origin
	sums     func(ctx context.Context, piece int64) ([]byte, error)
	log      warner
	id       string
	size     int64 // of the whole data
	pos, end int64 // the range that was not returned yet
	ordered  chan *part
	free     chan []byte
	reading  sync.WaitGroup
	current  *part
	left     []byte
	err      error
}

type warner interface {
	WarnContext(ctx context.Context, msg string, args ...any)
}

// part is a piece that is being read or checked.
type part struct {
	number int64
	buf    []byte
	err    error         // of the read
	good   bool          // the checksum matches; valid after done
	done   chan struct{} // closed after the check
}

// begin starts to read [offset, offset+length). The caller calls Close.
func (c *checked) begin(ctx context.Context, offset, length int64) {
	c.ctx, c.stop = context.WithCancel(ctx)
	c.pos, c.end = offset, offset+length
	c.ordered, c.free = make(chan *part, ahead), make(chan []byte, ahead+2)
	for range ahead + 2 {
		c.free <- nil
	}
	c.reading.Go(c.read)
}

func (c *checked) bounds(number int64) (from, length int64) {
	from = number * pieceSize
	return from, min(pieceSize, c.size-from)
}

// read is the goroutine that reads ahead.
func (c *checked) read() {
	defer close(c.ordered)
	if c.pos >= c.end {
		return
	}
	s := stream{c: c}
	defer s.close()
	last := (c.end - 1) / pieceSize
	for n := c.pos / pieceSize; n <= last; n++ {
		p := &part{number: n, done: make(chan struct{})}
		select {
		case p.buf = <-c.free:
		case <-c.ctx.Done():
			return
		}
		_, length := c.bounds(n)
		if int64(cap(p.buf)) < length {
			p.buf = make([]byte, length)
		}
		p.buf = p.buf[:length]
		p.err = s.fill(p.buf, n, last)
		var want []byte
		if p.err == nil {
			want, p.err = c.sums(c.ctx, n)
		}
		if p.err != nil {
			close(p.done)
		} else {
			c.reading.Go(func() {
				p.good = sha256.Sum256(p.buf) == [sha256.Size]byte(want)
				close(p.done)
			})
		}
		failed := p.err != nil
		select {
		case c.ordered <- p: // owned by the consumer from here
		case <-c.ctx.Done():
			return
		}
		if failed {
			return
		}
	}
}

// stream reads consecutive pieces from one origin until that fails.
type stream struct {
	c      *checked
	origin int
	r      io.ReadCloser
}

func (s *stream) close() {
	if s.r != nil {
		_ = s.r.Close() // the data is checked itself
		s.r = nil
	}
}

// fill reads a piece. If an origin fails, it goes on with the next, and tries the first one once more, because a
// connection may have broken.
func (s *stream) fill(buf []byte, n, last int64) error {
	var failed error
	for range len(s.c.origins) + 1 {
		if s.r == nil {
			from, _ := s.c.bounds(n)
			to, length := s.c.bounds(last)
			r, err := s.c.origins[s.origin].open(s.c.ctx, from, to+length-from)
			if err != nil {
				failed = errors.Join(failed, err)
				s.origin = (s.origin + 1) % len(s.c.origins)
				continue
			}
			s.r = r
		}
		if _, err := io.ReadFull(s.r, buf); err == nil {
			return nil
		} else {
			failed = errors.Join(failed, err)
		}
		s.close()
		if s.c.ctx.Err() != nil {
			return s.c.ctx.Err()
		}
		s.origin = (s.origin + 1) % len(s.c.origins)
	}
	if errors.Is(failed, io.EOF) || errors.Is(failed, io.ErrUnexpectedEOF) {
		failed = fmt.Errorf("image %s: %w: it is cut off", s.c.id, ErrDamaged)
	}
	return failed
}

// next returns the next piece; io.EOF at the end. The piece is valid until the next call.
func (c *checked) next() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.current != nil {
		c.free <- c.current.buf
		c.current = nil
	}
	if c.pos >= c.end {
		c.err = io.EOF
		return nil, c.err
	}
	p, ok := <-c.ordered
	if !ok {
		if c.err = c.ctx.Err(); c.err == nil {
			c.err = io.ErrUnexpectedEOF
		}
		return nil, c.err
	}
	<-p.done
	if p.err == nil && !p.good {
		p.err = c.again(p)
	}
	if c.err = p.err; c.err != nil {
		return nil, c.err
	}
	c.current = p
	from, length := c.bounds(p.number)
	b := p.buf[c.pos-from : min(length, c.end-from)]
	c.pos += int64(len(b))
	return b, nil
}

// again reads a damaged piece from each origin in turn. ErrDamaged if all are damaged.
func (c *checked) again(p *part) error {
	want, err := c.sums(c.ctx, p.number)
	if err != nil {
		return err
	}
	for _, o := range c.origins {
		from, length := c.bounds(p.number)
		r, err := o.open(c.ctx, from, length)
		if err == nil {
			_, err = io.ReadFull(r, p.buf)
			err = errors.Join(err, r.Close())
		}
		if err == nil && sha256.Sum256(p.buf) == [sha256.Size]byte(want) {
			return nil
		}
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		args := []any{"image", c.id, "store", o.name, "offset", from}
		if err != nil {
			args = append(args, log.Err, err.Error())
		}
		c.log.WarnContext(c.ctx, "image data is damaged in a store", args...)
		if o.bad != nil {
			o.bad(c.ctx)
		}
	}
	return fmt.Errorf("image %s: %w", c.id, ErrDamaged)
}

func (c *checked) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		b, err := c.next()
		if err != nil {
			return 0, err
		}
		c.left = b
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// WriteTo writes pieces without copying them.
func (c *checked) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		b := c.left
		c.left = nil
		if len(b) == 0 {
			var err error
			if b, err = c.next(); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return total, err
			}
		}
		n, err := w.Write(b)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// Close stops reading and waits for the goroutines.
func (c *checked) Close() error {
	c.stop()
	c.reading.Wait()
	return nil
}
