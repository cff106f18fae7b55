// Package snapshot is the scheduler's cache of host states: services, nodes, providers, servers and aggregates.
package snapshot

import (
	"encoding/json"
	"time"

	"hypernova/nova"
	"hypernova/placement"
)

// Host is one hypervisor that servers may be put on.
type Host struct {
	Service    nova.Service
	Node       nova.Node
	Provider   placement.ProviderState
	Load       nova.HostLoad
	Zone       string
	Aggregates []nova.Aggregate // that it is in
	Up         bool
	Silent     time.Duration // since the last heartbeat, when it is not up

	at    int // in the snapshot
	cpu   map[string]any
	rooms []room
}

// room is what a host has of a resource class. Every filter and weigher reads it for every host, so it is a short list
// and not two maps.
type room struct {
	class     string
	inventory placement.Inventory
	capacity  int64
	used      int64
}

// room returns what the host has of a class, nil if nothing.
func (h *Host) room(class string) *room {
	if h.rooms == nil {
		h.rooms = make([]room, 0, len(h.Provider.Inventories))
		for class, i := range h.Provider.Inventories {
			h.rooms = append(h.rooms, room{class, i, int64(float64(i.Total-i.Reserved) * i.AllocationRatio),
				h.Provider.Used[class]})
		}
	}
	for i := range h.rooms {
		if h.rooms[i].class == class {
			return &h.rooms[i]
		}
	}
	return nil
}

// Name is the host's.
func (h *Host) Name() string { return h.Service.Host }

// Capacity is how much of a class may be allocated in all.
func (h *Host) Capacity(class string) int64 {
	if r := h.room(class); r != nil {
		return r.capacity
	}
	return 0
}

// Inventory is what the host offers of a class; false if nothing.
func (h *Host) Inventory(class string) (*placement.Inventory, bool) {
	if r := h.room(class); r != nil {
		return &r.inventory, true
	}
	return nil, false
}

// Free is how much of a class is left.
func (h *Host) Free(class string) int64 {
	if r := h.room(class); r != nil {
		return r.capacity - r.used
	}
	return -h.Provider.Used[class]
}

// CPU is the hypervisor's description of its processor.
func (h *Host) CPU() map[string]any {
	if h.cpu == nil {
		h.cpu = map[string]any{}
		// What a driver describes badly is as good as not described: filters then find nothing to compare.
		_ = json.Unmarshal([]byte(h.Node.CPUInfo), &h.cpu)
	}
	return h.cpu
}

// Request is a question with what had to be looked up for it.
type Request struct {
	nova.Request
	Ask   nova.Ask
	Where map[string]string // server of a hint -> its host
	Group *nova.GroupHosts  // where the other servers of its group are; nil if it is in no group
}
