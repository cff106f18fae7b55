// Package addresses allocates the fixed IPs and MAC addresses of ports. The uniqueness of both is decided by rows
// that are written in the caller's transaction.
package addresses

import (
	"context"
	"math/rand/v2"
	"net/netip"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
)

// Wanted asks for a fixed IP: an address of a subnet, a certain address, or both.
type Wanted struct {
	Subnet string
	IP     netip.Addr // invalid: any
}

// Site is a network with its subnets, read once for all ports of a transaction.
type Site struct {
	Network neutron.Network
	Subnets []neutron.Subnet
	macs    map[string]bool // used by ports of this transaction that are not yet written
}

// Sites are the networks that a transaction has read, by id. The zero value is empty.
type Sites map[string]*Site

// Of reads a network with its subnets, or returns it if it was read before.
func (s *Sites) Of(ctx context.Context, q db.Querier, network string) (*Site, error) {
	if site, ok := (*s)[network]; ok {
		return site, nil
	}
	site, err := Load(ctx, q, network)
	if err != nil {
		return nil, err
	}
	if *s == nil {
		*s = Sites{}
	}
	(*s)[network] = site
	return site, nil
}

// Load reads a network with its subnets; fault NetworkNotFound.
func Load(ctx context.Context, q db.Querier, network string) (*Site, error) {
	n, err := store.Network(ctx, q, network)
	if err != nil {
		return nil, err
	}
	subnets, err := store.SubnetsOf(ctx, q, network)
	if err != nil {
		return nil, err
	}
	return &Site{Network: n, Subnets: subnets, macs: map[string]bool{}}, nil
}

