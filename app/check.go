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
	"hypernova/nova/virt"
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
// The cloud may run meanwhile. Where it cannot look it says so in a finding that is Blind, and judges nothing that would rest on it.
func Check(ctx context.Context, c Config, o CheckOptions) ([]audit.Finding, error) {
	if err := c.mustExist("nova"); err != nil {
		return nil, err
	}
	p := c.onlooker(ctx)
	found, err := p.check(ctx, o)
	return found, errors.Join(err, p.Close(ctx))
}

// onlooker is a process that serves nothing and migrates nothing, and does not wait for what is away.
func (c *Config) onlooker(ctx context.Context) *Process {
	c.Database.Sync, c.Database.Retries = false, 1
	return newProcess(c, Options{Log: log.From(ctx)})
}

func (p *Process) check(ctx context.Context, o CheckOptions) ([]audit.Finding, error) {
	sources := p.examine(ctx)
	first := audit.Judge(p.facts(ctx, o, sources))
	if audit.Wrong(first) == 0 || ctx.Err() != nil {
		return first, ctx.Err()
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(o.Settle):
	}
	return audit.Again(first, audit.Judge(p.facts(ctx, o, sources))), ctx.Err()
}

// facts asks every service whose database is sound.
func (p *Process) facts(ctx context.Context, o CheckOptions, sources sources) audit.Facts {
	f := audit.Facts{Patience: o.Patience, Down: p.c.Default.Down, Claims: map[string][]string{}, Found: slices.Clone(sources.found),
		Unreadable: map[string]bool{}}
	for _, id := range sources.servers {
		f.Unreadable[id] = true
	}
	blind := func(what string, err error) bool {
		if err != nil {
			f.Found = append(f.Found, unseen(what, err))
		}
		return err != nil
	}
	if !sources.unsound["keystone"] {
		var err error
		f.Lost, err = p.lostCredentials(ctx)
		blind("credentials", err)
	}
	if f.NoNova = sources.unsound["nova"]; f.NoNova {
		return f
	}
	f.NoClaims, f.NoPorts = sources.unsound["placement"], sources.unsound["neutron"]
	f.NoNova = blind("servers and their tasks", p.compute(ctx, &f))
	return f
}

// compute asks compute, and what goes with its servers. Tasks are asked for first and last: a job that ended in between, or began, owns its server
// all the while.
func (p *Process) compute(ctx context.Context, f *audit.Facts) error {
	n, err := p.nova(ctx)
	if err != nil {
		return err
	}
	f.Now = n.store.Now()() // by which heartbeats and leases are written, whatever this machine's clock says
	before, err := n.queue.List(ctx, tasks.ListArgs{})
	if err != nil {
		return err
	}
	if f.Servers, err = n.store.Servers(ctx, n.store.DB, db.ListArgs{Where: []db.Cond{db.EqTo("deleted", false)}}); err != nil {
		return err
	}
	var spoilt map[string]error
	if f.Held, spoilt, err = n.store.Held(ctx, n.store.DB); err != nil {
		return err
	}
	for id, why := range spoilt {
		f.Unreadable[id] = true
		f.Found = append(f.Found, unreadable("nova", &db.Unreadable{Table: "servers", ID: id, Err: why}))
	}
	if f.Services, err = n.store.Services(ctx, n.store.DB, "", ""); err != nil {
		return err
	}
	if f.Nodes, err = n.store.Nodes(ctx, n.store.DB, db.ListArgs{}); err != nil {
		return err
	}
	if !f.NoClaims {
		if err := p.claims(ctx, f); err != nil {
			f.NoClaims = true
			f.Found = append(f.Found, unseen("allocations", err))
		}
	}
	if !f.NoPorts {
		if err := p.ports(ctx, f); err != nil {
			f.NoPorts = true
			f.Found = append(f.Found, unseen("ports and network agents", err))
		}
	}
	if f.Local, err = p.local(ctx, f.Nodes); err != nil {
		f.Local = nil
		f.Found = append(f.Found, unseen("guests and devices of this host", err))
	}
	after, err := n.queue.List(ctx, tasks.ListArgs{})
	if err != nil {
		return err
	}
	f.Tasks = after
	for _, t := range before {
		if !slices.ContainsFunc(after, func(a tasks.Info) bool { return a.ID == t.ID }) {
			t.Due = f.Now // it was done meanwhile
			f.Tasks = append(f.Tasks, t)
		}
	}
	return nil
}

func (p *Process) claims(ctx context.Context, f *audit.Facts) error {
	pl, err := p.placementVerbs(ctx)
	if err != nil {
		return err
	}
	for _, n := range f.Nodes {
		if f.Claims[n.ID], err = pl.Consumers(ctx, n.ID); err != nil {
			return err
		}
	}
	return nil
}

func (p *Process) ports(ctx context.Context, f *audit.Facts) error {
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
	driver, name, err := p.onlooking(ctx, nodes[i])
	if err != nil {
		return nil, err
	}
	l := &audit.Local{Host: host, Remove: "virsh destroy %[1]s, virsh undefine %[1]s, and its folder below instances_path"}
	if name == "fake" {
		l.Remove = "stop nova-compute, remove " + strings.ReplaceAll(p.c.Default.StatePath, "%", "%%") + "/fake/%[1]s.json, and start it again"
	} else if l.Taps, err = p.c.taps(); err != nil {
		return nil, err
	}
	if l.Guests, err = driver.Servers(ctx); err != nil {
		return nil, err
	}
	if e, ok := driver.(virt.Examiner); ok {
		l.Troubles, err = e.Examine(ctx)
	}
	return l, err
}

// onlooking is the hypervisor of this host beside the service that drives it.
func (p *Process) onlooking(ctx context.Context, n nova.Node) (virt.Driver, string, error) {
	name := driverName(p.c.Default.Driver)
	if n.Type == "fake" {
		name = "fake"
	}
	driver, err := hypervisors().New("hypervisor", name, hypervisorConfig{p.c, p.o.Version, p.o.Log, p.now})
	if err != nil {
		return nil, "", err
	}
	if name == "fake" {
		// This one reads its folder when it begins. A real one has begun already, in the service, and may not begin twice.
		err = driver.Init(ctx)
	}
	return driver, name, err
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
