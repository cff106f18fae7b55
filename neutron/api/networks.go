package api

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/networks"
	"hypernova/neutron/plugin"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type networkBody struct {
	owners
	networkChange
	Type     opt.Of[string]   `wire:"provider:network_type" is:"maxlen=32"`
	Physical opt.Of[string]   `wire:"provider:physical_network" is:"maxlen=64"`
	Segment  opt.Of[int64]    `wire:"provider:segmentation_id" is:"intish"`
	Hints    opt.Of[[]string] `wire:"availability_zone_hints" is:"each(maxlen=255)"`
}

type networkChange struct {
	Name         opt.Of[string] `wire:"name" is:"maxlen=255"`
	Description  opt.Of[string] `wire:"description" is:"maxlen=255"`
	AdminUp      opt.Of[bool]   `wire:"admin_state_up" is:"boolish"`
	Shared       opt.Of[bool]   `wire:"shared" is:"boolish"`
	External     opt.Of[bool]   `wire:"router:external" is:"boolish"`
	Default      opt.Of[bool]   `wire:"is_default" is:"boolish"`
	PortSecurity opt.Of[bool]   `wire:"port_security_enabled" is:"boolish"`
	MTU          opt.Of[int]    `wire:"mtu" is:"intish,min=0"`
}

// Validate checks the name.
func (in *networkChange) Validate(api.Version) error { return checkName(in.Name) }

type networkView struct {
	ID           string   `wire:"id"`
	Name         string   `wire:"name"`
	Tenant       string   `wire:"tenant_id"`
	AdminUp      bool     `wire:"admin_state_up"`
	MTU          int      `wire:"mtu"`
	Status       string   `wire:"status"`
	Subnets      []string `wire:"subnets"`
	Shared       bool     `wire:"shared"`
	Hints        []string `wire:"availability_zone_hints"`
	Zones        []string `wire:"availability_zones"`
	Default      bool     `wire:"is_default"`
	External     bool     `wire:"router:external"`
	Description  string   `wire:"description"`
	PortSecurity bool     `wire:"port_security_enabled"`
	Project      string   `wire:"project_id"`
	Type         string   `wire:"provider:network_type" policy:"get_network:provider:network_type"`
	Physical     *string  `wire:"provider:physical_network" policy:"get_network:provider:physical_network"`
	Segment      *int64   `wire:"provider:segmentation_id" policy:"get_network:provider:segmentation_id"`
	Scope4       *string  `wire:"ipv4_address_scope"`
	Scope6       *string  `wire:"ipv6_address_scope"`
	stamps
}

func viewNetwork(n neutron.Network) networkView {
	v := networkView{ID: n.ID, Name: n.Name, Tenant: n.Project, Project: n.Project, AdminUp: n.AdminUp, MTU: n.MTU,
		Status: n.Status, Subnets: orEmpty(n.Subnets), Shared: n.Shared, Hints: orEmpty(n.AvailabilityHints),
		Zones: zones(n), Default: n.Default, External: n.External, Description: n.Description,
		PortSecurity: n.PortSecurity, Type: n.Type, Physical: orNil(n.Physical), Scope4: orNil(n.Scope4),
		Scope6: orNil(n.Scope6), stamps: stampsOf(n.Meta)}
	if n.Segment != 0 {
		v.Segment = &n.Segment
	}
	return v
}

// zones are where a network is served: everywhere, which is one zone, as soon as it has something to serve.
func zones(n neutron.Network) []string {
	if len(n.Subnets) == 0 {
		return []string{}
	}
	return []string{zoneName}
}

func networkTarget(n neutron.Network) policy.Target {
	return policy.Target{"project_id": n.Project, "tenant_id": n.Project, "network:tenant_id": n.Project,
		"network:shared": boolText(n.Shared), "network:router:external": boolText(n.External)}
}

type networksAPI = crud[neutron.Network, networkBody, networkChange, networkView]

