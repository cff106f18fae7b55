package client

import (
	"encoding/json"
	"net/netip"

	"hypernova/neutron"
)

// The wire types have the members of the Networking API that compute uses.

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

func (n network) value() neutron.Network {
	return neutron.Network{ID: n.ID, Name: n.Name, Meta: neutron.Meta{Project: n.Project}, Shared: n.Shared,
		External: n.External, AdminUp: n.AdminUp, PortSecurity: n.PortSec, Subnets: n.Subnets, MTU: n.MTU}
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

func (s subnet) value() neutron.Subnet {
	out := neutron.Subnet{ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, DHCP: s.DHCP, DNS: s.DNS,
		Version: s.Version, AddrMode: s.Mode}
	if s.Gateway != nil {
		out.Gateway = *s.Gateway
	}
	for _, r := range s.Routes {
		out.Routes = append(out.Routes, neutron.HostRoute(r))
	}
	return out
}

type fixedIP struct {
	Subnet string     `json:"subnet_id,omitempty"`
	IP     netip.Addr `json:"ip_address"`
}

type floatingIP struct {
	IP    netip.Addr  `json:"floating_ip_address"`
	Fixed *netip.Addr `json:"fixed_ip_address"`
	Port  string      `json:"port_id"`
}

func (f floatingIP) value() neutron.FloatingIP {
	out := neutron.FloatingIP{IP: f.IP, Port: f.Port}
	if f.Fixed != nil {
		out.Fixed = *f.Fixed
	}
	return out
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

// value converts a port. Its Profile is the whole binding profile, compute's member included.
func (p port) value() neutron.Port {
	profile, _ := json.Marshal(p.Profile) // a map of what was just decoded always encodes
	o := ownOf(p.Profile)
	out := neutron.Port{
		ID: p.ID, Name: p.Name, Network: p.Network, Meta: neutron.Meta{Project: p.Project, Revision: p.Revision},
		MAC: p.MAC, AdminUp: p.AdminUp, Status: p.Status, DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner, Host: p.Host,
		VNICType: p.VNICType, VIFType: p.VIFType, SecurityGroups: p.SecurityGroups, PortSecurity: p.PortSecurity,
		Profile: string(profile), Made: o.Made, Tag: o.Tag, DNSName: o.DNSName,
	}
	for _, a := range p.Pairs {
		out.AddressPairs = append(out.AddressPairs, neutron.AddressPair{MAC: a.MAC, IP: a.IP})
	}
	for _, f := range p.FixedIPs {
		out.FixedIPs = append(out.FixedIPs, neutron.FixedIP(f))
	}
	return out
}

// computeKey is the member of a binding profile under which compute keeps its own facts of a port.
const computeKey = "compute"

// own are those facts.
type own struct {
	Made    bool   `json:"made,omitempty"`
	Tag     string `json:"tag,omitempty"`
	DNSName string `json:"dns_name,omitempty"`
}

func ownOf(profile map[string]json.RawMessage) own {
	var o own
	if raw, ok := profile[computeKey]; ok && json.Unmarshal(raw, &o) != nil {
		return own{} // not of compute's making
	}
	return o
}

// profileOf is a port's binding profile with compute's facts as they are in the port; empty facts are left out.
func profileOf(p neutron.Port) map[string]any {
	out := map[string]any{}
	_ = json.Unmarshal([]byte(p.Profile), &out) // empty for a new port, else encoded by value
	delete(out, computeKey)
	if o := (own{Made: p.Made, Tag: p.Tag, DNSName: p.DNSName}); o != (own{}) {
		out[computeKey] = o
	}
	return out
}

// bindingOf are the members by which a port is given to a server on a host.
func bindingOf(p neutron.Port) map[string]any {
	return map[string]any{"device_id": p.DeviceID, "device_owner": p.DeviceOwner, "binding:host_id": p.Host,
		"binding:profile": profileOf(p)}
}
