// Package rfbtest is a small RFB (VNC) client for tests of screens.
package rfbtest

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Client is a connection to a screen. Its methods block.
type Client struct {
	c             io.ReadWriter
	Width, Height int
	Name          string
}

// Version is what a server of RFB 3.8 says first.
const Version = "RFB 003.008\n"

// New does the handshake of RFB 3.8 without a password, and asks for updates in the raw encoding.
func New(c io.ReadWriter) (*Client, error) {
	x := &Client{c: c}
	if v, err := x.read(12); err != nil || string(v) != Version {
		return nil, fmt.Errorf("the server says %q: %w", v, orUnexpected(err))
	}
	if err := x.write([]byte(Version)); err != nil {
		return nil, err
	}
	n, err := x.read(1)
	if err != nil {
		return nil, err
	}
	sorts, err := x.read(int(n[0]))
	if err != nil || len(sorts) == 0 {
		return nil, fmt.Errorf("sorts of security: %v: %w", sorts, orUnexpected(err))
	}
	if err := x.write([]byte{1}); err != nil {
		return nil, err
	}
	if r, err := x.read(4); err != nil || binary.BigEndian.Uint32(r) != 0 {
		return nil, fmt.Errorf("refused: %v: %w", r, orUnexpected(err))
	}
	if err := x.write([]byte{1}); err != nil { // share the screen
		return nil, err
	}
	h, err := x.read(24)
	if err != nil {
		return nil, err
	}
	x.Width, x.Height = int(binary.BigEndian.Uint16(h)), int(binary.BigEndian.Uint16(h[2:]))
	name, err := x.read(int(binary.BigEndian.Uint32(h[20:])))
	if err != nil {
		return nil, err
	}
	x.Name = string(name)
	// 32 bits for each pixel, and the raw encoding only.
	return x, x.write([]byte{0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,
		2, 0, 0, 1, 0, 0, 0, 0})
}

// Update asks for the screen, or with changes only for what has changed, waits for it, and returns the bytes of the
// pixels that came.
func (x *Client) Update(changes bool) ([]byte, error) {
	ask := []byte{3, 0, 0, 0, 0, 0}
	if changes {
		ask[1] = 1
	}
	ask = binary.BigEndian.AppendUint16(ask, uint16(x.Width))
	if err := x.write(binary.BigEndian.AppendUint16(ask, uint16(x.Height))); err != nil {
		return nil, err
	}
	for {
		kind, err := x.read(1)
		if err != nil {
			return nil, err
		}
		switch kind[0] {
		case 0:
			return x.rectangles()
		case 2: // the bell
		default:
			return nil, fmt.Errorf("a message of the kind %d", kind[0])
		}
	}
}

func (x *Client) rectangles() ([]byte, error) {
	h, err := x.read(3)
	if err != nil {
		return nil, err
	}
	var out []byte
	for range binary.BigEndian.Uint16(h[1:]) {
		r, err := x.read(12)
		if err != nil {
			return nil, err
		}
		if e := binary.BigEndian.Uint32(r[8:]); e != 0 {
			return nil, fmt.Errorf("the encoding %d", e)
		}
		pixels, err := x.read(4 * int(binary.BigEndian.Uint16(r[4:])) * int(binary.BigEndian.Uint16(r[6:])))
		if err != nil {
			return nil, err
		}
		out = append(out, pixels...)
	}
	return out, nil
}

// Key presses and releases the key of a symbol of X11, which is the character itself for ASCII.
func (x *Client) Key(symbol uint32) error {
	down := binary.BigEndian.AppendUint32([]byte{4, 1, 0, 0}, symbol)
	return x.write(append(down, binary.BigEndian.AppendUint32([]byte{4, 0, 0, 0}, symbol)...))
}

func (x *Client) read(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(x.c, b)
	return b, err
}

func (x *Client) write(b []byte) error {
	_, err := x.c.Write(b)
	return err
}

func orUnexpected(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}
