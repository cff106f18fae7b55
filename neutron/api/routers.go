package api

import (
	"context"
	"net/http"

	"hypernova/neutron"
	"hypernova/neutron/plugin"
	"hypernova/neutron/routers"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type routerBody struct {
	owners
	routerAttributes
	Hints opt.Of[[]string] `wire:"availability_zone_hints" is:"each(maxlen=255)"`
}

type routerChange struct {
	routerAttributes
	Routes opt.Of[[]routeWire] `wire:"routes" is:"nullable"`
}

// routerAttributes are those that a create and an update may give.
type routerAttributes struct {
	Name        opt.Of[string]      `wire:"name" is:"maxlen=255"`
	Description opt.Of[string]      `wire:"description" is:"maxlen=255"`
	AdminUp     opt.Of[bool]        `wire:"admin_state_up" is:"boolish"`
	Gateway     opt.Of[gatewayBody] `wire:"external_gateway_info" is:"nullable"`
}

// Validate checks the name.
func (in *routerAttributes) Validate(api.Version) error { return checkName(in.Name) }

type gatewayBody struct {
	Network opt.Of[string]        `wire:"network_id" is:"uuid"`
	SNAT    opt.Of[bool]          `wire:"enable_snat" is:"boolish"`
	IPs     opt.Of[[]fixedIPBody] `wire:"external_fixed_ips" is:"nullable"`
}

// gateway reads the gateway that is asked for, on a network that the caller sees: null and the empty object are none.
func (in *routerAttributes) gateway(ctx context.Context, r *api.Request, ns *networksAPI) (opt.Of[routers.Gateway],
	error) {
	none := opt.Of[routers.Gateway]{}
	g := in.Gateway
	switch {
	case !g.Set:
		return none, nil
	case g.Null || !g.Value.Network.Set && !g.Value.SNAT.Set && !g.Value.IPs.Set:
		return opt.Null[routers.Gateway](), nil
	case !g.Value.Network.Has():
		return none, invalid("external_gateway_info", "Validation of dictionary's keys failed. Expected keys: "+
			"{'network_id'}")
	}
	if _, err := ns.seen(ctx, r, g.Value.Network.Value); err != nil {
		return none, err
	}
	ips, err := wantedAddresses("external_fixed_ips", g.Value.IPs.Or(nil))
	return opt.Some(routers.Gateway{Network: g.Value.Network.Value, SNAT: g.Value.SNAT, IPs: ips}), err
}

// guards are the rules of the gateway's attributes.
func (in *routerAttributes) guards(gateway, network, snat, ips *policy.Rule) []attribute {
	g := in.Gateway.Or(gatewayBody{})
	return []attribute{{in.Gateway.Has(), gateway}, {g.Network.Has(), network}, {g.SNAT.Has(), snat}, {g.IPs.Has(), ips}}
}

type gatewayView struct {
	Network string        `wire:"network_id"`
	IPs     []fixedIPView `wire:"external_fixed_ips"`
	SNAT    bool          `wire:"enable_snat"`
}

type routerView struct {
	ID          string       `wire:"id"`
	Name        string       `wire:"name"`
	Tenant      string       `wire:"tenant_id"`
	AdminUp     bool         `wire:"admin_state_up"`
	Status      string       `wire:"status"`
	Gateway     *gatewayView `wire:"external_gateway_info"`
	Description string       `wire:"description"`
	Zones       []string     `wire:"availability_zones"`
	Hints       []string     `wire:"availability_zone_hints"`
	Routes      []routeWire  `wire:"routes"`
	Project     string       `wire:"project_id"`
	stamps
}

func viewRouter(r neutron.Router) routerView {
	v := routerView{ID: r.ID, Name: r.Name, Tenant: r.Project, Project: r.Project, AdminUp: r.AdminUp,
		Status: neutron.StatusActive, Description: r.Description, Zones: []string{}, Hints: orEmpty(r.AvailabilityHints),
		Routes: []routeWire{}, stamps: stampsOf(r.Meta)}
	if r.GatewayPort != "" {
		v.Gateway = &gatewayView{Network: r.GatewayNetwork, IPs: viewFixedIPs(r.GatewayIPs), SNAT: r.SNAT}
	}
	if r.Host != "" {
		v.Zones = []string{zoneName}
	}
	for _, x := range r.Routes {
		v.Routes = append(v.Routes, routeWire{x.Destination.String(), x.NextHop.String()})
	}
	return v
}

type routersAPI = crud[neutron.Router, routerBody, routerChange, routerView]

func routersOf(p *plugin.Plugin) *routersAPI {
	ns := networksOf(p)
	return &routersAPI{
		name: "router", what: "Router",
		rules: rules{create: createRouter, get: getRouter, update: updateRouter, delete: deleteRouter},
		asked: createRouter,
		id:    func(r neutron.Router) string { return r.ID },
		meta:  func(r neutron.Router) neutron.Meta { return r.Meta },
		view:  viewRouter,
		show:  p.Routers.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.Router, error) {
			return p.Routers.List(ctx, a)
		},
		create: func(ctx context.Context, r *api.Request, ins []*routerBody) ([]neutron.Router, error) {
			wanted := make([]routers.Wanted, len(ins))
			for i, in := range ins {
				var err error
				if wanted[i], err = in.wanted(ctx, r, ns); err != nil {
					return nil, err
				}
			}
			return p.Routers.Create(ctx, wanted)
		},
		update: func(ctx context.Context, r *api.Request, of neutron.Router, in *routerChange,
			ifRevision opt.Of[int64]) (neutron.Router, error) {
			err := guard(r, projectTarget(of.Project), in.guards(updateRouterGateway, updateRouterGatewayNetwork,
				updateRouterGatewaySNAT, updateRouterGatewayIPs)...)
			if err != nil {
				return of, err
			}
			patch := routers.Patch{Name: in.Name, Description: in.Description, AdminUp: in.AdminUp, IfRevision: ifRevision}
			if patch.Gateway, err = in.gateway(ctx, r, ns); err != nil {
				return of, err
			}
			if in.Routes.Set {
				rs, err := routes("routes", in.Routes.Or(nil))
				if err != nil {
					return of, err
				}
				patch.Routes = opt.Some(rs)
			}
			return p.Routers.Update(ctx, of.ID, patch)
		},
		delete: func(ctx context.Context, _ *api.Request, of neutron.Router, ifRevision opt.Of[int64]) error {
			return p.Routers.Delete(ctx, of.ID, ifRevision)
		},
		retag: func(ctx context.Context, of neutron.Router, tags neutron.TagChange) (neutron.Router, error) {
			return p.Routers.Update(ctx, of.ID, routers.Patch{Tags: tags})
		},
		tags:    routerTags,
		listing: listing{known: filters{}.with(filters{"admin_state_up": truth})},
		extensions: []extension{
			{"ext-gw-mode", "Neutron L3 Configurable external gateway mode",
				"The enable_snat attribute of the gateways of routers."},
			{"extraroute", "Neutron Extra Route", "Extra routes of routers."},
			{"extraroute-atomic", "Atomically add/remove extra routes", "Extra routes are added and removed one by one."},
			{"router", "Neutron L3 Router", "Routers between networks, and to external networks."},
			{"router_availability_zone", "Router Availability Zone", "Hints for the zones of routers."},
		},
	}
}

