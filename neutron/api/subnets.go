package api

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/plugin"
	"hypernova/neutron/subnets"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type poolWire struct {
	Start string `wire:"start" is:"required"`
	End   string `wire:"end" is:"required"`
}

type routeWire struct {
	Destination string `wire:"destination" is:"required"`
	NextHop     string `wire:"nexthop" is:"required"`
}

type subnetBody struct {
	owners
	subnetChange
	Network  string         `wire:"network_id" is:"required,uuid"`
	Version  int            `wire:"ip_version" is:"required,intish"`
	CIDR     opt.Of[string] `wire:"cidr"`
	RAMode   opt.Of[string] `wire:"ipv6_ra_mode"`
	AddrMode opt.Of[string] `wire:"ipv6_address_mode"`
	Pool     opt.Of[string] `wire:"subnetpool_id" is:"nullable"`
	Bits     opt.Of[int]    `wire:"prefixlen" is:"intish,min=0"`
	// UseDefault asks for the default pool of the IP version.
	UseDefault opt.Of[bool] `wire:"use_default_subnetpool" is:"boolish"`
}

// subnetChange has the attributes that a create and an update may give. Null lists are empty ones, a null gateway is
// none. An absent attribute gets a default at a create and stays as it is at an update.
type subnetChange struct {
	Name        opt.Of[string]      `wire:"name" is:"maxlen=255"`
	Description opt.Of[string]      `wire:"description" is:"maxlen=255"`
	Gateway     opt.Of[string]      `wire:"gateway_ip" is:"nullable"`
	Pools       opt.Of[[]poolWire]  `wire:"allocation_pools" is:"nullable"`
	DHCP        opt.Of[bool]        `wire:"enable_dhcp" is:"boolish"`
	DNS         opt.Of[[]string]    `wire:"dns_nameservers" is:"nullable"`
	Routes      opt.Of[[]routeWire] `wire:"host_routes" is:"nullable"`
}

// Validate checks the name.
func (in *subnetChange) Validate(api.Version) error { return checkName(in.Name) }

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
	Pool        *string     `wire:"subnetpool_id"`
	stamps
}

