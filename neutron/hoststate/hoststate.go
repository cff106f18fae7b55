// Package hoststate computes the desired network state of a host, with a revision that each change raises, and notifies
// its agent. A lost hint costs an agent's poll interval, nothing more.
package hoststate

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

// States keeps the revisions of hosts' states, notifies agents and reads the states.
type States struct {
	db  *db.DB
	bus *messaging.Bus
	log *slog.Logger
}

// New makes it. With a nil bus it sends no hints: agents see changes at their next poll.
func New(d *db.DB, bus *messaging.Bus, log *slog.Logger) *States {
	return &States{db: d, bus: bus, log: log}
}

// Changes collects the parts of hosts' states that a transaction changes. The zero value is empty.
type Changes struct {
	hosts                     map[string]map[neutron.Section]bool
	networks, groups, members map[string]bool
}

// Port adds a port that is created, deleted or changed. A port that changes is added twice, as it was and as it is. It
// concerns its host, the hosts of its network, and the hosts whose rules name one of its groups as the remote one.
func (c *Changes) Port(p neutron.Port) {
	if p.Host != "" {
		c.section(p.Host, neutron.NetworkSection(p.Network))
		for _, g := range p.SecurityGroups {
			// The group may begin to be used on the host. While it was not, its changes did not raise its revision there.
			c.section(p.Host, neutron.GroupSection(g))
		}
	}
	if p.Host != "" || p.DNSName != "" {
		add(&c.networks, p.Network)
	}
	if len(p.FixedIPs) == 0 {
		return
	}
	for _, g := range p.SecurityGroups {
		add(&c.members, g)
	}
}

// Router adds a router that is new on its host, changed, or leaves it.
func (c *Changes) Router(r neutron.Router) {
	if r.Host != "" {
		c.section(r.Host, neutron.RouterSection(r.ID))
	}
}

// Network adds a network that is changed itself or in its subnets.
func (c *Changes) Network(id string) { add(&c.networks, id) }

// Group adds a security group whose rules are changed.
func (c *Changes) Group(id string) { add(&c.groups, id) }

// Host adds the whole state of a host.
func (c *Changes) Host(name string) { c.section(name, "") }

func (c *Changes) section(host string, s neutron.Section) {
	if c.hosts == nil {
		c.hosts = map[string]map[neutron.Section]bool{}
	}
	if c.hosts[host] == nil {
		c.hosts[host] = map[neutron.Section]bool{}
	}
	c.hosts[host][s] = true
}

func add(m *map[string]bool, k string) {
	if *m == nil {
		*m = map[string]bool{}
	}
	(*m)[k] = true
}

// Apply raises the revisions of the sections concerned on all hosts concerned, in the transaction that makes the
// changes, and sends hints after its commit. It must be called once, after the changes.
func (h *States) Apply(ctx context.Context, tx *db.Tx, c *Changes) error {
	all := Changes{hosts: map[string]map[neutron.Section]bool{}}
	for host, sections := range c.hosts {
		all.hosts[host] = maps.Clone(sections)
	}
	for id := range c.networks {
		hosts, err := store.HostsOfNetwork(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			all.section(host, neutron.NetworkSection(id))
		}
	}
	groups := maps.Clone(c.groups)
	for id := range c.members {
		naming, err := store.GroupsNaming(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, g := range naming {
			add(&groups, g)
		}
	}
	for id := range groups {
		hosts, err := store.HostsOfGroup(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, host := range hosts {
			all.section(host, neutron.GroupSection(id))
		}
	}
	h.hint(ctx, tx, slices.Sorted(maps.Keys(all.hosts)))
	return store.Bump(ctx, tx, all.hosts)
}

// hint tells the agents of hosts to pull. It names no revision: other transactions may commit at the same time.
func (h *States) hint(ctx context.Context, tx *db.Tx, names []string) {
	if h.bus == nil {
		return
	}
	// The change is committed, so agents are notified even if the request is cancelled.
	ctx = context.WithoutCancel(ctx)
	tx.AfterCommit(func() {
		for _, host := range names {
			if err := rpcapi.Changed.Do(ctx, h.bus, host, rpcapi.ChangedArgs{}); err != nil {
				h.log.DebugContext(ctx, "no hint to host", "host", host, "error", err)
			}
		}
	})
}

// manyParts is the number of rows from which a host's revision is summed up.
const manyParts = 64

// Revision returns the revision of a host's whole state.
func (h *States) Revision(ctx context.Context, host string) (int64, error) {
	revision, parts, err := store.Revision(ctx, h.db, host)
	if err != nil || parts < manyParts {
		return revision, err
	}
	return revision, h.db.Tx(ctx, func(tx *db.Tx) error { return store.SumUp(ctx, tx, host) })
}
