package api

import (
	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/ports"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

// Rights are networking's rules for operations of the same process that act in a user's name.
type Rights struct{ Policy *policy.Enforcer }

var _ ports.Rights = Rights{}

func (g Rights) allows(rule *policy.Rule, c *auth.Caller, t policy.Target) bool {
	return api.Decides(g.Policy, rule, c, t) == nil
}

// SeesNetwork is the rule of GET /networks/{network_id}.
func (g Rights) SeesNetwork(c *auth.Caller, n neutron.Network) bool {
	return g.allows(getNetwork, c, networkTarget(n))
}

// SeesPort is the rule of GET /ports/{port_id}.
func (g Rights) SeesPort(c *auth.Caller, p neutron.Port) bool {
	return g.allows(getPort, c, portOwners(p))
}

// SeesGroup is the rule of GET /security-groups/{security_group_id}.
func (g Rights) SeesGroup(c *auth.Caller, s neutron.SecurityGroup) bool {
	return g.allows(getGroup, c, groupTarget(s))
}

// CreatePort is the rules of POST /ports for what compute asks of a port in a user's name.
func (g Rights) CreatePort(c *auth.Caller, n neutron.Network, p ports.Wanted) error {
	target := portTarget(p.Project, n.Project, n.Shared)
	if err := g.decide(c, target, createPort, p.FixedIPs); err != nil {
		return err
	}
	if reserved(n) && !g.allows(createPortIP, c, target) {
		return neutron.Missing("Network", n.ID)
	}
	return nil
}

// UpdatePort is the rules of PUT /ports/{port_id} for what compute changes of a port in a user's name.
func (g Rights) UpdatePort(c *auth.Caller, n neutron.Network, p neutron.Port, want ports.Patch) error {
	return g.decide(c, portTarget(p.Project, n.Project, n.Shared), updatePort, want.FixedIPs)
}

// decide checks the rule of creating or changing ports, and those of the addresses that are asked for.
func (g Rights) decide(c *auth.Caller, t policy.Target, rule *policy.Rule, ips opt.Of[[]addresses.Wanted]) error {
	ip, sub := false, false
	for _, w := range ips.Or(nil) {
		ip, sub = ip || w.IP.IsValid(), sub || w.Subnet != ""
	}
	for _, a := range append([]attribute{{true, rule}}, addressRules(rule == createPort, ips.Has(), ip, sub)...) {
		if !a.given {
			continue
		}
		if err := api.Decides(g.Policy, a.rule, c, t); err != nil {
			return err
		}
	}
	return nil
}

// reserved reports an external network that is not shared: it carries routers' and administrators' ports.
func reserved(n neutron.Network) bool { return n.External && !n.Shared }

// addressRules are the rules of addresses that a port asks for.
func addressRules(create, given, ip, subnet bool) []attribute {
	if create {
		return []attribute{{given, createPortIPs}, {ip, createPortIP}, {subnet, createPortIPSubnet}}
	}
	return []attribute{{given, updatePortIPs}, {ip, updatePortIP}, {subnet, updatePortIPSubnet}}
}
