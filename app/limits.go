package app

import (
	"context"
	"net/url"
	"slices"

	"hypernova/glance/images"
	"hypernova/keystone"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/httpc"
)

// unifiedLimits are what identity says that projects may have of one service: what is registered, and a project's own
// over it.
type unifiedLimits struct {
	service, region string // the service's type in the catalog
	find            func(ctx context.Context, service, project string) ([]keystone.RegisteredLimit, []keystone.Limit,
		error)
}

// limits are those of a service, by its type in the catalog, from identity in this process or from its API.
func (k *keystoneParts) limits(ctx context.Context, service string) (*unifiedLimits, error) {
	p := k.p
	u := &unifiedLimits{service: service, region: p.c.Seed.Region}
	if !p.has(RoleKeystone) {
		u.find = remoteLimits(k.sibling(apiKeystone, "/v3"))
		return u, nil
	}
	v, err := k.operations(ctx)
	if err != nil {
		return nil, err
	}
	u.find = func(ctx context.Context, service, project string) (rs []keystone.RegisteredLimit, ls []keystone.Limit,
		err error) {
		all, err := v.catalog.Services.List(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range all {
			if s.Type != service {
				continue
			}
			where := []db.Cond{db.EqTo("service_id", s.ID)}
			if rs, err = v.limits.AllRegistered(ctx, db.ListArgs{Where: where}); err != nil {
				return nil, nil, err
			}
			ls, err = v.limits.Limits(ctx, db.ListArgs{Where: append(where, db.EqTo("project_id", project))})
			return rs, ls, err
		}
		return nil, nil, nil
	}
	return u, nil
}

// Limits are those of the service's region, and those of no region where the region has none.
func (u *unifiedLimits) Limits(ctx context.Context, project string) (map[string]int64, error) {
	rs, ls, err := u.find(ctx, u.service, project)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, region := range []string{"", u.region} {
		for _, r := range rs {
			if r.RegionID == region {
				out[r.Resource] = r.Default
			}
		}
		for _, l := range ls {
			if l.RegionID == region {
				out[l.Resource] = l.Value
			}
		}
	}
	return out, nil
}

// limitDoc is a limit of either kind as identity's API shows it.
type limitDoc struct {
	Region   string `json:"region_id"`
	Resource string `json:"resource_name"`
	Default  int64  `json:"default_limit"`
	Value    int64  `json:"resource_limit"`
}

func remoteLimits(c *httpc.Client) func(context.Context, string, string) ([]keystone.RegisteredLimit, []keystone.Limit,
	error) {
	return func(ctx context.Context, service, project string) ([]keystone.RegisteredLimit, []keystone.Limit, error) {
		found, err := httpc.Do[struct {
			Services []struct {
				ID string `json:"id"`
			} `json:"services"`
		}](ctx, c, httpc.Request{Path: "/services", Query: url.Values{"type": {service}}})
		if err != nil || len(found.Services) == 0 {
			return nil, nil, err
		}
		id := found.Services[0].ID
		registered, err := httpc.Do[struct {
			Limits []limitDoc `json:"registered_limits"`
		}](ctx, c, httpc.Request{Path: "/registered_limits", Query: url.Values{"service_id": {id}}})
		if err != nil {
			return nil, nil, err
		}
		own, err := httpc.Do[struct {
			Limits []limitDoc `json:"limits"`
		}](ctx, c, httpc.Request{Path: "/limits", Query: url.Values{"service_id": {id}, "project_id": {project}}})
		if err != nil {
			return nil, nil, err
		}
		var rs []keystone.RegisteredLimit
		for _, l := range registered.Limits {
			rs = append(rs, keystone.RegisteredLimit{RegionID: l.Region, Resource: l.Resource, Default: l.Default})
		}
		var ls []keystone.Limit
		for _, l := range own.Limits {
			ls = append(ls, keystone.Limit{RegionID: l.Region, Resource: l.Resource, Value: l.Value})
		}
		return rs, ls, nil
	}
}

// imageLimits registers what images are bounded by, as unlimited, where [image] use_keystone_limits asks for limits
// and nobody has set any: what nobody registered is not to be had, so that a new cloud could not have its first
// image.
func (b *bootstrap) imageLimits(ctx context.Context) error {
	if !b.p.c.Image.UnifiedLimits {
		return nil
	}
	all, err := b.catalog.Services.List(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(s keystone.Service) bool { return s.Type == "image" })
	if at < 0 {
		return nil
	}
	have, err := b.limits.AllRegistered(ctx, db.ListArgs{Where: []db.Cond{db.EqTo("service_id", all[at].ID)}})
	if err != nil || len(have) > 0 {
		return err
	}
	var ls []keystone.RegisteredLimit
	for _, name := range images.LimitNames() {
		ls = append(ls, keystone.RegisteredLimit{ServiceID: all[at].ID, RegionID: b.p.c.Seed.Region, Resource: name,
			Default: -1})
	}
	if _, err = b.limits.CreateRegistered(ctx, ls); fault.Is(err, fault.Conflict) {
		return nil // another process does the same
	}
	return err
}
