package api

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/ipam"
	"hypernova/neutron/plugin"
	"hypernova/neutron/ports"
	"hypernova/oslo/api"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type fixedIPBody struct {
	Subnet opt.Of[string] `wire:"subnet_id" is:"uuid"`
	IP     opt.Of[string] `wire:"ip_address"`
}

type pairBody struct {
	IP  opt.Of[string] `wire:"ip_address"`
	MAC opt.Of[string] `wire:"mac_address"`
}

type pairWire struct {
	IP  string `wire:"ip_address"`
	MAC string `wire:"mac_address"`
}

type portBody struct {
	owners
	portChange
	Network string           `wire:"network_id" is:"required,uuid"`
	Tags    opt.Of[[]string] `wire:"tags" is:"unique,each(minlen=1,maxlen=255)"`
}

type portChange struct {
	Name           opt.Of[string]                     `wire:"name" is:"maxlen=255"`
	Description    opt.Of[string]                     `wire:"description" is:"maxlen=255"`
	AdminUp        opt.Of[bool]                       `wire:"admin_state_up" is:"boolish"`
	MAC            opt.Of[string]                     `wire:"mac_address"`
	FixedIPs       opt.Of[[]fixedIPBody]              `wire:"fixed_ips"`
	DeviceID       opt.Of[string]                     `wire:"device_id" is:"maxlen=255"`
	DeviceOwner    opt.Of[string]                     `wire:"device_owner" is:"maxlen=255"`
	PortSecurity   opt.Of[bool]                       `wire:"port_security_enabled" is:"boolish"`
	SecurityGroups opt.Of[[]string]                   `wire:"security_groups" is:"nullable,each(uuid)"`
	Pairs          opt.Of[[]pairBody]                 `wire:"allowed_address_pairs" is:"nullable"`
	Host           opt.Of[string]                     `wire:"binding:host_id" is:"maxlen=255,nullable"`
	VNICType       opt.Of[string]                     `wire:"binding:vnic_type" is:"enum=normal|direct|macvtap|baremetal|direct-physical|virtio-forwarder|smart-nic|vdpa|accelerator-direct|accelerator-direct-physical|remote-managed"`
	Profile        opt.Of[map[string]json.RawMessage] `wire:"binding:profile" is:"nullable"`
}

// Validate checks what can be checked of the members without the port.
func (in *portChange) Validate(api.Version) error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	if in.MAC.Has() {
		if _, err := ipam.ParseMAC(in.MAC.Value); err != nil {
			return invalid("mac_address", "%s", err)
		}
	}
	if id, ok := twice(in.SecurityGroups.Or(nil)); ok {
		return invalid("security_groups", "Duplicate items in the list: '%s'", id)
	}
	return nil
}

type fixedIPView struct {
	Subnet string `wire:"subnet_id"`
	IP     string `wire:"ip_address"`
}

type portView struct {
	ID             string          `wire:"id"`
	Name           string          `wire:"name"`
	Network        string          `wire:"network_id"`
	Tenant         string          `wire:"tenant_id"`
	MAC            string          `wire:"mac_address"`
	AdminUp        bool            `wire:"admin_state_up"`
	Status         string          `wire:"status"`
	DeviceID       string          `wire:"device_id"`
	DeviceOwner    string          `wire:"device_owner"`
	FixedIPs       []fixedIPView   `wire:"fixed_ips"`
	Pairs          []pairWire      `wire:"allowed_address_pairs"`
	SecurityGroups []string        `wire:"security_groups"`
	Description    string          `wire:"description"`
	VNICType       string          `wire:"binding:vnic_type"`
	Host           string          `wire:"binding:host_id" policy:"get_port:binding:host_id"`
	Profile        json.RawMessage `wire:"binding:profile" policy:"get_port:binding:profile"`
	VIFType        string          `wire:"binding:vif_type" policy:"get_port:binding:vif_type"`
	VIFDetails     map[string]any  `wire:"binding:vif_details" policy:"get_port:binding:vif_details"`
	PortSecurity   bool            `wire:"port_security_enabled"`
	Project        string          `wire:"project_id"`
	stamps
}

