// Package virt is the contract between nova-compute and a hypervisor. Everything beyond the core is an optional capability,
// found by asserting on the driver.
package virt

import (
	"context"
	"io"
	"time"

	"hypernova/nova"
)

// Driver runs servers on one host. All methods may be called concurrently for different servers; compute serialises calls for one server.
// Methods may block on the hypervisor until ctx ends. Every one is idempotent: repeated after a crash it ends in the same state.
// Fault kinds: NotFound for an unknown server, Unavailable when the hypervisor does not answer, Conflict where the guest's state forbids it,
// Invalid for an image or flavor it cannot run, TooLarge for an image larger than the flavor's disk; all else is Internal.
type Driver interface {
	// Init connects and recovers what a crash left half-made. Called once before anything else.
	Init(ctx context.Context) error
	// Resources is what the host offers, and who it is.
	Resources(ctx context.Context) (Resources, error)
	// Servers lists every domain this driver owns on the host, running or not, including half-made ones found on disk.
	Servers(ctx context.Context) ([]Info, error)
	// Info is one server's power state; fault.NotFound.
	Info(ctx context.Context, id string) (Info, error)
	// Prepare fetches the image into the local cache and makes disks and config drive. Nothing runs yet.
	Prepare(ctx context.Context, s *nova.Spec, images Images) error
	// Spawn defines and starts the prepared server. A server that already runs is left alone.
	Spawn(ctx context.Context, s *nova.Spec) error
	// Destroy stops the server at once and removes domain, disks, logs. Absent is no error. Shared cached images stay.
	Destroy(ctx context.Context, id string) error
	// Start powers a defined server on; running is no error.
	Start(ctx context.Context, s *nova.Spec) error
	// Stop asks the guest to shut down and pulls the plug after grace (0: at once); stopped is no error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Reboot: soft asks the guest and falls back to hard after grace; hard rebuilds the domain definition from s.
	Reboot(ctx context.Context, s *nova.Spec, soft bool, grace time.Duration) error
	// Pause and Unpause freeze and thaw the vCPUs; already there is no error.
	Pause(ctx context.Context, id string) error
	Unpause(ctx context.Context, id string) error
}

// Images is where Prepare gets image data from: it streams, checks, and fails at the end on damage.
type Images interface {
	Open(ctx context.Context, id string) (io.ReadCloser, error)
}

// Info is what the hypervisor says of a server.
type Info struct {
	ID    string
	Name  string // domain name, "instance-0000002a" like
	Power nova.PowerState
}

// Resources is a host's offer.
type Resources struct {
	Hostname, HostIP         string
	Type                     string // "QEMU", "fake"
	Version                  int    // 7002009 style
	CPUInfo                  map[string]any
	VCPUs, MemoryMB, DiskGB  int64
	MemoryUsedMB, DiskFreeGB int64 // as measured, for the hypervisor view
	Traits                   []string
	Running                  int
}

// Console is the capability of reading the serial console's log.
type Console interface {
	// ConsoleLog is the last max bytes of the log; empty before the first output.
	ConsoleLog(ctx context.Context, id string, max int64) ([]byte, error)
}

// Event is a change the hypervisor noticed by itself.
type Event struct {
	ID    string
	Power nova.PowerState
	At    time.Time
}

// EventSource is the capability of telling about guests that stop or crash by themselves.
type EventSource interface {
	// Events calls fn for each change until ctx ends; it reconnects by itself.
	Events(ctx context.Context, fn func(Event)) error
}