// wanted reads the router that a create asks for.
func (in *routerBody) wanted(ctx context.Context, r *api.Request, ns *networksAPI) (w routers.Wanted, err error) {
	project, err := in.project(r)
	if err != nil {
		return w, err
	}
	guards := append([]attribute{{true, createRouter}}, in.guards(createRouterGateway, createRouterGatewayNetwork,
		createRouterGatewaySNAT, createRouterGatewayIPs)...)
	if err := guard(r, projectTarget(project), guards...); err != nil {
		return w, err
	}
	w = routers.Wanted{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Name: in.Name.Or(""),
		AdminDown: !in.AdminUp.Or(true), AvailabilityHints: in.Hints.Or(nil)}
	if h, ok := twice(w.AvailabilityHints); ok {
		return w, invalid("availability_zone_hints", "Duplicate items in the list: '%s'", h)
	}
	if err := knownZones(w.AvailabilityHints); err != nil {
		return w, err
	}
	g, err := in.gateway(ctx, r, ns)
	w.Gateway = g.Ptr()
	return w, err
}

// routerActs has the operations on routers beyond those of every resource.
type routerActs struct {
	crud    *routersAPI
	ops     *routers.Routers
	subnets *subnetsAPI
	ports   *portsAPI
}

func routerResource(p *plugin.Plugin) resource {
	c := routersOf(p)
	out := c.resource(createRouter, createRouterGateway, createRouterGatewayNetwork, createRouterGatewaySNAT,
		createRouterGatewayIPs, getRouter, updateRouter, updateRouterGateway, updateRouterGatewayNetwork,
		updateRouterGatewaySNAT, updateRouterGatewayIPs, deleteRouter, addRouterInterface, removeRouterInterface,
		addExtraRoutes, removeExtraRoutes)
	acts := &routerActs{crud: c, ops: p.Routers, subnets: subnetsOf(p), ports: portsOf(p)}
	type self = *routerActs
	out.bound = append(out.bound, api.Bind(acts, api.Resource[self]{Name: "router", Plural: "routers", Ops: api.Ops[self]{
		api.On("PUT /routers/{router_id}/add_router_interface", addRouterInterface, http.StatusOK, self.load, self.attach,
			api.Bare()),
		api.On("PUT /routers/{router_id}/remove_router_interface", removeRouterInterface, http.StatusOK, self.load,
			self.detach, api.Bare()),
		api.On("PUT /routers/{router_id}/add_extraroutes", addExtraRoutes, http.StatusOK, self.load, self.addRoutes),
		api.On("PUT /routers/{router_id}/remove_extraroutes", removeExtraRoutes, http.StatusOK, self.load,
			self.removeRoutes),
	}})...)
	return out
}

