package api

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/neutron/plugin"
	"hypernova/neutron/subnetpools"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/opt"
	"hypernova/oslo/policy"
)

type subnetPoolBody struct {
	owners
	Name     string         `wire:"name" is:"required,minlen=1,maxlen=255"`
	Prefixes []string       `wire:"prefixes" is:"required"`
	Shared   opt.Of[bool]   `wire:"shared" is:"boolish"`
	Text     opt.Of[string] `wire:"description" is:"maxlen=255"`
	subnetPoolLimits
}

// Validate checks the name.
func (in *subnetPoolBody) Validate(api.Version) error { return checkName(opt.Some(in.Name)) }

type subnetPoolLimits struct {
	Default    opt.Of[bool]   `wire:"is_default" is:"boolish"`
	DefaultLen opt.Of[int]    `wire:"default_prefixlen" is:"intish,min=0"`
	MinLen     opt.Of[int]    `wire:"min_prefixlen" is:"intish,min=0"`
	MaxLen     opt.Of[int]    `wire:"max_prefixlen" is:"intish,min=0"`
	Quota      opt.Of[int64]  `wire:"default_quota" is:"intish,min=0"`
	Scope      opt.Of[string] `wire:"address_scope_id" is:"nullable,uuid"`
}

type subnetPoolChange struct {
	Name     opt.Of[string]   `wire:"name" is:"minlen=1,maxlen=255"`
	Text     opt.Of[string]   `wire:"description" is:"maxlen=255"`
	Prefixes opt.Of[[]string] `wire:"prefixes"`
	subnetPoolLimits
}

// Validate checks the name.
func (in *subnetPoolChange) Validate(api.Version) error { return checkName(in.Name) }

type subnetPoolView struct {
	ID          string   `wire:"id"`
	Name        string   `wire:"name"`
	Tenant      string   `wire:"tenant_id"`
	DefaultLen  string   `wire:"default_prefixlen"` // as in neutron the lengths are texts
	MinLen      string   `wire:"min_prefixlen"`
	MaxLen      string   `wire:"max_prefixlen"`
	Default     bool     `wire:"is_default"`
	Shared      bool     `wire:"shared"`
	Prefixes    []string `wire:"prefixes"`
	Version     int      `wire:"ip_version"`
	Quota       *int64   `wire:"default_quota"`
	Scope       *string  `wire:"address_scope_id"`
	Description string   `wire:"description"`
	Project     string   `wire:"project_id"`
	stamps
}

func viewSubnetPool(p neutron.SubnetPool) subnetPoolView {
	return subnetPoolView{ID: p.ID, Name: p.Name, Tenant: p.Project, Project: p.Project,
		DefaultLen: strconv.Itoa(p.DefaultBits), MinLen: strconv.Itoa(p.MinBits), MaxLen: strconv.Itoa(p.MaxBits),
		Default: p.Default, Shared: p.Shared, Prefixes: prefixTexts(p.Prefixes), Version: p.Version, Quota: p.Quota,
		Scope: orNil(p.Scope), Description: p.Description, stamps: stampsOf(p.Meta)}
}

func prefixTexts(ps []netip.Prefix) []string {
	return views(ps, func(p netip.Prefix) string { return p.String() })
}

// prefixesOf reads a list of prefixes.
func prefixesOf(texts []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, len(texts))
	for i, s := range texts {
		p, err := ipam.ParseCIDR(s)
		if err != nil {
			return nil, invalid("prefixes", "'%s' is not a valid IP subnet", s)
		}
		out[i] = p.Masked()
	}
	if p, ok := twice(out); ok {
		return nil, invalid("prefixes", "Duplicate items in the list: '%s'", p)
	}
	return out, nil
}

func subnetPoolTarget(p neutron.SubnetPool) policy.Target { return sharedTarget(p.Project, p.Shared) }

// asker is the caller of an operation on subnet pools.
func asker(r *api.Request) subnetpools.Who {
	return subnetpools.Who{Project: r.Caller.ProjectID, All: r.Allowed(ruleAdmin, nil)}
}

type subnetPoolsAPI = crud[neutron.SubnetPool, subnetPoolBody, subnetPoolChange, subnetPoolView]

