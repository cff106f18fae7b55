package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/floatingips"
	"hypernova/neutron/plugin"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type forwardingBody struct {
	forwardingChange
	Project opt.Of[string] `wire:"project_id" is:"maxlen=255"`
	Tenant  opt.Of[string] `wire:"tenant_id" is:"maxlen=255"`
}

// forwardingChange is a change, and a create, which needs the protocol, the port and the address.
type forwardingChange struct {
	Protocol    opt.Of[string] `wire:"protocol" is:"maxlen=40"`
	Port        opt.Of[string] `wire:"internal_port_id" is:"uuid"`
	Fixed       opt.Of[string] `wire:"internal_ip_address"`
	Inner       opt.Of[int]    `wire:"internal_port" is:"nullable,digits,min=1,max=65535"`
	Outer       opt.Of[int]    `wire:"external_port" is:"nullable,digits,min=1,max=65535"`
	InnerRange  opt.Of[scalar] `wire:"internal_port_range" is:"nullable"`
	OuterRange  opt.Of[scalar] `wire:"external_port_range" is:"nullable"`
	Description opt.Of[string] `wire:"description" is:"maxlen=1024"`
}

// forwardProtocols are the protocols whose packets a floating IP forwards. Neutron also takes ipv6-icmp, which no IPv4
// address has.
var forwardProtocols = []string{"tcp", "udp", "sctp", "dccp", "icmp"}

// patch reads the change.
func (in *forwardingChange) patch() (p floatingips.ForwardingPatch, err error) {
	p.Description, p.Port = in.Description, in.Port
	if in.Protocol.Has() {
		name := strings.ToLower(in.Protocol.Value)
		if !slices.Contains(forwardProtocols, name) {
			return p, invalid("protocol", "'%s' is not in ['%s']", in.Protocol.Value, strings.Join(forwardProtocols, "', '"))
		}
		p.Protocol = opt.Some(name)
	}
	if in.Fixed.Has() {
		ip, err := ipOf("internal_ip_address", in.Fixed.Value)
		if err != nil {
			return p, err
		}
		p.Fixed = opt.Some(ip)
	}
	if p.Inner, err = portsAsked("internal_port", in.Inner, in.InnerRange); err != nil {
		return p, err
	}
	p.Outer, err = portsAsked("external_port", in.Outer, in.OuterRange)
	return p, err
}

// portsAsked reads ports, which are given as one or as a range.
func portsAsked(name string, one opt.Of[int], several opt.Of[scalar]) (opt.Of[neutron.PortRange], error) {
	var none opt.Of[neutron.PortRange]
	switch {
	case one.Has() && several.Has():
		return none, fault.Invalidf("%s and %s_range cannot both be set", name, name)
	case one.Has():
		return opt.Some(neutron.PortRange{Min: one.Value, Max: one.Value}), nil
	case several.Has():
		r, err := floatingips.ParseRange(string(several.Value))
		if err != nil {
			return none, invalid(name+"_range", "%s", fault.Message(err))
		}
		return opt.Some(r), nil
	}
	return none, nil
}

// forwarding is what a create asks for.
func (in *forwardingBody) forwarding(of string) (neutron.PortForwarding, error) {
	p, err := in.patch()
	if err != nil {
		return neutron.PortForwarding{}, err
	}
	for _, x := range []struct {
		name  string
		given bool
	}{{"protocol", p.Protocol.Has()}, {"internal_port_id", p.Port.Has()}, {"internal_ip_address", p.Fixed.Has()},
		{"internal_port", p.Inner.Has()}, {"external_port", p.Outer.Has()}} {
		if !x.given {
			return neutron.PortForwarding{}, fault.Invalidf(
				"Failed to parse request. Required attribute '%s' not specified", x.name)
		}
	}
	return neutron.PortForwarding{FloatingIP: of, Description: p.Description.Or(""), Protocol: p.Protocol.Value,
		Port: p.Port.Value, Fixed: p.Fixed.Value, Inner: p.Inner.Value, Outer: p.Outer.Value}, nil
}

