package client

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

	"hypernova/glance"
)

const (
	// pieceSize is the size of one read.
	pieceSize = 1 << 20
	// pieces is the number of pieces of one image in memory.
	pieces = 8
)

// checked compares data with its checksum at its end. The network, the hash and the consumer run concurrently.
type checked struct {
	body    io.ReadCloser
	h       hash.Hash
	want    string
	id      string
	err     error       // of body; valid after ready is closed
	free    chan *piece // each of the three channels holds all pieces, so sending never blocks
	ready   chan *piece
	in      chan *piece
	quit    chan struct{}
	stop    sync.Once
	work    sync.WaitGroup
	current *piece
	left    []byte // the unread part of current
	ended   error
}

type piece struct {
	b     []byte
	n     int
	users atomic.Int32
}

func check(r io.ReadCloser, i glance.Image) io.ReadCloser {
	c := &checked{body: r, want: i.HashValue, id: i.ID, free: make(chan *piece, pieces), ready: make(chan *piece, pieces),
		in:   make(chan *piece, pieces),
		quit: make(chan struct{})}
	switch i.HashAlgo {
	case "sha512":
		c.h = sha512.New()
	case "sha256":
		c.h = sha256.New()
	default: // glance always stores this checksum besides another one
		c.h, c.want = md5.New(), i.Checksum
	}
	for range pieces {
		c.free <- &piece{}
	}
	c.work.Go(c.read)
	c.work.Go(func() {
		for p := range c.in {
			c.h.Write(p.b[:p.n]) // never returns an error
			c.release(p)
		}
	})
	return c
}

func (c *checked) release(p *piece) {
	if p.users.Add(-1) == 0 {
		c.free <- p
	}
}

// read is the goroutine that reads ahead of the consumer.
func (c *checked) read() {
	defer close(c.ready)
	defer close(c.in)
	for c.err == nil {
		var p *piece
		select {
		case p = <-c.free:
		case <-c.quit:
			return
		}
		if p.b == nil {
			p.b = make([]byte, pieceSize)
		}
		if p.n, c.err = fill(c.body, p.b); p.n == 0 {
			return
		}
		p.users.Store(2)
		c.in <- p
		c.ready <- p
	}
}

// fill reads a piece. Unlike io.ReadFull it distinguishes the end of the data from a broken connection.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// Read returns io.EOF only if the checksum of all data matches.
func (c *checked) Read(b []byte) (int, error) {
	if len(c.left) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.left)
	c.left = c.left[n:]
	return n, nil
}

func (c *checked) next() error {
	if c.ended != nil {
		return c.ended
	}
	if c.current != nil {
		c.release(c.current)
		c.current = nil
	}
	p, ok := <-c.ready
	if ok {
		c.current, c.left = p, p.b[:p.n]
		return nil
	}
	c.work.Wait()
	if c.ended = c.err; errors.Is(c.err, io.EOF) && hex.EncodeToString(c.h.Sum(nil)) != c.want {
		c.ended = fmt.Errorf("image %s: the data does not match its checksum", c.id)
	}
	if c.ended == nil {
		c.ended = io.ErrClosedPipe
	}
	return c.ended
}

// WriteTo writes pieces without copying them.
func (c *checked) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if len(c.left) == 0 {
			if err := c.next(); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return total, err
			}
		}
		n, err := w.Write(c.left)
		total, c.left = total+int64(n), c.left[n:]
		if err != nil {
			return total, err
		}
	}
}

// Close stops reading and waits for the goroutines.
func (c *checked) Close() error {
	var err error
	c.stop.Do(func() {
		close(c.quit)
		err = c.body.Close() // ends a running read
		c.work.Wait()
	})
	return err
}
