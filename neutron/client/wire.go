package client

import (
	"encoding/json"
	"net/netip"

	"hypernova/neutron"
)

type network struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Project  string   `json:"project_id"`
	Shared   bool     `json:"shared"`
	External bool     `json:"router:external"`
	AdminUp  bool     `json:"admin_state_up"`
	PortSec  bool     `json:"port_security_enabled"`
	Subnets  []string `json:"subnets"`
	MTU      int      `json:"mtu"`
}

func (n network) info() neutron.NetworkInfo {
	return neutron.NetworkInfo{ID: n.ID, Name: n.Name, Project: n.Project, Shared: n.Shared, External: n.External, AdminUp: n.AdminUp, Subnets: n.Subnets, MTU: n.MTU}
}

type route struct {
	Destination netip.Prefix `json:"destination"`
	NextHop     netip.Addr   `json:"nexthop"`
}

type subnet struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Network string       `json:"network_id"`
	CIDR    netip.Prefix `json:"cidr"`
	Gateway *netip.Addr  `json:"gateway_ip"`
	DHCP    bool         `json:"enable_dhcp"`
	DNS     []netip.Addr `json:"dns_nameservers"`
	Routes  []route      `json:"host_routes"`
	Version int          `json:"ip_version"`
	Mode    string       `json:"ipv6_address_mode"`
}

func (s subnet) info() neutron.SubnetInfo {
	i := neutron.SubnetInfo{ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, DHCP: s.DHCP, DNS: s.DNS, Version: s.Version,
		AddressMode: s.Mode}
	if s.Gateway != nil {
		i.Gateway = *s.Gateway
	}
	for _, r := range s.Routes {
		i.Routes = append(i.Routes, neutron.HostRoute{Destination: r.Destination, NextHop: r.NextHop})
	}
	return i
}

type fixedIP struct {
	Subnet string     `json:"subnet_id,omitempty"`
	IP     netip.Addr `json:"ip_address"`
}

type pair struct {
	IP  string `json:"ip_address"`
	MAC string `json:"mac_address"`
}

type port struct {
	ID             string                     `json:"id"`
	Name           string                     `json:"name"`
	Network        string                     `json:"network_id"`
	Project        string                     `json:"project_id"`
	MAC            string                     `json:"mac_address"`
	FixedIPs       []fixedIP                  `json:"fixed_ips"`
	AdminUp        bool                       `json:"admin_state_up"`
	Status         string                     `json:"status"`
	DeviceID       string                     `json:"device_id"`
	DeviceOwner    string                     `json:"device_owner"`
	Host           string                     `json:"binding:host_id"`
	VNICType       string                     `json:"binding:vnic_type"`
	VIFType        string                     `json:"binding:vif_type"`
	Profile        map[string]json.RawMessage `json:"binding:profile"`
	SecurityGroups []string                   `json:"security_groups"`
	PortSecurity   bool                       `json:"port_security_enabled"`
	Pairs          []pair                     `json:"allowed_address_pairs"`
	Revision       int64                      `json:"revision_number"`
}

// computeKey is the member of a binding profile that compute keeps its own facts under.
const computeKey = "compute"

// own is what compute must find again of a port.
type own struct {
	Made    bool   `json:"made,omitempty"`
	Tag     string `json:"tag,omitempty"`
	DNSName string `json:"dns_name,omitempty"`
}

func (p port) own() own {
	var o own
	if raw, ok := p.Profile[computeKey]; ok && json.Unmarshal(raw, &o) != nil {
		return own{} // somebody else wrote there: then the port is not compute's
	}
	return o
}

// with is the port's profile with compute's facts replaced; none where they are empty.
func (p port) with(o own) map[string]any {
	out := map[string]any{}
	for k, v := range p.Profile {
		out[k] = v
	}
	delete(out, computeKey)
	if o != (own{}) {
		out[computeKey] = o
	}
	return out
}

// place is a network with its subnets.
type place struct {
	network
	subnets []subnet
}

func (l place) port(p port) neutron.PortInfo {
	o := p.own()
	i := neutron.PortInfo{ID: p.ID, Name: p.Name, Project: p.Project, Network: p.Network, NetworkName: l.Name, MAC: p.MAC, MTU: l.MTU, AdminUp: p.AdminUp && l.AdminUp,
		Status: p.Status, DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner, Host: p.Host, VNICType: p.VNICType, VIFType: p.VIFType, Device: neutron.Device(p.ID),
		SecurityGroups: p.SecurityGroups, PortSecurity: p.PortSecurity, Created: o.Made, Tag: o.Tag, DNSName: o.DNSName}
	for _, a := range p.Pairs {
		i.AddressPairs = append(i.AddressPairs, neutron.AddressPair{MAC: a.MAC, IP: a.IP})
	}
	seen := map[string]bool{}
	for _, f := range p.FixedIPs {
		i.FixedIPs = append(i.FixedIPs, neutron.FixedIP{Subnet: f.Subnet, IP: f.IP})
		for _, s := range l.subnets {
			if s.ID == f.Subnet && !seen[s.ID] {
				seen[s.ID] = true
				i.Subnets = append(i.Subnets, s.info())
			}
		}
	}
	return i
}
