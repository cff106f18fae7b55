package virt

import (
	"context"

	"hypernova/nova"
)

// RemoteConsole is the capability of consoles that a user of a server sees and types in: the screen by RFB (VNC)
// or SPICE, the serial port as plain bytes.
type RemoteConsole interface {
	// ConsoleAddress returns where a console of a running guest listens. fault.NotFound for an unknown server,
	// fault.Conflict for one whose guest does not run, fault.Invalid with nova.CodeNoConsole for a guest without a console
	// of this type.
	ConsoleAddress(ctx context.Context, id string, t nova.ConsoleType) (nova.ConsoleAddress, error)
}
