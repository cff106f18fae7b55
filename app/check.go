package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"hypernova/app/audit"
	"hypernova/neutron/agent/netdev"
	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/log"
)

// CheckOptions are how a cloud is checked.
type CheckOptions struct {
	Patience time.Duration // work that is overdue by more is stuck
	Settle   time.Duration // how long after the first look the second one is
}

// Check looks for what is not as it must be in the services' databases and, where servers run on this host, on the
// host. It changes nothing. The cloud may run meanwhile. Where it cannot look it says so in a finding that is Blind,
// and judges nothing that would rest on it.
func Check(ctx context.Context, c Config, o CheckOptions) ([]audit.Finding, error) {
	if err := c.mustExist("nova"); err != nil {
		return nil, err
	}
	p := c.onlooker(ctx)
	found, err := (&checker{p: p, o: o}).check(ctx)
	return found, errors.Join(err, p.Close(ctx))
}

// onlooker is a process that serves nothing and migrates nothing, and does not wait for what is away.
func (c *Config) onlooker(ctx context.Context) *Process {
	c.Database.Sync, c.Database.Retries = false, 1
	return newProcess(c, Options{Log: log.From(ctx)})
}

// checker collects the facts of a check.
type checker struct {
	p *Process
	o CheckOptions
}

func (k *checker) check(ctx context.Context) ([]audit.Finding, error) {
	sources := k.examine(ctx)
	first := audit.Findings(k.facts(ctx, sources))
	if audit.Wrong(first) == 0 || ctx.Err() != nil {
		return first, ctx.Err()
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(k.o.Settle):
	}
	return audit.Again(first, audit.Findings(k.facts(ctx, sources))), ctx.Err()
}

// facts asks every service whose database is sound.
func (k *checker) facts(ctx context.Context, sources sources) audit.Facts {
	f := audit.Facts{Patience: k.o.Patience, Down: k.p.c.Default.Down, Claims: map[string][]string{},
		Found:      slices.Clone(sources.found),
		Unreadable: map[string]bool{}}
	for _, id := range sources.servers {
		f.Unreadable[id] = true
	}
	ask := func(s *serviceRow, collect func(context.Context, *checker, *audit.Facts) error) {
		missing := sources.unsound[s.name]
		if !missing {
			if err := collect(ctx, k, &f); err != nil {
				f.Found = append(f.Found, unseen(s.facts.subject, err))
				missing = true
			}
		}
		if missing && s.facts.unknown != nil {
			s.facts.unknown(&f)
		}
	}
	rows := slices.DeleteFunc(services(), func(s serviceRow) bool { return s.facts == nil })
	for _, s := range slices.Backward(rows) {
		ask(&s, s.facts.collect)
	}
	if f.NoNova {
		return f
	}
	var err error
	if f.Local, err = k.local(ctx, f.Nodes); err != nil {
		f.Local = nil
		f.Found = append(f.Found, unseen("guests and devices of this host", err))
	}
	for _, s := range rows {
		if s.facts.again != nil {
			ask(&s, s.facts.again)
		}
	}
	return f
}

// local looks at this host, where it is a compute host of the cloud. What hypervisor runs there the host has said
// itself.
func (k *checker) local(ctx context.Context, nodes []nova.Node) (*audit.Local, error) {
	p := k.p
	host := p.c.Default.Host
	i := slices.IndexFunc(nodes, func(n nova.Node) bool { return n.Host == host })
	if i < 0 {
		return nil, nil
	}
	driver, name, err := k.hypervisor(ctx, nodes[i])
	if err != nil {
		return nil, err
	}
	l := &audit.Local{Host: host, Remove: "virsh destroy %[1]s, virsh undefine %[1]s --managed-save --nvram, " +
		"and its folder below instances_path"}
	if name == "fake" {
		l.Remove = "stop nova-compute, remove " + strings.ReplaceAll(p.c.Default.StatePath, "%", "%%") +
			"/fake/%[1]s.json, and start it again"
	} else if l.Taps, err = p.c.taps(); err != nil {
		return nil, err
	}
	if l.Guests, err = driver.Servers(ctx); err != nil {
		return nil, err
	}
	if f, ok := driver.(virt.LeftoverFinder); ok {
		if l.Leftovers, err = f.Leftovers(ctx); err != nil {
			return nil, err
		}
	}
	if e, ok := driver.(virt.Examiner); ok {
		l.Troubles, err = e.Examine(ctx)
	}
	return l, err
}

// hypervisor is the hypervisor of this host beside the service that drives it.
func (k *checker) hypervisor(ctx context.Context, n nova.Node) (virt.Driver, string, error) {
	p := k.p
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