type forwardingView struct {
	ID          string `wire:"id"`
	Outer       *int   `wire:"external_port"`
	Inner       *int   `wire:"internal_port"`
	OuterRange  string `wire:"external_port_range"`
	InnerRange  string `wire:"internal_port_range"`
	Fixed       string `wire:"internal_ip_address"`
	Protocol    string `wire:"protocol"`
	Port        string `wire:"internal_port_id"`
	Description string `wire:"description"`
}

// single is the one port of a range, or nil.
func single(r neutron.PortRange) *int {
	if r.Min != r.Max {
		return nil
	}
	return &r.Min
}

func viewForwarding(f neutron.PortForwarding) forwardingView {
	return forwardingView{ID: f.ID, Outer: single(f.Outer), Inner: single(f.Inner), OuterRange: f.Outer.String(),
		InnerRange: f.Inner.String(), Fixed: f.Fixed.String(), Protocol: f.Protocol, Port: f.Port,
		Description: f.Description}
}

// shownForwarding is a port forwarding as its floating IP shows it.
type shownForwarding struct {
	ID       string `wire:"id"`
	Outer    *int   `wire:"external_port"`
	Inner    *int   `wire:"internal_port"`
	Fixed    string `wire:"internal_ip_address"`
	Protocol string `wire:"protocol"`
	Port     string `wire:"internal_port_id"`
}

func showForwardings(fs []neutron.PortForwarding) []shownForwarding {
	return views(fs, func(f neutron.PortForwarding) shownForwarding {
		return shownForwarding{f.ID, single(f.Outer), single(f.Inner), f.Fixed.String(), f.Protocol, f.Port}
	})
}

// forwardingsAPI serves the port forwardings of floating IPs.
type forwardingsAPI struct {
	ops      floatingips.Forwardings
	floating *floatingsAPI
	ports    *portsAPI
}

func forwardingsOf(p *plugin.Plugin) resource {
	const all = "/floatingips/{floatingip_id}/port_forwardings"
	const one = all + "/{port_forwarding_id}"
	type self = *forwardingsAPI
	a := &forwardingsAPI{floatingips.Forwardings{FloatingIPs: p.Floating}, floatingsOf(p), portsOf(p)}
	return resource{bound: api.Bind(a, api.Resource[self]{Name: "port_forwarding", Plural: "port_forwardings",
		Ops: api.Ops[self]{
			api.On("POST "+all, createForwarding, http.StatusCreated, self.parent, self.create),
			api.List("GET "+all, nil, self.list),
			api.On("GET "+one, getForwarding, http.StatusOK, self.load, self.show),
			api.On("PUT "+one, updateForwarding, http.StatusOK, self.load, self.update),
			api.On("DELETE "+one, deleteForwarding, http.StatusNoContent, self.load, self.remove),
		}}),
		rules: []*policy.Rule{createForwarding, getForwarding, updateForwarding, deleteForwarding},
		extensions: []extension{
			{"floating-ip-port-forwarding", "Floating IP Port Forwarding",
				"Ports of a floating IP lead to ports of several servers."},
			{"expose-port-forwarding-in-fip", "Expose Port Forwarding In Floating IP",
				"Floating IPs show their port forwardings."},
			{"floating-ip-port-forwarding-detail", "Floating IP Port Forwarding Detail",
				"What floating IPs show of their port forwardings has ids."},
			{"floating-ip-port-forwarding-description", "Floating IP Port Forwarding Description",
				"Port forwardings have a description."},
			{"floating-ip-port-forwarding-port-ranges", "Floating IP Port Forwarding Port Ranges",
				"Ranges of ports can be forwarded."},
		}}
}

// parentTarget is what the rules of port forwardings know: the project of their floating IP.
func parentTarget(f neutron.FloatingIP) policy.Target {
	return policy.Target{"ext_parent:tenant_id": f.Project, "ext_parent:project_id": f.Project, "project_id": f.Project,
		"tenant_id": f.Project}
}

// parent reads the floating IP of the path for a caller who may see it.
func (a *forwardingsAPI) parent(ctx context.Context, r *api.Request) (loaded[neutron.FloatingIP], error) {
	f, err := a.floating.seen(ctx, r, r.Param("floatingip_id"))
	return loaded[neutron.FloatingIP]{f, parentTarget(f)}, err
}

