package virt

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"hypernova/nova"
)

// Capability is one row of the table of capabilities: something that a driver can do beyond what Driver requires. A
// driver has it when it implements the interface of the row.
type Capability struct {
	// Name completes the sentence "The hypervisor of this host cannot".
	Name string
	// Interface is the interface's name in this package. The driver suite has a test for each.
	Interface string
	// Trait is what a node with such a driver reports to placement, one of os-traits; empty where OpenStack has none.
	Trait string
	// Has reports whether a driver has the capability. It does not call the driver.
	Has func(Driver) bool
}

// Capabilities returns the table. Driver itself is the first row.
func Capabilities() []Capability {
	return []Capability{
		capability[Driver]("run servers", "COMPUTE_NODE"),
		capability[Console]("read console logs", ""),
		capability[ConsoleBounder]("bound console logs", ""),
		capability[Diagnoser]("measure guests", ""),
		capability[Disk]("measure the free disk", ""),
		capability[EventSource]("report guests that stop", ""),
		capability[Examiner]("examine its host", ""),
		capability[Finder]("find servers in other folders", ""),
		capability[ImageCache]("keep images", ""),
		capability[InterfacePlugger]("attach interfaces", "COMPUTE_NET_ATTACH_INTERFACE"),
		capability[Interrupter]("interrupt guests", ""),
		capability[LastWords]("report the last output of a guest's process", ""),
		capability[LeftoverFinder]("find what operations left on it", ""),
		capability[PasswordSetter]("set passwords", ""),
		capability[Rebuilder]("rebuild servers", ""),
		capability[RemoteConsole]("show consoles", ""),
		capability[Rescuer]("rescue servers", ""),
		capability[Snapshotter]("copy a server's disk", ""),
		capability[Suspender]("suspend servers", ""),
		capability[Uptimer]("report its uptime", ""),
	}
}

func capability[C any](name, trait string) Capability {
	return Capability{Name: name, Interface: interfaceName[C](), Trait: trait, Has: func(d Driver) bool {
		_, ok := d.(C)
		return ok
	}}
}

func interfaceName[C any]() string { return reflect.TypeFor[C]().Name() }

// CapabilityOf returns the row of an interface. It panics if the table has none.
func CapabilityOf[C any]() Capability {
	all, name := Capabilities(), interfaceName[C]()
	i := slices.IndexFunc(all, func(c Capability) bool { return c.Interface == name })
	if i < 0 {
		panic(fmt.Sprintf("virt: the table of capabilities has no row for the interface %s", name))
	}
	return all[i]
}

// Traits returns the traits of a node, sorted: those of the driver's capabilities, and those that the driver reports
// itself (Resources.Traits).
func Traits(d Driver, reported []string) []string {
	out := slices.Clone(reported)
	for _, c := range Capabilities() {
		if c.Trait != "" && c.Has(d) {
			out = append(out, c.Trait)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Console is the capability of reading the serial console's log.
type Console interface {
	// ConsoleLog is the last max bytes of the log; empty before the first output.
	ConsoleLog(ctx context.Context, id string, max int64) ([]byte, error)
}

// ConsoleBounder is the capability of cutting console logs that the hypervisor itself does not bound.
type ConsoleBounder interface {
	// BoundConsoles cuts the logs that take more than max bytes on the disk; their ends stay. It returns how many it
	// has cut.
	BoundConsoles(ctx context.Context, max int64) (int, error)
}

// Trouble is something about the host that limits its servers, in an operator's words.
type Trouble struct {
	Rule, Subject, Text string
	Cure                string // what an operator does about it; empty for a note that needs none
	Note                bool   // nothing is wrong, but worth knowing
}

// Examiner is the capability of finding troubles of the host.
type Examiner interface {
	// Examine returns the troubles of the host. It changes nothing, and may be called without Init beside a process
	// that uses the host.
	Examine(ctx context.Context) ([]Trouble, error)
}

// Suspender is the capability of saving a server's memory on the host's disk and going on from it, also after a
// restart of the host.
type Suspender interface {
	// Suspend saves the memory of a running server and ends its guest: then Info returns Shutdown. A suspended server
	// is no error, one that does not run is a Conflict. Start and Reboot discard the saved memory.
	Suspend(ctx context.Context, id string) error
	// Resume continues from the saved memory, or boots from s if there is none. A running server is no error, a paused
	// one is a Conflict.
	Resume(ctx context.Context, s *nova.Spec) error
}

// LastWords is the capability of returning the last output of a guest's process on the host.
type LastWords interface {
	// LastWords returns the end of the output, at most max bytes and for operators only; empty for a process without
	// output. fault.NotFound.
	LastWords(ctx context.Context, id string, max int) (string, error)
}

// Disk is the capability of measuring the file system of the servers' disks.
type Disk interface {
	// FreeDisk returns how many bytes are free on it.
	FreeDisk(ctx context.Context) (int64, error)
}

// Finder is the capability of finding servers of this cloud on the host wherever their files are, by the mark in their
// definitions.
type Finder interface {
	// Strays returns the servers of this cloud that Servers does not list because their files are in another folder
	// than the configured one. Destroy removes them with those files. It may be called without Init.
	Strays(ctx context.Context) ([]Stray, error)
}

// Stray is a server whose files are not in the configured folder. Folder has them, as far as the hypervisor knows.
type Stray struct {
	Info
	Folder string
}

// Uptimer is the capability of returning the uptime and the load of the host.
type Uptimer interface {
	// Uptime returns one line in the form of uptime(1), which clients split.
	Uptime(ctx context.Context) (string, error)
}

// UptimeText returns the uptime and the load averages over 1, 5 and 15 minutes in the form of uptime(1).
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
	const form = " %s up %s,  %d %s,  load average: %.2f, %.2f, %.2f"
	return fmt.Sprintf(form, now.Format(time.TimeOnly), text, users, unit, load[0], load[1], load[2])
}

// Event is a change of a guest that this driver did not cause.
type Event struct {
	ID    string
	Power nova.PowerState
	Cause nova.Cause // as in Info
	Why   string
	At    time.Time
}

// EventSource is the capability of reporting guests that stop or crash by themselves.
type EventSource interface {
	// Events calls fn for each change until ctx ends. It blocks, and reconnects by itself.
	Events(ctx context.Context, fn func(Event)) error
}