func viewPort(p neutron.Port) portView {
	v := portView{ID: p.ID, Name: p.Name, Network: p.Network, Tenant: p.Project, Project: p.Project, MAC: p.MAC,
		AdminUp: p.AdminUp, Status: p.Status, DeviceID: p.DeviceID, DeviceOwner: p.DeviceOwner,
		FixedIPs: viewFixedIPs(p.FixedIPs),
		Pairs:    []pairWire{}, SecurityGroups: orEmpty(p.SecurityGroups), Description: p.Description, VNICType: p.VNICType,
		Host: p.Host, Profile: viewProfile(p), VIFType: p.VIFType, VIFDetails: map[string]any{},
		PortSecurity: p.PortSecurity, stamps: stampsOf(p.Meta)}
	for k, d := range p.VIFDetails {
		if d == "true" || d == "false" {
			v.VIFDetails[k] = d == "true"
			continue
		}
		v.VIFDetails[k] = d
	}
	for _, a := range p.AddressPairs {
		v.Pairs = append(v.Pairs, pairWire{IP: a.IP, MAC: a.MAC})
	}
	return v
}

func viewFixedIPs(fs []neutron.FixedIP) []fixedIPView {
	return views(fs, func(f neutron.FixedIP) fixedIPView { return fixedIPView{f.Subnet, f.IP.String()} })
}

func portOwners(p neutron.Port) policy.Target { return portTarget(p.Project, p.NetworkProject, false) }

func portTarget(project, network string, shared bool) policy.Target {
	return policy.Target{"project_id": project, "tenant_id": project, "network:tenant_id": network,
		"network:shared": boolText(shared)}
}

type portsAPI = crud[neutron.Port, portBody, portChange, portView]

func portsOf(p *plugin.Plugin) *portsAPI {
	ns := networksOf(p)
	return &portsAPI{
		name: "port", what: "Port",
		rules:  rules{create: createPort, get: getPort, update: updatePort, delete: deletePort},
		target: portOwners,
		id:     func(p neutron.Port) string { return p.ID },
		meta:   func(p neutron.Port) neutron.Meta { return p.Meta },
		view:   viewPort,
		show:   p.Ports.Show,
		list: func(ctx context.Context, r *api.Request, a db.ListArgs) ([]neutron.Port, error) {
			viewer := r.Caller.ProjectID
			if all(r) {
				viewer = ""
			}
			return p.Ports.List(ctx, a, viewer)
		},
		create: func(ctx context.Context, r *api.Request, ins []*portBody) ([]neutron.Port, error) {
			wanted := make([]ports.Wanted, len(ins))
			for i, in := range ins {
				n, err := ns.seen(ctx, r, in.Network)
				if err != nil {
					return nil, err
				}
				if wanted[i], err = in.wanted(r, n); err != nil {
					return nil, err
				}
				w := wanted[i]
				if err := ownRouter(ctx, r, p, w.DeviceOwner, w.DeviceID, w.Project); err != nil {
					return nil, err
				}
			}
			if r.Service != nil && r.HTTP.Header.Get(auth.CheckOnlyHeader) != "" {
				return nil, p.Ports.Possible(ctx, wanted)
			}
			made, err := p.Ports.Create(ctx, wanted)
			r.AsService()
			return made, err
		},
		update: func(ctx context.Context, r *api.Request, of neutron.Port, in *portChange,
			ifRevision opt.Of[int64]) (neutron.Port, error) {
			n, err := p.Networks.Show(ctx, of.Network)
			if err != nil {
				return of, err
			}
			guards := append(in.guards(false), in.bindingGuards(false)...)
			if err := guard(r, portTarget(of.Project, of.NetworkProject, n.Shared), guards...); err != nil {
				return of, err
			}
			patch, err := in.patch()
			if err != nil {
				return of, err
			}
			patch.IfRevision = ifRevision
			if patch.DeviceID.Set || patch.DeviceOwner.Set {
				owner, device := patch.DeviceOwner.Or(of.DeviceOwner), patch.DeviceID.Or(of.DeviceID)
				if err := ownRouter(ctx, r, p, owner, device, of.Project); err != nil {
					return of, err
				}
			}
			return p.Ports.Update(ctx, of.ID, patch)
		},
		delete: func(ctx context.Context, r *api.Request, of neutron.Port, ifRevision opt.Of[int64]) error {
			if !all(r) {
				if err := p.Floating.CheckDelete(ctx, r.Caller.ProjectID, of.ID); err != nil {
					return err
				}
			}
			return p.Ports.Delete(ctx, of.ID, ifRevision)
		},
		retag: func(ctx context.Context, of neutron.Port, tags neutron.TagChange) (neutron.Port, error) {
			return p.Ports.Update(ctx, of.ID, ports.Patch{Tags: tags})
		},
		tags:    portTags,
		listing: portListing(p),
		scope:   func(*api.Request) []db.Cond { return nil }, // list bounds what it reads
		extensions: []extension{
			{"allowed-address-pairs", "Allowed Address Pairs", "Further addresses that a port may send from."},
			{"binding", "Port Binding", "Where and how a port is carried."},
			{"ip-substring-filtering", "IP Substring Filtering", "Ports by a part of their addresses."},
			{"tag-ports-during-bulk-creation", "Tags of new ports", "Ports are made with tags."},
		},
	}
}

