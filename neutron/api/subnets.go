package api

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/networks"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type poolWire struct {
	Start string `wire:"start" is:"required,ip"`
	End   string `wire:"end" is:"required,ip"`
}

type routeWire struct {
	Destination string `wire:"destination" is:"required,cidr"`
	NextHop     string `wire:"nexthop" is:"required,ip"`
}

type subnetBody struct {
	owners
	Network     string              `wire:"network_id" is:"required,uuid"`
	Name        opt.Of[string]      `wire:"name" is:"maxlen=255"`
	Description opt.Of[string]      `wire:"description" is:"maxlen=255"`
	Version     int                 `wire:"ip_version" is:"required,intish"`
	CIDR        string              `wire:"cidr" is:"required"`
	Gateway     opt.Of[string]      `wire:"gateway_ip" is:"nullable"`
	Pools       opt.Of[[]poolWire]  `wire:"allocation_pools" is:"nullable"`
	DHCP        opt.Of[bool]        `wire:"enable_dhcp" is:"boolish"`
	DNS         opt.Of[[]string]    `wire:"dns_nameservers" is:"nullable,each(ip)"`
	Routes      opt.Of[[]routeWire] `wire:"host_routes" is:"nullable"`
	RAMode      opt.Of[string]      `wire:"ipv6_ra_mode" is:"nullable"`
	AddrMode    opt.Of[string]      `wire:"ipv6_address_mode" is:"nullable"`
}

type subnetChange struct {
	Name        opt.Of[string]      `wire:"name" is:"maxlen=255"`
	Description opt.Of[string]      `wire:"description" is:"maxlen=255"`
	Gateway     opt.Of[string]      `wire:"gateway_ip" is:"nullable"`
	Pools       opt.Of[[]poolWire]  `wire:"allocation_pools"`
	DHCP        opt.Of[bool]        `wire:"enable_dhcp" is:"boolish"`
	DNS         opt.Of[[]string]    `wire:"dns_nameservers" is:"each(ip)"`
	Routes      opt.Of[[]routeWire] `wire:"host_routes"`
}

type subnetView struct {
	ID          string      `wire:"id"`
	Name        string      `wire:"name"`
	Tenant      string      `wire:"tenant_id"`
	Network     string      `wire:"network_id"`
	Version     int         `wire:"ip_version"`
	DHCP        bool        `wire:"enable_dhcp"`
	RAMode      *string     `wire:"ipv6_ra_mode"`
	AddrMode    *string     `wire:"ipv6_address_mode"`
	Gateway     *string     `wire:"gateway_ip"`
	CIDR        string      `wire:"cidr"`
	Pools       []poolWire  `wire:"allocation_pools"`
	Routes      []routeWire `wire:"host_routes"`
	DNS         []string    `wire:"dns_nameservers"`
	Description string      `wire:"description"`
	Project     string      `wire:"project_id"`
	stamps
}

func viewSubnet(s neutron.Subnet) subnetView {
	v := subnetView{ID: s.ID, Name: s.Name, Tenant: s.Project, Project: s.Project, Network: s.Network, Version: s.Version, DHCP: s.DHCP, RAMode: orNil(s.RAMode),
		AddrMode: orNil(s.AddrMode), CIDR: s.CIDR.String(), Pools: []poolWire{}, Routes: []routeWire{}, DNS: []string{}, Description: s.Description, stamps: stampsOf(s.Meta)}
	if s.Gateway.IsValid() {
		v.Gateway = orNil(s.Gateway.String())
	}
	for _, p := range s.Pools {
		v.Pools = append(v.Pools, poolWire{p.Start.String(), p.End.String()})
	}
	for _, r := range s.Routes {
		v.Routes = append(v.Routes, routeWire{r.Destination.String(), r.NextHop.String()})
	}
	for _, a := range s.DNS {
		v.DNS = append(v.DNS, a.String())
	}
	return v
}

