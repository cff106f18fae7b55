package snapshot

import (
	"context"
	"slices"
	"time"

	"hypernova/nova"
	"hypernova/nova/store"
	"hypernova/oslo/clock"
	"hypernova/oslo/db"
	"hypernova/placement"
)

// Config says how fresh is fresh enough.
type Config struct {
	TTL         time.Duration // how long a snapshot serves; default 1 s
	DownTime    time.Duration // a host silent for longer is down; default 60 s
	DefaultZone string        // of hosts in no aggregate with a zone; default "nova"
}

// Deps are what the keeper reads from.
type Deps struct {
	DB        *db.DB    // compute's
	Now       clock.Now // nil: the real clock
	Placement placement.API
}

// Keeper reads and keeps the snapshot. It is not safe for concurrent use: the scheduler decides one at a time.
type Keeper struct {
	c Config
	Deps

	hosts   []*Host
	taken   time.Time
	took    time.Duration // to take it
	changed []int         // indexes of hosts that are not as they were when the snapshot was taken, in order of change
	next    time.Time     // until then no host becomes down
}

// serves returns how long the snapshot serves. Of a cloud with many hosts it serves for longer, because scheduling
// would otherwise do little but take snapshots.
func (k *Keeper) serves() time.Duration { return max(k.c.TTL, min(4*k.took, longest)) }

// longest bounds how long a snapshot serves that took long to take.
const longest = 5 * time.Second

// New makes a keeper; nothing is read before it is needed.
func New(c Config, d Deps) *Keeper {
	if c.TTL == 0 {
		c.TTL = time.Second
	}
	if c.DownTime == 0 {
		c.DownTime = time.Minute
	}
	if c.DefaultZone == "" {
		c.DefaultZone = "nova"
	}
	if d.Now == nil {
		d.Now = clock.Real
	}
	return &Keeper{c: c, Deps: d}
}

// Hosts is the snapshot, in order of name, and when it was taken. One older than since, or that has served, is taken
// anew. Hosts are up or down as of now, but how long one is silent is as of Beat.
func (k *Keeper) Hosts(ctx context.Context, since time.Time) ([]*Host, time.Time, error) {
	now := k.Now()
	if k.hosts != nil && now.Sub(k.taken) < k.serves() && !k.taken.Before(since) {
		if !now.Before(k.next) || now.Before(k.taken) {
			k.beat(now)
		}
		return k.hosts, k.taken, nil
	}
	began := time.Now()
	states, err := k.Placement.States(ctx)
	if err != nil {
		return nil, now, err
	}
	byID := make(map[string]*placement.ProviderState, len(states))
	for i := range states {
		byID[states[i].ID] = &states[i]
	}
	var hosts []*Host
	err = k.DB.View(ctx, func(tx *db.Tx) error {
		hosts, err = k.read(ctx, tx, byID)
		return err
	})
	if err != nil {
		return nil, now, err
	}
	k.hosts, k.taken, k.changed = hosts, now, nil
	k.beat(now)
	k.changed, k.took = nil, time.Since(began)
	return hosts, now, nil
}

// Beat sets how long each host is silent.
func (k *Keeper) Beat() { k.beat(k.Now()) }

func (k *Keeper) beat(now time.Time) {
	k.next = now.Add(k.c.DownTime)
	for _, h := range k.hosts {
		up := h.Up
		if h.beat(now, k.c.DownTime); h.Up != up {
			k.changed = append(k.changed, h.at)
		}
		if down := h.Service.Seen.Add(k.c.DownTime); h.Up && down.Before(k.next) {
			k.next = down
		}
	}
	k.next = k.next.Add(1) // at that time itself a host is still up
}

// Changed returns the indexes of the hosts that changed since the snapshot was taken, in order. The list only grows
// until there is a new snapshot.
func (k *Keeper) Changed() []int { return k.changed }

// Assume counts a server that was just decided, so that the next decision from the same snapshot sees it.
func (k *Keeper) Assume(h *Host, r placement.Resources) {
	h.Assume(r)
	k.changed = append(k.changed, h.at)
}

func (k *Keeper) read(ctx context.Context, tx *db.Tx, providers map[string]*placement.ProviderState) ([]*Host, error) {
	services, err := store.Services(ctx, tx, "", nova.BinaryCompute)
	if err != nil {
		return nil, err
	}
	nodes, err := store.Nodes(ctx, tx, db.ListArgs{Sort: []db.SortKey{{Column: "host"}}})
	if err != nil {
		return nil, err
	}
	loads, err := store.HostLoads(ctx, tx)
	if err != nil {
		return nil, err
	}
	aggregates, err := store.Aggregates(ctx, tx)
	if err != nil {
		return nil, err
	}
	of := map[string][]nova.Aggregate{}
	for _, a := range aggregates {
		for _, h := range a.Hosts {
			of[h] = append(of[h], a)
		}
	}
	byHost := make(map[string]*nova.Service, len(services))
	for i := range services {
		byHost[services[i].Host] = &services[i]
	}
	var hosts []*Host
	for _, n := range nodes {
		s, p := byHost[n.Host], providers[n.ID]
		if s == nil || p == nil { // not registered yet, or being removed
			continue
		}
		hosts = append(hosts, &Host{at: len(hosts), Service: *s, Node: n, Provider: own(*p), Load: loads[n.Host],
			Aggregates: of[n.Host], Zone: nova.ZoneOf(n.Host, of[n.Host], k.c.DefaultZone)})
	}
	return hosts, nil
}

// own copies what Assume writes.
func own(p placement.ProviderState) placement.ProviderState {
	used := make(placement.Resources, len(p.Used))
	for class, n := range p.Used {
		used[class] = n
	}
	p.Used = used
	return p
}

// Assume counts a server on the host. Keeper.Assume does, for hosts of a snapshot.
func (h *Host) Assume(r placement.Resources) {
	for class, n := range r {
		if room := h.room(class); room != nil {
			room.used += n
		}
		h.Provider.Used[class] += n
	}
	h.Load.Servers++
	h.Load.Busy++
}

// HasTraits reports whether the host has every trait.
func (h *Host) HasTraits(traits []string) (missing string, ok bool) {
	for _, t := range traits {
		if !slices.Contains(h.Provider.Traits, t) {
			return t, false
		}
	}
	return "", true
}

func (h *Host) beat(now time.Time, downTime time.Duration) {
	h.Up, h.Silent = h.Service.Up(now, downTime), 0
	if !h.Up && !h.Service.Seen.IsZero() {
		h.Silent = now.Sub(h.Service.Seen).Truncate(time.Second)
	}
}
