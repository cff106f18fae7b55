package api

import (
	"context"

	"hypernova/neutron"
	"hypernova/neutron/floatingips"
	"hypernova/neutron/plugin"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type floatingBody struct {
	owners
	floatingChange
	Network string         `wire:"floating_network_id" is:"required,uuid"`
	Subnet  opt.Of[string] `wire:"subnet_id" is:"nullable,uuid"`
	IP      opt.Of[string] `wire:"floating_ip_address" is:"nullable"`
}

type floatingChange struct {
	Description opt.Of[string] `wire:"description" is:"maxlen=255"`
	Port        opt.Of[string] `wire:"port_id" is:"nullable,uuid"`
	Fixed       opt.Of[string] `wire:"fixed_ip_address" is:"nullable"`
}

// association reads which port is asked for: one that the caller sees.
func (in *floatingChange) association(ctx context.Context, r *api.Request,
	ps *portsAPI) (to floatingips.Association, err error) {
	to.Port = in.Port.Or("")
	if in.Fixed.Has() {
		if to.Fixed, err = ipOf("fixed_ip_address", in.Fixed.Value); err != nil {
			return to, err
		}
	}
	if to.Port != "" {
		_, err = ps.seen(ctx, r, to.Port)
	}
	return to, err
}

type portDetails struct {
	Name        string `wire:"name"`
	Network     string `wire:"network_id"`
	MAC         string `wire:"mac_address"`
	AdminUp     bool   `wire:"admin_state_up"`
	Status      string `wire:"status"`
	DeviceID    string `wire:"device_id"`
	DeviceOwner string `wire:"device_owner"`
}

type floatingView struct {
	ID          string       `wire:"id"`
	Tenant      string       `wire:"tenant_id"`
	IP          string       `wire:"floating_ip_address"`
	Network     string       `wire:"floating_network_id"`
	Router      *string      `wire:"router_id"`
	Port        *string      `wire:"port_id"`
	Fixed       *string      `wire:"fixed_ip_address"`
	Status      string       `wire:"status"`
	Description string       `wire:"description"`
	Details     *portDetails `wire:"port_details"`
	Project     string       `wire:"project_id"`
	// Forwardings is that of expose-port-forwarding-in-fip.
	Forwardings []shownForwarding `wire:"port_forwardings"`
	stamps
}

func viewFloating(f neutron.FloatingIP) floatingView {
	v := floatingView{ID: f.ID, Tenant: f.Project, Project: f.Project, IP: f.IP.String(), Network: f.Network,
		Router: orNil(f.Router), Port: orNil(f.Port), Status: f.Status, Description: f.Description,
		Forwardings: showForwardings(f.Forwardings), stamps: stampsOf(f.Meta)}
	if f.Fixed.IsValid() {
		v.Fixed = orNil(f.Fixed.String())
	}
	if d := f.Details; d != nil {
		v.Details = &portDetails{d.Name, d.Network, d.MAC, d.AdminUp, d.Status, d.DeviceID, d.DeviceOwner}
	}
	return v
}

type floatingsAPI = crud[neutron.FloatingIP, floatingBody, floatingChange, floatingView]

func floatingsOf(p *plugin.Plugin) *floatingsAPI {
	ns, ps := networksOf(p), portsOf(p)
	known := filters{}.with(filters{"floating_network_id": nil, "floating_ip_address": address, "router_id": nil,
		"port_id": nil, "fixed_ip_address": address, "status": nil})
	delete(known, "name")
	return &floatingsAPI{
		name: "floatingip", what: "FloatingIP",
		rules: rules{create: createFloatingIP, get: getFloatingIP, update: updateFloatingIP, delete: deleteFloatingIP},
		asked: createFloatingIP,
		id:    func(f neutron.FloatingIP) string { return f.ID },
		meta:  func(f neutron.FloatingIP) neutron.Meta { return f.Meta },
		view:  viewFloating,
		show:  p.Floating.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.FloatingIP, error) {
			return p.Floating.List(ctx, a)
		},
		create: func(ctx context.Context, r *api.Request, ins []*floatingBody) ([]neutron.FloatingIP, error) {
			wanted := make([]floatingips.Wanted, len(ins))
			for i, in := range ins {
				var err error
				if wanted[i], err = in.wanted(ctx, r, ns, ps); err != nil {
					return nil, err
				}
			}
			return p.Floating.Create(ctx, wanted)
		},
		update: func(ctx context.Context, r *api.Request, f neutron.FloatingIP, in *floatingChange,
			ifRevision opt.Of[int64]) (neutron.FloatingIP, error) {
			patch := floatingips.Patch{Description: in.Description, IfRevision: ifRevision, Admin: r.Allowed(ruleAdmin, nil)}
			if in.Port.Set || in.Fixed.Has() {
				to, err := in.association(ctx, r, ps)
				if err != nil {
					return f, err
				}
				patch.To = opt.Some(to)
			}
			return p.Floating.Update(ctx, f.ID, patch)
		},
		delete: func(ctx context.Context, _ *api.Request, f neutron.FloatingIP, ifRevision opt.Of[int64]) error {
			return p.Floating.Delete(ctx, f.ID, ifRevision)
		},
		retag: func(ctx context.Context, f neutron.FloatingIP, tags neutron.TagChange) (neutron.FloatingIP, error) {
			return p.Floating.Update(ctx, f.ID, floatingips.Patch{Tags: tags})
		},
		tags:    floatingTags,
		listing: listing{known: known},
		extensions: []extension{
			{"fip-port-details", "Floating IP Port Details Extension", "What floating IPs show of their ports."},
		},
	}
}

