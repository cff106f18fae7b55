package app

import (
	"net/netip"

	"hypernova/neutron/agent"
	"hypernova/oslo/fault"
)

// OneMachine makes the configuration that of a cloud of one machine: unless the external network has a device or a
// bridge of its own, this machine is its gateway, with the first address of [bootstrap] external_cidr.
func (c *Config) OneMachine() error {
	name := agent.ExternalNetwork
	if c.NetAgent.External.IsValid() || c.Seed.ExternalCIDR == "" || c.LinuxBridge.Bridges[name] != "" ||
		c.LinuxBridge.Devices[name] != "" {
		return nil
	}
	net, err := c.Seed.externalNetwork()
	if err != nil {
		return err
	}
	c.NetAgent.External = netip.PrefixFrom(net.Addr().Next(), net.Bits())
	return nil
}

// externalNetwork is [bootstrap] external_cidr.
func (s Seed) externalNetwork() (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s.ExternalCIDR)
	if err != nil || !p.Addr().Is4() || p.Bits() > 28 {
		return p, fault.Invalidf("[bootstrap] external_cidr: %q is no IPv4 network of at least 16 addresses, such as "+
			"172.24.4.0/24", s.ExternalCIDR)
	}
	return p.Masked(), nil
}
