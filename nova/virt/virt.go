// Package virt is the contract between nova-compute and a hypervisor. Everything beyond the core is an optional
// capability, found by asserting on the driver.
package virt

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"hypernova/nova"
)

// Driver runs servers on one host. All methods may be called concurrently for different servers; compute serialises
// calls for one server. Methods may block on the hypervisor until ctx ends. Every one is idempotent: repeated after a
// crash it ends in the same state. Fault kinds: NotFound for an unknown server, Unavailable when the hypervisor does
// not answer, Conflict where the guest's state forbids it, Invalid for an image or flavor it cannot run, TooLarge for
// an image larger than the flavor's disk; all else is Internal.
type Driver interface {
	// Init connects and recovers what a crash left half-made. Called once before anything else.
	Init(ctx context.Context) error
	// Resources is what the host offers, and who it is.
	Resources(ctx context.Context) (Resources, error)
	// Servers lists every domain this driver owns on the host, running or not, including half-made ones found on disk
	// (power NoState).
	Servers(ctx context.Context) ([]Info, error)
	// Info is one server's power state, NoState for one that is prepared but was never spawned; fault.NotFound.
	Info(ctx context.Context, id string) (Info, error)
	// Prepare fetches the image into the local cache and makes disks and config drive. Nothing runs yet. When it fails it
	// leaves nothing behind; a server that is already there is left as it is.
	Prepare(ctx context.Context, s *nova.Spec, images Images) error
	// Spawn defines and starts the prepared server (NotFound: it is not prepared). A server that already runs, or is
	// paused, is left alone. Like every method it waits while the hypervisor reports a
	// temporary state (see Info).
	Spawn(ctx context.Context, s *nova.Spec) error
	// Destroy stops the server at once and removes domain, disks, logs. Absent is no error. Shared cached images stay.
	Destroy(ctx context.Context, id string) error
	// Start powers a server on, by a definition made anew from s; running is no error, paused is a Conflict.
	Start(ctx context.Context, s *nova.Spec) error
	// Stop asks the guest to shut down and pulls the plug after grace (0: at once; so for a paused one); stopped is no
	// error.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Reboot: soft asks the guest and falls back to hard after grace; hard rebuilds the domain definition from s. A server
	// that does not run is rebooted hard. In the end it runs.
	Reboot(ctx context.Context, s *nova.Spec, soft bool, grace time.Duration) error
	// Pause and Unpause freeze and thaw the vCPUs; already there is no error, a server that does not run is a Conflict.
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
	Name  string // DomainName(ID)
	Power nova.PowerState
	// Passing: the hypervisor is at work on the server (it starts it, saves it, takes a snapshot) and will end that by
	// itself. Power is then the state from which that began, and no answer to whether it works out.
	Passing bool
	// Cause is why the guest does not run, as far as the hypervisor knows, and Why says it in an operator's words. They
	// mean something only of a guest that should run: one that was stopped at once by this driver was ended by something
	// on the host, too.
	Cause nova.Cause
	Why   string
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

// ConsoleBounder is the capability of keeping console logs small that nobody else bounds.
type ConsoleBounder interface {
	// BoundConsoles cuts the logs that take more than max bytes on the disk; their ends stay. It answers how many it has
	// cut.
	BoundConsoles(ctx context.Context, max int64) (int, error)
}

// Trouble is something about the host that limits its servers, in an operator's words.
type Trouble struct {
	Rule, Subject, Text string
	Cure                string // what an operator does about it; empty for a note that needs none
	Note                bool   // nothing is wrong, but worth knowing
}

// Examiner is the capability of looking for that.
type Examiner interface {
	// Examine looks for what limits servers here. It changes nothing, and may be called without Init beside a process that
	// uses the host.
	Examine(ctx context.Context) ([]Trouble, error)
}

// Suspender is the capability of saving a server's memory on the host's disk and going on from it, also after a restart
// of the host.
type Suspender interface {
	// Suspend saves a running server and ends its guest: Info says Shutdown then. Suspended is no error, a server that
	// does not run is a Conflict. Start and Reboot drop what was saved.
	Suspend(ctx context.Context, id string) error
	// Resume goes on where Suspend stopped, or boots from s where nothing is saved; running is no error, paused is a
	// Conflict.
	Resume(ctx context.Context, s *nova.Spec) error
}

// LastWords is the capability of telling what a guest's process on the host said before it ended.
type LastWords interface {
	// LastWords is the end of that, at most max bytes and for operators only; empty where nothing was said.
	// fault.NotFound.
	LastWords(ctx context.Context, id string, max int) (string, error)
}

// Disk is the capability of telling how full the disk is that servers' disks grow on.
type Disk interface {
	// FreeDisk is how many bytes are free on it.
	FreeDisk(ctx context.Context) (int64, error)
}

// Finder is the capability of finding what this cloud has on the host wherever it is, by the mark that it bears.
type Finder interface {
	// Strays are servers of this cloud that Servers does not list since their files lie in another folder than the
	// configured one. Destroy removes them with those files. It may be called without Init.
	Strays(ctx context.Context) ([]Stray, error)
}

// Stray is one of them. Folder is where its files lie, as far as the hypervisor knows.
type Stray struct {
	Info
	Folder string
}

// Uptimer is the capability of telling how long the host runs and how busy it is.
type Uptimer interface {
	// Uptime is one line in the form of uptime(1), which clients take apart.
	Uptime(ctx context.Context) (string, error)
}

// UptimeText is how long a host runs and its load averages over 1, 5 and 15 minutes, in the form of uptime(1).
func UptimeText(now time.Time, up time.Duration, users int, load [3]float64) string {
	minutes := int(up.Minutes())
	text := fmt.Sprintf("%d min", minutes%60)
	if hours := minutes / 60; hours%24 > 0 {
		text = fmt.Sprintf("%2d:%02d", hours%24, minutes%60)
	}
	if days := minutes / 60 / 24; days > 0 {
		unit := "days"
		if days == 1 {
			unit = "day"
		}
		text = fmt.Sprintf("%d %s, %s", days, unit, text)
	}
	unit := "users"
	if users == 1 {
		unit = "user"
	}
	return fmt.Sprintf(" %s up %s,  %d %s,  load average: %.2f, %.2f, %.2f", now.Format(time.TimeOnly), text, users, unit,
		load[0], load[1], load[2])
}

// Event is a change the hypervisor noticed by itself.
type Event struct {
	ID    string
	Power nova.PowerState
	Cause nova.Cause // as in Info
	Why   string
	At    time.Time
}

// EventSource is the capability of telling about guests that stop or crash by themselves.
type EventSource interface {
	// Events calls fn for each change until ctx ends; it reconnects by itself.
	Events(ctx context.Context, fn func(Event)) error
}

// DomainName is what the hypervisor calls a server, and what the API shows as its instance name: it depends on the id
// alone, so that no counter has to be shared. 48 random bits of the id keep two servers of one host apart.
func DomainName(id string) string {
	hex := strings.ToLower(strings.ReplaceAll(id, "-", ""))
	return "instance-" + hex[:min(12, len(hex))]
}
