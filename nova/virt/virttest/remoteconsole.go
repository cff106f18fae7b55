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

// spice asks the SPICE server of a guest for the main channel. Its consoles for browsers and for other clients are one.
func (h Harness) spice(t *testing.T, c virt.RemoteConsole, id string) {
	t.Helper()
	at, err := c.ConsoleAddress(t.Context(), id, nova.ConsoleSPICE)
	direct, derr := c.ConsoleAddress(t.Context(), id, nova.ConsoleSPICEDirect)
	if err != nil || derr != nil || at != direct {
		t.Errorf("SPICE: got %v, %v and %v, %v", at, err, direct, derr)
		return
	}
	conn := h.dial(t, at)
	defer conn.Close()
	// REDQ, version 2.2, 18 bytes: session 0, the main channel, and no capabilities.
	_, err = conn.Write([]byte("REDQ\x02\x00\x00\x00\x02\x00\x00\x00\x12\x00\x00\x00" +
		"\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x12\x00\x00\x00"))
	must(t, err)
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "REDQ" {
		t.Errorf("SPICE: got %q, %v", answer, err)
	}
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
	h.spice(t, c, s.ID)
	must(t, d.Stop(ctx, s.ID, 0))
	_, _ = io.Copy(io.Discard, conn) // until the guest's end
	if _, err := c.ConsoleAddress(ctx, s.ID, nova.ConsoleNoVNC); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a stopped server: got %v, want a Conflict fault", err)
	}
}