func networksOf(p *plugin.Plugin) *networksAPI {
	c := &networksAPI{
		name: "network", what: "Network",
		rules:  rules{create: createNetwork, get: getNetwork, update: updateNetwork, delete: deleteNetwork},
		asked:  createNetwork,
		target: networkTarget,
		id:     func(n neutron.Network) string { return n.ID },
		meta:   func(n neutron.Network) neutron.Meta { return n.Meta },
		view:   viewNetwork,
		show:   p.Networks.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.Network, error) {
			return p.Networks.List(ctx, a)
		},
		update: func(ctx context.Context, r *api.Request, n neutron.Network, in *networkChange,
			ifRevision opt.Of[int64]) (neutron.Network, error) {
			if err := guard(r, networkTarget(n), in.guards()...); err != nil {
				return n, err
			}
			return p.Networks.Update(ctx, n.ID, networks.Patch{Name: in.Name, Description: in.Description, AdminUp: in.AdminUp,
				PortSecurity: in.PortSecurity, Shared: in.Shared, External: in.External, Default: in.Default, MTU: in.MTU,
				IfRevision: ifRevision})
		},
		delete: func(ctx context.Context, _ *api.Request, n neutron.Network, ifRevision opt.Of[int64]) error {
			return p.Networks.Delete(ctx, n.ID, ifRevision)
		},
		retag: func(ctx context.Context, n neutron.Network, tags neutron.TagChange) (neutron.Network, error) {
			return p.Networks.Update(ctx, n.ID, networks.Patch{Tags: tags})
		},
		tags:    networkTags,
		listing: networkListing(),
		scope: func(r *api.Request) []db.Cond {
			return []db.Cond{db.InList("audience", []string{r.Caller.ProjectID, "*"})}
		},
		extensions: []extension{
			{"external-net", "External Networks", "The router:external attribute of networks."},
			{"net-mtu", "Network MTU", "The mtu attribute of networks."},
			{"net-mtu-writable", "Network MTU (writable)", "The mtu attribute of networks can be chosen."},
			{"network_availability_zone", "Network Availability Zone", "Hints for the zones of networks."},
			{"port-security", "Port Security", "Anti-spoofing and filtering can be switched off."},
			{"provider", "Provider Network", "What networks are on the wire."},
		},
	}
	c.create = c.each(newNetwork, p.Networks.Create)
	return c
}

// newNetwork reads the network that a create asks for.
func newNetwork(r *api.Request, project string, in *networkBody) (neutron.Network, error) {
	n := neutron.Network{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Name: in.Name.Or(""),
		AdminUp: in.AdminUp.Or(true), Shared: in.Shared.Or(false), External: in.External.Or(false),
		Default: in.Default.Or(false), PortSecurity: in.PortSecurity.Or(true), MTU: in.MTU.Or(0),
		Type: in.Type.Or(""), Physical: in.Physical.Or(""), Segment: in.Segment.Or(0), AvailabilityHints: in.Hints.Or(nil)}
	err := guard(r, networkTarget(n),
		attribute{true, createNetwork},
		attribute{n.Shared, createNetworkShared},
		attribute{n.External, createNetworkExternal},
		attribute{in.Default.Has(), createNetworkDefault},
		attribute{in.PortSecurity.Has(), createNetworkPortSec},
		attribute{in.Type.Has(), createNetworkType},
		attribute{in.Physical.Has(), createNetworkPhysical},
		attribute{in.Segment.Has(), createNetworkSegment})
	if err != nil {
		return n, err
	}
	if in.Type.Has() && n.Type == "" {
		return n, neutron.BadInput("network_type value '' not supported")
	}
	if h, ok := twice(n.AvailabilityHints); ok {
		return n, invalid("availability_zone_hints", "Duplicate items in the list: '%s'", h)
	}
	return n, knownZones(n.AvailabilityHints)
}

// guards are the rules of the attributes that an update gives.
func (in *networkChange) guards() []attribute {
	return []attribute{
		{in.Shared.Has(), updateNetworkShared},
		{in.External.Has(), updateNetworkExternal},
		{in.Default.Has(), updateNetworkDefault},
		{in.PortSecurity.Has(), updateNetworkPortSec},
	}
}

func networkListing() listing {
	return listing{
		known: filters{}.with(filters{"admin_state_up": truth, "status": nil, "shared": truth, "router:external": truth,
			"is_default": truth, "port_security_enabled": truth, "mtu": number, "provider:network_type": nil,
			"provider:physical_network": nil, "provider:segmentation_id": number}),
		hidden: guards{"provider:network_type": getNetworkType, "provider:physical_network": getNetworkPhysical,
			"provider:segmentation_id": getNetworkSegment},
		special: func(_ context.Context, name string, values []string) ([]db.Cond, bool, error) {
			if name == "availability_zone_hints" {
				return []db.Cond{anyHolds(name, values)}, true, nil
			}
			return nil, false, nil
		},
	}
}