// subnet is a loaded subnet.
type subnet struct{ neutron.Subnet }

// PolicyTarget is what rules know of a subnet.
func (s subnet) PolicyTarget() policy.Target {
	return policy.Target{"project_id": s.Project, "tenant_id": s.Project, "network:tenant_id": s.NetworkProject, "network:shared": boolText(s.NetworkShared)}
}

func subnetResource() api.Resource[*API] {
	tags := tagged[subnet]{path: "/subnets/{subnet_id}/tags", rules: subnetTags, load: (*API).subnet, tags: func(s subnet) []string { return s.Tags },
		write: func(a *API, ctx context.Context, s subnet, tags []string) ([]string, error) {
			u, err := a.n.UpdateSubnet(ctx, s.ID, networks.SubnetPatch{Tags: opt.Some(tags)})
			return u.Tags, err
		}}
	return api.Resource[*API]{Name: "subnet", Plural: "subnets", Ops: append(api.Ops[*API]{
		api.Bulk("POST /subnets", nil, http.StatusCreated, (*API).createSubnets),
		api.List("GET /subnets", getSubnet, (*API).listSubnets),
		api.On("GET /subnets/{subnet_id}", getSubnet, http.StatusOK, (*API).subnet, (*API).showSubnet),
		api.On("PUT /subnets/{subnet_id}", updateSubnet, http.StatusOK, (*API).subnet, (*API).updateSubnet),
		api.On("DELETE /subnets/{subnet_id}", deleteSubnet, http.StatusNoContent, (*API).subnet, (*API).deleteSubnet),
	}, tags.ops()...)}
}

// subnet loads the subnet of the path for a caller who may see it.
func (a *API) subnet(ctx context.Context, r *api.Request) (subnet, error) {
	s, err := a.n.ShowSubnet(ctx, r.Param("subnet_id"))
	if err == nil && !r.Allowed(getSubnet, subnet{s}.PolicyTarget()) {
		err = neutron.Missing("Subnet", r.Param("subnet_id"))
	}
	return subnet{s}, err
}

func (a *API) createSubnets(ctx context.Context, r *api.Request, ins []*subnetBody) ([]subnetView, error) {
	wanted := make([]networks.NewSubnet, len(ins))
	for i, in := range ins {
		n, err := a.seenNetwork(ctx, r, in.Network)
		if err != nil {
			return nil, err
		}
		project, err := in.project(r)
		if err != nil {
			return nil, err
		}
		target := subnet{neutron.Subnet{Meta: neutron.Meta{Project: project}, NetworkProject: n.Project, NetworkShared: n.Shared}}.PolicyTarget()
		if err := r.Require(createSubnet, target); err != nil {
			return nil, err
		}
		if wanted[i], err = in.wish(project); err != nil {
			return nil, err
		}
	}
	made, err := a.n.CreateSubnets(ctx, wanted)
	return views(made, viewSubnet), err
}

func (in *subnetBody) wish(project string) (networks.NewSubnet, error) {
	w := networks.NewSubnet{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Name: in.Name.Or(""), Network: in.Network, Version: in.Version,
		Gateway: in.Gateway, NoDHCP: !in.DHCP.Or(true), RAMode: in.RAMode.Or(""), AddrMode: in.AddrMode.Or("")}
	if in.Version != 4 && in.Version != 6 {
		return w, neutron.BadInput("'%d' is not in [4, 6]", in.Version)
	}
	var err error
	if w.CIDR, err = netip.ParsePrefix(in.CIDR); err != nil {
		if ip, bad := netip.ParseAddr(in.CIDR); bad == nil {
			return w, neutron.BadInput("'%s' isn't a recognized IP subnet cidr, '%s/%d' is recommended", in.CIDR, ip, ip.BitLen())
		}
		return w, neutron.BadInput("'%s' is not a valid IP subnet", in.CIDR)
	}
	if in.Pools.Has() {
		w.Pools = pools(in.Pools.Value)
	}
	w.DNS = addresses(in.DNS.Or(nil))
	w.Routes, err = routes(in.Routes.Or(nil))
	return w, err
}