// ownRouter refuses a port that its project, not an administrator, makes one of another project's router.
func ownRouter(ctx context.Context, r *api.Request, p *plugin.Plugin, owner, device, project string) error {
	if owner != neutron.OwnerRouterInterface || device == "" || r.Allowed(ruleAdmin, nil) {
		return nil
	}
	of, err := p.Routers.Show(ctx, device)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil && of.Project != project {
		err = fault.Conflictf("The following device_id %s is not owned by your project or matches another project router.",
			device).Coded("DeviceIDNotOwnedByTenant")
	}
	return err
}

// wanted reads the port that a create asks for on a network that the caller sees.
func (in *portBody) wanted(r *api.Request, n neutron.Network) (w ports.Wanted, err error) {
	project, err := in.project(r)
	if err != nil {
		return w, err
	}
	target := portTarget(project, n.Project, n.Shared)
	if err := guard(r, target, in.guards(true)...); err != nil {
		return w, err
	}
	// A service that asks in a user's name binds the port by its own rights.
	service := *r
	service.AsService()
	if err := guard(&service, target, in.bindingGuards(true)...); err != nil {
		return w, err
	}
	if reserved(n) && !r.Allowed(createPortIP, target) {
		return w, neutron.Missing("Network", n.ID)
	}
	patch, err := in.patch()
	if err != nil {
		return w, err
	}
	return ports.Wanted{Meta: neutron.Meta{Project: project, Description: in.Description.Or(""), Tags: in.Tags.Or(nil)},
		Name: in.Name.Or(""), Network: in.Network, MAC: in.MAC.Or(""), FixedIPs: patch.FixedIPs,
		AdminDown: !in.AdminUp.Or(true), DeviceID: in.DeviceID.Or(""), DeviceOwner: in.DeviceOwner.Or(""),
		PortSecurity: in.PortSecurity, SecurityGroups: patch.SecurityGroups, AddressPairs: patch.AddressPairs.Or(nil),
		Host: in.Host.Or(""), VNICType: in.VNICType.Or(""), Profile: patch.Profile.Or(""),
		Made: patch.Made.Or(false), Tag: patch.Tag.Or(""), DNSName: patch.DNSName.Or("")}, nil
}

// patch reads what a create or an update says.
func (in *portChange) patch() (p ports.Patch, err error) {
	p = ports.Patch{Name: in.Name, Description: in.Description, AdminUp: in.AdminUp, MAC: in.MAC, DeviceID: in.DeviceID,
		DeviceOwner: in.DeviceOwner, PortSecurity: in.PortSecurity, SecurityGroups: in.groups(), Host: in.Host,
		VNICType: in.VNICType}
	if p.FixedIPs, err = in.addresses(); err != nil {
		return p, err
	}
	if in.Pairs.Set {
		pairs, err := in.pairs()
		if err != nil {
			return p, err
		}
		p.AddressPairs = opt.Some(pairs)
	}
	own, profile, err := in.profile()
	if err != nil {
		return p, err
	}
	p.Profile = profile
	if profile.Set {
		p.Made, p.Tag, p.DNSName = opt.Some(own.Made), opt.Some(own.Tag), opt.Some(own.DNSName)
	}
	return p, nil
}

// guards are the rules of the attributes that a create or update of a port gives.
func (in *portChange) guards(create bool) []attribute {
	pick := func(onCreate, onUpdate *policy.Rule) *policy.Rule {
		if create {
			return onCreate
		}
		return onUpdate
	}
	ip, sub := false, false
	for _, f := range in.FixedIPs.Or(nil) {
		ip, sub = ip || f.IP.Has(), sub || f.Subnet.Has()
	}
	return append([]attribute{
		{create, createPort},
		{strings.HasPrefix(in.DeviceOwner.Or(""), neutron.OwnerNetworkPrefix), pick(createPortOwner, updatePortOwner)},
		{in.MAC.Has(), pick(createPortMAC, updatePortMAC)},
		{in.PortSecurity.Has(), pick(createPortSecurity, updatePortSecurity)},
		{in.VNICType.Has(), pick(createPortVNIC, updatePortVNIC)},
		{in.Pairs.Has() && len(in.Pairs.Value) > 0, pick(createPortPairs, updatePortPairs)},
	}, addressRules(create, in.FixedIPs.Has(), ip, sub)...)
}

