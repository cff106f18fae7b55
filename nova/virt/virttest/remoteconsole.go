package virttest

import (
	"io"
	"net"
	"strconv"
	"testing"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// remoteConsole asks for the screen of a running guest, and finds an RFB server there until the guest is stopped.
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
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(at.Host, strconv.Itoa(at.Port)))
	must(t, err)
	defer conn.Close()
	hello := make([]byte, 12)
	if _, err := io.ReadFull(conn, hello); err != nil || string(hello) != "RFB 003.008\n" {
		t.Errorf("the console says %q, %v, want the version of RFB", hello, err)
	}
	must(t, d.Stop(ctx, s.ID, 0))
	if n, err := io.Copy(io.Discard, conn); err != nil && n > 0 {
		t.Errorf("the console of a stopped guest went on: %d bytes, %v", n, err)
	}
	if _, err := c.ConsoleAddress(ctx, s.ID, nova.ConsoleNoVNC); !fault.Is(err, fault.Conflict) {
		t.Errorf("of a stopped server: got %v, want a Conflict fault", err)
	}
}