// pools, addresses and routes read texts whose form the kit has checked.
func pools(ws []poolWire) []neutron.Pool {
	out := make([]neutron.Pool, len(ws))
	for i, w := range ws {
		out[i].Start, _ = netip.ParseAddr(w.Start)
		out[i].End, _ = netip.ParseAddr(w.End)
	}
	return out
}

func addresses(ss []string) []netip.Addr {
	out := make([]netip.Addr, len(ss))
	for i, s := range ss {
		out[i], _ = netip.ParseAddr(s)
	}
	return out
}

func routes(ws []routeWire) ([]neutron.HostRoute, error) {
	out := make([]neutron.HostRoute, len(ws))
	for i, w := range ws {
		d, err := netip.ParsePrefix(w.Destination)
		if err != nil || d.Masked() != d {
			return nil, neutron.BadInput("'%s' isn't a recognized IP subnet cidr", w.Destination)
		}
		hop, err := netip.ParseAddr(w.NextHop)
		if err != nil {
			return nil, neutron.BadInput("'%s' is not a valid IP address", w.NextHop)
		}
		out[i] = neutron.HostRoute{Destination: d, NextHop: hop}
	}
	return out, nil
}

func subnetFilters() filters {
	return filters{}.with(filters{"network_id": text, "ip_version": number, "cidr": text, "gateway_ip": text, "enable_dhcp": truth, "ipv6_ra_mode": text,
		"ipv6_address_mode": text})
}

func (a *API) listSubnets(ctx context.Context, r *api.Request, q *listQuery) (api.Page[subnetView], error) {
	args, err := q.args(subnetFilters(), func(name string, values []string) ([]db.Cond, bool, error) {
		if name == "shared" {
			v, err := value(name, truth, strings.Join(values, ","))
			return []db.Cond{db.EqTo("network_shared", v)}, true, err
		}
		return nil, false, nil
	})
	if err != nil {
		return api.Page[subnetView]{}, err
	}
	if !all(r) {
		mine := r.Caller.ProjectID
		args.Where = append(args.Where, db.Any(db.EqTo("project_id", mine), db.EqTo("network_project", mine), db.EqTo("network_shared", true)))
	}
	ss, err := a.n.ListSubnets(ctx, args)
	return page(q, ss, func(s neutron.Subnet) string { return s.ID }, viewSubnet), err
}

func (a *API) showSubnet(_ context.Context, _ *api.Request, s subnet, _ *api.None) (subnetView, error) {
	return viewSubnet(s.Subnet), nil
}

func (a *API) updateSubnet(ctx context.Context, r *api.Request, s subnet, in *subnetChange) (subnetView, error) {
	match, err := ifMatch(r)
	if err != nil {
		return subnetView{}, err
	}
	p := networks.SubnetPatch{Name: in.Name, Description: in.Description, Gateway: in.Gateway, DHCP: in.DHCP, IfRevision: match}
	if in.Pools.Has() {
		p.Pools = opt.Some(pools(in.Pools.Value))
	}
	if in.DNS.Has() {
		p.DNS = opt.Some(addresses(in.DNS.Value))
	}
	if in.Routes.Has() {
		rs, err := routes(in.Routes.Value)
		if err != nil {
			return subnetView{}, err
		}
		p.Routes = opt.Some(rs)
	}
	u, err := a.n.UpdateSubnet(ctx, s.ID, p)
	return viewSubnet(u), failed(err)
}

func (a *API) deleteSubnet(ctx context.Context, r *api.Request, s subnet, _ *api.None) (api.None, error) {
	match, err := ifMatch(r)
	if err != nil {
		return api.None{}, err
	}
	return api.None{}, failed(a.n.DeleteSubnet(ctx, s.ID, match))
}
