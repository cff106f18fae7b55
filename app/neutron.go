package app

import (
	"context"

	"hypernova/app/audit"
	"hypernova/neutron"
	"hypernova/neutron/agentserver"
	neutronapi "hypernova/neutron/api"
	neutronclient "hypernova/neutron/client"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/types"
	"hypernova/neutron/plugin"
	"hypernova/neutron/store"
	"hypernova/nova"
	novaapi "hypernova/nova/api"
	novaclient "hypernova/nova/client"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/service"
)

// neutronParts is networking for this process.
type neutronParts struct {
	p    *Process
	made *plugin.Plugin
}

// operations returns neutron's core plugin over its database, made once.
func (n *neutronParts) operations(ctx context.Context) (*plugin.Plugin, error) {
	if n.made != nil {
		return n.made, nil
	}
	p := n.p
	d, err := p.databases.ready(ctx, "neutron")
	if err != nil {
		return nil, err
	}
	c := ml2.NewConfig(p.c.Default.Network, p.c.ML2, p.c.VXLAN, p.c.VLAN, p.c.Flat)
	kinds, err := types.New(c)
	if err != nil {
		return nil, fault.Invalidf("[ml2]: %v", err)
	}
	var mechs []ml2.Mechanism
	for _, name := range c.Mechanisms {
		m, err := mechanisms().New("network mechanism", name, p.c)
		if err != nil {
			return nil, fault.Invalidf("[ml2] mechanism_drivers: %v", err)
		}
		mechs = append(mechs, m)
	}
	rules, err := p.policies.of("neutron")
	if err != nil {
		return nil, err
	}
	n.made = plugin.New(plugin.Config{ML2: c, Quotas: p.c.NeutronQuotas}, plugin.Deps{DB: d, Bus: p.bus,
		Now: p.databases.clock(ctx, "neutron", d), Log: p.o.Log, Notifier: novaNotifier{p}, Types: kinds, Mechanisms: mechs,
		Rights: neutronapi.Rights{Policy: rules}})
	return n.made, nil
}

// api is networking as compute calls it: in this process, or over HTTP.
func (n *neutronParts) api(ctx context.Context) (neutron.API, error) {
	if n.p.has(RoleNeutron) {
		made, err := n.operations(ctx)
		if err != nil {
			return nil, err
		}
		return made.Compute, nil
	}
	return neutronclient.New(n.p.Endpoint(apiNeutron), n.p.keystone.login()), nil
}

// securityGroups are networking's security groups as compute shows them.
func (n *neutronParts) securityGroups(ctx context.Context) (novaapi.SecurityGroups, error) {
	if n.p.has(RoleNeutron) {
		made, err := n.operations(ctx)
		if err != nil {
			return nil, err
		}
		return made.Compute, nil
	}
	return neutronclient.New(n.p.Endpoint(apiNeutron), n.p.keystone.login()), nil
}

// novaNotifier notifies compute: in this process, or over HTTP. Networking is put together before compute, so compute
// is looked up at each notification.
type novaNotifier struct{ p *Process }

// Notify sends compute external events.
func (n novaNotifier) Notify(ctx context.Context, events []neutron.ServerEvent) error {
	es := make([]nova.ExternalEvent, len(events))
	for i, e := range events {
		es[i] = nova.ExternalEvent{Name: e.Name, Server: e.Server, Tag: e.Port, Status: e.Status}
	}
	if made := n.p.nova.made; made != nil && made.servers != nil {
		return made.servers.ExternalEvents(ctx, es)
	}
	return novaclient.New(n.p.Endpoint(apiNova)+"/v2.1", n.p.keystone.login()).ExternalEvents(ctx, es)
}

func buildNeutron(ctx context.Context, p *Process) error {
	n, err := p.neutron.operations(ctx)
	if err != nil {
		return err
	}
	a := agentserver.New(n, p.c.Default.AgentDown)
	p.services = append(p.services, service.New(a.Manager(p.c.Default.Host), service.Deps{Bus: p.bus}, p.serviceOptions()))
	if err := p.listeners.listen(ctx, apiNeutron); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "neutron", apiNeutron)
	if err != nil {
		return err
	}
	c.MaxLimit = p.c.Default.Network.MaxLimit
	return p.serve(ctx, RoleNeutron, apiNeutron, neutronapi.Handler(c, n, a))
}

// portFacts are networking's ports and agents.
func portFacts(ctx context.Context, k *checker, f *audit.Facts) error {
	if f.NoNova {
		return nil // without servers nothing can be said of ports
	}
	nets, err := k.p.neutron.operations(ctx)
	if err != nil {
		return err
	}
	if f.Ports, err = nets.Ports.List(ctx, db.ListArgs{}, ""); err != nil {
		return err
	}
	if f.Routers, err = nets.Routers.List(ctx, db.ListArgs{}); err != nil {
		return err
	}
	if f.Floating, err = nets.Floating.List(ctx, db.ListArgs{}); err != nil {
		return err
	}
	f.Agents, err = agentserver.New(nets, k.p.c.Default.AgentDown).List(ctx, db.ListArgs{}, opt.Of[bool]{})
	return err
}

func networkQuotas() *quotas {
	return &quotas{
		projects: func(ctx context.Context, p *Process) ([]string, error) {
			d, err := p.databases.ready(ctx, "neutron")
			if err != nil {
				return nil, err
			}
			return store.QuotaProjects(ctx, d)
		},
		drop: func(ctx context.Context, p *Process, project string) error {
			d, err := p.databases.open(ctx, "neutron")
			if err == nil {
				_, err = store.DropLimits(ctx, d, project)
			}
			return err
		},
	}
}
