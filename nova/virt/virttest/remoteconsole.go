package virttest

import (
	"io"
	"net"
	"strconv"
	"testing"

	"hypernova/nova"
	"hypernova/nova/consoles/rfbtest"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// dial connects to a guest's console.
func (h Harness) dial(t *testing.T, at nova.ConsoleAddress) io.ReadWriteCloser {
	t.Helper()
	if h.Dial != nil {
		return h.Dial(t, at)
	}
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(at.Host, strconv.Itoa(at.Port)))
	must(t, err)
	return c
}

// remoteConsole reads the screen of a running guest and presses a key, until the guest is stopped.
func remoteConsole(t *testing.T, h Harness, d virt.Driver, c virt.RemoteConsole) {
	ctx := t.Context()
	if _, err := c.ConsoleAddress(ctx, ids.UUID(), nova.ConsoleNoVNC); !fault.Is(err, fault.NotFound) {
		t.Errorf("of an unknown server: got %v, want a NotFound fault", err)
	}
	s := h.running(t, d)
	if _, err := c.ConsoleAddress(ctx, s.ID, "pigeon"); fault.Of(err).Code != nova.CodeNoConsole {
		t.Errorf("of an unknown type: got %v, want the code %s", err, nova.CodeNoConsole)
	}
	at, err := c.ConsoleAddress(ctx, s.ID, nova.ConsoleNoVNC)
	must(t, err)
	conn := h.dial(t, at)
	defer conn.Close()
	screen, err := rfbtest.New(conn)
	must(t, err)
	pixels, err := screen.Update(false)
	must(t, err)
	if len(pixels) == 0 {
		t.Errorf("the screen of %d x %d is empty", screen.Width, screen.Height)
	}
	must(t, screen.Key('a'))
	if at, err = c.ConsoleAddress(ctx, s.ID, nova.ConsoleSerial); err != nil {
		t.Errorf("the serial console: %v", err)
	} else {
		must(t, h.dial(t, at).Close())
	}
	must(t, d.Stop(ctx, s.ID, 0))
	_, _ = io.Copy(io.Discard, conn) // until the guest's end
	if _, err := c.ConsoleAddress(ctx, s.ID, nova.ConsoleNoVNC); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a stopped server: got %v, want a Conflict fault", err)
	}
}
