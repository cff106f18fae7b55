package networks

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/nova"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// WantedIP asks for an address: of a subnet, a certain one, or both.
type WantedIP struct {
	Subnet string
	IP     netip.Addr // invalid: any
}

// NewPort asks for a port. What is not set is chosen.
type NewPort struct {
	neutron.Meta
	Name, Network         string
	MAC                   string // empty: made
	FixedIPs              opt.Of[[]WantedIP]
	AdminDown             bool
	DeviceID, DeviceOwner string
	PortSecurity          opt.Of[bool] // not set: the network's
	SecurityGroups        opt.Of[[]string]
	AddressPairs          []neutron.AddressPair
	Host, VNICType        string
	Profile               string
	Made                  bool // by compute, which deletes it with the server
	Tag, DNSName          string
}

// CreatePorts makes ports, all or none. A port with a host is bound to it; where no mechanism can, its vif_type says so.
func (s *Service) CreatePorts(ctx context.Context, wanted []NewPort) ([]neutron.Port, error) {
	var out []neutron.Port
	if len(wanted) == 0 {
		return nil, nil
	}
	err := s.changeIn(ctx, wanted[0].Project, func(w *work) error {
		var err error
		out, err = s.insertPorts(ctx, w, wanted, false)
		return err
	})
	return out, err
}

// insertPorts makes ports within a transaction. mustBind makes a port that cannot be bound an error.
func (s *Service) insertPorts(ctx context.Context, w *work, wanted []NewPort, mustBind bool) ([]neutron.Port, error) {
	want := map[string]int{}
	for _, n := range wanted {
		want[n.Project]++
	}
	for project, n := range want {
		if err := s.Quotas.Take(ctx, w.Tx, project, map[string]int{quota.Port: n}); err != nil {
			return nil, err
		}
	}
	nets := map[string]*place{}
	var out []neutron.Port
	for _, n := range wanted {
		at, err := s.place(ctx, w, nets, n.Network)
		if err != nil {
			return nil, err
		}
		p, err := s.newPort(ctx, w, at, n)
		if err != nil {
			return nil, err
		}
		if p.Host != "" {
			why, err := s.bind(ctx, w, at.network, &p)
			if err != nil {
				return nil, err
			}
			if why != "" && mustBind {
				return nil, bindingFailed(p, why)
			}
		}
		// A microsecond apart, so that the order of creation is an order.
		p.Created = p.Created.Add(time.Duration(len(out)) * time.Microsecond)
		out = append(out, p)
	}
	if err := store.InsertPorts(ctx, w.Tx, out); err != nil {
		return nil, err
	}
	for _, p := range out {
		w.changes.Port(p)
	}
	return out, nil
}

// place is a network with its subnets, read once for all ports of a request.
type place struct {
	network neutron.Network
	subnets []neutron.Subnet
	macs    map[string]bool // of this request
}

func (s *Service) place(ctx context.Context, w *work, known map[string]*place, network string) (*place, error) {
	if at, ok := known[network]; ok {
		return at, nil
	}
	n, err := store.Network(ctx, w.Tx, network)
	if err != nil {
		return nil, err
	}
	subnets, err := store.SubnetsOf(ctx, w.Tx, network)
	if err != nil {
		return nil, err
	}
	at := &place{network: n, subnets: subnets, macs: map[string]bool{}}
	known[network] = at
	return at, nil
}

// newPort decides everything about a port but its binding, and takes its addresses.
func (s *Service) newPort(ctx context.Context, w *work, at *place, n NewPort) (neutron.Port, error) {
	now := s.now()
	p := neutron.Port{Meta: n.Meta, ID: ids.UUID(), Name: n.Name, Network: n.Network, AdminUp: !n.AdminDown, Status: neutron.StatusDown, DeviceID: n.DeviceID,
		DeviceOwner: n.DeviceOwner, PortSecurity: n.PortSecurity.Or(at.network.PortSecurity), AddressPairs: n.AddressPairs, Host: n.Host, VNICType: n.VNICType,
		VIFType: neutron.VIFUnbound, Profile: n.Profile, Made: n.Made, Tag: n.Tag, DNSName: n.DNSName, NetworkProject: at.network.Project}
	p.Revision, p.Created, p.Updated = 1, now, now
	if p.VNICType == "" {
		p.VNICType = "normal"
	}
	var err error
	if p.MAC, err = s.mac(ctx, w, at, n.MAC); err != nil {
		return p, err
	}
	if p.Host != "" && p.DeviceOwner != neutron.OwnerDHCP {
		// DHCP's own address comes before the guest's, or the last one could leave a guest that nobody answers.
		if err := s.dhcpFor(ctx, w, at, p.Host); err != nil {
			return p, err
		}
	}
	wanted, given := n.FixedIPs.Value, n.FixedIPs.Has()
	if p.FixedIPs, err = s.addresses(ctx, w, at, &p, wanted, given); err != nil {
		return p, err
	}
	if err := s.groupsOf(ctx, w, &p, n.SecurityGroups); err != nil {
		return p, err
	}
	p.AddressPairs, err = pairs(p)
	return p, err
}