func (a *routerActs) load(ctx context.Context, r *api.Request) (loaded[neutron.Router], error) {
	return a.crud.load(ctx, r)
}

type interfaceBody struct {
	Subnet opt.Of[string] `wire:"subnet_id"`
	Port   opt.Of[string] `wire:"port_id"`
}

// check checks what a change of an interface names.
func (in *interfaceBody) check() error {
	if !in.Subnet.Set && !in.Port.Set {
		return neutron.BadRequest("router", "Either subnet_id or port_id must be specified")
	}
	for _, id := range []opt.Of[string]{in.Port, in.Subnet} {
		if id.Set && !ids.IsUUID(id.Or("")) {
			return neutron.BadRequest("router", "'%s' is not a valid UUID", id.Or("None"))
		}
	}
	return nil
}

type interfaceView struct {
	ID      string   `wire:"id"`
	Tenant  string   `wire:"tenant_id"`
	Port    string   `wire:"port_id"`
	Network string   `wire:"network_id"`
	Subnet  string   `wire:"subnet_id"`
	Subnets []string `wire:"subnet_ids"`
	Project string   `wire:"project_id"`
}

// viewInterface shows a changed interface; subnet is the one of its subnets that old clients know.
func viewInterface(x routers.Interface, subnet func([]string) string) interfaceView {
	return interfaceView{ID: x.Router, Tenant: x.Project, Project: x.Project, Port: x.Port, Network: x.Network,
		Subnet: subnet(x.Subnets), Subnets: x.Subnets}
}

func first(ids []string) string { return ids[0] }
func last(ids []string) string  { return ids[len(ids)-1] }

func (a *routerActs) attach(ctx context.Context, r *api.Request, l loaded[neutron.Router],
	in *interfaceBody) (interfaceView, error) {
	if err := in.check(); err != nil {
		return interfaceView{}, err
	}
	if in.Subnet.Set && in.Port.Set {
		return interfaceView{}, neutron.BadRequest("router", "Cannot specify both subnet-id and port-id")
	}
	by := routers.By{Project: r.Caller.ProjectID, Admin: r.Allowed(ruleAdmin, nil)}
	add, id := a.ops.AddSubnet, in.Subnet.Or("")
	var err error
	if in.Port.Set {
		add, id = a.ops.AddPort, in.Port.Value
		_, err = a.ports.seen(ctx, r, id)
	} else {
		_, err = a.subnets.seen(ctx, r, id)
	}
	if err != nil {
		return interfaceView{}, err
	}
	x, err := add(ctx, by, l.of.ID, id)
	if err != nil {
		return interfaceView{}, err
	}
	return viewInterface(x, last), nil
}

func (a *routerActs) detach(ctx context.Context, r *api.Request, l loaded[neutron.Router],
	in *interfaceBody) (interfaceView, error) {
	if err := in.check(); err != nil {
		return interfaceView{}, err
	}
	var x routers.Interface
	var err error
	if in.Port.Set {
		x, err = a.ops.RemovePort(ctx, l.of.ID, in.Port.Value, in.Subnet.Or(""))
	} else if _, err = a.subnets.seen(ctx, r, in.Subnet.Value); err == nil {
		x, err = a.ops.RemoveSubnet(ctx, l.of.ID, in.Subnet.Value)
	}
	if err != nil {
		return interfaceView{}, err
	}
	return viewInterface(x, first), nil
}

type routesBody struct {
	Routes []routeWire `wire:"routes" is:"required"`
}

func (a *routerActs) addRoutes(ctx context.Context, _ *api.Request, l loaded[neutron.Router],
	in *routesBody) (routerView, error) {
	return a.reroute(ctx, l, in, routers.AddRoutes)
}

func (a *routerActs) removeRoutes(ctx context.Context, _ *api.Request, l loaded[neutron.Router],
	in *routesBody) (routerView, error) {
	return a.reroute(ctx, l, in, routers.RemoveRoutes)
}

// reroute changes the extra routes of a router by some.
func (a *routerActs) reroute(ctx context.Context, l loaded[neutron.Router], in *routesBody,
	change func([]neutron.HostRoute) func([]neutron.HostRoute) []neutron.HostRoute) (routerView, error) {
	rs, err := routes("routes", in.Routes)
	if err != nil {
		return routerView{}, err
	}
	of, err := a.ops.Update(ctx, l.of.ID, routers.Patch{Reroute: change(rs)})
	return viewRouter(of), err
}
