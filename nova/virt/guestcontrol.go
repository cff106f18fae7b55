package virt

import (
	"context"

	"hypernova/nova"
)

// PasswordSetter is the capability of setting the password of a user inside a running guest, by an agent in it.
type PasswordSetter interface {
	// SetPassword sets the password of the guest's administrator: the user that the image's property os_admin_user names,
	// else Administrator for Windows and root for others. fault.NotImplemented if no agent answers, fault.Conflict if the
	// server does not run.
	SetPassword(ctx context.Context, s *nova.Spec, password string) error
}

// InterfacePlugger is the capability of giving a server NICs and taking them away while its guest runs. The server's
// spec has the ports that it has afterwards.
type InterfacePlugger interface {
	// AttachInterface gives the server a NIC. One that it has is no error. fault.NotFound for an unknown server.
	AttachInterface(ctx context.Context, s *nova.Spec, n *nova.NIC) error
	// DetachInterface takes a NIC away. One that the server does not have is no error, nor is an unknown server.
	// fault.Conflict if the guest does not give it back.
	DetachInterface(ctx context.Context, s *nova.Spec, n *nova.NIC) error
}

// Interrupter is the capability of injecting a non-maskable interrupt, after which a guest that is set up for it writes
// a crash dump.
type Interrupter interface {
	// InjectNMI injects the interrupt. fault.Conflict for a server that does not run.
	InjectNMI(ctx context.Context, id string) error
}

// Diagnoser is the capability of measuring what a guest uses.
type Diagnoser interface {
	// Diagnose returns the figures of a server's guest, also of one that does not run; fault.NotFound.
	Diagnose(ctx context.Context, s *nova.Spec) (nova.Diagnostics, error)
}