// mac checks the MAC that was asked for or makes one that the network does not have.
func (s *Service) mac(ctx context.Context, w *work, at *place, want string) (string, error) {
	if want != "" {
		mac, err := ipam.ParseMAC(want)
		if err != nil {
			return "", neutron.BadInput("%s", err)
		}
		taken, err := store.MACTaken(ctx, w.Tx, at.network.ID, mac, "")
		if err == nil && (taken || at.macs[mac]) {
			err = neutron.MACInUse(at.network.ID, mac)
		}
		at.macs[mac] = true
		return mac, err
	}
	for range 16 {
		mac := ipam.NewMAC(s.config.ML2.BaseMAC)
		taken, err := store.MACTaken(ctx, w.Tx, at.network.ID, mac, "")
		if err != nil {
			return "", err
		}
		if !taken && !at.macs[mac] {
			at.macs[mac] = true
			return mac, nil
		}
	}
	return "", fault.Unavailablef("Unable to generate unique mac on network %s.", at.network.ID).Coded("MacAddressGenerationFailure")
}

// groupsOf decides a port's security groups: those that were asked for, else the default one of its project.
func (s *Service) groupsOf(ctx context.Context, w *work, p *neutron.Port, want opt.Of[[]string]) error {
	own := strings.HasPrefix(p.DeviceOwner, neutron.OwnerNetworkPrefix)
	if !want.Has() {
		p.SecurityGroups = nil
		if own || !p.PortSecurity {
			return nil
		}
		id, err := s.Groups.Default(ctx, w.Tx, p.Project)
		p.SecurityGroups = []string{id}
		return err
	}
	p.SecurityGroups = nil
	for _, id := range want.Value {
		g, err := store.Group(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if g.Project != p.Project {
			return neutron.Missing("SecurityGroup", id)
		}
		if !slices.Contains(p.SecurityGroups, id) {
			p.SecurityGroups = append(p.SecurityGroups, id)
		}
	}
	if len(p.SecurityGroups) > 0 && !p.PortSecurity {
		return fault.Invalidf("Port security must be enabled and port must have an IP address in order to use security groups.").Coded("PortSecurityAndIPRequiredForSecurityGroups")
	}
	return nil
}

// pairs checks allowed address pairs and gives those without a MAC the port's.
func pairs(p neutron.Port) ([]neutron.AddressPair, error) {
	if len(p.AddressPairs) > 0 && !p.PortSecurity {
		return nil, fault.Conflictf("Port Security must be enabled in order to have allowed address pairs on a port.").Coded("AddressPairAndPortSecurityRequired")
	}
	if len(p.AddressPairs) > 10 {
		return nil, fault.Invalidf("The number of allowed address pair exceeds the maximum 10.").Coded("AllowedAddressPairExhausted")
	}
	out := make([]neutron.AddressPair, 0, len(p.AddressPairs))
	for _, a := range p.AddressPairs {
		if a.MAC == "" {
			a.MAC = p.MAC
		}
		mac, err := ipam.ParseMAC(a.MAC)
		if err != nil {
			return nil, neutron.BadInput("%s", err)
		}
		a.MAC = mac
		if ip, err := netip.ParseAddr(a.IP); err == nil && ip.Zone() == "" {
			a.IP = ip.String()
		} else if pre, err := netip.ParsePrefix(a.IP); err == nil {
			a.IP = pre.String()
		} else {
			return nil, neutron.BadInput("'%s' is not a valid IP address or CIDR", a.IP)
		}
		if slices.Contains(out, a) {
			return nil, fault.Invalidf("Request contains duplicate address pair: mac_address %s ip_address %s.", a.MAC, a.IP).Coded("DuplicateAddressPairInRequest")
		}
		out = append(out, a)
	}
	return out, nil
}

// ShowPort reads a port.
func (s *Service) ShowPort(ctx context.Context, id string) (neutron.Port, error) {
	return store.Port(ctx, s.db, id)
}

// DeletePort removes a port. Compute hears of it where a server has it.
func (s *Service) DeletePort(ctx context.Context, id string, ifRevision opt.Of[int64]) error {
	return s.change(ctx, func(w *work) error {
		p, err := store.Port(ctx, w.Tx, id)
		if err != nil {
			return err
		}
		if err := neutron.CheckRevision(ifRevision, p.Revision); err != nil {
			return err
		}
		w.event("network-vif-deleted", p, "")
		return s.removePort(ctx, w, p)
	})
}

func (s *Service) removePort(ctx context.Context, w *work, p neutron.Port) error {
	w.changes.Port(p)
	if err := store.DeletePort(ctx, w.Tx, p.ID); err != nil {
		return err
	}
	return s.left(ctx, w, p)
}

// event tells compute about a port, where compute has it.
func (w *work) event(name string, p neutron.Port, status string) {
	if strings.HasPrefix(p.DeviceOwner, neutron.OwnerComputePrefix) && p.DeviceID != "" {
		w.events = append(w.events, nova.ExternalEvent{Name: name, Server: p.DeviceID, Tag: p.ID, Status: status})
	}
}
