// Package virt is the contract between nova-compute and a hypervisor. Everything beyond Driver is an optional
// capability: an interface that a driver may implement, with a row in the table of capabilities (Capabilities).
package virt

import (
	"context"
	"io"
	"strings"
	"time"

	"hypernova/nova"
)

// Driver runs servers on one host. All methods may be called concurrently for different servers; compute serialises
// the calls for one server. A method may block on the hypervisor until ctx ends. Each is idempotent: repeated after a
// crash it ends in the same state. The kinds of fault are NotFound for an unknown server, Unavailable when the
// hypervisor does not answer, Conflict where the guest's state forbids the operation, Invalid for an image or flavor
// that the driver cannot run, and TooLarge for an image larger than the flavor's disk; all else is Internal.
type Driver interface {
	// Init connects, and repairs what a crash interrupted. It is called once, before all other methods.
	Init(ctx context.Context) error
	// Resources returns the host's name, address, hypervisor and sizes.
	Resources(ctx context.Context) (Resources, error)
	// Servers lists every domain of this driver on the host, running or not, including incomplete ones found on disk
	// (power NoState).
	Servers(ctx context.Context) ([]Info, error)
	// Info returns one server's power state, NoState for one that is prepared but was never spawned; fault.NotFound.
	Info(ctx context.Context, id string) (Info, error)
	// Prepare downloads the image into the local cache and makes disks and config drive. It starts nothing. When it
	// fails it leaves nothing behind; it does not change a server that exists.
	Prepare(ctx context.Context, s *nova.Spec, images Images) error
	// Spawn defines and starts the prepared server (NotFound: it is not prepared). It does not change a server that
	// runs or is paused. Like every method it waits for an operation in progress (see Info) and decides by its result.
	Spawn(ctx context.Context, s *nova.Spec) error
	// Destroy stops the server at once and removes its domain, disks and logs. An unknown server is no error. Cached
	// images stay.
	Destroy(ctx context.Context, id string) error
	// Start powers a server on, with a new definition made from s. A running server is no error, a paused one is a
	// Conflict.
	Start(ctx context.Context, s *nova.Spec) error
	// Stop asks the guest to shut down and powers it off after grace; at once if grace is 0 or the server is paused.
	// A stopped server is no error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Reboot: soft asks the guest and becomes hard after grace; hard makes a new domain definition from s. A server
	// that does not run is rebooted hard. Afterwards it runs.
	Reboot(ctx context.Context, s *nova.Spec, soft bool, grace time.Duration) error
	// Pause stops the vCPUs and Unpause continues them. A server in the wanted state is no error, one that does not
	// run is a Conflict.
	Pause(ctx context.Context, id string) error
	Unpause(ctx context.Context, id string) error
}

// Images is the image store from which Prepare reads. A stream checks its data and fails at the end if it is damaged.
type Images interface {
	Open(ctx context.Context, id string) (io.ReadCloser, error)
}

// Info is the hypervisor's view of a server.
type Info struct {
	ID    string
	Name  string // DomainName(ID)
	Power nova.PowerState
	// Passing means that the hypervisor is working on the server (it starts it, saves it, takes a snapshot) and will
	// finish by itself. Power is then the state before that work, and does not say whether it succeeds.
	Passing bool
	// Cause is why the guest does not run, as far as the hypervisor knows, and Why explains it to an operator. They
	// have a meaning only for a guest that should run: one that this driver stopped at once has the cause of a guest
	// that was ended from the host, too.
	Cause nova.Cause
	Why   string
}

// Resources is the size and the description of a host.
type Resources struct {
	Hostname, HostIP         string
	Type                     string // "QEMU", "fake"
	Version                  int    // 7002009 style
	CPUInfo                  map[string]any
	VCPUs, MemoryMB, DiskGB  int64
	MemoryUsedMB, DiskFreeGB int64    // as measured, for the hypervisor view
	Traits                   []string // of the host itself; Traits adds those of the driver's capabilities
	Running                  int
}

// DomainName returns the hypervisor's name of a server, which the API shows as its instance name. It depends on the id
// alone, so that no counter has to be shared. 48 random bits of the id keep two servers of one host apart.
func DomainName(id string) string {
	hex := strings.ToLower(strings.ReplaceAll(id, "-", ""))
	return "instance-" + hex[:min(12, len(hex))]
}