// bindingGuards are the rules of the attributes that say where a port is, which are a service's business.
func (in *portChange) bindingGuards(create bool) []attribute {
	profile := in.Profile.Has() && len(in.Profile.Value) > 0
	if create {
		return []attribute{{in.Host.Set, createPortHost}, {profile, createPortProfile}}
	}
	return []attribute{{in.Host.Set, updatePortHost}, {profile, updatePortProfile}}
}

func (in *portChange) addresses() (opt.Of[[]addresses.Wanted], error) {
	if !in.FixedIPs.Has() {
		return opt.Of[[]addresses.Wanted]{}, nil
	}
	out, err := wantedAddresses("fixed_ips", in.FixedIPs.Value)
	if err != nil {
		return opt.Of[[]addresses.Wanted]{}, err
	}
	return opt.Some(out), nil
}

// wantedAddresses reads the addresses that an attribute asks for.
func wantedAddresses(attribute string, ins []fixedIPBody) ([]addresses.Wanted, error) {
	out := make([]addresses.Wanted, len(ins))
	for i, f := range ins {
		out[i].Subnet = f.Subnet.Or("")
		if f.IP.Has() {
			ip, err := ipOf(attribute, f.IP.Value)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(out[:i], func(w addresses.Wanted) bool { return w.IP == ip }) {
				return nil, invalid(attribute, "Duplicate IP address '%s'", ip)
			}
			out[i].IP = ip
		}
		if out[i].Subnet == "" && !out[i].IP.IsValid() {
			return nil, neutron.BadInput("IP allocation requires subnet_id or ip_address")
		}
	}
	return out, nil
}

// groups are the security groups that are asked for: null is none, and nothing is what the port gets by itself or
// has.
func (in *portChange) groups() opt.Of[[]string] {
	if !in.SecurityGroups.Set {
		return opt.Of[[]string]{}
	}
	return opt.Some(in.SecurityGroups.Or(nil))
}

// pairs are the allowed address pairs; null is none.
func (in *portChange) pairs() ([]neutron.AddressPair, error) {
	var out []neutron.AddressPair
	for _, p := range in.Pairs.Or(nil) {
		if p.MAC.Has() {
			mac, err := ipam.ParseMAC(p.MAC.Value)
			if err != nil {
				return nil, fault.Invalidf("%s", err)
			}
			if ipam.Multicast(mac) {
				return nil, fault.Invalidf("MAC address %s is a multicast address, which is not supported.", p.MAC.Value)
			}
		}
		if !p.IP.Has() {
			return nil, fault.Invalidf("AllowedAddressPair must contain ip_address").Coded("AllowedAddressPairsMissingIP")
		}
		if err := checkPairIP(p.IP.Value); err != nil {
			return nil, err
		}
		out = append(out, neutron.AddressPair{MAC: p.MAC.Or(""), IP: p.IP.Value})
	}
	return out, nil
}

// checkPairIP checks the address or block of an allowed address pair.
func checkPairIP(s string) error {
	if !strings.Contains(s, "/") {
		ip, err := ipam.ParseAddr(s)
		if err != nil {
			return fault.Invalidf("%s", err)
		}
		if ip.IsMulticast() {
			return fault.Invalidf("IP %s is a multicast address, which is not supported.", s)
		}
		return nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return fault.Invalidf("'%s' is not a valid IP subnet", s)
	}
	for _, group := range []string{"224.0.0.0/4", "ff00::/8"} {
		if p.Overlaps(netip.MustParsePrefix(group)) && s != "0.0.0.0/0" {
			return fault.Invalidf("IP subnet %s overlaps with multicast IP range.", s)
		}
	}
	return nil
}

func portListing(p *plugin.Plugin) listing {
	return listing{
		known: filters{}.with(filters{"network_id": nil, "mac_address": hardware, "admin_state_up": truth, "status": nil,
			"device_id": nil, "device_owner": nil, "port_security_enabled": truth, "binding:host_id": nil,
			"binding:vnic_type": nil, "binding:vif_type": nil}),
		hidden: guards{"binding:host_id": getPortHost, "binding:vif_type": getPortVIFType},
		special: func(ctx context.Context, name string, values []string) ([]db.Cond, bool, error) {
			switch name {
			case "fixed_ips":
				cs, err := p.Ports.FixedIPFilter(ctx, values)
				return cs, true, err
			case "security_groups", "security_group_id":
				return []db.Cond{anyHolds("security_groups", values)}, true, nil
			}
			return nil, false, nil
		},
	}
}