// wanted reads the floating IP that a create asks for.
func (in *floatingBody) wanted(ctx context.Context, r *api.Request, ns *networksAPI,
	ps *portsAPI) (w floatingips.Wanted, err error) {
	project, err := in.project(r)
	if err != nil {
		return w, err
	}
	err = guard(r, projectTarget(project), attribute{true, createFloatingIP},
		attribute{in.IP.Has(), createFloatingIPAddress})
	if err != nil {
		return w, err
	}
	w = floatingips.Wanted{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Network: in.Network,
		Subnet: in.Subnet.Or(""), Admin: r.Allowed(ruleAdmin, nil)}
	if in.IP.Has() {
		if w.IP, err = ipOf("floating_ip_address", in.IP.Value); err != nil {
			return w, err
		}
	}
	if _, err := ns.seen(ctx, r, in.Network); err != nil {
		return w, err
	}
	w.To, err = in.association(ctx, r, ps)
	return w, err
}

type poolView struct {
	Network string `wire:"network_id"`
	Subnet  string `wire:"subnet_id"`
	Name    string `wire:"subnet_name"`
	CIDR    string `wire:"cidr"`
	Tenant  string `wire:"tenant_id"`
	Project string `wire:"project_id"`
}

// poolsAPI serves the subnets that floating IPs are of.
type poolsAPI struct{ ops *floatingips.FloatingIPs }

func floatingPoolsOf(p *plugin.Plugin) resource {
	return resource{bound: api.Bind(&poolsAPI{p.Floating}, api.Resource[*poolsAPI]{Name: "floatingip_pool",
		Plural: "floatingip_pools", Ops: api.Ops[*poolsAPI]{api.List("GET /floatingip-pools", nil, (*poolsAPI).list)}}),
		rules: []*policy.Rule{getFloatingIPPool}, extensions: []extension{
			{"floatingip-pools", "Floating IP Pools Extension", "The subnets that floating IPs are of."}}}
}

func (a *poolsAPI) list(ctx context.Context, r *api.Request, q *listQuery) (api.Page[poolView], error) {
	own := r.Caller.ProjectID
	columns := map[string]string{"subnet_id": "id", "subnet_name": "name"}
	asked, err := q.args(ctx, r, listing{known: filters{"network_id": nil, "cidr": block},
		special: func(_ context.Context, name string, values []string) ([]db.Cond, bool, error) {
			if column, ok := columns[name]; ok {
				return []db.Cond{db.InList(column, values)}, true, nil
			}
			return nil, false, nil
		}})
	if err != nil || !r.Allowed(getFloatingIPPool, projectTarget(own)) { // a list hides what its reader may not see
		return api.Page[poolView]{}, err
	}
	subs, err := a.ops.Pools(ctx, asked.ListArgs)
	if f := fault.Of(err); f != nil && f.Code == db.MarkerNotFound {
		return api.Page[poolView]{}, neutron.Missing("Subnet", q.Marker)
	}
	return api.PageOf(q.Window, subs, func(s neutron.Subnet) string { return s.ID }, func(s neutron.Subnet) poolView {
		return poolView{Network: s.Network, Subnet: s.ID, Name: s.Name, CIDR: s.CIDR.String(), Tenant: own, Project: own}
	}), err
}
