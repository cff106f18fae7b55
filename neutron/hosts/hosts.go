// Package hosts computes the desired network state of a host, with a revision that each change raises, and notifies its
// agent. A lost hint costs an agent's poll interval, nothing more.
package hosts

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/rpcapi"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/messaging"
)

// Hosts tells hosts of changes and builds their state.
type Hosts struct {
	db  *db.DB
	bus *messaging.Bus
	log *slog.Logger
}

// New makes it; a nil bus sends no hints, so that agents see changes at their next poll.
func New(d *db.DB, bus *messaging.Bus, log *slog.Logger) *Hosts {
	return &Hosts{db: d, bus: bus, log: log}
}

// Changes collects what a transaction has changed. The zero value is empty.
type Changes struct {
	hosts, networks, groups, trusted map[string]bool
}

// Port says that a port came, went or changed: its host, its network's hosts, and those that trust its groups must know.
// A port that changes is given twice, as it was and as it is.
func (c *Changes) Port(p neutron.Port) {
	if p.Host != "" {
		add(&c.hosts, p.Host)
	}
	if p.Host != "" || p.DNSName != "" {
		add(&c.networks, p.Network)
	}
	if len(p.FixedIPs) == 0 {
		return
	}
	for _, g := range p.SecurityGroups {
		add(&c.trusted, g)
	}
}

// Network says that a network or one of its subnets changed.
func (c *Changes) Network(id string) { add(&c.networks, id) }

// Group says that a security group's rules changed.
func (c *Changes) Group(id string) { add(&c.groups, id) }

// Host names a host outright.
func (c *Changes) Host(name string) { add(&c.hosts, name) }

func add(m *map[string]bool, k string) {
	if *m == nil {
		*m = map[string]bool{}
	}
	(*m)[k] = true
}

// Apply moves on the revisions of all hosts concerned, within the transaction that made the changes, and hints after its commit.
// It must be called after the changes, once.
func (h *Hosts) Apply(ctx context.Context, tx *db.Tx, c *Changes) error {
	all := maps.Clone(c.hosts)
	for _, look := range []struct {
		ids  map[string]bool
		find func(context.Context, db.Querier, string) ([]string, error)
	}{{c.networks, store.HostsOfNetwork}, {c.groups, store.HostsOfGroup}, {c.trusted, store.HostsTrusting}} {
		for id := range look.ids {
			hosts, err := look.find(ctx, tx, id)
			if err != nil {
				return err
			}
			for _, host := range hosts {
				add(&all, host)
			}
		}
	}
	names := slices.Sorted(maps.Keys(all))
	h.hint(ctx, tx, names)
	return store.Bump(ctx, tx, names)
}

// hint tells hosts to pull. It names no revision: other changes may commit beside this one.
func (h *Hosts) hint(ctx context.Context, tx *db.Tx, names []string) {
	if h.bus == nil {
		return
	}
	// The change is made, whatever becomes of the request that asked for it.
	ctx = context.WithoutCancel(ctx)
	tx.AfterCommit(func() {
		for _, host := range names {
			if err := rpcapi.Changed.Do(ctx, h.bus, host, rpcapi.ChangedArgs{}); err != nil {
				h.log.DebugContext(ctx, "no hint to host", "host", host, "err", err)
			}
		}
	})
}

// manyParts is when a host's revision is summed up.
const manyParts = 64

// Revision is the revision of what a host must realise.
func (h *Hosts) Revision(ctx context.Context, host string) (int64, error) {
	revision, parts, err := store.Revision(ctx, h.db, host)
	if err != nil || parts < manyParts {
		return revision, err
	}
	return revision, h.db.Tx(ctx, func(tx *db.Tx) error { return store.SumUp(ctx, tx, host) })
}