// load reads the port forwarding of the path for a caller who may see it.
func (a *forwardingsAPI) load(ctx context.Context, r *api.Request) (loaded[neutron.PortForwarding], error) {
	of, err := a.parent(ctx, r)
	if err != nil {
		return loaded[neutron.PortForwarding]{}, err
	}
	f, err := a.ops.Show(ctx, of.of.ID, r.Param("port_forwarding_id"))
	if err == nil && !r.Allowed(getForwarding, of.target) {
		err = neutron.Missing("PortForwarding", r.Param("port_forwarding_id"))
	}
	return loaded[neutron.PortForwarding]{f, of.target}, err
}

func (a *forwardingsAPI) create(ctx context.Context, r *api.Request, of loaded[neutron.FloatingIP],
	in *forwardingBody) (forwardingView, error) {
	f, err := in.forwarding(of.of.ID)
	if err == nil {
		_, err = a.ports.seen(ctx, r, f.Port)
	}
	if err == nil {
		f, err = a.ops.Create(ctx, f)
	}
	if err != nil {
		return forwardingView{}, err
	}
	return viewForwarding(f), nil
}

func (a *forwardingsAPI) show(_ context.Context, _ *api.Request, l loaded[neutron.PortForwarding],
	_ *api.None) (forwardingView, error) {
	return viewForwarding(l.of), nil
}

func (a *forwardingsAPI) update(ctx context.Context, r *api.Request, l loaded[neutron.PortForwarding],
	in *forwardingChange) (forwardingView, error) {
	p, err := in.patch()
	if err == nil && p.Port.Has() {
		_, err = a.ports.seen(ctx, r, p.Port.Value)
	}
	if err != nil {
		return forwardingView{}, err
	}
	f, err := a.ops.Update(ctx, l.of.FloatingIP, l.of.ID, p)
	if err != nil {
		return forwardingView{}, err
	}
	return viewForwarding(f), nil
}

func (a *forwardingsAPI) remove(ctx context.Context, _ *api.Request, l loaded[neutron.PortForwarding],
	_ *api.None) (api.None, error) {
	return api.None{}, a.ops.Delete(ctx, l.of.FloatingIP, l.of.ID)
}

func (a *forwardingsAPI) list(ctx context.Context, r *api.Request, q *listQuery) (api.Page[forwardingView], error) {
	of, err := a.parent(ctx, r)
	if err != nil {
		return api.Page[forwardingView]{}, err
	}
	asked, err := q.args(ctx, r, listing{known: filters{"id": nil, "protocol": nil, "internal_port_id": nil,
		"description": nil}, special: forwardedPorts})
	if err != nil || !r.Allowed(getForwarding, of.target) {
		return api.Page[forwardingView]{}, err
	}
	fs, err := a.ops.List(ctx, of.of.ID, asked.ListArgs)
	if f := fault.Of(err); f != nil && f.Code == db.MarkerNotFound {
		return api.Page[forwardingView]{}, neutron.Missing("PortForwarding", q.Marker)
	}
	return api.PageOf(q.Window, fs, func(f neutron.PortForwarding) string { return f.ID }, viewForwarding), err
}

// forwardedPorts are the filters by ports. Like neutron's it refuses those by what is inside.
func forwardedPorts(_ context.Context, name string, values []string) ([]db.Cond, bool, error) {
	switch name {
	case "internal_ip_address", "internal_port", "internal_port_range":
		return nil, true, fault.Invalidf("Port Forwarding filter %s is not supported.", name).
			Coded("PortForwardingNotSupportFilterField")
	case "external_port", "external_port_range":
		var any []db.Cond
		for _, v := range values {
			p, err := floatingips.ParseRange(v)
			if err != nil || name == "external_port" && p.Min != p.Max {
				continue // matches nothing
			}
			any = append(any, db.All(db.EqTo("external_port_start", int64(p.Min)),
				db.EqTo("external_port_end", int64(p.Max))))
		}
		if len(any) == 0 {
			return []db.Cond{db.InList("id", []string{})}, true, nil
		}
		return []db.Cond{db.Any(any...)}, true, nil
	}
	return nil, false, nil
}