func subnetPoolsOf(p *plugin.Plugin) *subnetPoolsAPI {
	ops := subnetpools.New(p.Change, p.Quotas)
	return &subnetPoolsAPI{
		name: "subnetpool", what: "SubnetPool",
		rules:  rules{create: createSubnetPool, get: getSubnetPool, update: updateSubnetPool, delete: deleteSubnetPool},
		asked:  createSubnetPool,
		target: subnetPoolTarget,
		id:     func(p neutron.SubnetPool) string { return p.ID },
		meta:   func(p neutron.SubnetPool) neutron.Meta { return p.Meta },
		view:   viewSubnetPool,
		show:   ops.Show,
		list: func(ctx context.Context, _ *api.Request, a db.ListArgs) ([]neutron.SubnetPool, error) {
			return ops.List(ctx, a)
		},
		create: func(ctx context.Context, r *api.Request, ins []*subnetPoolBody) ([]neutron.SubnetPool, error) {
			wanted := make([]subnetpools.Wanted, len(ins))
			for i, in := range ins {
				var err error
				if wanted[i], err = in.wanted(r); err != nil {
					return nil, err
				}
			}
			return ops.Create(ctx, asker(r), wanted)
		},
		update: func(ctx context.Context, r *api.Request, p neutron.SubnetPool, in *subnetPoolChange,
			ifRevision opt.Of[int64]) (neutron.SubnetPool, error) {
			if err := guard(r, subnetPoolTarget(p), attribute{in.Default.Has(), updateSubnetPoolDefault}); err != nil {
				return p, err
			}
			patch := subnetpools.Patch{Name: in.Name, Description: in.Text, Default: in.Default, DefaultBits: in.DefaultLen,
				MinBits: in.MinLen, MaxBits: in.MaxLen, Quota: in.Quota, Scope: in.Scope, IfRevision: ifRevision}
			if in.Prefixes.Set {
				ps, err := prefixesOf(in.Prefixes.Or(nil))
				if err != nil {
					return p, err
				}
				patch.Prefixes = opt.Some(ps)
			}
			return ops.Update(ctx, asker(r), p.ID, patch)
		},
		delete: func(ctx context.Context, _ *api.Request, p neutron.SubnetPool, ifRevision opt.Of[int64]) error {
			return ops.Delete(ctx, p.ID, ifRevision)
		},
		retag: func(ctx context.Context, p neutron.SubnetPool, tags neutron.TagChange) (neutron.SubnetPool, error) {
			return ops.Update(ctx, subnetpools.Who{}, p.ID, subnetpools.Patch{Tags: tags})
		},
		tags: subnetPoolTags,
		listing: listing{known: filters{}.with(filters{"shared": truth, "is_default": truth, "ip_version": number,
			"default_prefixlen": number, "min_prefixlen": number, "max_prefixlen": number, "default_quota": number,
			"address_scope_id": nil})},
		scope: audienceOf,
		extensions: []extension{
			{"default-subnetpools", "Default Subnetpools", "A subnet pool for subnets that name none."},
			{"subnet_allocation", "Subnet Allocation", "Subnets get their prefixes from pools."},
			{"subnet_onboard", "Subnet Onboard", "Subnets that exist become those of a pool."},
			{"subnetpool-prefix-ops", "Subnet Pool Prefix Operations", "Prefixes are added to pools and taken from them."},
		},
	}
}

// wanted reads the pool that a create asks for.
func (in *subnetPoolBody) wanted(r *api.Request) (subnetpools.Wanted, error) {
	w := subnetpools.Wanted{Name: in.Name, Shared: in.Shared.Or(false), Default: in.Default.Or(false),
		DefaultBits: in.DefaultLen, MinBits: in.MinLen, MaxBits: in.MaxLen, Scope: in.Scope.Or("")}
	project, err := in.project(r)
	if err != nil {
		return w, err
	}
	w.Meta = neutron.Meta{Project: project, Description: in.Text.Or("")}
	if in.Quota.Has() {
		w.Quota = &in.Quota.Value
	}
	err = guard(r, sharedTarget(project, w.Shared), attribute{true, createSubnetPool},
		attribute{w.Shared, createSubnetPoolShared}, attribute{w.Default, createSubnetPoolDefault})
	if err == nil {
		w.Prefixes, err = prefixesOf(in.Prefixes)
	}
	return w, err
}

