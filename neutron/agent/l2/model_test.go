package l2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/nft"
)

// model is a kernel that obeys the contract of operations: what netdev.Host does to a real one.
type model struct {
	have        netdev.Snapshot
	events      []string // operations and filter changes in order
	filter      uint64   // content of the filter; 0: it is not there
	cuts        int
	refuse      func(netdev.Op) error
	flows       map[string][]netdev.Flow // by router; the host's are judged by none
	filters     map[string]uint64        // of routers
	generations map[string]uint32
	budget      int // operations until everything fails, as after a kill; negative: no end
}

func newModel() *model {
	return &model{budget: -1, filters: map[string]uint64{}, flows: map[string][]netdev.Flow{},
		generations: map[string]uint32{}, have: netdev.Snapshot{Links: map[string]netdev.Link{},
			Spaces: map[string]netdev.Space{}, Routers: map[string]netdev.Router{}}}
}

var errKilled = errors.New("killed")

func (m *model) spend() error {
	if m.budget == 0 {
		return errKilled
	}
	m.budget--
	return nil
}

func (m *model) Snapshot() (netdev.Snapshot, error) {
	s := m.have
	s.Links, s.Spaces, s.Routers = maps.Clone(s.Links), maps.Clone(s.Spaces), maps.Clone(s.Routers)
	s.Forwards, s.Neighbours = slices.Clone(s.Forwards), slices.Clone(s.Neighbours)
	return s, nil
}

func (m *model) Generation(router string) (uint32, error) {
	if router != "" {
		return m.generations[router], nil
	}
	return m.have.Generation, nil
}

func (m *model) Filter(router string, _ []string) (netdev.Filter, error) {
	if router != "" {
		f := netdev.Filter{Generation: m.generations[router], Parts: map[string]uint64{}}
		if m.filters[router] != 0 {
			f.Parts["inet hypernova_router"] = m.filters[router]
		}
		return f, nil
	}
	f := netdev.Filter{Generation: m.have.Generation, Parts: map[string]uint64{}}
	if m.filter != 0 {
		f.Parts["bridge hypernova_ports"] = m.filter
	}
	return f, nil
}

func (m *model) Run(_ context.Context, stdin []byte, argv ...string) ([]byte, error) {
	if err := m.spend(); err != nil {
		return nil, err
	}
	m.have.Generation++
	m.filter = 1
	m.events = append(m.events, "filter")
	return nil, nil
}

func (m *model) RunIn(_ context.Context, router string, _ []byte, _ ...string) ([]byte, error) {
	if err := m.spend(); err != nil {
		return nil, err
	}
	if _, ok := m.have.Routers[router]; !ok {
		return nil, errors.New("no router")
	}
	m.generations[router]++
	m.filters[router] = 1
	m.events = append(m.events, "filter of "+router)
	return nil, nil
}

func (m *model) Cut(router string, keep func(netdev.Flow) bool) (int, error) {
	if router == "" {
		m.cuts++
		return 0, nil
	}
	before := len(m.flows[router])
	m.flows[router] = slices.DeleteFunc(m.flows[router], func(f netdev.Flow) bool { return !keep(f) })
	return before - len(m.flows[router]), nil
}