func viewSubnet(s neutron.Subnet) subnetView {
	v := subnetView{ID: s.ID, Name: s.Name, Tenant: s.Project, Project: s.Project, Network: s.Network,
		Version: s.Version, DHCP: s.DHCP, RAMode: orNil(s.RAMode), AddrMode: orNil(s.AddrMode), CIDR: s.CIDR.String(),
		Pools: []poolWire{}, Routes: []routeWire{}, DNS: []string{}, Description: s.Description, Pool: orNil(s.SubnetPool),
		stamps: stampsOf(s.Meta)}
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

func subnetTarget(s neutron.Subnet) policy.Target {
	return policy.Target{"project_id": s.Project, "tenant_id": s.Project, "network:tenant_id": s.NetworkProject,
		"network:shared": boolText(s.NetworkShared)}
}

type subnetsAPI = crud[neutron.Subnet, subnetBody, subnetChange, subnetView]

func subnetsOf(p *plugin.Plugin) *subnetsAPI {
	ns, pools := networksOf(p), subnetPoolsOf(p)
	return &subnetsAPI{
		name: "subnet", what: "Subnet",
		rules:  rules{create: createSubnet, get: getSubnet, update: updateSubnet, delete: deleteSubnet},
		target: subnetTarget,
		id:     func(s neutron.Subnet) string { return s.ID },
		meta:   func(s neutron.Subnet) neutron.Meta { return s.Meta },
		view:   viewSubnet,
		show:   p.Subnets.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.Subnet, error) {
			return p.Subnets.List(ctx, a)
		},
		create: func(ctx context.Context, r *api.Request, ins []*subnetBody) ([]neutron.Subnet, error) {
			wanted := make([]subnets.Wanted, len(ins))
			for i, in := range ins {
				n, err := ns.seen(ctx, r, in.Network)
				if err != nil {
					return nil, err
				}
				project, err := in.project(r)
				if err != nil {
					return nil, err
				}
				target := subnetTarget(neutron.Subnet{Meta: neutron.Meta{Project: project}, NetworkProject: n.Project,
					NetworkShared: n.Shared})
				if err := r.Require(createSubnet, target); err != nil {
					return nil, err
				}
				if err := in.choosePool(ctx, r, pools); err != nil {
					return nil, err
				}
				if wanted[i], err = in.wanted(project); err != nil {
					return nil, err
				}
			}
			return p.Subnets.Create(ctx, wanted)
		},
		update: func(ctx context.Context, _ *api.Request, s neutron.Subnet, in *subnetChange,
			ifRevision opt.Of[int64]) (neutron.Subnet, error) {
			patch, err := in.patch()
			if err != nil {
				return s, err
			}
			patch.IfRevision = ifRevision
			return p.Subnets.Update(ctx, s.ID, patch)
		},
		delete: func(ctx context.Context, _ *api.Request, s neutron.Subnet, ifRevision opt.Of[int64]) error {
			return p.Subnets.Delete(ctx, s.ID, ifRevision)
		},
		retag: func(ctx context.Context, s neutron.Subnet, tags neutron.TagChange) (neutron.Subnet, error) {
			return p.Subnets.Update(ctx, s.ID, subnets.Patch{Tags: tags})
		},
		tags: subnetTags,
		listing: listing{
			known: filters{}.with(filters{"network_id": nil, "ip_version": number, "cidr": block, "gateway_ip": address,
				"enable_dhcp": truth, "ipv6_ra_mode": nil, "ipv6_address_mode": nil, "subnetpool_id": nil}),
			special: func(_ context.Context, name string, values []string) ([]db.Cond, bool, error) {
				if name == "shared" {
					v, err := truth(strings.Join(values, ","))
					return []db.Cond{db.EqTo("network_shared", v)}, true, err
				}
				return nil, false, nil
			},
		},
		scope: func(r *api.Request) []db.Cond {
			own := r.Caller.ProjectID
			return []db.Cond{db.Any(db.EqTo("project_id", own), db.EqTo("network_project", own),
				db.EqTo("network_shared", true))}
		},
	}
}

// choosePool checks what a create says of a pool, which the caller must see, and finds the default one.
func (in *subnetBody) choosePool(ctx context.Context, r *api.Request, pools *subnetPoolsAPI) error {
	bad := func(text string) error {
		return fault.Invalidf("Bad subnets request: %s.", text).Coded("BadRequest")
	}
	switch {
	case in.CIDR.Has() && in.Bits.Has():
		return bad("cidr and prefixlen must not be supplied together")
	case in.Pool.Has() && in.UseDefault.Or(false):
		return bad("subnetpool_id and use_default_subnetpool cannot both be specified")
	case in.UseDefault.Or(false):
		version := in.Version
		if p, err := ipam.ParseCIDR(in.CIDR.Or("")); err == nil && p.Addr().Is6() {
			version = 6
		} else if err == nil {
			version = 4
		}
		found, err := pools.list(ctx, r, db.ListArgs{Where: []db.Cond{db.EqTo("is_default", true),
			db.EqTo("ip_version", int64(version))}})
		if err != nil {
			return err
		}
		for _, p := range found {
			if r.Allowed(getSubnetPool, subnetPoolTarget(p)) {
				in.Pool = opt.Some(p.ID)
				break
			}
		}
		if !in.Pool.Has() {
			return bad("No default subnetpool found for IPv" + strconv.Itoa(version))
		}
	case in.Pool.Has():
		if _, err := pools.seen(ctx, r, in.Pool.Value); err != nil {
			return err
		}
	case !in.CIDR.Has():
		return bad("a subnetpool must be specified in the absence of a cidr")
	}
	if in.Pool.Has() && !in.CIDR.Has() && in.Pools.Has() {
		return bad("allocation_pools allowed only for specific subnet requests.")
	}
	return nil
}

