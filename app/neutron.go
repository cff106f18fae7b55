package app

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/agents"
	neutronapi "hypernova/neutron/api"
	neutronclient "hypernova/neutron/client"
	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/types"
	"hypernova/neutron/networks"
	"hypernova/neutron/store"
	"hypernova/nova"
	novaapi "hypernova/nova/api"
	novaclient "hypernova/nova/client"
	"hypernova/oslo/fault"
	"hypernova/oslo/service"
)

// ml2Config gathers what OpenStack spreads over several sections.
func (c *Config) ml2Config() ml2.Config {
	return ml2.Config{TypeDrivers: c.ML2.Types, TenantTypes: c.ML2.TenantTypes, Mechanisms: c.ML2.Mechanisms, FlatNetworks: c.Flat.Networks,
		VLANRanges: c.VLAN.Ranges, VNIRanges: c.VXLAN.Ranges, PathMTU: c.ML2.PathMTU, GlobalMTU: c.Default.GlobalMTU,
		AgentDownTime: c.Default.AgentDown, PaginationMaxLimit: c.Default.Network.MaxLimit, BaseMAC: c.Default.BaseMAC}
}

// networkVerbs are neutron's verbs over its database.
func (p *Process) networkVerbs(ctx context.Context) (*networks.Service, error) {
	if p.parts.networks != nil {
		return p.parts.networks, nil
	}
	d, err := p.database(ctx, "neutron")
	if err != nil {
		return nil, err
	}
	if err := p.migrate(ctx, d, "neutron", store.Migrations()); err != nil {
		return nil, err
	}
	c := p.c.ml2Config()
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
	rules, err := p.enforcer("neutron", neutronapi.Rules())
	if err != nil {
		return nil, err
	}
	p.parts.networks = networks.New(networks.Deps{Rights: neutronapi.Rights{Policy: rules}, DB: d, Bus: p.bus, Now: p.clockOf(ctx, "neutron", d), Log: p.o.Log, Events: events{p}, Types: kinds, Mechanisms: mechs,
		Config: networks.Config{ML2: c, Quotas: p.c.NeutronQuotas}})
	return p.parts.networks, nil
}

// networks is networking as compute asks it.
func (p *Process) networks(ctx context.Context) (neutron.API, error) {
	if p.has(RoleNeutron) {
		return p.networkVerbs(ctx)
	}
	return neutronclient.New(p.Endpoint(apiNeutron), p.login()), nil
}

// securityGroups are networking's security groups as compute shows them.
func (p *Process) securityGroups(ctx context.Context) (novaapi.SecurityGroups, error) {
	if p.has(RoleNeutron) {
		return p.networkVerbs(ctx)
	}
	return neutronclient.New(p.Endpoint(apiNeutron), p.login()), nil
}

// events tells compute what networking has to say. Networking is built first, so who listens is looked up when something is said.
type events struct{ p *Process }

// ExternalEvents is nova.Events.
func (e events) ExternalEvents(ctx context.Context, es []nova.ExternalEvent) error {
	if n := e.p.parts.nova; n != nil && n.servers != nil {
		return n.servers.ExternalEvents(ctx, es)
	}
	return novaclient.New(e.p.Endpoint(apiNova)+"/v2.1", e.p.login()).ExternalEvents(ctx, es)
}

func buildNeutron(ctx context.Context, p *Process) error {
	n, err := p.networkVerbs(ctx)
	if err != nil {
		return err
	}
	d, err := p.database(ctx, "neutron")
	if err != nil {
		return err
	}
	a := agents.New(d, n, p.c.Default.AgentDown, p.clockOf(ctx, "neutron", d))
	p.services = append(p.services, service.New(a.Manager(p.c.Default.Host), p.bus, nil, p.serviceOptions()))
	if err := p.listen(ctx, apiNeutron); err != nil {
		return err
	}
	c, err := p.apiConfig(ctx, "neutron", apiNeutron, neutronapi.Rules())
	if err != nil {
		return err
	}
	c.MaxLimit = p.c.Default.Network.MaxLimit
	return p.serve(ctx, RoleNeutron, apiNeutron, neutronapi.Handler(c, n, a))
}
