package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hypernova/app/audit"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agents"
	"hypernova/nova"
	"hypernova/oslo/db"
	"hypernova/oslo/log"
	"hypernova/oslo/opt"
	"hypernova/oslo/tasks"
)

// CheckOptions are how a cloud is checked.
type CheckOptions struct {
	Patience time.Duration // work that is overdue by more is stuck
	Settle   time.Duration // how long after the first look the second one is
}

// Check looks for what is not as it must be in the services' databases and, where servers run on this host, on the host. It changes nothing.
// The cloud may run meanwhile.
func Check(ctx context.Context, c Config, o CheckOptions) ([]audit.Finding, error) {
	if err := c.mustExist("nova"); err != nil {
		return nil, err
	}
	c.Database.Sync = false
	p := newProcess(&c, Options{Log: log.From(ctx)})
	found, err := p.check(ctx, o)
	return found, errors.Join(err, p.Close(ctx))
}

func (p *Process) check(ctx context.Context, o CheckOptions) ([]audit.Finding, error) {
	facts, err := p.facts(ctx, o)
	if err != nil {
		return nil, err
	}
	first := audit.Judge(facts)
	if audit.Wrong(first) == 0 {
		return first, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(o.Settle):
	}
	if facts, err = p.facts(ctx, o); err != nil {
		return nil, err
	}
	return audit.Again(first, audit.Judge(facts)), nil
}

// facts asks every service. Tasks are asked for first and last: a job that ended in between, or began, owns its server all the while.
func (p *Process) facts(ctx context.Context, o CheckOptions) (audit.Facts, error) {
	f := audit.Facts{Patience: o.Patience, Down: p.c.Default.Down, Claims: map[string][]string{}}
	n, err := p.nova(ctx)
	if err != nil {
		return f, err
	}
	f.Now = n.store.Now()() // by which heartbeats and leases are written, whatever this machine's clock says
	before, err := n.queue.List(ctx, tasks.ListArgs{})
	if err != nil {
		return f, err
	}
	if f.Servers, err = n.store.Servers(ctx, n.store.DB, db.ListArgs{Where: []db.Cond{db.EqTo("deleted", false)}}); err != nil {
		return f, err
	}
	if f.Services, err = n.store.Services(ctx, n.store.DB, "", ""); err != nil {
		return f, err
	}
	if f.Nodes, err = n.store.Nodes(ctx, n.store.DB, db.ListArgs{}); err != nil {
		return f, err
	}
	if err := p.claimsAndPorts(ctx, &f); err != nil {
		return f, err
	}
	if f.Lost, err = p.lostCredentials(ctx); err != nil {
		return f, err
	}
	if f.Local, err = p.local(ctx, f.Nodes); err != nil {
		return f, err
	}
	after, err := n.queue.List(ctx, tasks.ListArgs{})
	if err != nil {
		return f, err
	}
	f.Tasks = after
	for _, t := range before {
		if !slices.ContainsFunc(after, func(a tasks.Info) bool { return a.ID == t.ID }) {
			t.Due = f.Now // it was done meanwhile
			f.Tasks = append(f.Tasks, t)
		}
	}
	return f, nil
}

func (p *Process) claimsAndPorts(ctx context.Context, f *audit.Facts) error {
	pl, err := p.placementVerbs(ctx)
	if err != nil {
		return err
	}
	for _, n := range f.Nodes {
		if f.Claims[n.ID], err = pl.Consumers(ctx, n.ID); err != nil {
			return err
		}
	}
	nets, err := p.networkVerbs(ctx)
	if err != nil {
		return err
	}
	if f.Ports, err = nets.ListPorts(ctx, db.ListArgs{}, ""); err != nil {
		return err
	}
	d, err := p.database(ctx, "neutron")
	if err != nil {
		return err
	}
	f.Agents, err = agents.New(d, nets, p.c.Default.AgentDown, p.clockOf(ctx, "neutron", d)).List(ctx, db.ListArgs{}, opt.Of[bool]{})
	return err
}

// local looks at this host, where it is a compute host of the cloud. What hypervisor runs there the host has said itself.
func (p *Process) local(ctx context.Context, nodes []nova.Node) (*audit.Local, error) {
	host := p.c.Default.Host
	i := slices.IndexFunc(nodes, func(n nova.Node) bool { return n.Host == host })
	if i < 0 {
		return nil, nil
	}
	name := driverName(p.c.Default.Driver)
	if nodes[i].Type == "fake" {
		name = "fake"
	}
	driver, err := hypervisors().New("hypervisor", name, hypervisorConfig{p.c, p.o.Version, p.o.Log, p.now})
	if err != nil {
		return nil, err
	}
	l := &audit.Local{Host: host, Remove: "virsh destroy %[1]s, virsh undefine %[1]s, and its folder below instances_path"}
	if name == "fake" {
		l.Remove = "stop nova-compute, remove " + strings.ReplaceAll(p.c.Default.StatePath, "%", "%%") + "/fake/%[1]s.json, and start it again"
		// This one reads its folder when it begins. A real one has begun already, in the service, and may not begin twice.
		if err := driver.Init(ctx); err != nil {
			return nil, err
		}
	} else if l.Taps, err = p.c.taps(); err != nil {
		return nil, err
	}
	l.Guests, err = driver.Servers(ctx)
	return l, err
}

// taps are the guests' devices that this cloud's network agent has made.
func (c *Config) taps() (names []string, err error) {
	kernel, err := netdev.Open(netdev.Options{Owner: c.owner(), TapOwner: -1, TapGroup: -1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kernel.Close()) }()
	there, err := kernel.Snapshot()
	if err != nil {
		return nil, err
	}
	for name, l := range there.Links {
		if l.Kind == netdev.Tap {
			names = append(names, name)
		}
	}
	return names, nil
}
