package fake

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
)

var _ virt.RemoteConsole = (*Driver)(nil)

// consoles are the remote consoles of this pretended host: listeners on loopback, made when they are asked for first
// and closed, with their connections, when the guest ends.
type consoles struct {
	d    *Driver
	mu   sync.Mutex
	open map[consoleOf]*console
}

type consoleOf struct {
	server string
	kind   nova.ConsoleType
}

// console is one listener with its connections.
type console struct {
	l     net.Listener
	serve func(io.ReadWriter) error

	mu    sync.Mutex
	conns map[net.Conn]bool // nil: closed
}

// ConsoleAddress starts the console of a running guest where it does not listen yet. The screen by VNC is one that
// changes its colour with each key, that by SPICE has no channels; the serial console prompts and echoes.
func (x *consoles) ConsoleAddress(ctx context.Context, id string, t nova.ConsoleType) (nova.ConsoleAddress, error) {
	if _, err := x.d.enter(ctx, "remote-console", id, 0); err != nil {
		return nova.ConsoleAddress{}, err
	}
	if _, err := x.d.settled(ctx, id); err != nil {
		return nova.ConsoleAddress{}, err
	}
	x.d.mu.Lock() // the guest does not end before its console is known
	defer x.d.mu.Unlock()
	r, err := x.d.find(id)
	if err != nil {
		return nova.ConsoleAddress{}, err
	}
	if r.Power != nova.Running && r.Power != nova.PowerPaused {
		return nova.ConsoleAddress{}, fault.Conflictf("Server %s does not run.", id)
	}
	if t == nova.ConsoleSPICEDirect { // the same console
		t = nova.ConsoleSPICE
	}
	serve := map[nova.ConsoleType]func(io.ReadWriter) error{
		nova.ConsoleNoVNC: func(c io.ReadWriter) error { return serveScreen(c, r.Display) },
		nova.ConsoleSPICE: serveSPICE,
		nova.ConsoleSerial: func(c io.ReadWriter) error {
			return serveSerial(c, r.Display)
		},
	}[t]
	if serve == nil {
		return nova.ConsoleAddress{}, fault.Invalidf("Server %s has no console of type %s.", id, t).Coded(nova.CodeNoConsole)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.open[consoleOf{id, t}]
	if c == nil {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nova.ConsoleAddress{}, err
		}
		c = &console{l: l, serve: serve, conns: map[net.Conn]bool{}}
		if x.open == nil {
			x.open = map[consoleOf]*console{}
		}
		x.open[consoleOf{id, t}] = c
		go c.accept()
	}
	at := c.l.Addr().(*net.TCPAddr)
	return nova.ConsoleAddress{Host: at.IP.String(), Port: at.Port}, nil
}

// end closes the consoles of a guest that ended.
func (x *consoles) end(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for of, c := range x.open {
		if of.server == id {
			c.close()
			delete(x.open, of)
		}
	}
}

func (c *console) accept() {
	for {
		conn, err := c.l.Accept()
		if err != nil {
			return // closed
		}
		c.mu.Lock()
		if c.conns == nil {
			c.mu.Unlock()
			_ = conn.Close()
			return
		}
		c.conns[conn] = true
		c.mu.Unlock()
		go func() {
			_ = c.serve(conn) // its client has gone, or spoke nonsense
			_ = conn.Close()
			c.mu.Lock()
			delete(c.conns, conn)
			c.mu.Unlock()
		}()
	}
}

func (c *console) close() {
	_ = c.l.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// serveSerial is a serial port with a login prompt that echoes what is typed.
func serveSerial(c io.ReadWriter, name string) error {
	if _, err := io.WriteString(c, "\r\n"+name+" login: "); err != nil {
		return err
	}
	_, err := io.Copy(c, c)
	return err
}

// The size of the pretended screen.
const screenWidth, screenHeight = 64, 48

// Messages of RFB clients, with their lengths (RFC 6143).
const (
	rfbSetPixelFormat, rfbSetPixelFormatLen = 0, 19
	rfbSetEncodings                         = 2
	rfbUpdateRequest, rfbUpdateRequestLen   = 3, 9
	rfbKey, rfbKeyLen                       = 4, 7
	rfbPointer, rfbPointerLen               = 5, 5
	rfbCutText                              = 6
	rfbCutTextMost                          = 1 << 16
)

// serveScreen is an RFB 3.8 server without a password. Every pixel has the value of the key that was pressed last. An
// update that asks for changes waits for a key.
func serveScreen(c io.ReadWriter, name string) error {
	in := bufio.NewReader(c)
	read := func(n int) ([]byte, error) {
		b := make([]byte, n)
		_, err := io.ReadFull(in, b)
		return b, err
	}
	if _, err := io.WriteString(c, "RFB 003.008\n"); err != nil {
		return err
	}
	if v, err := read(12); err != nil || string(v) != "RFB 003.008\n" {
		return errors.Join(err, errRFB)
	}
	if _, err := c.Write([]byte{1, 1}); err != nil { // one sort of security: none
		return err
	}
	if b, err := read(1); err != nil || b[0] != 1 {
		return errors.Join(err, errRFB)
	}
	if _, err := c.Write([]byte{0, 0, 0, 0}); err != nil {
		return err
	}
	if _, err := read(1); err != nil { // whether the screen is shared
		return err
	}
	hello := binary.BigEndian.AppendUint16(nil, screenWidth)
	hello = binary.BigEndian.AppendUint16(hello, screenHeight)
	hello = append(hello, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0)
	hello = binary.BigEndian.AppendUint32(hello, uint32(len(name)))
	if _, err := c.Write(append(hello, name...)); err != nil {
		return err
	}
	s := screen{out: c, changed: true}
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return err
		}
		switch kind {
		case rfbSetPixelFormat:
			_, err = read(rfbSetPixelFormatLen)
		case rfbSetEncodings:
			var b []byte
			if b, err = read(3); err == nil {
				_, err = read(4 * int(binary.BigEndian.Uint16(b[1:])))
			}
		case rfbUpdateRequest:
			var b []byte
			if b, err = read(rfbUpdateRequestLen); err == nil {
				s.asked, s.changed = true, s.changed || b[0] == 0
				err = s.update()
			}
		case rfbKey:
			var b []byte
			if b, err = read(rfbKeyLen); err == nil && b[0] == 1 {
				s.key, s.changed = binary.BigEndian.Uint32(b[3:]), true
				err = s.update()
			}
		case rfbPointer:
			_, err = read(rfbPointerLen)
		case rfbCutText:
			var b []byte
			if b, err = read(7); err == nil {
				n := binary.BigEndian.Uint32(b[3:])
				if n > rfbCutTextMost {
					return errRFB
				}
				_, err = read(int(n))
			}
		default:
			return errRFB
		}
		if err != nil {
			return err
		}
	}
}

var errRFB = errors.New("the client does not speak RFB 3.8")

// screen is what one client of the pretended screen has been shown.
type screen struct {
	out            io.Writer
	key            uint32
	asked, changed bool
}

// update sends the whole screen if the client asked for an update and there is something new.
func (s *screen) update() error {
	if !s.asked || !s.changed {
		return nil
	}
	s.asked, s.changed = false, false
	b := []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, screenWidth, 0, screenHeight, 0, 0, 0, 0}
	for range screenWidth * screenHeight {
		b = binary.LittleEndian.AppendUint32(b, s.key)
	}
	_, err := s.out.Write(b)
	return err
}