// wanted reads the subnet that a create asks for.
func (in *subnetBody) wanted(project string) (subnets.Wanted, error) {
	w := subnets.Wanted{Meta: neutron.Meta{Project: project, Description: in.Description.Or("")}, Name: in.Name.Or(""),
		Network: in.Network, Version: in.Version, NoDHCP: !in.DHCP.Or(true), RAMode: in.RAMode.Or(""),
		AddrMode: in.AddrMode.Or("")}
	if in.Version != 4 && in.Version != 6 {
		return w, invalid("ip_version", "%d is not in [4, 6]", in.Version)
	}
	for name, mode := range map[string]opt.Of[string]{"ipv6_ra_mode": in.RAMode, "ipv6_address_mode": in.AddrMode} {
		if mode.Has() && !slices.Contains([]string{"dhcpv6-stateful", "dhcpv6-stateless", "slaac"}, mode.Value) {
			return w, invalid(name, "%s is not in ['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac']", mode.Value)
		}
	}
	p, err := in.patch()
	if err != nil {
		return w, err
	}
	if in.CIDR.Has() {
		if w.CIDR, err = cidrOf(in.CIDR.Value); err != nil {
			return w, err
		}
	}
	w.Pool, w.Bits = in.Pool.Or(""), in.Bits
	w.Gateway, w.DNS, w.Routes = p.Gateway, p.DNS.Or(nil), p.Routes.Or(nil)
	if p.Pools.Has() {
		w.Pools = p.Pools.Value
	}
	return w, nil
}

// patch is what a change says, read and checked as far as it can be without the subnet.
func (in *subnetChange) patch() (subnets.Patch, error) {
	p := subnets.Patch{Name: in.Name, Description: in.Description, Gateway: in.Gateway, DHCP: in.DHCP}
	if in.Gateway.Has() {
		if _, err := ipOf("gateway_ip", in.Gateway.Value); err != nil {
			return p, err
		}
	}
	if in.Pools.Set {
		ps, err := pools(in.Pools.Or(nil))
		if err != nil {
			return p, err
		}
		p.Pools = opt.Some(ps)
	}
	if in.DNS.Set {
		as, err := nameservers(in.DNS.Or(nil))
		if err != nil {
			return p, err
		}
		p.DNS = opt.Some(as)
	}
	if in.Routes.Set {
		rs, err := routes("host_routes", in.Routes.Or(nil))
		if err != nil {
			return p, err
		}
		p.Routes = opt.Some(rs)
	}
	return p, nil
}

func pools(ws []poolWire) ([]neutron.Pool, error) {
	out := make([]neutron.Pool, len(ws))
	for i, w := range ws {
		var err error
		if out[i].Start, err = ipOf("allocation_pools", w.Start); err != nil {
			return nil, err
		}
		if out[i].End, err = ipOf("allocation_pools", w.End); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func nameservers(ss []string) ([]netip.Addr, error) {
	out := make([]netip.Addr, len(ss))
	for i, s := range ss {
		a, err := ipam.ParseAddr(s)
		if err != nil {
			return nil, invalid("dns_nameservers", "'%s' is not a valid nameserver. %s", s, err)
		}
		out[i] = a
	}
	if a, ok := twice(out); ok {
		return nil, invalid("dns_nameservers", "Duplicate nameserver '%s'", a)
	}
	return out, nil
}

// routes reads the routes that an attribute gives.
func routes(attribute string, ws []routeWire) ([]neutron.HostRoute, error) {
	out := make([]neutron.HostRoute, len(ws))
	for i, w := range ws {
		d, err := ipam.ParseCIDR(w.Destination)
		if err != nil || d.Masked() != d || !strings.Contains(w.Destination, "/") {
			return nil, invalid(attribute, "'%s' is not a valid CIDR", w.Destination)
		}
		if d.Addr().IsLoopback() {
			return nil, invalid(attribute, "'%s' is not a routable CIDR", w.Destination)
		}
		hop, err := ipOf(attribute, w.NextHop)
		if err != nil {
			return nil, err
		}
		out[i] = neutron.HostRoute{Destination: d, NextHop: hop}
	}
	if r, ok := twice(out); ok {
		return nil, invalid(attribute, "Duplicate hostroute '{'destination': '%s', 'nexthop': '%s'}'", r.Destination,
			r.NextHop)
	}
	return out, nil
}
