package networks

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

// addresses takes a port's addresses. Those asked for where given; else one IPv4 and one IPv6 address of the first subnets with a free
// one. Subnets whose ports make their own address give one in either case, unless none at all was asked for.
func (s *Service) addresses(ctx context.Context, w *work, at *place, p *neutron.Port, wanted []WantedIP, given bool) ([]neutron.FixedIP, error) {
	var out []neutron.FixedIP
	if given {
		if len(wanted) == 0 {
			return nil, nil
		}
		for _, want := range wanted {
			f, err := s.wanted(ctx, w, at, p, want)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
	} else {
		for _, version := range []int{4, 6} {
			f, any, err := s.choose(ctx, w, at, p, version)
			if err != nil {
				return nil, err
			}
			if any {
				out = append(out, f)
			}
		}
	}
	for _, sub := range at.subnets {
		if !sub.Auto() || has(out, sub.ID) {
			continue
		}
		f, err := s.own(ctx, w, at, p, sub)
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

// choose takes an address of the first subnet of a version that has one free; false if the network has no such subnet.
func (s *Service) choose(ctx context.Context, w *work, at *place, p *neutron.Port, version int) (neutron.FixedIP, bool, error) {
	any := false
	for _, sub := range at.subnets {
		if sub.Version != version || sub.Auto() {
			continue
		}
		any = true
		f, ok, err := s.free1(ctx, w.Tx, at.network.ID, p.ID, sub)
		if err != nil || ok {
			return f, ok, err
		}
	}
	if any {
		return neutron.FixedIP{}, true, neutron.NoMoreIPs(at.network.ID)
	}
	return neutron.FixedIP{}, false, nil
}

// free1 takes a free address of a subnet's pools, beginning at random, so that two that look at one moment rarely see the same one and an
// address that was given back rests for a while. False if all are taken.
func (s *Service) free1(ctx context.Context, tx *db.Tx, network, port string, sub neutron.Subnet) (neutron.FixedIP, bool, error) {
	size := ipam.Size(sub.Pools, 1<<40)
	if size == 0 {
		return neutron.FixedIP{}, false, nil
	}
	start := ipam.At(sub.Pools, rand.Uint64N(size))
	for _, from := range []netip.Addr{start, ipam.At(sub.Pools, 0)} {
		for from.IsValid() {
			used, more, err := store.UsedAddresses(ctx, tx, sub.ID, from)
			if err != nil {
				return neutron.FixedIP{}, false, err
			}
			ip, next, ok := ipam.Free(sub.Pools, from, used, more)
			if !ok {
				from = next
				continue
			}
			f := neutron.FixedIP{Subnet: sub.ID, IP: ip}
			taken, err := store.TakeAddress(ctx, tx, network, port, f)
			if err != nil || taken {
				return f, taken, err
			}
			from = ip.Next()
		}
	}
	return neutron.FixedIP{}, false, nil
}

// wanted takes an address that was asked for.
func (s *Service) wanted(ctx context.Context, w *work, at *place, p *neutron.Port, want WantedIP) (neutron.FixedIP, error) {
	sub, err := subnetFor(at, want)
	if err != nil {
		return neutron.FixedIP{}, err
	}
	if sub.Auto() {
		f, err := s.own(ctx, w, at, p, sub)
		if err == nil && want.IP.IsValid() && want.IP != f.IP {
			err = fault.Invalidf("IPv6 address %s can not be directly assigned to a port on subnet %s as the subnet is configured for automatic addresses",
				want.IP, sub.ID).Coded("AllocationOnAutoAddressSubnet")
		}
		return f, err
	}
	if !want.IP.IsValid() {
		f, ok, err := s.free1(ctx, w.Tx, at.network.ID, p.ID, sub)
		if err == nil && !ok {
			err = neutron.NoMoreIPs(at.network.ID)
		}
		return f, err
	}
	return s.take(ctx, w, at.network.ID, p.ID, neutron.FixedIP{Subnet: sub.ID, IP: want.IP})
}

func (s *Service) take(ctx context.Context, w *work, network, port string, f neutron.FixedIP) (neutron.FixedIP, error) {
	ok, err := store.TakeAddress(ctx, w.Tx, network, port, f)
	if err == nil && !ok {
		err = neutron.IPInUse(network, f.IP)
	}
	return f, err
}

// subnetFor is the subnet that a wish for an address means.
func subnetFor(at *place, want WantedIP) (neutron.Subnet, error) {
	for _, sub := range at.subnets {
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
		return neutron.Subnet{}, neutron.BadInput("Failed to create port on network %s, because fixed_ips included invalid subnet %s", at.network.ID, want.Subnet)
	}
	if want.IP.IsValid() {
		return neutron.Subnet{}, neutron.WrongIPForNetwork(want.IP)
	}
	return neutron.Subnet{}, neutron.BadInput("IP allocation requires subnet_id or ip_address")
}

// own takes the address that the port makes itself on a subnet.
func (s *Service) own(ctx context.Context, w *work, at *place, p *neutron.Port, sub neutron.Subnet) (neutron.FixedIP, error) {
	ip, err := ipam.EUI64(sub.CIDR, p.MAC)
	if err != nil {
		return neutron.FixedIP{}, neutron.BadInput("%s", err)
	}
	return s.take(ctx, w, at.network.ID, p.ID, neutron.FixedIP{Subnet: sub.ID, IP: ip})
}
