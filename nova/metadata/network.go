package metadata

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"hypernova/nova"
)

// NetworkData is network_data.json: how a guest without DHCP sets up its network.
type NetworkData struct {
	Links    []Link    `json:"links"`
	Networks []Net     `json:"networks"`
	Services []Service `json:"services"`
}

// Link is a NIC.
type Link struct {
	ID   string `json:"id"`
	VIF  string `json:"vif_id"`
	Type string `json:"type"`
	MTU  *int   `json:"mtu"`
	MAC  string `json:"ethernet_mac_address"`
}

// Net is one address of a NIC, or that it is to be asked for: then it has no address, netmask, routes and services.
type Net struct {
	ID string `json:"id"`
	// ipv4, ipv4_dhcp, ipv6, ipv6_dhcp, ipv6_slaac, ipv6_dhcpv6-stateful, ipv6_dhcpv6-stateless
	Type     string    `json:"type"`
	Link     string    `json:"link"`
	Network  string    `json:"network_id"`
	Address  string    `json:"ip_address,omitempty"`
	Netmask  string    `json:"netmask,omitempty"`
	Routes   []Route   `json:"routes,omitzero"`
	Services []Service `json:"services,omitzero"`
}

// Route is one way.
type Route struct {
	Network string `json:"network"`
	Netmask string `json:"netmask"`
	Gateway string `json:"gateway"`
}

// Service is a name server.
type Service struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// networkFile is network_data.json: an empty object where there is no network.
func networkFile(ports []nova.NIC) any {
	if len(ports) == 0 {
		return struct{}{}
	}
	return Network(ports)
}

// Network makes network_data.json of a server's ports. A port without addresses is not in it; of one with several
// addresses of a version the first subnet's first is.
func Network(ports []nova.NIC) NetworkData {
	d := NetworkData{Links: []Link{}, Networks: []Net{}, Services: []Service{}}
	known := map[string]bool{}
	for _, p := range ports {
		if len(p.FixedIPs) == 0 {
			continue
		}
		link := Link{ID: p.Device, VIF: p.ID, Type: "phy", MAC: p.MAC}
		if p.MTU > 0 {
			link.MTU = &p.MTU
		}
		if link.ID == "" {
			link.ID = "interface" + strconv.Itoa(len(d.Links))
		}
		if p.VIFType == "tap" {
			link.Type = "tap"
		}
		d.Links = append(d.Links, link)
		for _, f := range firsts(p.FixedIPs) {
			s := subnetOf(p, f.Subnet)
			n := netOf(p, f, s)
			n.ID, n.Link = "network"+strconv.Itoa(len(d.Networks)), link.ID
			d.Networks = append(d.Networks, n)
			for _, a := range s.DNS {
				if name := a.String(); !known[name] {
					known[name] = true
					d.Services = append(d.Services, Service{"dns", name})
				}
			}
		}
	}
	return d
}

// firsts are the first address of IPv4 and the first of IPv6.
func firsts(all []nova.FixedIP) []nova.FixedIP {
	var out []nova.FixedIP
	for _, is4 := range []bool{true, false} {
		if i := slices.IndexFunc(all, func(f nova.FixedIP) bool { return f.IP.Is4() == is4 }); i >= 0 {
			out = append(out, all[i])
		}
	}
	return out
}

func subnetOf(p nova.NIC, id string) nova.Subnet {
	for _, s := range p.Subnets {
		if s.ID == id {
			return s
		}
	}
	return nova.Subnet{}
}

func netOf(p nova.NIC, f nova.FixedIP, s nova.Subnet) Net {
	family := "ipv4"
	if f.IP.Is6() {
		family = "ipv6"
	}
	switch {
	case s.AddressMode != "":
		family += "_" + s.AddressMode
	case s.DHCP:
		return Net{Type: family + "_dhcp", Network: p.Network}
	}
	n := Net{Type: family, Network: p.Network, Address: f.IP.String(), Netmask: mask(s.CIDR), Routes: []Route{},
		Services: []Service{}}
	if s.Gateway.IsValid() {
		any4, any6 := netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		all := any4
		if f.IP.Is6() {
			all = any6
		}
		n.Routes = append(n.Routes, Route{all.Addr().String(), mask(all), s.Gateway.String()})
	}
	for _, r := range s.Routes {
		n.Routes = append(n.Routes, Route{r.Destination.Addr().String(), mask(r.Destination), r.NextHop.String()})
	}
	for _, a := range s.DNS {
		n.Services = append(n.Services, Service{"dns", a.String()})
	}
	return n
}

// mask is a prefix's length in the form of an address.
func mask(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	bits := 32
	if p.Addr().Is6() {
		bits = 128
	}
	return net.IP(net.CIDRMask(p.Bits(), bits)).String()
}
