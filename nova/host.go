package nova

import (
	"strings"
	"time"

	"hypernova/oslo/service"
)

// Binaries of the services that keep a record.
const (
	BinaryCompute   = "nova-compute"
	BinaryConductor = "nova-conductor"
	BinaryScheduler = "nova-scheduler"
)

// InternalZone is where services that run no servers are shown.
const InternalZone = "internal"

// Service is the record of one service on one host. Its states are kept apart: up or down is what the heartbeat says,
// disabled is what an operator decided for scheduling, forced down is what an operator knows better than the
// heartbeat.
type Service struct {
	ID                  string
	Number              int64 // the id of old API versions
	Host, Binary, Topic string
	Level               int
	Disabled            bool
	DisabledReason      string
	ForcedDown          bool
	Seen                time.Time // last heartbeat; zero: it left
	Reports             int64
	Pulse               string // URL at which its process answers beside the bus
	Note                string // what was found there while its heartbeats did not arrive
	Created, Updated    time.Time
}

// Why returns the reason of the service's state for operators: why it is disabled and, if it is down, the note about
// it.
func (s *Service) Why(up bool) string {
	if up {
		return s.DisabledReason
	}
	return service.Why(s.DisabledReason, s.Note)
}

// autoDisabled begins the reason of a service that disabled itself, as nova's does. Who disables one by hand writes
// another reason.
const autoDisabled = "AUTO: "

// Trouble applies what a host says of itself: why it can take no new servers, or that it can. What an operator decided
// stays. It reports whether that changed anything.
func (s *Service) Trouble(why string) bool {
	switch {
	case why != "" && !s.Disabled:
		s.Disabled, s.DisabledReason = true, autoDisabled+why
	case why == "" && s.AutoDisabled():
		s.Disabled, s.DisabledReason = false, ""
	default:
		return false
	}
	return true
}

// AutoDisabled reports a service that disabled itself.
func (s *Service) AutoDisabled() bool {
	return s.Disabled && strings.HasPrefix(s.DisabledReason, autoDisabled)
}

// Up reports a heartbeat within downTime and nobody who says it is down.
func (s *Service) Up(now time.Time, downTime time.Duration) bool {
	return !s.ForcedDown && !s.Seen.IsZero() && now.Sub(s.Seen) <= downTime
}

// Node is a hypervisor as it last described itself. Its ID is also its resource provider's.
type Node struct {
	ID                       string
	Number                   int64 // the id of old API versions
	Host, Name               string
	HostIP                   string
	Type                     string
	Version                  int
	CPUInfo                  string // JSON
	VCPUs, MemoryMB, DiskGB  int64
	MemoryUsedMB, DiskFreeGB int64
	Running                  int
	Traits                   []string
	Created, Updated         time.Time
}

// HostLoad is what a host carries, counted from the servers' rows.
type HostLoad struct {
	Servers, Busy   int // Busy: being built, rebooted or the like
	VCPUs, MemoryMB int64
	DiskGB          int64
}

// Aggregate is an operator's group of hosts; one with the metadata key availability_zone makes its hosts that zone.
type Aggregate struct {
	ID               int64
	UUID, Name       string
	Hosts            []string
	Metadata         map[string]string
	Created, Updated time.Time
}

// Zone is the availability zone the aggregate makes, empty for none.
func (a *Aggregate) Zone() string { return a.Metadata["availability_zone"] }

// ZoneOf is the availability zone of a host: its aggregates' or the default.
func ZoneOf(host string, as []Aggregate, otherwise string) string {
	for i := range as {
		if z := as[i].Zone(); z != "" {
			for _, h := range as[i].Hosts {
				if h == host {
					return z
				}
			}
		}
	}
	return otherwise
}