// subnetPoolResource has the operations on pools beyond those of every resource.
func subnetPoolResource(p *plugin.Plugin) resource {
	c := subnetPoolsOf(p)
	out := c.resource(createSubnetPool, createSubnetPoolShared, createSubnetPoolDefault, getSubnetPool, updateSubnetPool,
		updateSubnetPoolDefault, deleteSubnetPool, onboardSubnets, addPrefixes, removePrefixes)
	acts := &subnetPoolActs{crud: c, ops: subnetpools.New(p.Change, p.Quotas), networks: networksOf(p)}
	out.bound = append(out.bound, api.Bind(acts, api.Resource[*subnetPoolActs]{Name: "subnetpool", Plural: "subnetpools",
		Ops: api.Ops[*subnetPoolActs]{
			api.On("PUT /subnetpools/{subnetpool_id}/add_prefixes", addPrefixes, http.StatusOK, (*subnetPoolActs).load,
				(*subnetPoolActs).add, api.Bare()),
			api.On("PUT /subnetpools/{subnetpool_id}/remove_prefixes", removePrefixes, http.StatusOK, (*subnetPoolActs).load,
				(*subnetPoolActs).remove, api.Bare()),
			api.On("PUT /subnetpools/{subnetpool_id}/onboard_network_subnets", onboardSubnets, http.StatusOK,
				(*subnetPoolActs).load, (*subnetPoolActs).onboard, api.Bare()),
		}})...)
	return out
}

type subnetPoolActs struct {
	crud     *subnetPoolsAPI
	ops      *subnetpools.Pools
	networks *networksAPI
}

type prefixesWire struct {
	Prefixes []string `wire:"prefixes" is:"required"`
}

type onboardBody struct {
	Network string `wire:"network_id" is:"required,uuid"`
}

type onboardedWire struct {
	ID   string `wire:"id"`
	CIDR string `wire:"cidr"`
}

func (a *subnetPoolActs) load(ctx context.Context, r *api.Request) (loaded[neutron.SubnetPool], error) {
	return a.crud.load(ctx, r)
}

func (a *subnetPoolActs) add(ctx context.Context, r *api.Request, l loaded[neutron.SubnetPool],
	in *prefixesWire) (prefixesWire, error) {
	return changed(ctx, r, l, in, a.ops.AddPrefixes)
}

func (a *subnetPoolActs) remove(ctx context.Context, r *api.Request, l loaded[neutron.SubnetPool],
	in *prefixesWire) (prefixesWire, error) {
	return changed(ctx, r, l, in, a.ops.RemovePrefixes)
}

// changed runs a change of a pool's prefixes.
func changed(ctx context.Context, r *api.Request, l loaded[neutron.SubnetPool], in *prefixesWire,
	do func(context.Context, subnetpools.Who, string, []netip.Prefix) (neutron.SubnetPool, error)) (prefixesWire, error) {
	ps, err := prefixesOf(in.Prefixes)
	if err != nil {
		return prefixesWire{}, err
	}
	p, err := do(ctx, asker(r), l.of.ID, ps)
	return prefixesWire{prefixTexts(p.Prefixes)}, err
}

// onboard moves the subnets of one of the caller's own networks into a pool. The network of another project could
// change its address scope.
func (a *subnetPoolActs) onboard(ctx context.Context, r *api.Request, l loaded[neutron.SubnetPool],
	in *onboardBody) ([]onboardedWire, error) {
	n, err := a.networks.seen(ctx, r, in.Network)
	if err != nil {
		return nil, err
	}
	if by := asker(r); !by.All && n.Project != by.Project {
		return nil, r.Require(ruleAdmin, nil)
	}
	subs, err := a.ops.Onboard(ctx, asker(r), l.of.ID, n.ID)
	return views(subs, func(s neutron.Subnet) onboardedWire { return onboardedWire{s.ID, s.CIDR.String()} }), err
}