func (m *model) Do(op netdev.Op) error {
	if err := m.spend(); err != nil {
		return err
	}
	if m.refuse != nil {
		if err := m.refuse(op); err != nil {
			return err
		}
	}
	m.events = append(m.events, op.String())
	s := &m.have
	switch op.Verb {
	case netdev.AddLink, netdev.SetLink:
		if master := op.Link.Master; master != "" {
			if _, ok := s.Links[master]; !ok {
				return fmt.Errorf("no bridge %s", master)
			}
		}
		s.Links[op.Link.Name] = op.Link
	case netdev.RemoveLink:
		m.remove(op.Link.Name)
	case netdev.AddSpace, netdev.SetSpace:
		sp := op.Space
		s.Spaces[sp.Name] = sp
		s.Links[sp.Outside] = netdev.Link{Name: sp.Outside, Kind: netdev.Veth, MTU: sp.MTU, Master: sp.Master, Up: true}
	case netdev.RemoveSpace:
		m.remove(s.Spaces[op.Space.Name].Outside)
		delete(s.Spaces, op.Space.Name)
	case netdev.AddRouter:
		s.Routers[op.Router.Name] = netdev.Router{Name: op.Router.Name}
	case netdev.SetRouter:
		if m.filters[op.Router.Name] == 0 {
			return errors.New("a router forwards without rules")
		}
		for _, p := range s.Routers[op.Router.Name].Ports {
			m.remove(p.Outside)
		}
		s.Routers[op.Router.Name] = op.Router
		for _, p := range op.Router.Ports {
			if _, ok := s.Links[p.Master]; !ok {
				return fmt.Errorf("no bridge %s", p.Master)
			}
			s.Links[p.Outside] = netdev.Link{Name: p.Outside, Kind: netdev.Veth, MTU: p.MTU, Master: p.Master, Up: true}
		}
	case netdev.RemoveRouter:
		for _, p := range s.Routers[op.Router.Name].Ports {
			m.remove(p.Outside)
		}
		delete(s.Routers, op.Router.Name)
		delete(m.filters, op.Router.Name)
	case netdev.AddForward:
		if _, ok := s.Links[op.Forward.Dev]; !ok {
			return errors.New("no tunnel")
		}
		s.Forwards = slices.DeleteFunc(s.Forwards, func(f netdev.Forward) bool {
			return f == op.Forward || f.Dev == op.Forward.Dev && f.MAC == op.Forward.MAC && f.MAC != netdev.FloodMAC
		})
		s.Forwards = append(s.Forwards, op.Forward)
	case netdev.RemoveFwd:
		s.Forwards = slices.DeleteFunc(s.Forwards, func(f netdev.Forward) bool { return f == op.Forward })
	case netdev.AddNeighbour:
		s.Neighbours = slices.DeleteFunc(s.Neighbours, func(n netdev.Neighbour) bool {
			return n.Dev == op.Neighbour.Dev && n.IP == op.Neighbour.IP
		})
		s.Neighbours = append(s.Neighbours, op.Neighbour)
	case netdev.RemoveNeigh:
		s.Neighbours = slices.DeleteFunc(s.Neighbours, func(n netdev.Neighbour) bool { return n == op.Neighbour })
	}
	return nil
}

func (m *model) remove(name string) {
	delete(m.have.Links, name)
	m.have.Forwards = slices.DeleteFunc(m.have.Forwards, func(f netdev.Forward) bool { return f.Dev == name })
	m.have.Neighbours = slices.DeleteFunc(m.have.Neighbours, func(n netdev.Neighbour) bool { return n.Dev == name })
}

var settings = Settings{TunnelIP: netip.MustParseAddr("192.0.2.1"), TunnelPort: 4789, Mode: nft.Mark,
	SpaceName:  func(n string) string { return "qdhcp-" + n },
	RouterName: func(r string) string { return "qrouter-" + r }}

func reconciler(m *model) *Reconciler {
	return New(m, settings, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func uuid(kind, i int) string {
	return fmt.Sprintf("%04x%04x-00%02x-4000-8000-000000000000", kind, i, i%256)
}

// state makes networks with ports: counts[i] ports on network i, a network with an odd number has ports on another host
// too.
func state(counts ...int) neutron.HostState {
	var s neutron.HostState
	for i, count := range counts {
		if count < 0 {
			continue
		}
		id := uuid(1, i)
		sub := neutron.SubnetInfo{ID: uuid(2, i), CIDR: netip.MustParsePrefix("10.0.0.0/24"), DHCP: true, Version: 4}
		n := neutron.HostNetwork{ID: id, Type: "vxlan", Segment: int64(100 + i), MTU: 1450,
			Subnets: []neutron.SubnetInfo{sub},
			DHCPIP:  []neutron.FixedIP{{Subnet: sub.ID, IP: netip.MustParseAddr("10.0.0.2")}}, DHCPMAC: "fa:16:3e:00:00:02"}
		for p := range count {
			port := uuid(16+i, p)
			n.Ports = append(n.Ports, neutron.PortInfo{ID: port, Network: id, MAC: fmt.Sprintf("fa:16:3e:00:%02x:%02x", i, p),
				Device: netdev.TapName(port), AdminUp: true,
				VIFType: "tap", PortSecurity: true,
				FixedIPs: []neutron.FixedIP{{Subnet: sub.ID, IP: netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + p)})}}})
		}
		if i%2 == 1 {
			n.Remote = []neutron.RemotePort{{MAC: "fa:16:3e:ff:00:01", IPs: []netip.Addr{netip.MustParseAddr("10.0.0.100")},
				Host: netip.AddrFrom4([4]byte{192, 0, 2, byte(count + 2)})}}
		}
		s.Networks = append(s.Networks, n)
	}
	return s
}
