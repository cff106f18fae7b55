package servers

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/network"
	"hypernova/oslo/fault"
)

// networks makes NICs of the request's choice. Networking checks them with the rights of the caller in ctx.
func (s *Servers) networks(ctx context.Context, project string, a *CreateArgs, r *resolved) error {
	if a.Networks == NetworksNone {
		return nil
	}
	choose := s.unsaid
	if a.Networks == NetworksListed {
		choose = s.listed
	}
	if err := choose(ctx, project, a, r); err != nil {
		return err
	}
	err := s.Networks.CheckAllocate(ctx, neutron.AllocateArgs{Project: project, Specs: network.Specs(r.nics)})
	if f := fault.Of(err); f != nil && f.Code == neutron.FixedIPTaken {
		return fault.Invalidf("%s", f.Msg).Because(err)
	}
	return fault.Body(err)
}

// unsaid uses the only network that the project has.
func (s *Servers) unsaid(ctx context.Context, project string, a *CreateArgs, r *resolved) error {
	nets, err := s.Networks.Available(ctx, project)
	if err != nil {
		return err
	}
	nets = slices.DeleteFunc(nets, func(n neutron.NetworkInfo) bool { return len(n.Subnets) == 0 })
	switch {
	case len(nets) > 1:
		return fault.Conflictf("Multiple possible networks found, use a Network ID to be more specific.")
	case len(nets) == 1:
		r.nics = []nova.NICRequest{{Network: nets[0].ID}}
		r.newPorts = 1
		return attachable(nets[0], a)
	case a.Networks == NetworksAuto:
		return fault.Invalidf("Unable to automatically allocate a network for project %s", project)
	}
	return nil
}

func (s *Servers) listed(ctx context.Context, project string, a *CreateArgs, r *resolved) error {
	checks := make([]func() error, len(a.NICs))
	for i, n := range a.NICs {
		if n.FixedIP.IsValid() && a.Max > 1 {
			return fault.Invalidf("Failed to launch instances: max_count cannot be greater than 1 if an fixed_ip is specified.")
		}
		if n.Port == "" {
			r.newPorts++
			checks[i] = func() error { return s.checkNetwork(ctx, n.Network, a) }
			continue
		}
		if a.Max > 1 {
			return fault.Invalidf(
				"Failed to launch instances: Unable to launch multiple instances with a single configured port ID. " +
					"Please launch your instance one by one with different ports.")
		}
		if slices.ContainsFunc(a.NICs[:i], func(o nova.NICRequest) bool { return o.Port == n.Port }) {
			return fault.Invalidf("Port %s is still in use.", n.Port)
		}
		checks[i] = func() error { return s.checkPort(ctx, project, n.Port, a) }
	}
	for i, n := range a.NICs {
		same := func(o nova.NICRequest) bool { return o.Network == n.Network && o.FixedIP == n.FixedIP }
		if n.FixedIP.IsValid() && slices.ContainsFunc(a.NICs[:i], same) {
			return fault.Invalidf("Fixed IP address %s is asked for twice.", n.FixedIP)
		}
	}
	r.nics = a.NICs
	return together(checks...)
}

func (s *Servers) checkNetwork(ctx context.Context, id string, a *CreateArgs) error {
	n, err := s.Networks.Network(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.Invalidf("Network %s could not be found.", id)
	case err != nil:
		return err
	case len(n.Subnets) == 0:
		return fault.Invalidf("Network %s requires a subnet in order to boot instances on.", id)
	}
	return attachable(n, a)
}

// attachable returns fault.Forbidden for an external network, unless the caller may attach servers to it.
func attachable(n neutron.NetworkInfo, a *CreateArgs) error {
	if n.External && !n.Shared && !a.External {
		return fault.Forbiddenf("It is not allowed to create an interface on external network %s", n.ID)
	}
	return nil
}

func (s *Servers) checkPort(ctx context.Context, project, id string, a *CreateArgs) error {
	p, err := s.Networks.Port(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.Invalidf("Port id %s could not be found.", id)
	case err != nil:
		return err
	case p.Project != project:
		return fault.Invalidf("Port %s not usable for instance %s.", id, a.Name)
	case p.DeviceID != "":
		return fault.Conflictf("Port %s is still in use.", id)
	case len(p.FixedIPs) == 0:
		return fault.Invalidf("Port %s requires a FixedIP in order to be used.", id)
	}
	return nil
}