// Take allocates a port's addresses: the wanted ones if given, else one IPv4 and one IPv6 address of the first
// subnets with a free one. Subnets with automatic addresses (SLAAC, stateless DHCPv6) add theirs, unless an empty
// list is given. A router's interface has wanted addresses only.
func (s *Site) Take(ctx context.Context, q db.Querier, p *neutron.Port, wanted []Wanted,
	given bool) ([]neutron.FixedIP, error) {
	var out []neutron.FixedIP
	if given {
		if len(wanted) == 0 {
			return nil, nil
		}
		for _, want := range wanted {
			f, err := s.Want(ctx, q, p, want)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	} else {
		for _, version := range []int{4, 6} {
			f, any, err := s.choose(ctx, q, p, version)
			if err != nil {
				return nil, err
			}
			if any {
				out = append(out, f)
			}
		}
	}
	for _, sub := range s.Subnets {
		if !sub.Auto() || has(out, sub.ID) || p.DeviceOwner == neutron.OwnerRouterInterface {
			continue
		}
		f, err := s.Auto(ctx, q, p, sub)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func has(fs []neutron.FixedIP, subnet string) bool {
	for _, f := range fs {
		if f.Subnet == subnet {
			return true
		}
	}
	return false
}

// choose allocates an address of the first subnet of an IP version that has a free one; false if the network has no
// such subnet.
func (s *Site) choose(ctx context.Context, q db.Querier, p *neutron.Port, version int) (neutron.FixedIP, bool, error) {
	any := false
	for _, sub := range s.Subnets {
		if sub.Version != version || sub.Auto() {
			continue
		}
		any = true
		f, ok, err := free(ctx, q, s.Network.ID, p.ID, sub)
		if err != nil || ok {
			return f, ok, err
		}
	}
	if any {
		return neutron.FixedIP{}, true, neutron.NoMoreIPs(s.Network.ID)
	}
	return neutron.FixedIP{}, false, nil
}

// free allocates a free address of a subnet's pools. The search begins at random, so that concurrent requests rarely
// choose the same one and a released address is not reused at once. False if all are in use.
func free(ctx context.Context, q db.Querier, network, port string, sub neutron.Subnet) (neutron.FixedIP, bool, error) {
	size := ipam.Size(sub.Pools, 1<<40)
	if size == 0 {
		return neutron.FixedIP{}, false, nil
	}
	start := ipam.At(sub.Pools, rand.Uint64N(size))
	for _, from := range []netip.Addr{start, ipam.At(sub.Pools, 0)} {
		for from.IsValid() {
			used, more, err := store.UsedAddresses(ctx, q, sub.ID, from)
			if err != nil {
				return neutron.FixedIP{}, false, err
			}
			ip, next, ok := ipam.Free(sub.Pools, from, used, more)
			if !ok {
				from = next
				continue
			}
			f := neutron.FixedIP{Subnet: sub.ID, IP: ip}
			taken, err := store.TakeAddress(ctx, q, network, port, f)
			if err != nil || taken {
				return f, taken, err
			}
			from = ip.Next()
		}
	}
	return neutron.FixedIP{}, false, nil
}

// Want allocates one wanted address. Faults: IpAddressInUse, IpAddressGenerationFailure where the subnet has none
// left, and those of Subnet.
func (s *Site) Want(ctx context.Context, q db.Querier, p *neutron.Port, want Wanted) (neutron.FixedIP, error) {
	sub, err := s.Subnet(want)
	if err != nil {
		return neutron.FixedIP{}, err
	}
	if sub.Auto() && neutron.RoutedPort(p.DeviceOwner) && want.IP.IsValid() {
		return s.Exact(ctx, q, p.ID, want)
	}
	if sub.Auto() {
		f, err := s.Auto(ctx, q, p, sub)
		if err == nil && want.IP.IsValid() && want.IP != f.IP {
			err = fault.Invalidf("IPv6 address %s can not be directly assigned to a port on subnet %s"+
				" as the subnet is configured for automatic addresses", want.IP, sub.ID).Coded("AllocationOnAutoAddressSubnet")
		}
		return f, err
	}
	if !want.IP.IsValid() {
		f, ok, err := free(ctx, q, s.Network.ID, p.ID, sub)
		if err == nil && !ok {
			err = neutron.NoMoreIPs(s.Network.ID)
		}
		return f, err
	}
	return take(ctx, q, s.Network.ID, p.ID, neutron.FixedIP{Subnet: sub.ID, IP: want.IP})
}

// Exact gives a port a certain address of a subnet, also of one with automatic addresses: a router has its gateway's.
func (s *Site) Exact(ctx context.Context, q db.Querier, port string, want Wanted) (neutron.FixedIP, error) {
	sub, err := s.Subnet(want)
	if err != nil {
		return neutron.FixedIP{}, err
	}
	return take(ctx, q, s.Network.ID, port, neutron.FixedIP{Subnet: sub.ID, IP: want.IP})
}

func take(ctx context.Context, q db.Querier, network, port string, f neutron.FixedIP) (neutron.FixedIP, error) {
	ok, err := store.TakeAddress(ctx, q, network, port, f)
	if err == nil && !ok {
		err = neutron.IPInUse(network, f.IP)
	}
	return f, err
}

// Subnet finds the subnet that a wanted address is of. Faults: InvalidInput, InvalidIpForSubnet,
// InvalidIpForNetwork.
func (s *Site) Subnet(want Wanted) (neutron.Subnet, error) {
	for _, sub := range s.Subnets {
		if want.Subnet == sub.ID {
			if want.IP.IsValid() && !ipam.Usable(sub.CIDR, want.IP) {
				return sub, neutron.WrongIPForSubnet(want.IP)
			}
			return sub, nil
		}
		if want.Subnet == "" && want.IP.IsValid() && sub.CIDR.Contains(want.IP) {
			if !ipam.Usable(sub.CIDR, want.IP) {
				return sub, neutron.WrongIPForNetwork(want.IP)
			}
			return sub, nil
		}
	}
	if want.Subnet != "" {
		return neutron.Subnet{}, neutron.BadInput(
			"Failed to create port on network %s, because fixed_ips included invalid subnet %s", s.Network.ID, want.Subnet)
	}
	if want.IP.IsValid() {
		return neutron.Subnet{}, neutron.WrongIPForNetwork(want.IP)
	}
	return neutron.Subnet{}, neutron.BadInput("IP allocation requires subnet_id or ip_address")
}

// Auto records the address that a port makes itself on a subnet with automatic addresses.
func (s *Site) Auto(ctx context.Context, q db.Querier, p *neutron.Port, sub neutron.Subnet) (neutron.FixedIP, error) {
	ip, err := ipam.EUI64(sub.CIDR, p.MAC)
	if err != nil {
		return neutron.FixedIP{}, neutron.BadInput("%s", err)
	}
	return take(ctx, q, s.Network.ID, p.ID, neutron.FixedIP{Subnet: sub.ID, IP: ip})
}
