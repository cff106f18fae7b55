package api

import (
	"context"
	"net/http"

	"hypernova/neutron"
	"hypernova/neutron/networks"
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
	stamps
}

func viewNetwork(n neutron.Network) networkView {
	v := networkView{ID: n.ID, Name: n.Name, Tenant: n.Project, Project: n.Project, AdminUp: n.AdminUp, MTU: n.MTU, Status: n.Status, Subnets: orEmpty(n.Subnets),
		Shared: n.Shared, Hints: orEmpty(n.AvailabilityHints), Zones: zones(n), Default: n.Default, External: n.External, Description: n.Description,
		PortSecurity: n.PortSecurity, Type: n.Type, Physical: orNil(n.Physical), stamps: stampsOf(n.Meta)}
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

// network is a loaded network.
type network struct{ neutron.Network }

// PolicyTarget is what rules know of a network.
func (n network) PolicyTarget() policy.Target { return networkTarget(n.Network) }

func networkTarget(n neutron.Network) policy.Target {
	return policy.Target{"project_id": n.Project, "tenant_id": n.Project, "network:tenant_id": n.Project, "network:shared": boolText(n.Shared),
		"network:router:external": boolText(n.External)}
}

func networkResource() api.Resource[*API] {
	tags := tagged[network]{path: "/networks/{network_id}/tags", rules: networkTags, load: (*API).network, tags: func(n network) []string { return n.Tags },
		write: func(a *API, ctx context.Context, n network, tags neutron.TagChange) ([]string, error) {
			u, err := a.n.Networks.Update(ctx, n.ID, networks.Patch{Tags: tags})
			return u.Tags, err
		}}
	return api.Resource[*API]{Name: "network", Plural: "networks", Ops: append(api.Ops[*API]{
		api.Bulk("POST /networks", createNetwork, http.StatusCreated, (*API).createNetworks),
		api.List("GET /networks", nil, (*API).listNetworks),
		api.On("GET /networks/{network_id}", getNetwork, http.StatusOK, (*API).network, (*API).showNetwork),
		api.On("PUT /networks/{network_id}", updateNetwork, http.StatusOK, (*API).network, (*API).updateNetwork),
		api.On("DELETE /networks/{network_id}", deleteNetwork, http.StatusNoContent, (*API).network, (*API).deleteNetwork),
	}, tags.ops()...)}
}

// network loads the network of the path for a caller who may see it.
func (a *API) network(ctx context.Context, r *api.Request) (network, error) {
	n, err := a.seenNetwork(ctx, r, r.Param("network_id"))
	return network{n}, err
}

func (a *API) seenNetwork(ctx context.Context, r *api.Request, id string) (neutron.Network, error) {
	n, err := a.n.Networks.Show(ctx, id)
	if err == nil && !r.Allowed(getNetwork, networkTarget(n)) {
		err = neutron.Missing("Network", id)
	}
	return n, err
}

func (a *API) createNetworks(ctx context.Context, r *api.Request, ins []*networkBody) ([]networkView, error) {
	wanted := make([]neutron.Network, len(ins))
	for i, in := range ins {
		project, err := in.project(r)
		if err != nil {
			return nil, err
		}
		n := neutron.Network{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Name: in.Name.Or(""), AdminUp: in.AdminUp.Or(true),
			Shared: in.Shared.Or(false), External: in.External.Or(false), Default: in.Default.Or(false), PortSecurity: in.PortSecurity.Or(true), MTU: in.MTU.Or(0),
			Type: in.Type.Or(""), Physical: in.Physical.Or(""), Segment: in.Segment.Or(0), AvailabilityHints: in.Hints.Or(nil)}
		err = guard(r, networkTarget(n),
			attribute{true, createNetwork},
			attribute{n.Shared, createNetworkShared},
			attribute{n.External, createNetworkExternal},
			attribute{in.Default.Has(), createNetworkDefault},
			attribute{in.PortSecurity.Has(), createNetworkPortSec},
			attribute{in.Type.Has(), createNetworkType},
			attribute{in.Physical.Has(), createNetworkPhysical},
			attribute{in.Segment.Has(), createNetworkSegment})
		if err != nil {
			return nil, err
		}
		if in.Type.Has() && n.Type == "" {
			return nil, neutron.BadInput("network_type value '' not supported")
		}
		if h, ok := twice(n.AvailabilityHints); ok {
			return nil, invalid("availability_zone_hints", "Duplicate items in the list: '%s'", h)
		}
		if err := knownZones(n.AvailabilityHints); err != nil {
			return nil, err
		}
		wanted[i] = n
	}
	made, err := a.n.Networks.Create(ctx, wanted)
	return views(made, viewNetwork), err
}

func views[N, V any](ns []N, view func(N) V) []V {
	out := make([]V, len(ns))
	for i, n := range ns {
		out[i] = view(n)
	}
	return out
}

func networkFilters() filters {
	return filters{}.with(filters{"admin_state_up": truth, "status": text, "shared": truth, "router:external": truth, "is_default": truth, "port_security_enabled": truth,
		"mtu": number, "provider:network_type": text, "provider:physical_network": text, "provider:segmentation_id": number})
}

func (a *API) listNetworks(ctx context.Context, r *api.Request, q *listQuery) (api.Page[networkView], error) {
	hidden := guards{"provider:network_type": getNetworkType, "provider:physical_network": getNetworkPhysical, "provider:segmentation_id": getNetworkSegment}
	args, err := q.args(r, listing{known: networkFilters(), hidden: hidden, special: func(name string, values []string) ([]db.Cond, bool, error) {
		if name == "availability_zone_hints" {
			return []db.Cond{anyHolds(name, values)}, true, nil
		}
		return nil, false, nil
	}})
	if err != nil {
		return api.Page[networkView]{}, err
	}
	if !all(r) {
		args.Scope = []db.Cond{db.InList("audience", []string{r.Caller.ProjectID, "*"})}
	}
	ns, err := a.n.Networks.List(ctx, args.ListArgs)
	ns = seen(r, ns, getNetwork, args.guarded, networkTarget)
	return page(q, ns, func(n neutron.Network) string { return n.ID }, viewNetwork), unplaced(err, "Network", q.Marker)
}

func (a *API) showNetwork(_ context.Context, _ *api.Request, n network, _ *api.None) (networkView, error) {
	return viewNetwork(n.Network), nil
}

func (a *API) updateNetwork(ctx context.Context, r *api.Request, n network, in *networkChange) (networkView, error) {
	match, err := ifMatch(r)
	if err != nil {
		return networkView{}, err
	}
	err = guard(r, n.PolicyTarget(),
		attribute{in.Shared.Has(), updateNetworkShared},
		attribute{in.External.Has(), updateNetworkExternal},
		attribute{in.Default.Has(), updateNetworkDefault},
		attribute{in.PortSecurity.Has(), updateNetworkPortSec})
	if err != nil {
		return networkView{}, err
	}
	u, err := a.n.Networks.Update(ctx, n.ID, networks.Patch{Name: in.Name, Description: in.Description, AdminUp: in.AdminUp, PortSecurity: in.PortSecurity,
		Shared: in.Shared, External: in.External, Default: in.Default, MTU: in.MTU, IfRevision: match})
	return viewNetwork(u), failed(err)
}

func (a *API) deleteNetwork(ctx context.Context, r *api.Request, n network, _ *api.None) (api.None, error) {
	match, err := ifMatch(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, failed(a.n.Networks.Delete(ctx, n.ID, match))
}
